//! What was said in the SIP session that brought a large message.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "large_session")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub invite: Vec<u8>,
    /// The 200 response to it.
    pub ok: Vec<u8>,
    /// The head of the MSRP SEND request, up to its content.
    pub send_head: Vec<u8>,
    pub bye: Option<Vec<u8>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
