//! Words in messages: where they are kept so that they are found, and how they are looked for. `PostgreSQL` keeps the
//! words of a message beside its content, as a `tsvector` with a GIN index; `SQLite` in a table of its FTS5. Both are
//! given words of our making ([`words`]), which go with the message, in the same transactions.

use sea_orm::sea_query::extension::postgres::PgBinOper;
use sea_orm::sea_query::extension::sqlite::SqliteBinOper;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, InsertStatement, Query, SelectStatement};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryTrait,
};

use super::db::{StoreError, WriteTx};
use super::entity::{message, message_content, message_text};
use super::messages::{NewMessage, like};
use crate::domain::message_id::MessageKey;
use crate::domain::search::{Term, What};
use crate::domain::words::words;

/// `PostgreSQL` knows no place behind this one.
const LAST_PLACE: usize = 16_383;
/// Places between sender, subject and text, so that no phrase reaches from one into the other.
const GAP: usize = 10;
/// Numbers of messages have ten digits.
const NUMBERS: i64 = 10_000_000_000;

/// The words of a message in the form that `PostgreSQL` reads as a `tsvector`.
pub(super) fn vector(new: &NewMessage<'_>) -> String {
    let mut placed = Vec::new();
    let mut next = 1;
    for text in texts(new) {
        for word in words(&text) {
            // Letters and digits: nothing in it needs to be escaped.
            placed.push(format!("'{word}':{}", Ord::min(next, LAST_PLACE)));
            next += 1;
        }
        next += GAP;
    }
    placed.join(" ")
}

/// The statement that inserts the words of these messages, at least one, into the table of `SQLite`.
pub(super) fn insert(messages: &[NewMessage<'_>]) -> InsertStatement {
    let rows = messages.iter().map(|new| {
        let [sender, subject, body] = texts(new).map(|text| words(&text).join(" "));
        message_text::ActiveModel {
            rowid: Set(rowid(new.key)),
            sender: Set(sender),
            subject: Set(subject),
            body: Set(body),
        }
    });
    message_text::Entity::insert_many(rows).into_query()
}

/// Removes the words of messages that are removed. On `PostgreSQL` they go with the content.
///
/// # Errors
/// When the database fails.
pub(super) async fn remove(
    tx: &WriteTx,
    keys: impl Iterator<Item = MessageKey>,
) -> Result<(), StoreError> {
    if tx.get_database_backend() == DbBackend::Postgres {
        return Ok(());
    }
    let rows: Vec<i64> = keys.map(rowid).collect();
    if !rows.is_empty() {
        message_text::Entity::delete_many()
            .filter(message_text::Column::Rowid.is_in(rows))
            .exec(&**tx)
            .await?;
    }
    Ok(())
}

/// What is searched of a message.
fn texts(new: &NewMessage<'_>) -> [String; 3] {
    let facts = new.facts;
    let display_name = facts.from_display.as_deref().unwrap_or_default();
    [
        format!("{display_name} {}", facts.from_uri),
        facts.subject.clone().unwrap_or_default(),
        new.text.to_owned(),
    ]
}

fn rowid(key: MessageKey) -> i64 {
    key.account_id
        .saturating_mul(NUMBERS)
        .saturating_add(key.number)
}

/// The condition that messages of an account have the words that these terms want and none that they exclude. Other
/// terms are not looked at.
///
/// # Errors
/// When the database fails.
pub(super) async fn condition(
    conn: &impl ConnectionTrait,
    account_id: i64,
    terms: &[Term],
) -> Result<Condition, StoreError> {
    let wanted: Vec<(bool, Wanted<'_>)> = terms
        .iter()
        .filter_map(|term| Some((term.negated, Wanted::of(&term.what)?)))
        .collect();
    let mut all = Condition::all();
    if wanted.is_empty() {
        return Ok(all);
    }
    let search = Search {
        account_id,
        backend: conn.get_database_backend(),
        has_older: has_older(conn, account_id).await?,
    };
    let (negated, plain): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|(negated, _)| *negated);
    let plain: Vec<Wanted<'_>> = plain.into_iter().map(|(_, wanted)| wanted).collect();
    if !plain.is_empty() {
        all = all.add(search.all_of(&plain));
    }
    for (_, wanted) in negated {
        all = all.add(search.all_of(&[wanted]).not());
    }
    Ok(all)
}

/// Words one after the other.
struct Wanted<'a> {
    text: &'a str,
    words: Vec<String>,
    /// The last of them is the beginning of one.
    is_beginning: bool,
}

