//! Signed-in browsers, as rows any node can read.

use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use super::db::{Db, StoreError, WriteTx};
use super::entity::session;

/// Begins a session.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    db: &Db,
    id_hash: &str,
    data: Vec<u8>,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let row = session::ActiveModel {
        id_hash: Set(id_hash.to_owned()),
        data: Set(data),
        expires_at: Set(expires_at),
    };
    let tx = db.write().await?;
    session::Entity::insert(row)
        .exec_without_returning(&*tx)
        .await?;
    tx.commit().await
}

/// Changes a session that has not ended: one that has does not come back.
///
/// # Errors
/// When the database fails.
pub async fn update(db: &Db, id_hash: &str, data: Vec<u8>) -> Result<(), StoreError> {
    let tx = db.write().await?;
    session::Entity::update_many()
        .col_expr(session::Column::Data, data.into())
        .filter(session::Column::IdHash.eq(id_hash))
        .exec(&*tx)
        .await?;
    tx.commit().await
}

/// A session's data, unless it is over.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &Db,
    id_hash: &str,
    now: DateTime<Utc>,
) -> Result<Option<(Vec<u8>, DateTime<Utc>)>, StoreError> {
    let row = session::Entity::find_by_id(id_hash.to_owned())
        .filter(session::Column::ExpiresAt.gt(now))
        .one(db.read())
        .await?;
    Ok(row.map(|row| (row.data, row.expires_at)))
}

/// Ends a session.
///
/// # Errors
/// When the database fails.
pub async fn remove(db: &Db, id_hash: &str) -> Result<(), StoreError> {
    let tx = db.write().await?;
    session::Entity::delete_by_id(id_hash.to_owned())
        .exec(&*tx)
        .await?;
    tx.commit().await
}

/// Removes the sessions that are over.
///
/// # Errors
/// When the database fails.
pub async fn remove_due(tx: &WriteTx, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = session::Entity::delete_many()
        .filter(session::Column::ExpiresAt.lte(now))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected)
}
