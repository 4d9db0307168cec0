//! The stored octets of a message.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "message_content")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    /// The request of a pager message; the content of a large one, or nothing if that is an object.
    pub raw: Vec<u8>,
    /// Its words with their places, on `PostgreSQL` alone; see [`crate::store::full_text`]. None if it is older than
    /// the index.
    #[sea_orm(select_as = "text", save_as = "tsvector")]
    pub words: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
