//! Message rows and their content.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, InsertStatement, LikeExpr};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
};

use super::db::{StoreError, WriteTx};
use super::entity::{message, message_content};
use super::full_text;
use super::large::LargeSession;
use crate::domain::message::{Facts, Kind, Summary};
use crate::domain::message_id::MessageKey;

/// A message to be inserted.
#[derive(Debug, Clone, Copy)]
pub struct NewMessage<'a> {
    /// Its number, and whose it is.
    pub key: MessageKey,
    /// What is known of it.
    pub facts: &'a Facts,
    /// The request of a pager message, byte for byte; the content of a large one if it lies here.
    pub raw: &'a [u8],
    /// The name of the object that is the content otherwise.
    pub object: Option<&'a str>,
    /// The session that brought a large message.
    pub session: Option<&'a LargeSession>,
    /// As much of its text as searches look through.
    pub text: &'a str,
}

/// A pattern that matches `text` anywhere, whatever characters it has.
pub(super) fn like(text: &str) -> LikeExpr {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    LikeExpr::new(pattern).escape('\\')
}

/// The statement that inserts these messages, at least one.
pub(super) fn insert(messages: &[NewMessage<'_>]) -> InsertStatement {
    message::Entity::insert_many(messages.iter().map(to_row)).into_query()
}

/// The statement that inserts their contents, and on `PostgreSQL` their words.
pub(super) fn insert_contents(messages: &[NewMessage<'_>], backend: DbBackend) -> InsertStatement {
    let contents = messages.iter().map(|new| message_content::ActiveModel {
        account_id: Set(new.key.account_id),
        number: Set(new.key.number),
        raw: Set(new.raw.to_vec()),
        words: Set((backend == DbBackend::Postgres).then(|| full_text::vector(new))),
    });
    message_content::Entity::insert_many(contents).into_query()
}

/// All messages of an account in the order they came; none past its expiry.
///
/// # Errors
/// When the database fails.
pub async fn all(
    conn: &impl ConnectionTrait,
    account_id: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Summary>, StoreError> {
    let rows = live(account_id, now)
        .order_by_asc(message::Column::Number)
        .all(conn)
        .await?;
    rows.into_iter().map(from_row).collect()
}

/// One message, unless its expiry has passed.
///
/// # Errors
/// When the database fails.
pub async fn find(
    conn: &impl ConnectionTrait,
    key: MessageKey,
    now: DateTime<Utc>,
) -> Result<Option<Summary>, StoreError> {
    let row = live(key.account_id, now)
        .filter(message::Column::Number.eq(key.number))
        .one(conn)
        .await?;
    row.map(from_row).transpose()
}

/// Those of these messages of an account that are there.
///
/// # Errors
/// When the database fails.
pub async fn which(
    conn: &impl ConnectionTrait,
    account_id: i64,
    numbers: &[i64],
    now: DateTime<Utc>,
) -> Result<Vec<i64>, StoreError> {
    Ok(live(account_id, now)
        .select_only()
        .column(message::Column::Number)
        .filter(message::Column::Number.is_in(numbers.iter().copied()))
        .into_tuple()
        .all(conn)
        .await?)
}

/// The octets of a message that lie in the database, exactly as they were received.
///
/// # Errors
/// When the database fails.
pub async fn raw(
    conn: &impl ConnectionTrait,
    key: MessageKey,
) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(
        message_content::Entity::find_by_id((key.account_id, key.number))
            .select_only()
            .column(message_content::Column::Raw)
            .into_tuple()
            .one(conn)
            .await?,
    )
}

/// Gives a message another expiry.
///
/// # Errors
/// When the database fails.
pub async fn set_expiry(
    tx: &WriteTx,
    key: MessageKey,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    message::Entity::update_many()
        .col_expr(message::Column::ExpiresAt, Expr::value(expires_at))
        .filter(message::Column::AccountId.eq(key.account_id))
        .filter(message::Column::Number.eq(key.number))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Those of these objects that a message has as its content.
///
/// # Errors
/// When the database fails.
pub async fn objects_in_use(
    conn: &impl ConnectionTrait,
    names: &[String],
) -> Result<Vec<String>, StoreError> {
    Ok(message::Entity::find()
        .select_only()
        .column(message::Column::Object)
        .filter(message::Column::Object.is_in(names))
        .into_tuple()
        .all(conn)
        .await?)
}

/// The account's messages that are still alive, and whose deletion was not asked for. Said as "not past", because `SQLite` would look
/// up "later than" in the index on the expiry and then sort the account for every page; so both
/// databases walk the primary key, which has the order that is asked for.
pub(super) fn live(account_id: i64, now: DateTime<Utc>) -> Select<message::Entity> {
    message::Entity::find()
        .filter(message::Column::AccountId.eq(account_id))
        .filter(message::Column::ExpiresAt.lte(now).not())
        .filter(message::Column::RemoveAt.is_null())
}

fn to_row(new: &NewMessage<'_>) -> message::ActiveModel {
    let NewMessage { key, facts, .. } = new;
    let from = [Some(facts.from_uri.as_str()), facts.from_display.as_deref()];
    let from: Vec<&str> = from.into_iter().flatten().collect();
    let recipients = (!facts.recipients.is_empty())
        .then(|| serde_json::to_string(&facts.recipients).unwrap_or_default());
    message::ActiveModel {
        account_id: Set(key.account_id),
        number: Set(key.number),
        mode: Set(facts.mode.as_str().to_owned()),
        stored_at: Set(facts.stored_at),
        sent_at: Set(facts.sent_at),
        expires_at: Set(facts.expires_at),
        size: Set(facts.size),
        stored_size: Set(facts.stored_size),
        from_uri: Set(facts.from_uri.clone()),
        from_display: Set(facts.from_display.clone()),
        to_uri: Set(facts.to_uri.clone()),
        auth_id: Set(facts.auth_id.clone()),
        subject: Set(facts.subject.clone()),
        content_type: Set(facts.content_type.clone()),
        kind: Set(facts.kind.as_str().to_owned()),
        preview: Set(facts.preview.clone()),
        has_attachments: Set(facts.has_attachments),
        from_folded: Set(from.join("\n").to_lowercase()),
        subject_folded: Set(facts.subject.as_deref().unwrap_or_default().to_lowercase()),
        preview_folded: Set(facts.preview.to_lowercase()),
        recipients: Set(recipients),
        imdn_message_id: Set(facts.imdn_message_id.clone()),
        notifications_asked: Set(facts.notifications_asked.join(" ")),
        completed_at: Set(facts.completed_at),
        object: Set(new.object.map(str::to_owned)),
        remove_at: NotSet,
        remove_by_kind: NotSet,
        remove_by_id: NotSet,
    }
}

pub(super) fn from_row(row: message::Model) -> Result<Summary, StoreError> {
    let mode = row.mode.parse().map_err(|_| StoreError::Corrupt {
        column: "message.mode",
        value: row.mode.clone(),
    })?;
    let recipients = match &row.recipients {
        None => Vec::new(),
        Some(json) => serde_json::from_str(json).map_err(|_| StoreError::Corrupt {
            column: "message.recipients",
            value: json.clone(),
        })?,
    };
    Ok(Summary {
        key: MessageKey {
            account_id: row.account_id,
            number: row.number,
        },
        facts: Facts {
            mode,
            stored_at: row.stored_at,
            completed_at: row.completed_at,
            sent_at: row.sent_at,
            expires_at: row.expires_at,
            size: row.size,
            stored_size: row.stored_size,
            from_uri: row.from_uri,
            from_display: row.from_display,
            to_uri: row.to_uri,
            auth_id: row.auth_id,
            subject: row.subject,
            content_type: row.content_type,
            kind: Kind::from_name(&row.kind),
            preview: row.preview,
            has_attachments: row.has_attachments,
            recipients,
            imdn_message_id: row.imdn_message_id,
            notifications_asked: row
                .notifications_asked
                .split_ascii_whitespace()
                .map(str::to_owned)
                .collect(),
        },
        object: row.object,
    })
}
