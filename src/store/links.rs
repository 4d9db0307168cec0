//! Links that work once: to make the first administrator, and for a person to choose a password.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::db::{StoreError, WriteTx};
use super::entity::one_time_link;

/// Adds a link that works once, by the hash of its secret, perhaps for one person.
///
/// # Errors
/// When the database fails.
pub async fn add_link(
    tx: &WriteTx,
    secret_hash: &str,
    purpose: &str,
    expires_at: DateTime<Utc>,
    principal_id: Option<i64>,
) -> Result<(), StoreError> {
    let row = one_time_link::ActiveModel {
        secret_hash: Set(secret_hash.to_owned()),
        purpose: Set(purpose.to_owned()),
        expires_at: Set(expires_at),
        principal_id: Set(principal_id),
    };
    one_time_link::Entity::insert(row)
        .on_conflict(
            OnConflict::column(one_time_link::Column::SecretHash)
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

/// Whether a link is good for `purpose`.
///
/// # Errors
/// When the database fails.
pub async fn link_is_good(
    conn: &impl ConnectionTrait,
    secret_hash: &str,
    purpose: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let row = one_time_link::Entity::find_by_id(secret_hash.to_owned())
        .one(conn)
        .await?;
    Ok(row.is_some_and(|row| row.purpose == purpose && row.expires_at > now))
}

/// Uses a link up, if it is good for `purpose`; of several who try at once one succeeds.
///
/// # Errors
/// When the database fails.
pub async fn use_link(
    tx: &WriteTx,
    secret_hash: &str,
    purpose: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = one_time_link::Entity::delete_many()
        .filter(one_time_link::Column::SecretHash.eq(secret_hash))
        .filter(one_time_link::Column::Purpose.eq(purpose))
        .filter(one_time_link::Column::ExpiresAt.gt(now))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected > 0)
}

/// Ends all links for `purpose`.
///
/// # Errors
/// When the database fails.
pub async fn end_links(tx: &WriteTx, purpose: &str) -> Result<(), StoreError> {
    one_time_link::Entity::delete_many()
        .filter(one_time_link::Column::Purpose.eq(purpose))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Whom a link for `purpose` is for, if it is good.
///
/// # Errors
/// When the database fails.
pub async fn person(
    conn: &impl ConnectionTrait,
    secret_hash: &str,
    purpose: &str,
    now: DateTime<Utc>,
) -> Result<Option<i64>, StoreError> {
    let row = one_time_link::Entity::find_by_id(secret_hash.to_owned())
        .filter(one_time_link::Column::Purpose.eq(purpose))
        .filter(one_time_link::Column::ExpiresAt.gt(now))
        .one(conn)
        .await?;
    Ok(row.and_then(|row| row.principal_id))
}

/// Ends all links of one person.
///
/// # Errors
/// When the database fails.
pub async fn end_of(tx: &WriteTx, principal_id: i64) -> Result<(), StoreError> {
    one_time_link::Entity::delete_many()
        .filter(one_time_link::Column::PrincipalId.eq(principal_id))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Removes the links that are too old.
///
/// # Errors
/// When the database fails.
pub async fn remove_due(tx: &WriteTx, now: DateTime<Utc>) -> Result<(), StoreError> {
    one_time_link::Entity::delete_many()
        .filter(one_time_link::Column::ExpiresAt.lte(now))
        .exec(&**tx)
        .await?;
    Ok(())
}
