//! Message rows and their content.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, InsertStatement, LikeExpr};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Select,
};

use super::db::{StoreError, WriteTx};
use super::entity::{message, message_content};
use super::large::LargeSession;
use crate::domain::message::{Facts, Kind, Mode, Summary};
use crate::domain::message_id::MessageKey;

/// A filter over the messages of one account; what is `None` or empty does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Words that must all occur in sender, subject or preview.
    pub words: Vec<String>,
    /// Text the sender's URI or display name contains.
    pub from: Option<String>,
    /// Text the subject contains.
    pub subject: Option<String>,
    /// How it came.
    pub mode: Option<Mode>,
    /// Stored at or after.
    pub stored_after: Option<DateTime<Utc>>,
    /// Stored before.
    pub stored_before: Option<DateTime<Utc>>,
    /// Expires before.
    pub expires_before: Option<DateTime<Utc>>,
}

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

/// The statement that inserts their contents.
pub(super) fn insert_contents(messages: &[NewMessage<'_>]) -> InsertStatement {
    let contents = messages.iter().map(|new| message_content::ActiveModel {
        account_id: Set(new.key.account_id),
        number: Set(new.key.number),
        raw: Set(new.raw.to_vec()),
    });
    message_content::Entity::insert_many(contents).into_query()
}

/// A page of an account's messages, newest first, numbers below `before`; none past its expiry.
///
/// # Errors
/// When the database fails.
pub async fn page(
    conn: &impl ConnectionTrait,
    account_id: i64,
    filter: &Filter,
    before: Option<i64>,
    limit: u64,
    now: DateTime<Utc>,
) -> Result<Vec<Summary>, StoreError> {
    let mut query = filtered(live(account_id, now), filter);
    if let Some(before) = before {
        query = query.filter(message::Column::Number.lt(before));
    }
    let rows = query
        .order_by_desc(message::Column::Number)
        .limit(limit)
        .all(conn)
        .await?;
    rows.into_iter().map(from_row).collect()
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

/// The octets of a message that lie in the database, exactly as they were received.
///
/// # Errors
/// When the database fails.
pub async fn raw(
    conn: &impl ConnectionTrait,
    key: MessageKey,
) -> Result<Option<Vec<u8>>, StoreError> {
    let row = message_content::Entity::find_by_id((key.account_id, key.number))
        .one(conn)
        .await?;
    Ok(row.map(|row| row.raw))
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
fn live(account_id: i64, now: DateTime<Utc>) -> Select<message::Entity> {
    message::Entity::find()
        .filter(message::Column::AccountId.eq(account_id))
        .filter(message::Column::ExpiresAt.lte(now).not())
        .filter(message::Column::RemoveAt.is_null())
}

fn filtered(mut query: Select<message::Entity>, filter: &Filter) -> Select<message::Entity> {
    use message::Column as C;
    let contains = |column: C, text: &str| column.like(like(&text.to_lowercase()));
    for word in &filter.words {
        let columns = [C::SubjectFolded, C::PreviewFolded];
        let anywhere = contains(C::FromFolded, word);
        query = query.filter(
            columns
                .into_iter()
                .fold(anywhere, |any, column| any.or(contains(column, word))),
        );
    }
    if let Some(from) = &filter.from {
        query = query.filter(contains(C::FromFolded, from));
    }
    if let Some(subject) = &filter.subject {
        query = query.filter(contains(C::SubjectFolded, subject));
    }
    if let Some(mode) = filter.mode {
        query = query.filter(C::Mode.eq(mode.as_str()));
    }
    if let Some(at) = filter.stored_after {
        query = query.filter(C::StoredAt.gte(at));
    }
    if let Some(at) = filter.stored_before {
        query = query.filter(C::StoredAt.lt(at));
    }
    if let Some(at) = filter.expires_before {
        query = query.filter(C::ExpiresAt.lt(at));
    }
    query
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

#[cfg(test)]
mod tests {
    use sea_orm::DbBackend;

    use super::*;
    use crate::store::plans::assert_looks_up;

    #[tokio::test]
    async fn a_page_of_a_list_looks_only_at_what_it_gives() {
        let page = live(1, DateTime::UNIX_EPOCH)
            .order_by_desc(message::Column::Number)
            .limit(51);
        let page = page.build(DbBackend::Sqlite).to_string();
        assert_looks_up(&page, &["sqlite_autoindex_message_1 (account_id=?)"]).await;
    }
}
