//! People and one-time links, and what people and tokens are called.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::bounds::{self, Bounds};
use super::db::{StoreError, WriteTx};
use super::entity::{api_token, one_time_link, principal};
use super::users;
use crate::domain::access::Role;
use crate::domain::address::Aor;
use crate::domain::audit::{Actor, ActorKind};
use crate::domain::domain_name::Domain;

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
    /// The domains an operator is bound to; of all where there is none.
    pub domains: Vec<Domain>,
    /// When the person was added.
    pub created_at: DateTime<Utc>,
    /// Since when the person may not sign in.
    pub disabled_at: Option<DateTime<Utc>>,
    /// When the person was let in again.
    pub enabled_at: Option<DateTime<Utc>>,
}

/// Adds a person; its id.
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
) -> Result<i64, StoreError> {
    let row = principal::ActiveModel {
        id: NotSet,
        name: Set(name.to_owned()),
        password_hash: Set(password_hash.to_owned()),
        role: Set(role.as_str().to_owned()),
        created_at: Set(now),
        disabled_at: Set(None),
        enabled_at: Set(None),
    };
    let id = principal::Entity::insert(row)
        .exec(&**tx)
        .await?
        .last_insert_id;
    users::bind(tx, id, aors, &[]).await?;
    Ok(id)
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
        Some(row) => with_bounds(conn, row).await,
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
        users.extend(with_bounds(conn, row).await?);
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

/// A person with what it is bound to; `None` if it was removed or changed at this moment.
pub(super) async fn with_bounds(
    conn: &impl ConnectionTrait,
    row: principal::Model,
) -> Result<Option<User>, StoreError> {
    let Bounds { aors, domains } = bounds::of_person(conn, row.id).await?;
    let role = parse("principal.role", &row.role)?;
    // Bound to no domain is bound to all of them: not if the bindings went with the person, or the role, just now.
    if role == Role::Operator && domains.is_empty() {
        let now = principal::Entity::find_by_id(row.id).one(conn).await?;
        if now.as_ref() != Some(&row) {
            return Ok(None);
        }
    }
    Ok(Some(User {
        id: row.id,
        name: row.name,
        password_hash: row.password_hash,
        role,
        aors,
        domains,
        created_at: row.created_at,
        disabled_at: row.disabled_at,
        enabled_at: row.enabled_at,
    }))
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

pub(super) fn parse<T: std::str::FromStr>(
    column: &'static str,
    value: &str,
) -> Result<T, StoreError> {
    value.parse().map_err(|_| StoreError::Corrupt {
        column,
        value: value.to_owned(),
    })
}
