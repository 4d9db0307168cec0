//! Changing people: their roles and bindings, and whether they may sign in. Who they are reads [`super::identity`].

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::db::{StoreError, WriteTx};
use super::entity::{principal, principal_aor, principal_domain};
use super::identity::{User, with_bounds};
use crate::domain::access::Role;
use crate::domain::address::Aor;
use crate::domain::domain_name::Domain;

use principal::Column as C;

/// A page of people, by name, after `after`.
///
/// # Errors
/// When the database fails.
pub async fn page(
    conn: &impl ConnectionTrait,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<User>, StoreError> {
    let mut query = principal::Entity::find().order_by_asc(C::Name).limit(limit);
    if let Some(after) = after {
        query = query.filter(C::Name.gt(after));
    }
    let rows = query.all(conn).await?;
    let mut users = Vec::with_capacity(rows.len());
    for row in rows {
        users.extend(with_bounds(conn, row).await?);
    }
    Ok(users)
}

/// The person with this id.
///
/// # Errors
/// When the database fails.
pub async fn with_id(conn: &impl ConnectionTrait, id: i64) -> Result<Option<User>, StoreError> {
    match principal::Entity::find_by_id(id).one(conn).await? {
        Some(row) => with_bounds(conn, row).await,
        None => Ok(None),
    }
}

/// The person with this id, held until the transaction ends.
///
/// # Errors
/// When the database fails.
pub async fn lock(tx: &WriteTx, id: i64) -> Result<Option<User>, StoreError> {
    let query = principal::Entity::find_by_id(id).lock_exclusive();
    match query.one(&**tx).await? {
        Some(row) => with_bounds(&**tx, row).await,
        None => Ok(None),
    }
}

/// The administrators who may sign in and have a password to do so, held until the transaction ends: of two transactions that would each take away
/// one, the second waits and sees what the first has left.
///
/// # Errors
/// When the database fails.
pub async fn lock_admins(tx: &WriteTx) -> Result<Vec<i64>, StoreError> {
    Ok(principal::Entity::find()
        .select_only()
        .column(C::Id)
        .filter(C::Role.eq(Role::Admin.as_str()))
        .filter(C::DisabledAt.is_null())
        .filter(C::PasswordHash.ne(""))
        .order_by_asc(C::Id)
        .lock_exclusive()
        .into_tuple()
        .all(&**tx)
        .await?)
}

/// Gives a person another role.
///
/// # Errors
/// When the database fails.
pub async fn set_role(tx: &WriteTx, id: i64, role: Role) -> Result<(), StoreError> {
    principal::Entity::update_many()
        .col_expr(C::Role, role.as_str().into())
        .filter(C::Id.eq(id))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Binds a person to these accounts and domains, and to no others.
///
/// # Errors
/// When the database fails.
pub async fn rebind(
    tx: &WriteTx,
    id: i64,
    aors: &[Aor],
    domains: &[Domain],
) -> Result<(), StoreError> {
    principal_aor::Entity::delete_many()
        .filter(principal_aor::Column::PrincipalId.eq(id))
        .exec(&**tx)
        .await?;
    principal_domain::Entity::delete_many()
        .filter(principal_domain::Column::PrincipalId.eq(id))
        .exec(&**tx)
        .await?;
    bind(tx, id, aors, domains).await
}

/// Binds a person to these accounts and domains.
///
/// # Errors
/// When the database fails.
pub async fn bind(
    tx: &WriteTx,
    id: i64,
    aors: &[Aor],
    domains: &[Domain],
) -> Result<(), StoreError> {
    let rows = aors.iter().map(|aor| principal_aor::ActiveModel {
        principal_id: Set(id),
        aor: Set(aor.as_str().to_owned()),
    });
    if !aors.is_empty() {
        principal_aor::Entity::insert_many(rows)
            .exec_without_returning(&**tx)
            .await?;
    }
    let rows = domains.iter().map(|domain| principal_domain::ActiveModel {
        principal_id: Set(id),
        domain: Set(domain.as_str().to_owned()),
    });
    if !domains.is_empty() {
        principal_domain::Entity::insert_many(rows)
            .exec_without_returning(&**tx)
            .await?;
    }
    Ok(())
}

/// Lets a person sign in no more.
///
/// # Errors
/// When the database fails.
pub async fn disable(tx: &WriteTx, id: i64, now: DateTime<Utc>) -> Result<(), StoreError> {
    principal::Entity::update_many()
        .col_expr(C::DisabledAt, now.into())
        .filter(C::Id.eq(id))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Lets a person sign in again; sessions from before stay ended.
///
/// # Errors
/// When the database fails.
pub async fn enable(tx: &WriteTx, id: i64, now: DateTime<Utc>) -> Result<(), StoreError> {
    principal::Entity::update_many()
        .col_expr(C::DisabledAt, Expr::value(None::<DateTime<Utc>>))
        .col_expr(C::EnabledAt, now.into())
        .filter(C::Id.eq(id))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Removes a person.
///
/// # Errors
/// When the database fails.
pub async fn remove(tx: &WriteTx, id: i64) -> Result<(), StoreError> {
    principal::Entity::delete_by_id(id).exec(&**tx).await?;
    Ok(())
}
