//! Removing messages: which are due, what is looked at before they go, and deletions that may still be taken back.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Order, Query, SelectStatement, SimpleExpr};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QueryResult, QuerySelect,
};

use super::db::{StoreError, WriteTx};
use super::entity::{account, message, message_content};
use super::full_text;
use super::messages::{from_row, like};
use crate::domain::address::Aor;
use crate::domain::audit::Actor;
use crate::domain::message::Summary;
use crate::domain::message_id::MessageKey;

use message::Column as C;

/// A message that was removed, or went out of sight or came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Which it was.
    pub key: MessageKey,
    /// Octets it took.
    pub stored_size: i64,
    /// The object that nobody needs any more once the message is removed.
    pub object: Option<String>,
    /// Whether it is out of sight; of one that was removed, whether it was, and did not count any more.
    pub is_held: bool,
}

impl Moved {
    const COLUMNS: [C; 5] = [
        C::AccountId,
        C::Number,
        C::StoredSize,
        C::Object,
        C::RemoveAt,
    ];

    fn from_row(row: &QueryResult) -> Result<Self, StoreError> {
        let remove_at: Option<DateTime<Utc>> = row.try_get("", "remove_at")?;
        Ok(Self {
            key: key(row)?,
            stored_size: row.try_get("", "stored_size")?,
            object: row.try_get("", "object")?,
            is_held: remove_at.is_some(),
        })
    }
}

/// When messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Now, if they are in sight: one whose deletion was asked for is gone for everybody.
    InSight,
    /// Now, whatever was asked for.
    Always,
    /// If their expiry is at or before this instant: it may have been put off meanwhile.
    Expired(DateTime<Utc>),
    /// If their deletion becomes final at or before this instant: it may have been taken back meanwhile.
    Final(DateTime<Utc>),
}

impl When {
    fn condition(self) -> Option<SimpleExpr> {
        match self {
            Self::InSight => Some(C::RemoveAt.is_null()),
            Self::Always => None,
            Self::Expired(now) => Some(C::ExpiresAt.lte(now)),
            Self::Final(now) => Some(C::RemoveAt.lte(now)),
        }
    }
}

fn among(keys: &[MessageKey]) -> SimpleExpr {
    let pair = Expr::tuple([Expr::col(C::AccountId), Expr::col(C::Number)]);
    pair.in_tuples(keys.iter().map(|key| (key.account_id, key.number)))
}

fn key(row: &QueryResult) -> Result<MessageKey, StoreError> {
    Ok(MessageKey {
        account_id: row.try_get("", "account_id")?,
        number: row.try_get("", "number")?,
    })
}

/// Removes messages of accounts that the transaction holds, with their content; says which there were.
///
/// # Errors
/// When the database fails.
pub async fn remove(
    tx: &WriteTx,
    keys: &[MessageKey],
    when: When,
) -> Result<Vec<Moved>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut delete = Query::delete();
    delete
        .from_table(message::Entity)
        .and_where(among(keys))
        .returning(Query::returning().columns(Moved::COLUMNS));
    if let Some(condition) = when.condition() {
        delete.and_where(condition);
    }
    let rows = tx.query_all(&delete).await?;
    let removed: Vec<Moved> = rows.iter().map(Moved::from_row).collect::<Result<_, _>>()?;
    full_text::remove(tx, removed.iter().map(|message| message.key)).await?;
    Ok(removed)
}

/// The messages whose expiry is at or before `now`, the first to expire first.
fn expired(now: DateTime<Utc>, limit: u64) -> SelectStatement {
    // The order makes both databases look only at what is due; else SQLite reads a whole index.
    Query::select()
        .columns([C::AccountId, C::Number])
        .from(message::Entity)
        .and_where(C::ExpiresAt.lte(now))
        .order_by(C::ExpiresAt, Order::Asc)
        .limit(limit)
        .to_owned()
}

