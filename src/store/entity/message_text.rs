//! The words of a message, in a full-text table of `SQLite`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "message_text")]
pub struct Model {
    /// The number of the Message-ID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub rowid: i64,
    pub sender: String,
    pub subject: String,
    pub body: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
