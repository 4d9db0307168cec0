//! Chains what was written into the audit, again and again, and writes the end of the chain into the log, where whoever
//! changes the database does not reach it.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::mailbox::Mailbox;

/// How often is looked for what is not chained yet.
const PERIOD: Duration = Duration::from_secs(1);
/// How often the end of the chain is logged.
const LOG_EVERY: Duration = Duration::from_hours(1);

/// Chains until `stop` is done.
pub async fn run(mailbox: Mailbox, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut log_at = Instant::now();
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = ticks.tick() => {}
        }
        let chained = mailbox.chain_audit().await;
        if let Err(error) = &chained {
            tracing::warn!(error = %error, "the audit could not be chained and will be later: {error}");
            continue;
        }
        if log_at <= Instant::now() {
            log_at = Instant::now() + LOG_EVERY;
            log_end(&mailbox).await;
        }
    }
}

async fn log_end(mailbox: &Mailbox) {
    match mailbox.end_of_audit().await {
        Ok(end) => tracing::info!(
            audit.number = end.number,
            audit.hash = end.hash,
            "the audit's chain ends with entry {}, hash {}",
            end.number,
            end.hash
        ),
        Err(error) => {
            tracing::warn!(error = %error, "the end of the audit's chain cannot be read: {error}");
        }
    }
}