/// Up to `limit` messages past their expiry, after the first `skip`.
///
/// # Errors
/// When the database fails.
pub async fn due(
    conn: &impl ConnectionTrait,
    now: DateTime<Utc>,
    limit: u64,
    skip: u64,
) -> Result<Vec<MessageKey>, StoreError> {
    let mut query = expired(now, limit);
    if skip > 0 {
        query.offset(skip);
    }
    let rows = conn.query_all(&query).await?;
    rows.iter().map(key).collect()
}

/// An account's messages past their expiry, the oldest first and `most` at most.
///
/// # Errors
/// When the database fails.
pub async fn due_in(
    conn: &impl ConnectionTrait,
    account_id: i64,
    now: DateTime<Utc>,
    most: u64,
) -> Result<Vec<MessageKey>, StoreError> {
    let mut query = expired(now, most);
    query.and_where(C::AccountId.eq(account_id));
    let rows = conn.query_all(&query).await?;
    rows.iter().map(key).collect()
}

/// [`due_in`] the account of an address of record, which need not be there.
///
/// # Errors
/// When the database fails.
pub async fn due_of(
    conn: &impl ConnectionTrait,
    aor: &Aor,
    now: DateTime<Utc>,
    most: u64,
) -> Result<Vec<MessageKey>, StoreError> {
    let account = Query::select()
        .column(account::Column::Id)
        .from(account::Entity)
        .and_where(account::Column::Aor.eq(aor.as_str()))
        .to_owned();
    let mut query = expired(now, most);
    query.and_where(Expr::col(C::AccountId).eq(Expr::SubQuery(None, Box::new(account.into()))));
    let rows = conn.query_all(&query).await?;
    rows.iter().map(key).collect()
}

/// Up to `limit` messages of an account, in sight or not.
///
/// # Errors
/// When the database fails.
pub async fn all_in(
    conn: &impl ConnectionTrait,
    account_id: i64,
    limit: u64,
) -> Result<Vec<MessageKey>, StoreError> {
    let numbers: Vec<i64> = message::Entity::find()
        .select_only()
        .column(C::Number)
        .filter(C::AccountId.eq(account_id))
        .order_by_asc(C::Number)
        .limit(limit)
        .into_tuple()
        .all(conn)
        .await?;
    let key = |number| MessageKey { account_id, number };
    Ok(numbers.into_iter().map(key).collect())
}

