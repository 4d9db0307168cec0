//! Removing messages, and what is looked at before they go.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::db::{StoreError, WriteTx};
use super::entity::{message, message_content};
use super::messages::{from_row, like};
use crate::domain::message::Summary;

/// A message that was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Its number in the account.
    pub number: i64,
    /// Octets it took.
    pub stored_size: i64,
    /// The object that nobody needs any more once this is committed.
    pub object: Option<String>,
}

/// Which messages of an account a removal is about.
#[derive(Debug, Clone, Copy)]
pub enum Selection<'a> {
    /// These numbers.
    Numbers(&'a [i64]),
    /// Those of these numbers whose expiry is at or before this instant: it may have been put off meanwhile.
    Due(&'a [i64], DateTime<Utc>),
}

impl<'a> Selection<'a> {
    /// The numbers that there may be.
    #[must_use]
    pub fn numbers(self) -> &'a [i64] {
        match self {
            Self::Numbers(numbers) | Self::Due(numbers, _) => numbers,
        }
    }
}

/// Removes messages with their content; says which there were.
///
/// # Errors
/// When the database fails.
pub async fn remove(
    tx: &WriteTx,
    account_id: i64,
    selection: Selection<'_>,
) -> Result<Vec<Removed>, StoreError> {
    use message::Column as C;
    let mut delete = Query::delete();
    delete
        .from_table(message::Entity)
        .and_where(C::AccountId.eq(account_id))
        .and_where(C::Number.is_in(selection.numbers().iter().copied()))
        .returning(Query::returning().columns([C::Number, C::StoredSize, C::Object]));
    if let Selection::Due(_, now) = selection {
        delete.and_where(C::ExpiresAt.lte(now));
    }
    let rows = tx.query_all(&delete).await?;
    rows.iter()
        .map(|row| {
            Ok(Removed {
                number: row.try_get("", "number")?,
                stored_size: row.try_get("", "stored_size")?,
                object: row.try_get("", "object")?,
            })
        })
        .collect()
}

/// Those of these messages, expired or not, whose notifications asked for contain `asked`; all of them if that is
/// `None`.
///
/// # Errors
/// When the database fails.
pub async fn asking(
    conn: &impl ConnectionTrait,
    account_id: i64,
    numbers: &[i64],
    asked: Option<&str>,
) -> Result<Vec<Summary>, StoreError> {
    use message::Column as C;
    let mut query = message::Entity::find()
        .filter(C::AccountId.eq(account_id))
        .filter(C::Number.is_in(numbers.iter().copied()))
        .order_by_asc(C::Number);
    if let Some(asked) = asked {
        query = query.filter(C::NotificationsAsked.like(like(asked)));
    }
    let rows = query.all(conn).await?;
    rows.into_iter().map(from_row).collect()
}

/// What lies in the database of some messages of an account, by number.
///
/// # Errors
/// When the database fails.
pub async fn raws(
    conn: &impl ConnectionTrait,
    account_id: i64,
    numbers: &[i64],
) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    use message_content::Column as C;
    let rows = message_content::Entity::find()
        .filter(C::AccountId.eq(account_id))
        .filter(C::Number.is_in(numbers.iter().copied()))
        .all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| (row.number, row.raw)).collect())
}
