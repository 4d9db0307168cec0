//! Removes what has expired, again and again, and what is kept for a while only. What takes its time goes on beside
//! expiry and does not hold it up.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::mailbox::Mailbox;

/// How often is forgotten what is kept for a while only: nobody sees it, so it need not be soon.
const FORGET_EVERY: Duration = Duration::from_mins(1);
/// How often objects without a message are looked for; it takes a list of all objects.
const OBJECTS_EVERY: Duration = Duration::from_hours(1);

/// Sweeps every `period` until `stop` is done, which cuts it short: what a transaction has not committed is undone, and
/// done after the next start. `tidy` is called each time for what else piles up.
pub async fn run(
    mailbox: Mailbox,
    tidy: impl Fn(),
    period: Duration,
    stop: impl Future<Output = ()>,
) {
    let sweeps = async {
        tokio::join!(
            expire(&mailbox, tidy, ticks(period)),
            forget(&mailbox, ticks(FORGET_EVERY)),
            remove_objects(&mailbox, ticks(OBJECTS_EVERY)),
        )
    };
    tokio::select! {
        () = stop => {}
        _ = sweeps => {}
    }
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn expire(mailbox: &Mailbox, tidy: impl Fn(), mut ticks: Interval) {
    loop {
        ticks.tick().await;
        tidy();
        said("what has expired", mailbox.expire().await.map(drop));
    }
}

async fn forget(mailbox: &Mailbox, mut ticks: Interval) {
    loop {
        ticks.tick().await;
        said("what is old", mailbox.forget_old().await);
    }
}

async fn remove_objects(mailbox: &Mailbox, mut ticks: Interval) {
    loop {
        ticks.tick().await;
        let removed = mailbox.sweep_objects().await;
        said("objects without a message", removed.map(drop));
    }
}

fn said(what: &str, swept: Result<(), impl Display>) {
    if let Err(error) = swept {
        tracing::warn!(error = %error, "the sweep of {what} failed and will be tried again: {error}");
    }
}
