//! Another expiry for a message that waits: its owner or an operator wants it kept longer, or not so long.

use chrono::{DateTime, SubsecRound, Utc};

use super::Mailbox;
use super::store::RETRY_KEY_OUTLIVES;
use crate::domain::audit::{Action, Actor, AuditOutcome};
use crate::domain::event::EventKind;
use crate::domain::expiry::{self, OutOfBounds};
use crate::domain::message::Summary;
use crate::domain::message_id::MessageKey;
use crate::store::audit::NewEntry;
use crate::store::events::NewEvent;
use crate::store::{StoreError, WriteTx, accounts, audit, events, messages, retry};

/// Why a message keeps the expiry it has.
#[derive(Debug, thiserror::Error)]
pub enum ExtendError {
    /// The instant is not one that may be chosen.
    #[error(transparent)]
    Bounds(#[from] OutOfBounds),
    /// It is not as the caller wants it to be.
    #[error("the message is not as it was")]
    Changed,
    /// The database failed; nothing was changed.
    #[error("the expiry could not be changed")]
    Store(#[from] StoreError),
}

impl Mailbox {
    /// Gives a message another expiry, if it `is_as_wanted`; how it is then, or nothing if it is not there any more. The
    /// metadata document shows it, so its version advances with it.
    ///
    /// # Errors
    /// [`ExtendError`]; nothing was changed then.
    pub async fn set_expiry(
        &self,
        key: MessageKey,
        expires_at: DateTime<Utc>,
        by: Actor,
        is_as_wanted: impl FnOnce(&Summary) -> bool + Send,
    ) -> Result<Option<Summary>, ExtendError> {
        let now = self.clock.now();
        let expires_at = expiry::chosen(expires_at.trunc_subsecs(6), now, &self.policy)?;
        let tx = self.db.write().await?;
        accounts::lock(&tx, key.account_id).await?;
        let Some(mut message) = messages::find(&*tx, key, now).await? else {
            return Ok(None);
        };
        if !is_as_wanted(&message) {
            return Err(ExtendError::Changed);
        }
        messages::set_expiry(&tx, key, expires_at).await?;
        retry::keep_until(&tx, key, expires_at + RETRY_KEY_OUTLIVES).await?;
        // The document has whole seconds.
        if message.facts.expires_at.timestamp() != expires_at.timestamp() {
            accounts::advance(&tx, key.account_id).await?;
        }
        write_down(&tx, key, message.facts.expires_at, expires_at, by, now).await?;
        tx.commit().await?;
        self.news.ring();
        message.facts.expires_at = expires_at;
        Ok(Some(message))
    }
}

async fn write_down(
    tx: &WriteTx,
    key: MessageKey,
    before: DateTime<Utc>,
    after: DateTime<Utc>,
    by: Actor,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let changed = NewEvent {
        actor: Some(by),
        until: Some(after),
        ..NewEvent::of(EventKind::Changed, key, now)
    };
    events::insert_all(tx, &[changed]).await?;
    let entry = NewEntry {
        at: now,
        actor: by,
        action: Action::ExpiryChanged,
        outcome: AuditOutcome::Done,
        account_id: Some(key.account_id),
        detail: Some(serde_json::json!({
            "message": key.to_string(), "before": before, "after": after,
        })),
    };
    audit::insert(tx, entry).await
}
