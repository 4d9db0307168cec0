//! Deletion (OMA SIMPLE IM TS 12.4.2.8): the one path by which a message goes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::Mailbox;
use super::report::Drafts;
use crate::domain::audit::{Action, Actor, AuditOutcome};
use crate::domain::event::{Cause, EventKind};
use crate::domain::message_id::MessageKey;
use crate::store::accounts::GivenBack;
use crate::store::audit::NewEntry;
use crate::store::events::NewEvent;
use crate::store::removal::{self, Moved, When};
use crate::store::{StoreError, WriteTx, accounts, audit, events, reports};

/// Why a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its owner, or somebody who may act for its owner, asked for it.
    Requested {
        /// Who asked.
        by: Actor,
    },
    /// It waited as long as it may.
    Expired,
    /// Its owner has got it.
    Delivered,
    /// An operator cleared it away with others.
    Purged {
        /// Which operator.
        by: Actor,
    },
    /// Its account goes.
    Erased {
        /// Who wants it gone.
        by: Actor,
    },
}

impl Reason {
    /// It without who makes it so, for events and for the report to the sender.
    #[must_use]
    pub fn cause(self) -> Cause {
        match self {
            Self::Requested { .. } => Cause::Requested,
            Self::Expired => Cause::Expired,
            Self::Delivered => Cause::Delivered,
            Self::Purged { .. } => Cause::Purged,
            Self::Erased { .. } => Cause::Erased,
        }
    }

    /// Who makes it go.
    #[must_use]
    pub fn actor(self) -> Actor {
        match self {
            Self::Requested { by } | Self::Purged { by } | Self::Erased { by } => by,
            Self::Expired | Self::Delivered => Actor::SYSTEM,
        }
    }
}

impl Mailbox {
    /// Removes messages of one account, all or none, with their `<history>` elements, and queues the reports that
    /// their senders are due; says which of them there were. Messages past their expiry are gone already as far as
    /// a caller can see, and so are those whose deletion was asked for.
    ///
    /// # Errors
    /// When the database fails; nothing was removed then.
    pub async fn delete(
        &self,
        account_id: i64,
        numbers: &[i64],
        reason: Reason,
    ) -> Result<Vec<i64>, StoreError> {
        self.expire_account(account_id, self.clock.now()).await?;
        let removed = self
            .take(&keys_of(account_id, numbers), When::InSight, reason)
            .await?;
        Ok(removed.iter().map(|key| key.number).collect())
    }

    /// Removes one message, if its account is at this list version or none is given. The list version afterwards;
    /// nothing if the message is not there, or the account is at another version by now.
    ///
    /// # Errors
    /// When the database fails; nothing was removed then.
    pub async fn delete_at(
        &self,
        key: MessageKey,
        reason: Reason,
        version: Option<i64>,
    ) -> Result<Option<i64>, StoreError> {
        let drafts = Box::pin(self.draft_reports(&[key], reason)).await?;
        let tx = self.db.write().await?;
        let Some(now) = accounts::lock_version(&tx, key.account_id).await? else {
            return Ok(None);
        };
        if version.is_some_and(|version| version != now) {
            return Ok(None);
        }
        let removed = self
            .remove(tx, &[key], When::InSight, reason, drafts)
            .await?;
        Ok((!removed.is_empty()).then_some(now + 1))
    }

    /// Removes messages in a transaction of their own, and has the objects that belonged to them removed; says which.
    pub(super) async fn take(
        &self,
        keys: &[MessageKey],
        when: When,
        reason: Reason,
    ) -> Result<Vec<MessageKey>, StoreError> {
        // Contents are read before, so that nobody waits for them; they never change.
        let drafts = Box::pin(self.draft_reports(keys, reason)).await?;
        let tx = self.db.write().await?;
        accounts::lock_ids(&tx, &accounts_of(keys)).await?;
        self.remove(tx, keys, when, reason, drafts).await
    }

