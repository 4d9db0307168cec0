//! Expiry: messages go when their time has passed, and those who follow along are told a while before.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::delete::{Reason, accounts_of};
use super::{Mailbox, discard};
use crate::domain::address::Aor;
use crate::domain::audit::Actor;
use crate::domain::event::EventKind;
use crate::domain::message_id::MessageKey;
use crate::store::events::NewEvent;
use crate::store::removal::{self, When};
use crate::store::watermarks::{self, EXPIRY_WARNED};
use crate::store::{
    StoreError, accounts, audit_chain, events, idempotency, links, messages, reports, retry,
    sessions,
};

/// How long an object may be there before its row: longer than any message takes to be stored.
pub const OBJECT_WITHOUT_ROW: TimeDelta = TimeDelta::hours(1);
/// How many objects are looked up at a time.
const OBJECTS_PER_BATCH: usize = 500;
/// How many messages one transaction removes: as many as keep nobody waiting for long who wants one of their
/// accounts or, on `SQLite`, the database.
const MESSAGES_PER_BATCH: u64 = 500;
/// How often the watermark of warnings is moved if there is nobody to warn.
const MOVE_WATERMARK: TimeDelta = TimeDelta::minutes(10);

impl Mailbox {
    /// Removes what is due everywhere; says how many messages went. Several nodes may sweep at once and share the
    /// work.
    ///
    /// # Errors
    /// When the database fails; what was done before stays done.
    pub async fn expire(&self) -> Result<usize, StoreError> {
        let mut removed = 0;
        let mut skip = 0;
        // Where all that is due first is being removed by somebody else, look further on.
        while let Some(batch) = self.expire_batch(self.clock.now(), skip).await? {
            removed += batch;
            skip = if batch == 0 {
                skip + MESSAGES_PER_BATCH
            } else {
                0
            };
        }
        removed += self.finish_held().await?;
        if let Err(error) = self.warn_of_expiry().await {
            tracing::warn!(error = %error, "nobody was warned of what expires soon: {error}");
        }
        let tx = self.db.write().await?;
        let given_up = reports::give_up_due(&tx, self.clock.now()).await?;
        tx.commit().await?;
        if given_up > 0 {
            tracing::warn!(
                reports = given_up,
                "gave up {given_up} delivery reports that could not be sent in time"
            );
            // What came after them may go now.
            self.bell.ring();
        }
        Ok(removed)
    }

    /// Removes some of what is due, after the first `skip` of it; nothing if there is none. What others are at is left
    /// to them: nobody waits here, so that nodes that sweep, and whoever deletes meanwhile, do not wait for each other.
    async fn expire_batch(
        &self,
        now: DateTime<Utc>,
        skip: u64,
    ) -> Result<Option<usize>, StoreError> {
        let mut due = removal::due(self.db.read(), now, MESSAGES_PER_BATCH, skip).await?;
        if due.is_empty() {
            return Ok(None);
        }
        let drafts = Box::pin(self.draft_reports(&due, Reason::Expired)).await?;
        let tx = self.db.write().await?;
        let free = accounts::lock_free(&tx, &accounts_of(&due)).await?;
        due.retain(|key| free.contains(&key.account_id));
        let when = When::Expired(now);
        let removed = self.remove(tx, &due, when, Reason::Expired, drafts).await?;
        Ok(Some(removed.len()))
    }

    /// Removes the messages whose deletion can no longer be taken back.
    async fn finish_held(&self) -> Result<usize, StoreError> {
        let mut removed = 0;
        loop {
            let now = self.clock.now();
            let due = removal::held_due(self.db.read(), now, MESSAGES_PER_BATCH).await?;
            let Some((_, by)) = due.first().copied() else {
                return Ok(removed);
            };
            let of_one: Vec<MessageKey> = due
                .iter()
                .filter(|(_, other)| *other == by)
                .map(|(key, _)| *key)
                .collect();
            let reason = Reason::Requested { by };
            removed += self.take(&of_one, When::Final(now), reason).await?.len();
        }
    }

    /// Tells those who follow along of messages that will expire soon, once for each.
    async fn warn_of_expiry(&self) -> Result<(), StoreError> {
        let lead = self.policy.expiry_warning;
        if lead <= TimeDelta::zero() {
            return Ok(());
        }
        loop {
            let now = self.clock.now();
            let db = self.db.read();
            let warned = watermarks::get(db, EXPIRY_WARNED).await?;
            let from = warned.unwrap_or(now).max(now);
            let until = now + lead;
            let soon = removal::expiring(db, from, until, 1).await?;
            let is_fresh = warned.is_some_and(|warned| until - warned < MOVE_WATERMARK);
            if soon.is_empty() && is_fresh {
                return Ok(());
            }
            if !self.warn_batch(from, until, now).await? {
                return Ok(());
            }
        }
    }