impl<'a> Wanted<'a> {
    fn of(what: &'a What) -> Option<Self> {
        let (text, is_beginning) = match what {
            What::Word(text) => (text, true),
            What::Phrase(text) => (text, false),
            _ => return None,
        };
        Some(Self {
            text,
            words: words(text),
            is_beginning,
        })
    }

    /// In the language of the index.
    fn written(&self, backend: DbBackend) -> String {
        if backend == DbBackend::Postgres {
            let words: Vec<String> = self.words.iter().map(|word| format!("'{word}'")).collect();
            let end = if self.is_beginning { ":*" } else { "" };
            return format!("({}{end})", words.join(" <-> "));
        }
        let end = if self.is_beginning { " *" } else { "" };
        format!("\"{}\"{end}", self.words.join(" "))
    }

    /// That the beginning of the message has the text, word or not.
    fn in_columns(&self) -> Condition {
        use message::Column as C;
        let pattern = self.text.to_lowercase();
        let columns = [C::FromFolded, C::SubjectFolded, C::PreviewFolded];
        columns.into_iter().fold(Condition::any(), |any, column| {
            any.add(column.like(like(&pattern)))
        })
    }
}

/// Where to look.
struct Search {
    account_id: i64,
    backend: DbBackend,
    /// Some messages are older than the index.
    has_older: bool,
}

impl Search {
    fn all_of(&self, wanted: &[Wanted<'_>]) -> Condition {
        // What has no letter and no digit is in no index.
        let (words, signs): (Vec<_>, Vec<_>) =
            wanted.iter().partition(|wanted| !wanted.words.is_empty());
        let columns = |wanted: &[&Wanted<'_>]| {
            wanted
                .iter()
                .fold(Condition::all(), |all, wanted| all.add(wanted.in_columns()))
        };
        let mut all = columns(&signs);
        if words.is_empty() {
            return all;
        }
        let written: Vec<String> = words
            .iter()
            .map(|wanted| wanted.written(self.backend))
            .collect();
        let number = Expr::col((message::Entity, message::Column::Number));
        let found = number.clone().in_subquery(self.found(&written));
        if self.has_older {
            let older = Condition::all()
                .add(number.in_subquery(older(self.account_id)))
                .add(columns(&words));
            all = all.add(Condition::any().add(found).add(older));
        } else {
            all = all.add(found);
        }
        all
    }

    /// The numbers of the messages that the index has for a search.
    fn found(&self, written: &[String]) -> SelectStatement {
        if self.backend == DbBackend::Postgres {
            use message_content::Column as C;
            let query = Expr::val(written.join(" & ")).cast_as("tsquery");
            return Query::select()
                .column(C::Number)
                .from(message_content::Entity)
                .and_where(C::AccountId.eq(self.account_id))
                .and_where(Expr::col(C::Words).binary(PgBinOper::Matches, query))
                .to_owned();
        }
        let first = rowid(MessageKey {
            account_id: self.account_id,
            number: 0,
        });
        let row = || Expr::col(message_text::Column::Rowid);
        Query::select()
            .expr(row().sub(first))
            .from(message_text::Entity)
            .and_where(
                Expr::col(message_text::Entity).binary(SqliteBinOper::Match, written.join(" AND ")),
            )
            .and_where(row().between(first, first.saturating_add(NUMBERS - 1)))
            .to_owned()
    }
}

/// The numbers of an account's messages that are older than the index.
fn older(account_id: i64) -> SelectStatement {
    use message_content::Column as C;
    Query::select()
        .column(C::Number)
        .from(message_content::Entity)
        .and_where(C::AccountId.eq(account_id))
        .and_where(C::Words.is_null())
        .to_owned()
}

/// Whether an account has messages that are older than the index; they expire in time.
async fn has_older(conn: &impl ConnectionTrait, account_id: i64) -> Result<bool, StoreError> {
    if conn.get_database_backend() != DbBackend::Postgres {
        // The step that made the table filled it.
        return Ok(false);
    }
    let mut query = older(account_id);
    query.limit(1);
    Ok(conn.query_one(&query).await?.is_some())
}
