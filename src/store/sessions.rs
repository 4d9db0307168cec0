//! Signed-in browsers, as rows any node can read.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
};

use super::db::{Db, StoreError, WriteTx};
use super::entity::session;

/// Last use is not written more often than this.
const USE_WRITTEN: TimeDelta = TimeDelta::minutes(1);

/// Whose session it is, and from where.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The person.
    pub principal_id: i64,
    /// The address that signed in.
    pub address: String,
    /// What kind of browser.
    pub agent: String,
}

/// A session, for the person whose it is.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The hash of its id, which opens nothing.
    pub id_hash: String,
    /// When the person signed in.
    pub begun_at: Option<DateTime<Utc>>,
    /// When it was last used, within a minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// The address that signed in.
    pub address: Option<String>,
    /// What kind of browser.
    pub agent: Option<String>,
}

/// Begins a session, perhaps of somebody who has not said yet who they are.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    db: &Db,
    id_hash: &str,
    data: Vec<u8>,
    (now, expires_at): (DateTime<Utc>, DateTime<Utc>),
    holder: Option<Holder>,
) -> Result<(), StoreError> {
    let row = session::ActiveModel {
        id_hash: Set(id_hash.to_owned()),
        data: Set(data),
        expires_at: Set(expires_at),
        principal_id: Set(holder.as_ref().map(|holder| holder.principal_id)),
        begun_at: Set(Some(now)),
        last_used_at: Set(Some(now)),
        address: Set(holder.as_ref().map(|holder| holder.address.clone())),
        agent: Set(holder.map(|holder| holder.agent)),
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

/// A session that was found.
#[derive(Debug)]
pub struct Found {
    /// What it holds.
    pub data: Vec<u8>,
    /// When it ends, however much it is used.
    pub expires_at: DateTime<Utc>,
    /// Whether its use should be written down ([`used`]).
    pub is_use_due: bool,
}

/// A session, unless it is over or was not used for `idle`.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &Db,
    id_hash: &str,
    now: DateTime<Utc>,
    idle: TimeDelta,
) -> Result<Option<Found>, StoreError> {
    let row = session::Entity::find_by_id(id_hash.to_owned())
        .filter(alive(now, idle))
        .one(db.read())
        .await?;
    Ok(row.map(|row| Found {
        data: row.data,
        expires_at: row.expires_at,
        is_use_due: row.last_used_at.is_none_or(|at| at <= now - USE_WRITTEN),
    }))
}

fn alive(now: DateTime<Utc>, idle: TimeDelta) -> Condition {
    let used = session::Column::LastUsedAt;
    Condition::all()
        .add(session::Column::ExpiresAt.gt(now))
        .add(
            Condition::any()
                .add(used.is_null())
                .add(used.gt(now - idle)),
        )
}

/// Writes down that a session is used now, unless that was done a moment ago.
///
/// # Errors
/// When the database fails.
pub async fn used(db: &Db, id_hash: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    let column = session::Column::LastUsedAt;
    let tx = db.write().await?;
    session::Entity::update_many()
        .col_expr(column, now.into())
        .filter(session::Column::IdHash.eq(id_hash))
        .filter(
            Condition::any()
                .add(column.is_null())
                .add(column.lte(now - USE_WRITTEN)),
        )
        .exec(&*tx)
        .await?;
    tx.commit().await
}

/// A person's sessions that go on, the one used last first.
///
/// # Errors
/// When the database fails.
pub async fn of(
    conn: &impl ConnectionTrait,
    principal_id: i64,
    now: DateTime<Utc>,
    idle: TimeDelta,
) -> Result<Vec<Listed>, StoreError> {
    let rows = session::Entity::find()
        .filter(session::Column::PrincipalId.eq(principal_id))
        .filter(alive(now, idle))
        .order_by_desc(session::Column::LastUsedAt)
        .order_by_asc(session::Column::IdHash)
        .all(conn)
        .await?;
    let listed = rows.into_iter().map(|row| Listed {
        id_hash: row.id_hash,
        begun_at: row.begun_at,
        last_used_at: row.last_used_at,
        address: row.address,
        agent: row.agent,
    });
    Ok(listed.collect())
}

/// Ends a person's sessions, but not the one with this hash; says how many there were.
///
/// # Errors
/// When the database fails.
pub async fn end_of(tx: &WriteTx, principal_id: i64, but: Option<&str>) -> Result<u64, StoreError> {
    let mut ending =
        session::Entity::delete_many().filter(session::Column::PrincipalId.eq(principal_id));
    if let Some(but) = but {
        ending = ending.filter(session::Column::IdHash.ne(but));
    }
    Ok(ending.exec(&**tx).await?.rows_affected)
}

/// Ends one of a person's sessions; says whether there was one to end.
///
/// # Errors
/// When the database fails.
pub async fn end_one(tx: &WriteTx, principal_id: i64, id_hash: &str) -> Result<bool, StoreError> {
    let done = session::Entity::delete_many()
        .filter(session::Column::PrincipalId.eq(principal_id))
        .filter(session::Column::IdHash.eq(id_hash))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected > 0)
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
