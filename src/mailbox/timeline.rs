//! What happened to one message, from the day it was stored, also after it has gone.

use super::Mailbox;
use crate::domain::message_id::MessageKey;
use crate::store::accounts::Account;
use crate::store::events::Event;
use crate::store::reports::Report;
use crate::store::{StoreError, events, identity, reports};

/// What happened to a message.
#[derive(Debug)]
pub struct Timeline {
    /// In the order it happened, with the name of who did it if that can be told.
    pub events: Vec<(Event, Option<String>)>,
    /// The report to its sender, as it is now.
    pub report: Option<Report>,
}

impl Mailbox {
    /// What is known to have happened to a message of this account; nothing if there never was such a message, or it
    /// is forgotten.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn timeline(
        &self,
        account: &Account,
        key: MessageKey,
    ) -> Result<Option<Timeline>, StoreError> {
        if key.account_id != account.id {
            return Ok(None);
        }
        let db = self.db.read();
        let happened = events::of_message(db, key).await?;
        if happened.is_empty() {
            return Ok(None);
        }
        let names = identity::names(db, happened.iter().filter_map(|event| event.actor)).await?;
        let with_name = |event: Event| {
            let name = event.actor.and_then(|actor| names.get(&actor).cloned());
            (event, name)
        };
        Ok(Some(Timeline {
            events: happened.into_iter().map(with_name).collect(),
            report: reports::of_message(db, key).await?,
        }))
    }
}
