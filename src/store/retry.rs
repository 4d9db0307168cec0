//! Recognising a request that was stored before.

use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::db::{StoreError, WriteTx};
use super::entity::retry_key;

/// What the first answer said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstAnswer {
    /// The number the message got.
    pub number: i64,
    /// When it was stored.
    pub stored_at: DateTime<Utc>,
    /// When it was said to expire.
    pub expires_at: DateTime<Utc>,
}

/// The answer given to the request with this key, if it was stored before.
///
/// # Errors
/// When the database fails.
pub async fn find(
    conn: &impl ConnectionTrait,
    account_id: i64,
    key: &str,
) -> Result<Option<FirstAnswer>, StoreError> {
    let row = retry_key::Entity::find_by_id((account_id, key.to_owned()))
        .one(conn)
        .await?;
    Ok(row.map(|row| FirstAnswer {
        number: row.number,
        stored_at: row.stored_at,
        expires_at: row.expires_at,
    }))
}

/// Remembers the answer to a request until `forget_at`.
///
/// # Errors
/// [`StoreError::Conflict`] when the same request was stored meanwhile.
pub async fn insert(
    tx: &WriteTx,
    account_id: i64,
    key: &str,
    answer: FirstAnswer,
    forget_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let row = retry_key::ActiveModel {
        account_id: Set(account_id),
        key: Set(key.to_owned()),
        number: Set(answer.number),
        stored_at: Set(answer.stored_at),
        expires_at: Set(answer.expires_at),
        forget_at: Set(forget_at),
    };
    retry_key::Entity::insert(row)
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

/// Forgets the keys that are due; says how many.
///
/// # Errors
/// When the database fails.
pub async fn forget_due(tx: &WriteTx, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = retry_key::Entity::delete_many()
        .filter(retry_key::Column::ForgetAt.lte(now))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected)
}