/// The messages that will expire after `from` and at or before `until`: their expiry, the first first.
///
/// # Errors
/// When the database fails.
pub async fn expiring(
    conn: &impl ConnectionTrait,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<(MessageKey, DateTime<Utc>)>, StoreError> {
    let rows: Vec<(i64, i64, DateTime<Utc>)> = message::Entity::find()
        .select_only()
        .columns([C::AccountId, C::Number, C::ExpiresAt])
        .filter(C::ExpiresAt.gt(from))
        .filter(C::ExpiresAt.lte(until))
        .filter(C::RemoveAt.is_null())
        .order_by_asc(C::ExpiresAt)
        .limit(limit)
        .into_tuple()
        .all(conn)
        .await?;
    let expiring = |(account_id, number, at)| (MessageKey { account_id, number }, at);
    Ok(rows.into_iter().map(expiring).collect())
}

/// Takes messages of an account that the transaction holds out of sight, until their deletion becomes final at
/// `until`; says which there were.
///
/// # Errors
/// When the database fails.
pub async fn hold(
    tx: &WriteTx,
    keys: &[MessageKey],
    by: Actor,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Moved>, StoreError> {
    let condition = C::RemoveAt.is_null().and(C::ExpiresAt.gt(now));
    set_held(tx, keys, condition, Some((until, by))).await
}

/// Takes back the deletion of messages, asked for by `by` and not final at `now`, of an account that the transaction
/// holds; says of which. One that has expired meanwhile is gone.
///
/// # Errors
/// When the database fails.
pub async fn release(
    tx: &WriteTx,
    keys: &[MessageKey],
    by: Actor,
    now: DateTime<Utc>,
) -> Result<Vec<Moved>, StoreError> {
    let condition = C::RemoveAt
        .gt(now)
        .and(C::RemoveByKind.eq(by.kind.as_str()))
        .and(Expr::col(C::RemoveById).eq(by.id))
        .and(C::ExpiresAt.gt(now));
    set_held(tx, keys, condition, None).await
}

async fn set_held(
    tx: &WriteTx,
    keys: &[MessageKey],
    condition: SimpleExpr,
    held: Option<(DateTime<Utc>, Actor)>,
) -> Result<Vec<Moved>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let by = held.map(|(_, by)| by);
    let mut update = Query::update();
    update
        .table(message::Entity)
        .value(C::RemoveAt, held.map(|(until, _)| until))
        .value(C::RemoveByKind, by.map(|by| by.kind.as_str()))
        .value(C::RemoveById, by.and_then(|by| by.id))
        .and_where(among(keys))
        .and_where(condition)
        .returning(Query::returning().columns(Moved::COLUMNS));
    let rows = tx.query_all(&update).await?;
    rows.iter().map(Moved::from_row).collect()
}

/// Up to `limit` messages whose deletion is final at `now`, with who asked for it.
///
/// # Errors
/// When the database fails.
pub async fn held_due(
    conn: &impl ConnectionTrait,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<(MessageKey, Actor)>, StoreError> {
    let rows: Vec<(i64, i64, Option<String>, Option<i64>)> = message::Entity::find()
        .select_only()
        .columns([C::AccountId, C::Number, C::RemoveByKind, C::RemoveById])
        .filter(C::RemoveAt.lte(now))
        .order_by_asc(C::RemoveAt)
        .limit(limit)
        .into_tuple()
        .all(conn)
        .await?;
    let held = |(account_id, number, kind, id): (i64, i64, Option<String>, Option<i64>)| {
        let kind = kind.unwrap_or_default();
        let parsed = kind.parse().map_err(|_| StoreError::Corrupt {
            column: "message.remove_by_kind",
            value: kind.clone(),
        });
        Ok((
            MessageKey { account_id, number },
            Actor { kind: parsed?, id },
        ))
    };
    rows.into_iter().map(held).collect()
}

/// Those of these messages, expired or not, whose notifications asked for contain `asked`; all of them if that is
/// `None`.
///
/// # Errors
/// When the database fails.
pub async fn asking(
    conn: &impl ConnectionTrait,
    keys: &[MessageKey],
    asked: Option<&str>,
) -> Result<Vec<Summary>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = message::Entity::find()
        .filter(among(keys))
        .order_by_asc(C::AccountId)
        .order_by_asc(C::Number);
    if let Some(asked) = asked {
        query = query.filter(C::NotificationsAsked.like(like(asked)));
    }
    let rows = query.all(conn).await?;
    rows.into_iter().map(from_row).collect()
}

/// What lies in the database of some messages.
///
/// # Errors
/// When the database fails.
pub async fn raws(
    conn: &impl ConnectionTrait,
    keys: &[MessageKey],
) -> Result<Vec<(MessageKey, Vec<u8>)>, StoreError> {
    use message_content::Column;
    let pair = Expr::tuple([Expr::col(Column::AccountId), Expr::col(Column::Number)]);
    let rows: Vec<(i64, i64, Vec<u8>)> = message_content::Entity::find()
        .select_only()
        .columns([Column::AccountId, Column::Number, Column::Raw])
        .filter(pair.in_tuples(keys.iter().map(|key| (key.account_id, key.number))))
        .into_tuple()
        .all(conn)
        .await?;
    let raw = |(account_id, number, raw)| (MessageKey { account_id, number }, raw);
    Ok(rows.into_iter().map(raw).collect())
}

#[cfg(test)]
mod tests {
    use sea_orm::sea_query::SqliteQueryBuilder;

    use super::*;
    use crate::store::plans::assert_looks_up;

    #[tokio::test]
    async fn the_sweep_looks_only_at_what_it_takes() {
        let query = expired(DateTime::UNIX_EPOCH, 500).to_string(SqliteQueryBuilder);
        assert_looks_up(&query, &["message_expiry (expires_at<?)"]).await;
    }
}
