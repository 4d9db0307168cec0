//! A served user's mailbox.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub aor: String,
    /// The domain of the address; none of a telephone number. The database makes it of `aor`.
    pub domain: Option<String>,
    pub display_name: Option<String>,
    /// Address and name in lower case, for searching.
    pub folded: String,
    /// Host part of the account's Message-IDs, fixed when the account is made.
    pub host: String,
    pub next_number: i64,
    /// Advanced by every change of the metadata document.
    pub list_version: i64,
    pub message_count: i64,
    /// Octets of the stored requests.
    pub byte_count: i64,
    /// The account's own quota, where it has one.
    pub quota_messages: Option<i64>,
    pub quota_bytes: Option<i64>,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
