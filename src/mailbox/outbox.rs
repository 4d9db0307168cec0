//! The outbox: delivery reports handed out to whoever sends them, and what becomes of them. At least once on the
//! wire, always under the same IMDN Message-ID; for each sender, to each target, one after another.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, timeout_at};

use super::Mailbox;
use crate::domain::access::Scope;
use crate::domain::audit::{Action, Actor, AuditOutcome};
use crate::domain::report::{State, back_off};
use crate::store::audit::{self, NewEntry};
use crate::store::reports;
pub use crate::store::reports::Report;
use crate::store::{StoreError, WriteTx};

/// How long a report belongs to whoever it was handed out to.
pub const LEASE: TimeDelta = TimeDelta::seconds(60);
/// How often somebody who waits looks for what no bell rings for: other nodes, and waits that are over.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The longest text kept of what an attempt came to, in characters.
const MAX_ERROR: usize = 500;

/// What became of a request about a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// It is done; this is how the report is now.
    Done(Box<Report>),
    /// There is no such report within reach.
    NotThere,
    /// The report is in a state in which this cannot be done.
    NotNow(State),
}

/// What an attempt that failed came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// How long the other side wants to be left alone.
    pub retry_after: Option<TimeDelta>,
    /// What it said.
    pub error: Option<String>,
    /// Whether it said so for good, so that trying again is of no use.
    pub is_final: bool,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The report.
    pub id: i64,
    /// Its `attempts` when it was handed out: it may belong to somebody else by now.
    pub number: u32,
    /// Its sender and target.
    pub sender_key: String,
    /// `None`: it was sent.
    pub failure: Option<Failure>,
    /// Random, for the wait before the next one.
    pub chance: u32,
}

/// Reports that were handed out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claimed {
    /// The reports; of one sender to one target there is one at most.
    pub reports: Vec<Report>,
    /// Whether there may be more.
    pub is_more: bool,
}

impl Claimed {
    fn of(reports: Vec<Report>, limit: u64) -> Self {
        let is_more = u64::try_from(reports.len()).is_ok_and(|claimed| claimed >= limit);
        Self { reports, is_more }
    }
}

