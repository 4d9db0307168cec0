//! Documents that users keep by XCAP (RFC 4825), byte for byte, and the values that each claims for itself.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use super::db::{StoreError, WriteTx};
use super::entity::xcap_claim;
use super::entity::xcap_document::{ActiveModel, Column as C, Entity, Model};

/// Values that one statement writes or looks for: statements take so many parameters and no more.
const VALUES_PER_STATEMENT: usize = 500;
/// The owner of the global tree.
pub const GLOBAL: i64 = 0;

/// Where a document lies.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DocumentKey {
    /// Whose it is; [`GLOBAL`] is everybody's.
    pub account_id: i64,
    /// The application usage.
    pub auid: String,
    /// The path below the home.
    pub name: String,
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// Database id; another one for a document that was deleted and made anew.
    pub id: i64,
    /// Advanced by every change.
    pub version: i64,
    /// The octets.
    pub body: Vec<u8>,
    /// When it was changed last.
    pub changed_at: DateTime<Utc>,
}

/// A document without its octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The application usage.
    pub auid: String,
    /// The path below the home.
    pub name: String,
    /// Database id.
    pub id: i64,
    /// Its version.
    pub version: i64,
    /// Its length in octets.
    pub size: i64,
    /// When it was changed last.
    pub changed_at: DateTime<Utc>,
}

fn at(key: &DocumentKey) -> Select<Entity> {
    Entity::find()
        .filter(C::AccountId.eq(key.account_id))
        .filter(C::Auid.eq(&key.auid))
        .filter(C::Name.eq(&key.name))
}

fn from_row(row: Model) -> StoredDocument {
    StoredDocument {
        id: row.id,
        version: row.version,
        body: row.body,
        changed_at: row.changed_at,
    }
}

/// The document at a path.
///
/// # Errors
/// When the database fails.
pub async fn find(
    conn: &impl ConnectionTrait,
    key: &DocumentKey,
) -> Result<Option<StoredDocument>, StoreError> {
    Ok(at(key).one(conn).await?.map(from_row))
}

/// [`find`] of a document that is going to be changed: held until the transaction ends.
///
/// # Errors
/// When the database fails.
pub async fn lock(tx: &WriteTx, key: &DocumentKey) -> Result<Option<StoredDocument>, StoreError> {
    Ok(at(key).lock_exclusive().one(&**tx).await?.map(from_row))
}

/// Id and version of the document at a path, without its octets.
///
/// # Errors
/// When the database fails.
pub async fn version(
    conn: &impl ConnectionTrait,
    key: &DocumentKey,
) -> Result<Option<(i64, i64)>, StoreError> {
    let query = at(key).select_only().columns([C::Id, C::Version]);
    Ok(query.into_tuple().one(conn).await?)
}

/// How many documents somebody has.
///
/// # Errors
/// When the database fails.
pub async fn count(conn: &impl ConnectionTrait, account_id: i64) -> Result<u64, StoreError> {
    let query = Entity::find().filter(C::AccountId.eq(account_id));
    Ok(query.count(conn).await?)
}

/// The documents somebody has, by usage and name.
///
/// # Errors
/// When the database fails.
pub async fn list(conn: &impl ConnectionTrait, account_id: i64) -> Result<Vec<Listed>, StoreError> {
    let rows: Vec<(String, String, i64, i64, i64, DateTime<Utc>)> = Entity::find()
        .select_only()
        .columns([C::Auid, C::Name, C::Id, C::Version, C::Size, C::ChangedAt])
        .filter(C::AccountId.eq(account_id))
        .order_by_asc(C::Auid)
        .order_by_asc(C::Name)
        .into_tuple()
        .all(conn)
        .await?;
    let listed = |(auid, name, id, version, size, changed_at)| Listed {
        auid,
        name,
        id,
        version,
        size,
        changed_at,
    };
    Ok(rows.into_iter().map(listed).collect())
}

/// Puts a new document; its id.
///
/// # Errors
/// [`StoreError::Conflict`] when somebody else has put one there meanwhile.
pub async fn insert(
    tx: &WriteTx,
    key: &DocumentKey,
    body: Vec<u8>,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let row = ActiveModel {
        id: NotSet,
        account_id: Set(key.account_id),
        auid: Set(key.auid.clone()),
        name: Set(key.name.clone()),
        version: Set(1),
        size: Set(i64::try_from(body.len()).unwrap_or(i64::MAX)),
        body: Set(body),
        changed_at: Set(now),
    };
    Ok(Entity::insert(row).exec(&**tx).await?.last_insert_id)
}

/// Puts another version of a document that the transaction holds.
///
/// # Errors
/// When the database fails.
pub async fn update(
    tx: &WriteTx,
    id: i64,
    version: i64,
    body: Vec<u8>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(id),
        version: Set(version),
        size: Set(i64::try_from(body.len()).unwrap_or(i64::MAX)),
        body: Set(body),
        changed_at: Set(now),
        ..ActiveModel::default()
    };
    Entity::update(row).exec(&**tx).await?;
    Ok(())
}

/// Removes a document, with what it claims.
///
/// # Errors
/// When the database fails.
pub async fn remove(tx: &WriteTx, id: i64) -> Result<(), StoreError> {
    Entity::delete_by_id(id).exec(&**tx).await?;
    Ok(())
}

/// Removes all documents of somebody.
///
/// # Errors
/// When the database fails.
pub async fn remove_all(tx: &WriteTx, account_id: i64) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(C::AccountId.eq(account_id))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Those of these values that another document of the usage has.
///
/// # Errors
/// When the database fails.
pub async fn taken(
    tx: &WriteTx,
    auid: &str,
    values: &[&str],
    own_id: Option<i64>,
) -> Result<Vec<String>, StoreError> {
    let mut taken = Vec::new();
    for some in values.chunks(VALUES_PER_STATEMENT) {
        let mut query = xcap_claim::Entity::find()
            .select_only()
            .column(xcap_claim::Column::Value)
            .filter(xcap_claim::Column::Auid.eq(auid))
            .filter(xcap_claim::Column::Value.is_in(some.iter().copied()));
        if let Some(id) = own_id {
            query = query.filter(xcap_claim::Column::DocumentId.ne(id));
        }
        let found: Vec<String> = query.into_tuple().all(&**tx).await?;
        taken.extend(found);
    }
    Ok(taken)
}

/// Has a document claim these values, and no others.
///
/// # Errors
/// [`StoreError::Conflict`] when another document has claimed one meanwhile.
pub async fn claim(tx: &WriteTx, auid: &str, id: i64, values: &[&str]) -> Result<(), StoreError> {
    xcap_claim::Entity::delete_many()
        .filter(xcap_claim::Column::DocumentId.eq(id))
        .exec(&**tx)
        .await?;
    for some in values.chunks(VALUES_PER_STATEMENT) {
        let rows = some.iter().map(|value| xcap_claim::ActiveModel {
            auid: Set(auid.to_owned()),
            value: Set((*value).to_owned()),
            document_id: Set(id),
        });
        xcap_claim::Entity::insert_many(rows)
            .exec_without_returning(&**tx)
            .await?;
    }
    Ok(())
}
