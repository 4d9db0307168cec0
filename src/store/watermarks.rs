//! How far something has come that is done again and again, by one node at a time.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait, QuerySelect};

use super::db::{StoreError, WriteTx};
use super::entity::watermark::{ActiveModel, Column, Entity};

/// Up to which instant messages were looked at that will expire soon.
pub const EXPIRY_WARNED: &str = "expiry_warned";

/// How far it has come.
///
/// # Errors
/// When the database fails.
pub async fn get(
    conn: &impl ConnectionTrait,
    name: &str,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let row = Entity::find_by_id(name).one(conn).await?;
    Ok(row.map(|row| row.at))
}

/// How far it has come, `first` if it has not begun; held until the transaction ends.
///
/// # Errors
/// When the database fails.
pub async fn lock(
    tx: &WriteTx,
    name: &str,
    first: DateTime<Utc>,
) -> Result<DateTime<Utc>, StoreError> {
    // A row that is not there cannot be held.
    let row = ActiveModel {
        name: Set(name.to_owned()),
        at: Set(first),
    };
    let on_conflict = OnConflict::column(Column::Name).do_nothing().to_owned();
    Entity::insert_many([row])
        .on_conflict(on_conflict)
        .exec_without_returning(&**tx)
        .await?;
    let row = Entity::find_by_id(name).lock_exclusive().one(&**tx).await?;
    Ok(row.map_or(first, |row| row.at))
}

/// Writes down how far it has come.
///
/// # Errors
/// When the database fails.
pub async fn set(tx: &WriteTx, name: &str, at: DateTime<Utc>) -> Result<(), StoreError> {
    let row = ActiveModel {
        name: Set(name.to_owned()),
        at: Set(at),
    };
    let on_conflict = OnConflict::column(Column::Name)
        .update_column(Column::At)
        .to_owned();
    Entity::insert_many([row])
        .on_conflict(on_conflict)
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}
