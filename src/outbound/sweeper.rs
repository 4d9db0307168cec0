//! Removes what has expired, again and again.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::mailbox::Mailbox;

/// How often is forgotten what is kept for a while only: nobody sees it, so it need not be soon.
const FORGET_EVERY: Duration = Duration::from_mins(1);
/// How often objects without a message are looked for; it takes a list of all objects.
const OBJECTS_EVERY: Duration = Duration::from_hours(1);

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
    let (mut forget_at, mut objects_at) = (Instant::now(), Instant::now());
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = ticks.tick() => {}
        }
        tidy();
        if let Err(error) = mailbox.expire().await {
            tracing::warn!(error = %error, "the sweep failed and will be tried again: {error}");
        }
        if forget_at <= Instant::now() {
            forget_at = Instant::now() + FORGET_EVERY;
            if let Err(error) = mailbox.forget_old().await {
                tracing::warn!(error = %error, "what is old could not be forgotten and will be later: {error}");
            }
        }
        if objects_at <= Instant::now() {
            objects_at = Instant::now() + OBJECTS_EVERY;
            if let Err(error) = mailbox.sweep_objects().await {
                tracing::warn!(error = %error, "the sweep of objects failed and will be tried again: {error}");
            }
        }
    }
}
