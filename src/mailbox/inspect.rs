//! Operators who read what is somebody else's: first it is written down, then it is given.

use serde_json::json;

use super::Mailbox;
use crate::domain::audit::{Action, Actor};
use crate::domain::event::EventKind;
use crate::domain::message_id::MessageKey;
use crate::store::StoreError;
use crate::store::audit::{self, NewEntry};
use crate::store::events::{self, NewEvent};

/// What an operator looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inspected<'a> {
    /// The content of a message.
    Message(MessageKey),
    /// Subjects and beginnings of the messages of an account.
    List,
    /// A document that the user keeps, or the metadata document: its AUID and name.
    Document(&'a str),
}

impl Mailbox {
    /// Writes down that somebody reads what lies in an account of somebody else, and why. The owner sees on the timeline
    /// of a message that an operator did, not which one.
    ///
    /// # Errors
    /// When the database fails: nothing may be given then.
    pub async fn note_inspection(
        &self,
        account_id: i64,
        what: Inspected<'_>,
        by: Actor,
        reason: &str,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let detail = match what {
            Inspected::Message(key) => json!({ "reason": reason, "message": key.to_string() }),
            Inspected::List => json!({ "reason": reason, "list": true }),
            Inspected::Document(name) => json!({ "reason": reason, "document": name }),
        };
        let tx = self.db.write().await?;
        if let Inspected::Message(key) = what {
            let seen = NewEvent::of(EventKind::Inspected, key, now);
            events::insert_all(&tx, &[seen]).await?;
        }
        let entry = NewEntry {
            account_id: Some(account_id),
            detail: Some(detail),
            ..NewEntry::of(Action::ContentRead, by, now)
        };
        audit::insert(&tx, entry).await?;
        tx.commit().await?;
        self.news.ring();
        Ok(())
    }

    /// Writes down that an operator gave a reason for which the content of an account is open to them for `minutes`.
    ///
    /// # Errors
    /// When the database fails: nothing may be opened then.
    pub async fn note_opening(
        &self,
        account_id: i64,
        by: Actor,
        reason: &str,
        minutes: i64,
    ) -> Result<(), StoreError> {
        let entry = NewEntry {
            account_id: Some(account_id),
            detail: Some(json!({ "reason": reason, "minutes": minutes })),
            ..NewEntry::of(Action::ContentOpened, by, self.clock.now())
        };
        audit::note(&self.db, entry).await
    }
}
