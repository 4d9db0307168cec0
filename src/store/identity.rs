//! People, API tokens and one-time links.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{OnConflict, Query, SelectStatement};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::db::{StoreError, WriteTx};
use super::entity::{
    api_token, api_token_aor, digest_login, one_time_link, principal, principal_aor,
};
use super::xcap_logins;
use crate::domain::access::{Role, TokenScope};
use crate::domain::address::Aor;
use crate::domain::audit::{Actor, ActorKind};

/// A person who may sign in.
#[derive(Debug, Clone)]
pub struct User {
    /// Database id.
    pub id: i64,
    /// The name to sign in with.
    pub name: String,
    /// argon2id, in PHC string format.
    pub password_hash: String,
    /// What the person may do.
    pub role: Role,
    /// The accounts the person owns.
    pub aors: Vec<Aor>,
}

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

/// Adds a person.
///
/// # Errors
/// [`StoreError::Conflict`] when the name is taken.
pub async fn add_user(
    tx: &WriteTx,
    name: &str,
    password_hash: &str,
    role: Role,
    aors: &[Aor],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let row = principal::ActiveModel {
        id: NotSet,
        name: Set(name.to_owned()),
        password_hash: Set(password_hash.to_owned()),
        role: Set(role.as_str().to_owned()),
        created_at: Set(now),
    };
    let id = principal::Entity::insert(row)
        .exec(&**tx)
        .await?
        .last_insert_id;
    let rows = aors.iter().map(|aor| principal_aor::ActiveModel {
        principal_id: Set(id),
        aor: Set(aor.as_str().to_owned()),
    });
    if !aors.is_empty() {
        principal_aor::Entity::insert_many(rows)
            .exec_without_returning(&**tx)
            .await?;
    }
    Ok(())
}

/// Gives a person a new password; says whether there is such a person.
///
/// # Errors
/// When the database fails.
pub async fn set_password(
    tx: &WriteTx,
    name: &str,
    password_hash: &str,
) -> Result<bool, StoreError> {
    let done = principal::Entity::update_many()
        .col_expr(principal::Column::PasswordHash, password_hash.into())
        .filter(principal::Column::Name.eq(name))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected > 0)
}

/// The person of this name.
///
/// # Errors
/// When the database fails.
pub async fn user(conn: &impl ConnectionTrait, name: &str) -> Result<Option<User>, StoreError> {
    let row = principal::Entity::find()
        .filter(principal::Column::Name.eq(name))
        .one(conn)
        .await?;
    match row {
        Some(row) => Ok(Some(with_aors(conn, row).await?)),
        None => Ok(None),
    }
}

/// Everybody, by name.
///
/// # Errors
/// When the database fails.
pub async fn users(conn: &impl ConnectionTrait) -> Result<Vec<User>, StoreError> {
    let rows = principal::Entity::find()
        .order_by_asc(principal::Column::Name)
        .all(conn)
        .await?;
    let mut users = Vec::with_capacity(rows.len());
    for row in rows {
        users.push(with_aors(conn, row).await?);
    }
    Ok(users)
}

/// Whether there is an administrator yet.
///
/// # Errors
/// When the database fails.
pub async fn has_admin(conn: &impl ConnectionTrait) -> Result<bool, StoreError> {
    let count = principal::Entity::find()
        .filter(principal::Column::Role.eq(Role::Admin.as_str()))
        .count(conn)
        .await?;
    Ok(count > 0)
}

async fn with_aors(conn: &impl ConnectionTrait, row: principal::Model) -> Result<User, StoreError> {
    let aors = principal_aor::Entity::find()
        .filter(principal_aor::Column::PrincipalId.eq(row.id))
        .order_by_asc(principal_aor::Column::Aor)
        .all(conn)
        .await?;
    Ok(User {
        id: row.id,
        name: row.name,
        password_hash: row.password_hash,
        role: parse("principal.role", &row.role)?,
        aors: aors
            .iter()
            .map(|bound| parse("principal_aor.aor", &bound.aor))
            .collect::<Result<_, _>>()?,
    })
}