impl Mailbox {
    /// Hands out up to `limit` reports of the accounts in `scope` for the time of a [`LEASE`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_reports(
        &self,
        scope: &Scope,
        limit: u64,
    ) -> Result<Vec<Report>, StoreError> {
        let now = self.clock.now();
        if !reports::is_any_due(self.db.read(), scope, now).await? {
            return Ok(Vec::new());
        }
        let tx = self.db.write().await?;
        let claimed = reports::claim(&tx, scope, now, now + LEASE, limit).await?;
        tx.commit().await?;
        Ok(claimed)
    }

    /// [`claim_reports`](Self::claim_reports) that waits until there are some, no longer than `patience`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn await_reports(
        &self,
        scope: &Scope,
        limit: u64,
        patience: Duration,
    ) -> Result<Vec<Report>, StoreError> {
        let until = Instant::now() + patience;
        let mut bell = self.bell.listen();
        loop {
            let claimed = self.claim_reports(scope, limit).await?;
            let now = Instant::now();
            if !claimed.is_empty() || now >= until || bell.is_closed() {
                return Ok(claimed);
            }
            let look_at = until.min(now + LOOK_EVERY);
            // Either way it is time to look again.
            let _ = timeout_at(look_at, bell.heard()).await;
        }
    }

    /// Marks a report that was handed out as sent. Saying so again does no harm, nor saying so late: what was sent is sent,
    /// whoever has it by now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn report_sent(&self, scope: &Scope, id: i64) -> Result<Handled, StoreError> {
        self.change_report(scope, id, |report, now| match report.state {
            State::Leased => {
                report.last_error = None;
                end(report, State::Sent, now);
                true
            }
            State::Sent => true,
            State::Pending | State::Dead => false,
        })
        .await
    }

    /// Takes back a report that was handed out and could not be sent: it is tried again after a while, or given up
    /// when that would be too late. `number` is its `attempts` when it was handed out, where that is known: one that was
    /// handed out again since belongs to somebody else. `chance` is random.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn report_failed(
        &self,
        scope: &Scope,
        id: i64,
        number: Option<u32>,
        failure: Failure,
        chance: u32,
    ) -> Result<Handled, StoreError> {
        self.change_report(scope, id, |report, now| {
            let is_own = number.is_none_or(|number| number == report.attempts);
            is_own && fail(report, &failure, chance, now)
        })
        .await
    }

    /// Writes down what became of `attempts`, and hands out what comes next: of the senders of those that are done the
    /// next report each, and up to `more` others; nothing if that is `None`. One transaction for all of it, so that
    /// many reports cost little more than one.
    ///
    /// # Errors
    /// When the database fails; nothing is written down then.
    pub async fn settle_reports(
        &self,
        attempts: &[Attempt],
        more: Option<u64>,
    ) -> Result<Claimed, StoreError> {
        let limit = more.unwrap_or_default();
        if attempts.is_empty() {
            let reports = self.claim_reports(&Scope::All, limit).await?;
            return Ok(Claimed::of(reports, limit));
        }
        let now = self.clock.now();
        let tx = self.db.write().await?;
        let (mut sent, mut senders) = (Vec::new(), Vec::new());
        for attempt in attempts {
            let Some(failure) = &attempt.failure else {
                sent.push(attempt.id);
                senders.push(attempt.sender_key.as_str());
                continue;
            };
            // One that an operator has dropped is nobody's business any more, one that was handed out again another's.
            if let Some(mut report) = reports::lock(&tx, &Scope::All, attempt.id).await?
                && report.attempts == attempt.number
                && fail(&mut report, failure, attempt.chance, now)
            {
                reports::write(&tx, &report).await?;
                if report.state == State::Dead {
                    senders.push(attempt.sender_key.as_str());
                }
            }
        }
        reports::mark_sent(&tx, sent, now).await?;
        let mut next = Vec::new();
        if more.is_some() && !senders.is_empty() {
            next = reports::claim_next(&tx, &senders, now, now + LEASE).await?;
        }
        let mut claimed = Claimed::default();
        if limit > 0 {
            let others = reports::claim(&tx, &Scope::All, now, now + LEASE, limit).await?;
            claimed = Claimed::of(others, limit);
        }
        claimed.reports.extend(next);
        tx.commit().await?;
        Ok(claimed)
    }

    /// A page of the reports within `scope`, newest first, ids below `before`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reports(
        &self,
        scope: &Scope,
        state: Option<State>,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<Report>, StoreError> {
        reports::page(self.db.read(), scope, state, before, limit).await
    }

    /// Has a report within `scope` that waits, or was given up, tried at once and for as long as a new one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retry_report(
        &self,
        scope: &Scope,
        id: i64,
        by: Actor,
    ) -> Result<Handled, StoreError> {
        let tx = self.db.write().await?;
        let Some(mut report) = reports::lock(&tx, scope, id).await? else {
            return Ok(Handled::NotThere);
        };
        if matches!(report.state, State::Leased | State::Sent) {
            return Ok(Handled::NotNow(report.state));
        }
        let now = self.clock.now();
        report.state = State::Pending;
        report.next_attempt_at = Some(now);
        report.give_up_at = now + self.policy.reports_give_up_after;
        report.ended_at = None;
        reports::write(&tx, &report).await?;
        audit::insert(&tx, entry(&report, Action::ReportRetried, by, now)).await?;
        tx.commit().await?;
        self.bell.ring();
        Ok(Handled::Done(Box::new(report)))
    }

    /// Drops a report within `scope`, whatever has become of it; says whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drop_report(&self, scope: &Scope, id: i64, by: Actor) -> Result<bool, StoreError> {
        let tx = self.db.write().await?;
        let Some(report) = reports::lock(&tx, scope, id).await? else {
            return Ok(false);
        };
        reports::remove(&tx, id).await?;
        let now = self.clock.now();
        audit::insert(&tx, entry(&report, Action::ReportDropped, by, now)).await?;
        tx.commit().await?;
        tracing::info!(report.id = id, by = %by, "report {id} was dropped");
        // The next one of the same sender may go.
        self.bell.ring();
        Ok(true)
    }

    /// Changes a report within `scope`, held meanwhile; `change` says whether it may be.
    async fn change_report(
        &self,
        scope: &Scope,
        id: i64,
        change: impl FnOnce(&mut Report, DateTime<Utc>) -> bool,
    ) -> Result<Handled, StoreError> {
        let tx: WriteTx = self.db.write().await?;
        let Some(mut report) = reports::lock(&tx, scope, id).await? else {
            return Ok(Handled::NotThere);
        };
        if !change(&mut report, self.clock.now()) {
            return Ok(Handled::NotNow(report.state));
        }
        reports::write(&tx, &report).await?;
        tx.commit().await?;
        // The next one of the same sender may go, or this one itself.
        self.bell.ring();
        Ok(Handled::Done(Box::new(report)))
    }
}

fn entry(report: &Report, action: Action, by: Actor, now: DateTime<Utc>) -> NewEntry {
    NewEntry {
        at: now,
        actor: by,
        action,
        outcome: AuditOutcome::Done,
        account_id: Some(report.message_id.key.account_id),
        detail: Some(serde_json::json!({
            "report": report.id, "message": report.message_id.key.to_string(),
        })),
    }
}

/// Takes back a report that could not be sent; `false` if it is not handed out.
fn fail(report: &mut Report, failure: &Failure, chance: u32, now: DateTime<Utc>) -> bool {
    if report.state != State::Leased {
        return false;
    }
    report.last_error = failure.error.as_deref().map(shortened);
    let wait = back_off(report.attempts, chance);
    let wait = wait.max(failure.retry_after.unwrap_or_default());
    match now.checked_add_signed(wait) {
        Some(next) if next < report.give_up_at && !failure.is_final => {
            report.state = State::Pending;
            report.next_attempt_at = Some(next);
            report.lease_until = None;
        }
        _ => end(report, State::Dead, now),
    }
    true
}

fn end(report: &mut Report, state: State, now: DateTime<Utc>) {
    report.state = state;
    report.next_attempt_at = None;
    report.lease_until = None;
    report.ended_at.get_or_insert(now);
}

/// A text fit for a text column: bounded, and without NUL, which `PostgreSQL` cannot hold.
fn shortened(text: &str) -> String {
    text.chars()
        .take(MAX_ERROR)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
