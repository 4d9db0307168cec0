//! A request that came under an `Idempotency-Key`, and what it was answered.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_key")]
pub struct Model {
    /// Hash of who asked and the key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key_hash: String,
    /// Hash of the request.
    pub fingerprint: String,
    /// Until when whoever is answering it is not taken for lost.
    pub running_until: DateTimeUtc,
    /// None while it is being answered.
    pub status: Option<i32>,
    /// A JSON object.
    #[sea_orm(column_type = "Text", nullable)]
    pub headers: Option<String>,
    pub body: Option<Vec<u8>>,
    pub forget_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
