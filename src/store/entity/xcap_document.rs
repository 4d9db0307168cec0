//! A document that a user keeps by XCAP.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "xcap_document")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Whose it is; 0 for the global tree.
    pub account_id: i64,
    pub auid: String,
    /// Its path below the home.
    pub name: String,
    /// Advanced by every change.
    pub version: i64,
    pub size: i64,
    /// Exactly as it was put.
    pub body: Vec<u8>,
    pub changed_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
