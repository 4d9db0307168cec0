//! Expiry: messages go when their time has passed.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::Mailbox;
use super::delete::Reason;
use crate::domain::access::Scope;
use crate::domain::address::Aor;
use crate::store::messages;
use crate::store::removal::Selection;
use crate::store::{StoreError, accounts, reports, retry, sessions};

/// How many accounts one sweep takes at a time.
const ACCOUNTS_PER_BATCH: u64 = 100;
/// How long an object may be there before its row: longer than any message takes to be stored.
pub const OBJECT_WITHOUT_ROW: TimeDelta = TimeDelta::hours(1);
/// How many objects are looked up at a time.
const OBJECTS_PER_BATCH: usize = 500;
/// How many messages one transaction removes.
const MESSAGES_PER_BATCH: u64 = 500;

impl Mailbox {
    /// Removes what is due everywhere, account by account; says how many messages went. Several
    /// nodes may sweep at once: each account is changed by one at a time.
    ///
    /// # Errors
    /// When the database fails; the accounts done before stay done.
    pub async fn expire(&self) -> Result<usize, StoreError> {
        let mut removed = 0;
        loop {
            let now = self.clock.now();
            let due = messages::accounts_due(self.db.read(), now, ACCOUNTS_PER_BATCH).await?;
            if due.is_empty() {
                break;
            }
            for account_id in due {
                removed += self.expire_account(account_id, now).await?;
            }
        }
        let now = self.clock.now();
        let tx = self.db.write().await?;
        retry::forget_due(&tx, now).await?;
        sessions::remove_due(&tx, now).await?;
        let given_up = reports::give_up_due(&tx, now).await?;
        reports::forget_ended(&tx, now - self.policy.reports_keep).await?;
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
        // One batch after another, so that nobody waits long for the account or, on SQLite, for
        // the database.
        loop {
            let db = self.db.read();
            let due = messages::numbers_due(db, account_id, now, MESSAGES_PER_BATCH).await?;
            if due.is_empty() {
                return Ok(removed);
            }
            let batch = Selection::Due(&due, now);
            removed += self.take(account_id, batch, Reason::Expired).await?.len();
        }
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
            self.discard(orphans).await;
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
        match accounts::find(self.db.read(), &Scope::All, aor).await? {
            Some(account) => self.expire_account(account.id, self.clock.now()).await,
            None => Ok(0),
        }
    }
}