    /// Warns of some messages; says whether there may be more.
    async fn warn_batch(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let tx = self.db.write().await?;
        // Another node may have been here meanwhile.
        let from = watermarks::lock(&tx, EXPIRY_WARNED, from).await?.max(from);
        let mut soon = removal::expiring(&*tx, from, until, MESSAGES_PER_BATCH).await?;
        let is_full = u64::try_from(soon.len()).is_ok_and(|len| len == MESSAGES_PER_BATCH);
        let mut reached = until;
        if let Some((_, last)) = soon.last().filter(|_| is_full) {
            // With all that expire at the same instant as the last one.
            reached = *last;
            soon = removal::expiring(&*tx, from, reached, u64::from(u32::MAX)).await?;
        }
        let warnings: Vec<NewEvent> = soon
            .into_iter()
            .map(|(key, expires_at)| NewEvent {
                until: Some(expires_at),
                actor: Some(Actor::SYSTEM),
                ..NewEvent::of(EventKind::Expiring, key, now)
            })
            .collect();
        events::insert_all(&tx, &warnings).await?;
        watermarks::set(&tx, EXPIRY_WARNED, reached.max(from)).await?;
        tx.commit().await?;
        if !warnings.is_empty() {
            self.news.ring();
        }
        Ok(is_full)
    }

    /// Removes what is due at `now` in one account. Reading the metadata document does this first, so that
    /// the document, its ETag and the rows agree at every instant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expire_account(
        &self,
        account_id: i64,
        now: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let mut removed = 0;
        loop {
            let db = self.db.read();
            let due = removal::due_in(db, account_id, now, MESSAGES_PER_BATCH).await?;
            if due.is_empty() {
                return Ok(removed);
            }
            let when = When::Expired(now);
            removed += self.take(&due, when, Reason::Expired).await?.len();
        }
    }

    /// Forgets what is kept for a while only: the keys of requests, answers for those that may come again, sessions, links,
    /// reports that have ended, events, the audit.
    ///
    /// # Errors
    /// When the database fails; what was forgotten before stays forgotten.
    pub async fn forget_old(&self) -> Result<(), StoreError> {
        let (db, policy, now) = (&self.db, &self.policy, self.clock.now());
        while retry::forget_due(db, now).await? {}
        while idempotency::forget_due(db, now).await? {}
        while reports::forget_ended(db, now - policy.reports_keep).await? {}
        while events::forget_old(db, now - policy.events_keep).await? {}
        while audit_chain::forget_old(db, now - policy.audit_keep).await? {}
        let tx = db.write().await?;
        sessions::remove_due(&tx, now).await?;
        links::remove_due(&tx, now).await?;
        tx.commit().await
    }

    /// Removes objects that no message has: left by a crash between the object and its row, or between the row's
    /// deletion and the object's. Says how many went.
    ///
    /// # Errors
    /// When the database or the place of objects fails.
    pub async fn sweep_objects(&self) -> Result<usize, StoreError> {
        let before = self.clock.now() - OBJECT_WITHOUT_ROW;
        let objects = self.contents.objects.older_than(before);
        let mut batches = objects.try_chunks(OBJECTS_PER_BATCH).boxed();
        let mut removed = 0;
        while let Some(batch) = batches.try_next().await.map_err(|error| error.1)? {
            let in_use = messages::objects_in_use(self.db.read(), &batch).await?;
            let orphans = batch.into_iter().filter(|name| !in_use.contains(name));
            let orphans: Vec<String> = orphans.collect();
            removed += orphans.len();
            discard::remove_all(&self.contents.objects, orphans).await;
        }
        if removed > 0 {
            tracing::info!(
                objects = removed,
                "removed {removed} objects without a message"
            );
        }
        Ok(removed)
    }

    /// [`expire_account`](Self::expire_account) by address of record.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expire_account_of(&self, aor: &Aor) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let due = removal::due_of(self.db.read(), aor, now, 1).await?;
        match due.first() {
            Some(key) => self.expire_account(key.account_id, now).await,
            None => Ok(0),
        }
    }
}
