//! Deletions that may be taken back for a while: the messages are out of sight at once, and go when the while is over,
//! whatever becomes of whoever asked. Their senders hear of it then. Meanwhile they count no more, so that an account
//! is what its list shows; taking them back may fill it above its quota.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::Mailbox;
use super::delete::keys_of;
use crate::domain::audit::Actor;
use crate::domain::event::EventKind;
use crate::store::accounts::GivenBack;
use crate::store::events::NewEvent;
use crate::store::removal::{self, Moved};
use crate::store::{StoreError, WriteTx, accounts, events};

/// Messages whose deletion may be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Their numbers in the account.
    pub numbers: Vec<i64>,
    /// Until then.
    pub until: DateTime<Utc>,
}

impl Mailbox {
    /// Takes messages of an account out of sight, to be deleted when `policy.undo_grace` is over; says which there
    /// were.
    ///
    /// # Errors
    /// When the database fails; nothing was changed then.
    pub async fn hold(
        &self,
        account_id: i64,
        numbers: &[i64],
        by: Actor,
    ) -> Result<Held, StoreError> {
        let now = self.clock.now();
        let until = now + self.policy.undo_grace;
        let tx = self.db.write().await?;
        accounts::lock(&tx, account_id).await?;
        let held = removal::hold(&tx, &keys_of(account_id, numbers), by, now, until).await?;
        let told = NewEvent {
            actor: Some(by),
            until: Some(until),
            ..NewEvent::of_account(EventKind::Held, account_id, now)
        };
        let numbers = self.moved(tx, told, &held).await?;
        Ok(Held { numbers, until })
    }

    /// Takes back the deletion of messages that `by` asked for; says of which it was not too late.
    ///
    /// # Errors
    /// When the database fails; nothing was changed then.
    pub async fn release(
        &self,
        account_id: i64,
        numbers: &[i64],
        by: Actor,
    ) -> Result<Vec<i64>, StoreError> {
        let now = self.clock.now();
        let tx = self.db.write().await?;
        accounts::lock(&tx, account_id).await?;
        let released = removal::release(&tx, &keys_of(account_id, numbers), by, now).await?;
        let told = NewEvent {
            actor: Some(by),
            ..NewEvent::of_account(EventKind::Released, account_id, now)
        };
        self.moved(tx, told, &released).await
    }

    /// Counts messages that went out of sight or came back, tells of each, and commits.
    async fn moved(
        &self,
        tx: WriteTx,
        told: NewEvent<'_>,
        moved: &[Moved],
    ) -> Result<Vec<i64>, StoreError> {
        if moved.is_empty() {
            return Ok(Vec::new());
        }
        let mut numbers: Vec<i64> = moved.iter().map(|message| message.key.number).collect();
        numbers.sort_unstable();
        let each = |number: &i64| NewEvent {
            number: Some(*number),
            ..told
        };
        let happened: Vec<NewEvent> = numbers.iter().map(each).collect();
        events::insert_all(&tx, &happened).await?;
        let mut room = GivenBack::default();
        for message in moved {
            let sign = if message.is_held { 1 } else { -1 };
            room.messages += sign;
            room.octets += sign * message.stored_size;
        }
        accounts::give_back(&tx, &BTreeMap::from([(told.account_id, room)])).await?;
        tx.commit().await?;
        self.news.ring();
        Ok(numbers)
    }
}
