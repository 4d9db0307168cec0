//! Deletion (OMA SIMPLE IM TS 12.4.2.8): the one path by which a message goes.

use super::Mailbox;
use crate::store::messages::{self, Removed, Selection};
use crate::store::{StoreError, WriteTx, accounts};

/// Why a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its owner or an operator asked for it.
    Requested,
    /// It waited as long as it may.
    Expired,
}

impl Reason {
    /// The word for log lines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Expired => "expired",
        }
    }
}

impl Mailbox {
    /// Removes messages of one account, all or none, with their `<history>` elements; says which
    /// of them there were. Messages past their expiry are gone already as far as a caller can see.
    ///
    /// # Errors
    /// When the database fails; nothing was removed then.
    pub async fn delete(&self, account_id: i64, numbers: &[i64]) -> Result<Vec<i64>, StoreError> {
        self.expire_account(account_id, self.clock.now()).await?;
        let tx = self.db.write().await?;
        let removed = remove(
            &tx,
            account_id,
            Selection::Numbers(numbers),
            Reason::Requested,
        )
        .await?;
        tx.commit().await?;
        let numbers = removed.iter().map(|message| message.number).collect();
        self.discard(removed.into_iter().filter_map(|message| message.object))
            .await;
        Ok(numbers)
    }
}

/// Removes messages within the caller's transaction (their objects are for the caller to remove afterwards): content, row (and so the `<history>`
/// element), and the account's counters and list version.
pub(super) async fn remove(
    tx: &WriteTx,
    account_id: i64,
    selection: Selection<'_>,
    reason: Reason,
) -> Result<Vec<Removed>, StoreError> {
    accounts::lock(tx, account_id).await?;
    let removed = messages::remove(tx, account_id, selection).await?;
    if removed.is_empty() {
        return Ok(removed);
    }
    let octets = removed.iter().map(|message| message.stored_size).sum();
    let count = i64::try_from(removed.len()).unwrap_or(i64::MAX);
    accounts::give_back(tx, account_id, count, octets).await?;
    tracing::info!(
        account.id = account_id,
        messages = count,
        octets,
        reason = reason.as_str(),
        "removed {count} messages of account {account_id}: {}",
        reason.as_str()
    );
    Ok(removed)
}
