//! Everything that storing messages writes, in as few round trips as the database takes.

use sea_orm::sea_query::{CommonTableExpression, InsertStatement, WithClause};
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, QueryTrait};

use super::accounts::{self, Account};
use super::db::{StoreError, WriteTx};
use super::entity::event;
use super::events::{self, NewEvent};
use super::full_text;
use super::large;
use super::messages::{self, NewMessage};
use super::retry::{self, FirstAnswer, RetryKey};
use crate::domain::event::EventKind;
use chrono::{DateTime, Utc};

/// Messages to be stored, at least one, with what belongs to them.
#[derive(Debug)]
pub struct Batch<'a> {
    /// The messages.
    pub messages: &'a [NewMessage<'a>],
    /// The answers to their requests, each with the instant until which it is remembered.
    pub answers: &'a [(RetryKey<'a>, FirstAnswer, DateTime<Utc>)],
    /// Their accounts, which the transaction holds, with the new counters.
    pub accounts: &'a [&'a Account],
}

impl Batch<'_> {
    /// Writes it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when one of the requests was stored meanwhile.
    pub async fn write(&self, tx: &WriteTx) -> Result<(), StoreError> {
        let backend = tx.get_database_backend();
        let inserts = [
            ("messages", messages::insert(self.messages)),
            (
                "contents",
                messages::insert_contents(self.messages, backend),
            ),
            ("keys", retry::insert(self.answers)),
            ("events", self.insert_events()),
        ];
        let counters = accounts::update_counters(self.accounts);
        if backend == DbBackend::Postgres {
            let mut with = WithClause::new();
            for (name, insert) in inserts {
                with.cte(part(name, insert));
            }
            tx.execute(&with.query(counters)).await?;
        } else {
            for (_, insert) in inserts {
                tx.execute(&insert).await?;
            }
            tx.execute(&full_text::insert(self.messages)).await?;
            tx.execute(&counters).await?;
        }
        let sessions: Vec<_> = self
            .messages
            .iter()
            .filter_map(|new| Some((new.key, new.session?)))
            .collect();
        if sessions.is_empty() {
            return Ok(());
        }
        large::insert_all(tx, &sessions).await
    }

    fn insert_events(&self) -> InsertStatement {
        let rows = self.messages.iter().map(|new| {
            let stored = NewEvent::of(EventKind::Stored, new.key, new.facts.stored_at);
            events::to_row(&NewEvent {
                until: Some(new.facts.expires_at),
                ..stored
            })
        });
        event::Entity::insert_many(rows).into_query()
    }
}

/// One of several statements that are sent as one.
fn part(name: &'static str, insert: InsertStatement) -> CommonTableExpression {
    CommonTableExpression::new()
        .table_name(name)
        .query(insert)
        .to_owned()
}