/// Adds a token by the hash of its secret.
///
/// # Errors
/// When the database fails.
pub async fn add_token(
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
pub async fn token_by_login(
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
    let Some(token) = token_with_id(conn, login.token_id).await? else {
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
pub async fn token(
    conn: &impl ConnectionTrait,
    secret_hash: &str,
) -> Result<Option<Token>, StoreError> {
    let row = api_token::Entity::find()
        .filter(api_token::Column::SecretHash.eq(secret_hash))
        .one(conn)
        .await?;
    match row {
        Some(row) => token_with_aors(conn, row).await,
        None => Ok(None),
    }
}

/// The token with this id, be it expired or revoked.
///
/// # Errors
/// When the database fails.
pub async fn token_with_id(
    conn: &impl ConnectionTrait,
    id: i64,
) -> Result<Option<Token>, StoreError> {
    match api_token::Entity::find_by_id(id).one(conn).await? {
        Some(row) => token_with_aors(conn, row).await,
        None => Ok(None),
    }
}

/// All tokens, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn tokens(conn: &impl ConnectionTrait) -> Result<Vec<Token>, StoreError> {
    let rows = api_token::Entity::find()
        .order_by_asc(api_token::Column::Id)
        .all(conn)
        .await?;
    let mut tokens = Vec::with_capacity(rows.len());
    for row in rows {
        tokens.extend(token_with_aors(conn, row).await?);
    }
    Ok(tokens)
}

/// Ends a token; says whether there was one to end.
///
/// # Errors
/// When the database fails.
pub async fn revoke_token(tx: &WriteTx, id: i64, now: DateTime<Utc>) -> Result<bool, StoreError> {
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

/// What those of these actors are called who have a name, and are still there.
///
/// # Errors
/// When the database fails.
pub async fn names(
    conn: &impl ConnectionTrait,
    actors: impl Iterator<Item = Actor>,
) -> Result<HashMap<Actor, String>, StoreError> {
    let (mut users, mut tokens) = (BTreeSet::new(), BTreeSet::new());
    for actor in actors {
        match (actor.kind, actor.id) {
            (ActorKind::User, Some(id)) => users.insert(id),
            (ActorKind::Token, Some(id)) => tokens.insert(id),
            _ => false,
        };
    }
    let mut names = HashMap::new();
    if !users.is_empty() {
        use principal::Column as C;
        let rows: Vec<(i64, String)> = principal::Entity::find()
            .select_only()
            .columns([C::Id, C::Name])
            .filter(C::Id.is_in(users))
            .into_tuple()
            .all(conn)
            .await?;
        let user = |(id, name)| (Actor::of(ActorKind::User, id), name);
        names.extend(rows.into_iter().map(user));
    }
    if !tokens.is_empty() {
        use api_token::Column as C;
        let rows: Vec<(i64, String)> = api_token::Entity::find()
            .select_only()
            .columns([C::Id, C::Name])
            .filter(C::Id.is_in(tokens))
            .into_tuple()
            .all(conn)
            .await?;
        let token = |(id, name)| (Actor::of(ActorKind::Token, id), name);
        names.extend(rows.into_iter().map(token));
    }
    Ok(names)
}

async fn token_with_aors(
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

/// Adds a link that works once, by the hash of its secret.
///
/// # Errors
/// When the database fails.
pub async fn add_link(
    tx: &WriteTx,
    secret_hash: &str,
    purpose: &str,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let row = one_time_link::ActiveModel {
        secret_hash: Set(secret_hash.to_owned()),
        purpose: Set(purpose.to_owned()),
        expires_at: Set(expires_at),
    };
    one_time_link::Entity::insert(row)
        .on_conflict(
            OnConflict::column(one_time_link::Column::SecretHash)
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

/// Whether a link is good for `purpose`.
///
/// # Errors
/// When the database fails.
pub async fn link_is_good(
    conn: &impl ConnectionTrait,
    secret_hash: &str,
    purpose: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let row = one_time_link::Entity::find_by_id(secret_hash.to_owned())
        .one(conn)
        .await?;
    Ok(row.is_some_and(|row| row.purpose == purpose && row.expires_at > now))
}

/// Uses a link up, if it is good for `purpose`; of several who try at once one succeeds.
///
/// # Errors
/// When the database fails.
pub async fn use_link(
    tx: &WriteTx,
    secret_hash: &str,
    purpose: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = one_time_link::Entity::delete_many()
        .filter(one_time_link::Column::SecretHash.eq(secret_hash))
        .filter(one_time_link::Column::Purpose.eq(purpose))
        .filter(one_time_link::Column::ExpiresAt.gt(now))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected > 0)
}

/// Ends all links for `purpose`.
///
/// # Errors
/// When the database fails.
pub async fn end_links(tx: &WriteTx, purpose: &str) -> Result<(), StoreError> {
    one_time_link::Entity::delete_many()
        .filter(one_time_link::Column::Purpose.eq(purpose))
        .exec(&**tx)
        .await?;
    Ok(())
}

fn parse<T: std::str::FromStr>(column: &'static str, value: &str) -> Result<T, StoreError> {
    value.parse().map_err(|_| StoreError::Corrupt {
        column,
        value: value.to_owned(),
    })
}
