//! Expiry: messages go when their time has passed.

use chrono::{DateTime, Utc};

use super::Mailbox;
use super::delete::{Reason, remove};
use crate::domain::access::Scope;
use crate::domain::address::Aor;
use crate::store::messages::{self, Selection};
use crate::store::{StoreError, accounts, retry, sessions};

/// How many accounts one sweep takes at a time.
const ACCOUNTS_PER_BATCH: u64 = 100;
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
        tx.commit().await?;
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
        while messages::is_due(self.db.read(), account_id, now).await? {
            let tx = self.db.write().await?;
            let batch = Selection::DueAt(now, MESSAGES_PER_BATCH);
            removed += remove(&tx, account_id, batch, Reason::Expired).await?.len();
            tx.commit().await?;
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
