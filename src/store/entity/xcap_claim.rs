//! A value that one document has and no other may have.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "xcap_claim")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub auid: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub value: String,
    pub document_id: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
