//! API tokens, and the user names under which they sign requests by Digest.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Query, SelectStatement};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
};

use super::db::{StoreError, WriteTx};
use super::entity::{api_token, api_token_aor, digest_login};
use super::identity::parse;
use super::xcap_logins;
use crate::domain::access::TokenScope;
use crate::domain::address::Aor;

/// An API token, without its secret, which nobody knows but its holder.
#[derive(Debug, Clone)]
pub struct Token {
    /// Database id.
    pub id: i64,
    /// What its maker called it.
    pub name: String,
    /// What it was made for.
    pub scopes: Vec<TokenScope>,
    /// The accounts it is bound to.
    pub aors: Vec<Aor>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When somebody ended it.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A user name for Digest, and H(A1) of RFC 7616 with each algorithm, in hexadecimal.
#[derive(Debug, Clone)]
pub struct DigestLogin {
    /// Whose.
    pub username: String,
    /// With SHA-256.
    pub sha256: String,
    /// With MD5.
    pub md5: String,
}

/// Adds a token by the hash of its secret.
///
/// # Errors
/// When the database fails.
pub async fn add(
    tx: &WriteTx,
    name: &str,
    secret_hash: &str,
    scopes: &[TokenScope],
    aors: &[Aor],
    now: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
) -> Result<i64, StoreError> {
    let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    let row = api_token::ActiveModel {
        id: NotSet,
        name: Set(name.to_owned()),
        secret_hash: Set(secret_hash.to_owned()),
        scopes: Set(scopes.join(" ")),
        created_at: Set(now),
        expires_at: Set(expires_at),
        revoked_at: Set(None),
    };
    let id = api_token::Entity::insert(row)
        .exec(&**tx)
        .await?
        .last_insert_id;
    let rows = aors.iter().map(|aor| api_token_aor::ActiveModel {
        token_id: Set(id),
        aor: Set(aor.as_str().to_owned()),
    });
    if !aors.is_empty() {
        api_token_aor::Entity::insert_many(rows)
            .exec_without_returning(&**tx)
            .await?;
    }
    Ok(id)
}

/// Lets a token sign requests by Digest under a user name, which a token that has expired gives up.
///
/// # Errors
/// [`StoreError::Conflict`] when the name is taken.
pub async fn add_digest_login(
    tx: &WriteTx,
    token_id: i64,
    login: DigestLogin,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    digest_login::Entity::delete_many()
        .filter(digest_login::Column::Username.eq(&login.username))
        .filter(digest_login::Column::TokenId.in_subquery(expired(now)))
        .exec(&**tx)
        .await?;
    let row = digest_login::ActiveModel {
        token_id: Set(token_id),
        username: Set(login.username),
        sha256: Set(login.sha256),
        md5: Set(login.md5),
    };
    digest_login::Entity::insert(row)
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

/// The ids of the tokens that have expired.
pub(super) fn expired(now: DateTime<Utc>) -> SelectStatement {
    Query::select()
        .column(api_token::Column::Id)
        .from(api_token::Entity)
        .and_where(api_token::Column::ExpiresAt.lte(now))
        .to_owned()
}

/// The token that signs under this user name, be it expired or revoked, and what it is known by.
///
/// # Errors
/// When the database fails.
pub async fn by_login(
    conn: &impl ConnectionTrait,
    username: &str,
) -> Result<Option<(Token, DigestLogin)>, StoreError> {
    let login = digest_login::Entity::find()
        .filter(digest_login::Column::Username.eq(username))
        .one(conn)
        .await?;
    let Some(login) = login else {
        return Ok(None);
    };
    let Some(token) = with_id(conn, login.token_id).await? else {
        return Ok(None);
    };
    let login = DigestLogin {
        username: login.username,
        sha256: login.sha256,
        md5: login.md5,
    };
    Ok(Some((token, login)))
}

/// The token whose secret has this hash, be it expired or revoked.
///
/// # Errors
/// When the database fails.
pub async fn by_secret(
    conn: &impl ConnectionTrait,
    secret_hash: &str,
) -> Result<Option<Token>, StoreError> {
    let row = api_token::Entity::find()
        .filter(api_token::Column::SecretHash.eq(secret_hash))
        .one(conn)
        .await?;
    match row {
        Some(row) => with_aors(conn, row).await,
        None => Ok(None),
    }
}

/// The token with this id, be it expired or revoked.
///
/// # Errors
/// When the database fails.
pub async fn with_id(conn: &impl ConnectionTrait, id: i64) -> Result<Option<Token>, StoreError> {
    match api_token::Entity::find_by_id(id).one(conn).await? {
        Some(row) => with_aors(conn, row).await,
        None => Ok(None),
    }
}

/// All tokens, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn all(conn: &impl ConnectionTrait) -> Result<Vec<Token>, StoreError> {
    let rows = api_token::Entity::find()
        .order_by_asc(api_token::Column::Id)
        .all(conn)
        .await?;
    let mut tokens = Vec::with_capacity(rows.len());
    for row in rows {
        tokens.extend(with_aors(conn, row).await?);
    }
    Ok(tokens)
}

/// Ends a token; says whether there was one to end.
///
/// # Errors
/// When the database fails.
pub async fn revoke(tx: &WriteTx, id: i64, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = api_token::Entity::update_many()
        .col_expr(api_token::Column::RevokedAt, now.into())
        .filter(api_token::Column::Id.eq(id))
        .filter(api_token::Column::RevokedAt.is_null())
        .exec(&**tx)
        .await?;
    // Its name may be given to the next one.
    digest_login::Entity::delete_by_id(id).exec(&**tx).await?;
    xcap_logins::remove_all(tx, id).await?;
    Ok(done.rows_affected > 0)
}

async fn with_aors(
    conn: &impl ConnectionTrait,
    row: api_token::Model,
) -> Result<Option<Token>, StoreError> {
    let aors = api_token_aor::Entity::find()
        .filter(api_token_aor::Column::TokenId.eq(row.id))
        .order_by_asc(api_token_aor::Column::Aor)
        .all(conn)
        .await?;
    // Bound to nothing is bound to everything: not if the bindings went with the token just now.
    if aors.is_empty()
        && api_token::Entity::find_by_id(row.id)
            .one(conn)
            .await?
            .is_none()
    {
        return Ok(None);
    }
    Ok(Some(Token {
        id: row.id,
        name: row.name,
        scopes: row
            .scopes
            .split_ascii_whitespace()
            .map(|scope| parse("api_token.scopes", scope))
            .collect::<Result<_, _>>()?,
        aors: aors
            .iter()
            .map(|bound| parse("api_token_aor.aor", &bound.aor))
            .collect::<Result<_, _>>()?,
        created_at: row.created_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
    }))
}
