//! A person who may sign in.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "principal")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub name: String,
    /// argon2id, in PHC string format; empty while the person has not chosen a password.
    pub password_hash: String,
    pub role: String,
    pub created_at: DateTimeUtc,
    /// Since when the person may not sign in.
    pub disabled_at: Option<DateTimeUtc>,
    /// When the person was let in again: sessions from before stay ended.
    pub enabled_at: Option<DateTimeUtc>,
    /// The secret of the second factor, shared with the person's app.
    pub totp_secret: Option<Vec<u8>>,
    /// The time step of the last code that was taken (RFC 6238 section 5.2).
    pub totp_step: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
