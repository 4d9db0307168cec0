//! Deletion (OMA SIMPLE IM TS 12.4.2.8): the one path by which a message goes.

use super::Mailbox;
use super::report::Drafts;
use crate::store::removal::{self, Removed, Selection};
use crate::store::{StoreError, WriteTx, accounts, reports};

/// Why a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason<'a> {
    /// Its owner, or somebody who may act for its owner, asked for it.
    Requested {
        /// The name of whoever asked.
        by: &'a str,
    },
    /// It waited as long as it may.
    Expired,
    /// An operator cleared it away with others.
    Purged,
}

impl Reason<'_> {
    /// The word for log lines and for the report to the sender.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested { .. } => "requested",
            Self::Expired => "expired",
            Self::Purged => "purged",
        }
    }
}

impl Mailbox {
    /// Removes messages of one account, all or none, with their `<history>` elements, and queues the reports that
    /// their senders are due; says which of them there were. Messages past their expiry are gone already as far as
    /// a caller can see.
    ///
    /// # Errors
    /// When the database fails; nothing was removed then.
    pub async fn delete(
        &self,
        account_id: i64,
        numbers: &[i64],
        reason: Reason<'_>,
    ) -> Result<Vec<i64>, StoreError> {
        self.expire_account(account_id, self.clock.now()).await?;
        let selection = Selection::Numbers(numbers);
        self.take(account_id, selection, reason).await
    }

    /// Removes messages in a transaction of their own, and then the objects that belonged to them; says which.
    pub(super) async fn take(
        &self,
        account_id: i64,
        selection: Selection<'_>,
        reason: Reason<'_>,
    ) -> Result<Vec<i64>, StoreError> {
        // Contents are read before, so that nobody waits for them; they never change.
        let drafting = self.draft_reports(account_id, selection.numbers(), reason);
        let drafts = Box::pin(drafting).await?;
        let tx = self.db.write().await?;
        let (removed, queued) = remove(&tx, account_id, selection, reason, drafts).await?;
        tx.commit().await?;
        if queued > 0 {
            self.bell.ring();
        }
        let numbers = removed.iter().map(|message| message.number).collect();
        self.discard(removed.into_iter().filter_map(|message| message.object))
            .await;
        Ok(numbers)
    }
}

/// Removes messages within the caller's transaction (their objects are for the caller to remove afterwards): content, row (and so the `<history>`
/// element), and the account's counters and list version; and queues the reports that were drafted for those that were still there. Says
/// which went, and how many reports were queued.
pub(super) async fn remove(
    tx: &WriteTx,
    account_id: i64,
    selection: Selection<'_>,
    reason: Reason<'_>,
    mut drafts: Drafts,
) -> Result<(Vec<Removed>, usize), StoreError> {
    accounts::lock(tx, account_id).await?;
    let removed = removal::remove(tx, account_id, selection).await?;
    if removed.is_empty() {
        return Ok((removed, 0));
    }
    let octets = removed.iter().map(|message| message.stored_size).sum();
    let count = i64::try_from(removed.len()).unwrap_or(i64::MAX);
    accounts::give_back(tx, account_id, count, octets).await?;
    let mut numbers: Vec<i64> = removed.iter().map(|message| message.number).collect();
    numbers.sort_unstable();
    let due: Vec<_> = numbers.iter().filter_map(|n| drafts.take(*n)).collect();
    let queued = due.len();
    reports::insert_all(tx, due).await?;
    let by = match reason {
        Reason::Requested { by } => by,
        Reason::Expired | Reason::Purged => "",
    };
    tracing::info!(
        account.id = account_id,
        messages = count,
        octets,
        reports = queued,
        reason = reason.as_str(),
        by,
        "removed {count} messages of account {account_id}: {}",
        reason.as_str()
    );
    Ok((removed, queued))
}
