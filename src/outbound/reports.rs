//! Sends delivery reports, many at once, of each sender one after another. What came of them is written down together,
//! and what comes next is claimed in the same transaction ([`Mailbox::settle_reports`]).

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};

use super::courier::Courier;
use crate::clock;
use crate::mailbox::Mailbox;
use crate::mailbox::outbox::{Attempt, Report};

/// The most reports on their way at once.
const AT_ONCE: usize = 256;
/// How often reports are looked for that no bell rings for: those of other nodes, and waits that are over.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the database is left alone when it fails.
const BREATH: Duration = Duration::from_secs(1);
/// How long attempts under way may take when the server stops. Those that take longer are made again by whoever finds
/// their leases run out.
const GOODBYES: Duration = Duration::from_secs(3);

/// Sends reports until `stop` is done.
pub async fn run(mailbox: Mailbox, courier: Courier, stop: impl Future<Output = ()>) {
    let worker = Worker {
        mailbox,
        courier,
        under_way: JoinSet::new(),
        done: Vec::new(),
        is_more: true,
    };
    worker.run(stop).await;
}

struct Worker {
    mailbox: Mailbox,
    courier: Courier,
    under_way: JoinSet<Attempt>,
    /// What is to be written down.
    done: Vec<Attempt>,
    /// Whether there may be reports that are not known of.
    is_more: bool,
}

impl Worker {
    async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut bell = self.mailbox.bell.listen();
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_full = self.under_way.len() >= AT_ONCE;
            if !self.done.is_empty() || (self.is_more && !is_full) {
                self.turn().await;
            }
            tokio::select! {
                () = &mut stop => break,
                Some(ended) = self.under_way.join_next() => {
                    self.done.extend(ended.ok());
                    while let Some(ended) = self.under_way.try_join_next() {
                        self.done.extend(ended.ok());
                    }
                }
                () = bell.heard(), if !bell.is_closed() => self.is_more = true,
                _ = looks.tick() => self.is_more = true,
            }
        }
        self.end().await;
    }

    /// Writes down what is done and begins what is claimed.
    async fn turn(&mut self) {
        let room = AT_ONCE.saturating_sub(self.under_way.len() + self.done.len());
        let more = if self.is_more { room } else { 0 };
        let limit = u64::try_from(more).unwrap_or_default();
        match self.mailbox.settle_reports(&self.done, Some(limit)).await {
            Ok(claimed) => {
                if more > 0 {
                    self.is_more = claimed.is_more;
                }
                self.done.clear();
                for report in claimed.reports {
                    self.under_way.spawn(attempt(self.courier.clone(), report));
                }
            }
            Err(error) => {
                tracing::warn!(error = %error, "the outbox of reports cannot be used and will be tried again: {error}");
                sleep(BREATH).await;
            }
        }
    }

    /// What ends in time is written down.
    async fn end(mut self) {
        let until = Instant::now() + GOODBYES;
        while let Ok(Some(ended)) = timeout_at(until, self.under_way.join_next()).await {
            self.done.extend(ended.ok());
        }
        if self.done.is_empty() {
            return;
        }
        if let Err(error) = self.mailbox.settle_reports(&self.done, None).await {
            tracing::warn!(error = %error, "what became of {} reports could not be written down: {error}", self.done.len());
        }
    }
}

async fn attempt(courier: Courier, report: Report) -> Attempt {
    let failure = courier.send(&report).await.err();
    if let Some(failure) = &failure {
        let (id, to) = (report.id, &report.target);
        let why = failure.error.as_deref().unwrap_or_default();
        // Those that are tried again are many when a proxy is away.
        if failure.is_final {
            tracing::info!(report.id = id, "report {id} to {to} is given up: {why}");
        } else {
            tracing::debug!(report.id = id, "report {id} to {to} was not sent: {why}");
        }
    }
    Attempt {
        id: report.id,
        number: report.attempts,
        sender_key: report.sender_key,
        failure,
        chance: clock::random().map_or(0, u32::from_be_bytes),
    }
}
