//! A spelling of the user name under which a token signs XCAP requests by Digest.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "xcap_login")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub token_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub username: String,
    /// The address it spells; none if somebody chose it.
    pub aor: Option<String>,
    /// H(A1) with SHA-256: username, realm and the token's secret.
    pub sha256: String,
    /// The same with MD5. The secret has 256 random bits.
    pub md5: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
