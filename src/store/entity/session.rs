//! A signed-in browser.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    /// Hex SHA-256 of the session id, so that a copy of the table opens no session.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id_hash: String,
    pub data: Vec<u8>,
    pub expires_at: DateTimeUtc,
    /// Whose, once somebody has signed in.
    pub principal_id: Option<i64>,
    pub begun_at: Option<DateTimeUtc>,
    /// Within a minute.
    pub last_used_at: Option<DateTimeUtc>,
    pub address: Option<String>,
    /// What kind of browser.
    pub agent: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
