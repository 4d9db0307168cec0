//! Removes what has expired, again and again.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::mailbox::Mailbox;

/// Sweeps every `period` until `stop` is done. `tidy` is called each time for what else piles up.
pub async fn run(
    mailbox: Mailbox,
    tidy: impl Fn(),
    period: Duration,
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = ticks.tick() => {}
        }
        tidy();
        if let Err(error) = mailbox.expire().await {
            tracing::warn!(error = %error, "the sweep failed and will be tried again: {error}");
        }
    }
}
