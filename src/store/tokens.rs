//! API tokens, and the user names under which they sign requests by Digest.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::bounds::{self, Bounds};
use super::db::{StoreError, WriteTx};
use super::entity::{api_token, api_token_aor, api_token_domain, digest_login};
use super::identity::parse;
use super::xcap_logins;
use crate::domain::access::TokenScope;
use crate::domain::address::Aor;
use crate::domain::domain_name::Domain;

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
    /// The domains it is bound to.
    pub domains: Vec<Domain>,
    /// The person whose it is.
    pub owner_id: Option<i64>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When somebody ended it.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl Token {
    /// Whether it opens nothing any more.
    #[must_use]
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        let over = |end: Option<DateTime<Utc>>| end.is_some_and(|end| end <= now);
        over(self.revoked_at) || over(self.expires_at)
    }
}

/// A token to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewToken<'a> {
    /// What to call it.
    pub name: &'a str,
    /// What it is for.
    pub scopes: &'a [TokenScope],
    /// The accounts it is bound to.
    pub aors: &'a [Aor],
    /// The domains it is bound to.
    pub domains: &'a [Domain],
    /// The person whose it is.
    pub owner_id: Option<i64>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
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

/// Adds a token by the hash of its secret; its id.
///
/// # Errors
/// When the database fails.
pub async fn add(
    tx: &WriteTx,
    token: NewToken<'_>,
    secret_hash: &str,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
    let row = api_token::ActiveModel {
        id: NotSet,
        name: Set(token.name.to_owned()),
        secret_hash: Set(secret_hash.to_owned()),
        scopes: Set(scopes.join(" ")),
        created_at: Set(now),
        expires_at: Set(token.expires_at),
        revoked_at: Set(None),
        owner_id: Set(token.owner_id),
        last_used_at: Set(None),
        previous_hash: Set(None),
        previous_until: Set(None),
    };
    let id = api_token::Entity::insert(row)
        .exec(&**tx)
        .await?
        .last_insert_id;
    let aors = token.aors.iter().map(|aor| api_token_aor::ActiveModel {
        token_id: Set(id),
        aor: Set(aor.as_str().to_owned()),
    });
    if !token.aors.is_empty() {
        api_token_aor::Entity::insert_many(aors)
            .exec_without_returning(&**tx)
            .await?;
    }
    let domains = token.domains.iter();
    let domains = domains.map(|domain| api_token_domain::ActiveModel {
        token_id: Set(id),
        domain: Set(domain.as_str().to_owned()),
    });
    if !token.domains.is_empty() {
        api_token_domain::Entity::insert_many(domains)
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

/// The user name under which a token signs requests by Digest over SIP.
///
/// # Errors
/// When the database fails.
pub async fn digest_name(tx: &WriteTx, token_id: i64) -> Result<Option<String>, StoreError> {
    let row = digest_login::Entity::find_by_id(token_id)
        .one(&**tx)
        .await?;
    Ok(row.map(|row| row.username))
}

/// Has that name stand for another secret.
///
/// # Errors
/// When the database fails.
pub async fn set_digest_hashes(
    tx: &WriteTx,
    token_id: i64,
    login: DigestLogin,
) -> Result<(), StoreError> {
    digest_login::Entity::update_many()
        .col_expr(digest_login::Column::Sha256, login.sha256.into())
        .col_expr(digest_login::Column::Md5, login.md5.into())
        .filter(digest_login::Column::TokenId.eq(token_id))
        .exec(&**tx)
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

/// The token whose secret has this hash, be it expired or revoked. One that has another secret by now ends when this
/// one does.
///
/// # Errors
/// When the database fails.
pub async fn by_secret(
    conn: &impl ConnectionTrait,
    secret_hash: &str,
) -> Result<Option<Token>, StoreError> {
    let of = |column: api_token::Column| {
        api_token::Entity::find()
            .filter(column.eq(secret_hash))
            .one(conn)
    };
    if let Some(row) = of(api_token::Column::SecretHash).await? {
        return with_bounds(conn, row).await;
    }
    let Some(mut row) = of(api_token::Column::PreviousHash).await? else {
        return Ok(None);
    };
    let ends = [row.expires_at, row.previous_until].into_iter().flatten();
    row.expires_at = ends.min();
    with_bounds(conn, row).await
}

/// The token with this id, be it expired or revoked.
///
/// # Errors
/// When the database fails.
pub async fn with_id(conn: &impl ConnectionTrait, id: i64) -> Result<Option<Token>, StoreError> {
    match api_token::Entity::find_by_id(id).one(conn).await? {
        Some(row) => with_bounds(conn, row).await,
        None => Ok(None),
    }
}

/// A page of tokens, newest first, ids below `before`: all of them, or one person's.
///
/// # Errors
/// When the database fails.
pub async fn page(
    conn: &impl ConnectionTrait,
    owner_id: Option<i64>,
    before: Option<i64>,
    limit: u64,
) -> Result<Vec<Token>, StoreError> {
    use api_token::Column as C;
    let mut query = api_token::Entity::find().order_by_desc(C::Id).limit(limit);
    if let Some(owner_id) = owner_id {
        query = query.filter(C::OwnerId.eq(owner_id));
    }
    if let Some(before) = before {
        query = query.filter(C::Id.lt(before));
    }
    all_with_bounds(conn, query.all(conn).await?).await
}

/// The tokens of a person that nobody has ended, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn owned(conn: &impl ConnectionTrait, owner_id: i64) -> Result<Vec<Token>, StoreError> {
    use api_token::Column as C;
    let rows = api_token::Entity::find()
        .filter(C::OwnerId.eq(owner_id))
        .filter(C::RevokedAt.is_null())
        .order_by_asc(C::Id)
        .all(conn)
        .await?;
    all_with_bounds(conn, rows).await
}

/// Holds a token until the transaction ends, so that its secret changes once at a time.
///
/// # Errors
/// When the database fails.
pub async fn lock(tx: &WriteTx, id: i64) -> Result<Option<Token>, StoreError> {
    let query = api_token::Entity::find_by_id(id).lock_exclusive();
    match query.one(&**tx).await? {
        Some(row) => with_bounds(&**tx, row).await,
        None => Ok(None),
    }
}

/// Gives a token that the transaction holds another secret. The one it had is good until `previous_until`; one from
/// before that is not good any more.
///
/// # Errors
/// When the database fails.
pub async fn rotate(
    tx: &WriteTx,
    id: i64,
    secret_hash: &str,
    previous_until: DateTime<Utc>,
) -> Result<(), StoreError> {
    use api_token::Column as C;
    api_token::Entity::update_many()
        .col_expr(C::PreviousHash, Expr::col(C::SecretHash))
        .col_expr(C::PreviousUntil, previous_until.into())
        .col_expr(C::SecretHash, secret_hash.into())
        .filter(C::Id.eq(id))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Notes that a token was used, unless that is noted at `since` or later.
///
/// # Errors
/// When the database fails.
pub async fn touch(
    tx: &WriteTx,
    id: i64,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    use api_token::Column as C;
    api_token::Entity::update_many()
        .col_expr(C::LastUsedAt, now.into())
        .filter(C::Id.eq(id))
        .filter(C::LastUsedAt.is_null().or(C::LastUsedAt.lt(since)))
        .exec(&**tx)
        .await?;
    Ok(())
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
    all_with_bounds(conn, rows).await
}

async fn all_with_bounds(
    conn: &impl ConnectionTrait,
    rows: Vec<api_token::Model>,
) -> Result<Vec<Token>, StoreError> {
    let mut tokens = Vec::with_capacity(rows.len());
    for row in rows {
        tokens.extend(with_bounds(conn, row).await?);
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

async fn with_bounds(
    conn: &impl ConnectionTrait,
    row: api_token::Model,
) -> Result<Option<Token>, StoreError> {
    let Bounds { aors, domains } = bounds::of_token(conn, row.id).await?;
    // Bound to nothing is bound to everything: not if the bindings went with the token just now.
    if aors.is_empty()
        && domains.is_empty()
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
        aors,
        domains,
        owner_id: row.owner_id,
        created_at: row.created_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
        last_used_at: row.last_used_at,
    }))
}
