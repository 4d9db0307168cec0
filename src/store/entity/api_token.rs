//! A token a program signs in with; its secret is kept only as a hash.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_token")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub name: String,
    /// Hex SHA-256 of the secret: the secret has 256 random bits, so no slow hash is needed.
    pub secret_hash: String,
    /// Space-separated scopes.
    pub scopes: String,
    pub created_at: DateTimeUtc,
    pub expires_at: Option<DateTimeUtc>,
    pub revoked_at: Option<DateTimeUtc>,
    /// The person whose it is; none of those made for programs of the server's operators.
    pub owner_id: Option<i64>,
    /// When it was used, to the minute.
    pub last_used_at: Option<DateTimeUtc>,
    /// The hash of the secret it had before, and until when that one is good.
    pub previous_hash: Option<String>,
    pub previous_until: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
