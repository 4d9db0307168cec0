//! Erasing an account: its messages and documents, what its owner signed in with, and what happened to it. The audit keeps
//! a line with the number the account had. Delivery reports that are still to be sent, and those that were, stay for
//! `reports.keep`; a session of somebody who is gone opens nothing, and its record goes when its time is over.

use super::Mailbox;
use super::delete::Reason;
use crate::domain::access::Scope;
use crate::domain::address::Aor;
use crate::domain::audit::{Action, Actor, AuditOutcome};
use crate::domain::event::EventKind;
use crate::store::audit::NewEntry;
use crate::store::events::NewEvent;
use crate::store::removal::{self, When};
use crate::store::{StoreError, accounts, audit, documents, erasure, events};

/// How many messages one transaction removes.
const MESSAGES_PER_BATCH: u64 = 500;

/// What was erased with an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// Messages that were waiting.
    pub messages: usize,
    /// People who could sign in for this account only.
    pub users: u64,
    /// API tokens that were bound to this account only.
    pub tokens: u64,
}

impl Mailbox {
    /// Erases the account of `aor`, if it exists and lies within `scope`. Messages go like any other, with reports to
    /// their senders as the policy has it; reports that wait to be sent stay until they are. A message that comes
    /// afterwards makes a new account, if policy allows.
    ///
    /// # Errors
    /// When the database fails. Messages that went by then stay gone; asking again goes on.
    pub async fn erase(
        &self,
        scope: &Scope,
        aor: &Aor,
        by: Actor,
    ) -> Result<Option<Erased>, StoreError> {
        let Some(account) = accounts::find(self.db.read(), scope, aor).await? else {
            return Ok(None);
        };
        let mut erased = Erased::default();
        loop {
            erased.messages += self.empty(account.id, by).await?;
            let tx = self.db.write().await?;
            if accounts::lock_version(&tx, account.id).await?.is_none() {
                // Somebody else has just erased it. What came under its address since is not of this account.
                return Ok(None);
            }
            if !removal::all_in(&*tx, account.id, 1).await?.is_empty() {
                // One more has come.
                continue;
            }
            let now = self.clock.now();
            accounts::remove(&tx, account.id).await?;
            erased.users = erasure::forget_users_of(&tx, aor).await?;
            erased.tokens = erasure::forget_tokens_of(&tx, aor).await?;
            documents::remove_all(&tx, account.id).await?;
            events::forget_account(&tx, account.id).await?;
            let gone = NewEvent {
                actor: Some(by),
                ..NewEvent::of_account(EventKind::Erased, account.id, now)
            };
            events::insert_all(&tx, &[gone]).await?;
            let entry = NewEntry {
                at: now,
                actor: by,
                action: Action::AccountErased,
                outcome: AuditOutcome::Done,
                account_id: Some(account.id),
                detail: Some(serde_json::json!({
                    "messages": erased.messages, "users": erased.users, "tokens": erased.tokens,
                })),
            };
            audit::insert(&tx, entry).await?;
            tx.commit().await?;
            self.news.ring();
            tracing::info!(account.id = account.id, by = %by, "account {} was erased", account.id);
            return Ok(Some(erased));
        }
    }

    async fn empty(&self, account_id: i64, by: Actor) -> Result<usize, StoreError> {
        let mut removed = 0;
        loop {
            let keys = removal::all_in(self.db.read(), account_id, MESSAGES_PER_BATCH).await?;
            if keys.is_empty() {
                return Ok(removed);
            }
            let reason = Reason::Erased { by };
            removed += self.take(&keys, When::Always, reason).await?.len();
        }
    }
}
