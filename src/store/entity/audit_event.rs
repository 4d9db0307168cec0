//! An entry of the audit.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_event")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The transaction that wrote it, by `PostgreSQL`'s count; 0 on `SQLite`.
    pub tx: i64,
    pub at: DateTimeUtc,
    pub action: String,
    pub outcome: String,
    /// Ids only, no names: who is erased is named nowhere.
    pub actor_kind: String,
    pub actor_id: Option<i64>,
    pub account_id: Option<i64>,
    /// JSON.
    pub detail: Option<String>,
    /// Its place in the chain, once it has one.
    pub number: Option<i64>,
    /// SHA-256 over it and the hash before.
    pub hash: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
