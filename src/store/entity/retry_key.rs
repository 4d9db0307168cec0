//! Recognises a request that was stored before, for a day longer than the message lives.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "retry_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    /// Hash of what makes a request itself: Call-ID, `CSeq`, From tag.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    pub number: i64,
    pub stored_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub forget_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
