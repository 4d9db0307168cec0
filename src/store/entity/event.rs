//! Something that happened to an account or one of its messages.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The transaction that wrote it, by `PostgreSQL`'s count; 0 on `SQLite`.
    pub tx: i64,
    pub at: DateTimeUtc,
    pub kind: String,
    pub account_id: i64,
    pub number: Option<i64>,
    /// Why a message went.
    pub reason: Option<String>,
    /// Who did it, where that was somebody.
    pub actor_kind: Option<String>,
    pub actor_id: Option<i64>,
    /// The expiry a message has now, or when its deletion becomes final.
    pub until: Option<DateTimeUtc>,
    /// AUID and path of the XCAP document that was changed.
    pub document: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
