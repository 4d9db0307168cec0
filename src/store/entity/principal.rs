//! A person who may sign in.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "principal")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub name: String,
    /// argon2id, in PHC string format.
    pub password_hash: String,
    pub role: String,
    pub created_at: DateTimeUtc,
    /// Since when the person may not sign in.
    pub disabled_at: Option<DateTimeUtc>,
    /// When the person was let in again: sessions from before stay ended.
    pub enabled_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
