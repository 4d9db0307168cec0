//! The server's own keys, made once and shared by all nodes on the database.

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, EntityTrait};

use super::db::{Db, StoreError};
use super::entity::secret;
use crate::clock;

/// The 256-bit key called `name`; made now if it does not exist.
///
/// # Errors
/// When the database fails.
pub async fn get_or_create(db: &Db, name: &str) -> Result<Vec<u8>, StoreError> {
    if let Some(row) = secret::Entity::find_by_id(name.to_owned())
        .one(db.read())
        .await?
    {
        return Ok(row.value);
    }
    let fresh = clock::random::<32>()?.to_vec();
    let tx = db.write().await?;
    secret::Entity::insert(secret::ActiveModel {
        name: Set(name.to_owned()),
        value: Set(fresh),
    })
    .on_conflict(
        OnConflict::column(secret::Column::Name)
            .do_nothing()
            .to_owned(),
    )
    .exec_without_returning(&*tx)
    .await?;
    let row = secret::Entity::find_by_id(name.to_owned())
        .one(&*tx)
        .await?;
    tx.commit().await?;
    row.map(|row| row.value).ok_or_else(|| StoreError::Corrupt {
        column: "secret.name",
        value: name.to_owned(),
    })
}