    /// Removes messages of accounts that the transaction holds, commits it, and has the objects that belonged to them
    /// removed; says which messages there were.
    pub(super) async fn remove(
        &self,
        tx: WriteTx,
        keys: &[MessageKey],
        when: When,
        reason: Reason,
        mut drafts: Drafts,
    ) -> Result<Vec<MessageKey>, StoreError> {
        let mut removed = removal::remove(&tx, keys, when).await?;
        if removed.is_empty() {
            return Ok(Vec::new());
        }
        // Reports of one sender go in the order the messages came.
        removed.sort_unstable_by_key(|message| message.key);
        // One that was out of sight counts no more, and the document does not change with it.
        accounts::give_back(&tx, &given_back(&removed)).await?;
        let due: Vec<_> = removed
            .iter()
            .filter_map(|message| drafts.take(message.key))
            .collect();
        let queued = due.len();
        reports::insert_all(&tx, due).await?;
        write_down(&tx, &removed, reason, self.clock.now()).await?;
        tx.commit().await?;
        self.news.ring();
        if queued > 0 {
            self.bell.ring();
        }
        log(&removed, reason, queued);
        let keys = removed.iter().map(|message| message.key).collect();
        let objects: Vec<String> = removed
            .into_iter()
            .filter_map(|message| message.object)
            .collect();
        let mailbox = self.clone();
        let discard = async move { mailbox.discard(objects) };
        self.db.after_commit(discard).await;
        Ok(keys)
    }
}

/// Messages of one account.
pub(super) fn keys_of(account_id: i64, numbers: &[i64]) -> Vec<MessageKey> {
    let key = |number: &i64| MessageKey {
        account_id,
        number: *number,
    };
    numbers.iter().map(key).collect()
}

/// The accounts of messages.
pub(super) fn accounts_of(keys: &[MessageKey]) -> BTreeSet<i64> {
    keys.iter().map(|key| key.account_id).collect()
}

fn given_back(removed: &[Moved]) -> BTreeMap<i64, GivenBack> {
    let mut accounts: BTreeMap<i64, GivenBack> = BTreeMap::new();
    for message in removed.iter().filter(|message| !message.is_held) {
        let account = accounts.entry(message.key.account_id).or_default();
        account.messages += 1;
        account.octets += message.stored_size;
    }
    accounts
}

/// The events and the entry of the audit.
async fn write_down(
    tx: &WriteTx,
    removed: &[Moved],
    reason: Reason,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let happened: Vec<NewEvent> = removed
        .iter()
        .map(|message| NewEvent {
            cause: Some(reason.cause()),
            actor: Some(reason.actor()),
            ..NewEvent::of(EventKind::Removed, message.key, now)
        })
        .collect();
    events::insert_all(tx, &happened).await?;
    let ids: Vec<String> = removed
        .iter()
        .map(|message| message.key.to_string())
        .collect();
    let accounts = accounts_of(
        &removed
            .iter()
            .map(|message| message.key)
            .collect::<Vec<_>>(),
    );
    let only = accounts.first().filter(|_| accounts.len() == 1);
    let entry = NewEntry {
        at: now,
        actor: reason.actor(),
        action: Action::MessagesRemoved,
        outcome: AuditOutcome::Done,
        account_id: only.copied(),
        detail: Some(serde_json::json!({ "reason": reason.cause().as_str(), "messages": ids })),
    };
    audit::insert(tx, entry).await
}

fn log(removed: &[Moved], reason: Reason, reports: usize) {
    let octets: i64 = removed.iter().map(|message| message.stored_size).sum();
    let messages = removed.len();
    tracing::info!(
        messages,
        octets,
        reports,
        reason = reason.cause().as_str(),
        by = %reason.actor(),
        first = %removed.first().map(|message| message.key.to_string()).unwrap_or_default(),
        "removed {messages} messages: {}",
        reason.cause()
    );
}
