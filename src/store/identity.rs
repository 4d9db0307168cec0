//! People and what proves who they are, and what people and tokens are called.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::bounds::{self, Bounds};
use super::db::{StoreError, WriteTx};
use super::entity::{api_token, principal};
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
    /// argon2id, in PHC string format; empty while the person has not chosen a password.
    pub password_hash: String,
    /// Whether a second factor is asked for.
    pub has_second_factor: bool,
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

/// Adds a person; its id. Without a password hash the person cannot sign in yet.
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
        totp_secret: Set(None),
        totp_step: Set(None),
    };
    let id = principal::Entity::insert(row)
        .exec(&**tx)
        .await?
        .last_insert_id;
    users::bind(tx, id, aors, &[]).await?;
    Ok(id)
}

/// Gives a person a new password, and the person's id if there is one.
///
/// # Errors
/// When the database fails.
pub async fn set_password(
    tx: &WriteTx,
    name: &str,
    password_hash: &str,
) -> Result<Option<i64>, StoreError> {
    let changed = principal::Entity::update_many()
        .col_expr(principal::Column::PasswordHash, password_hash.into())
        .filter(principal::Column::Name.eq(name))
        .exec_with_returning(&**tx)
        .await?;
    Ok(changed.first().map(|person| person.id))
}

/// The id and the password hash of the person of this name: as little as whoever is nobody costs.
///
/// # Errors
/// When the database fails.
pub async fn password_of(
    conn: &impl ConnectionTrait,
    name: &str,
) -> Result<Option<(i64, String)>, StoreError> {
    use principal::Column as C;
    let row = principal::Entity::find()
        .select_only()
        .columns([C::Id, C::PasswordHash])
        .filter(C::Name.eq(name))
        .into_tuple()
        .one(conn)
        .await?;
    Ok(row)
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

/// Whether there is an administrator who has a password.
///
/// # Errors
/// When the database fails.
pub async fn has_admin(conn: &impl ConnectionTrait) -> Result<bool, StoreError> {
    let count = principal::Entity::find()
        .filter(principal::Column::Role.eq(Role::Admin.as_str()))
        .filter(principal::Column::PasswordHash.ne(""))
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
        has_second_factor: row.totp_secret.is_some(),
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

pub(super) fn parse<T: std::str::FromStr>(
    column: &'static str,
    value: &str,
) -> Result<T, StoreError> {
    value.parse().map_err(|_| StoreError::Corrupt {
        column,
        value: value.to_owned(),
    })
}
