//! Second factors of people: the secret they share with an app, and the codes that stand in for it.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait,
    QueryFilter, QuerySelect,
};

use super::db::{StoreError, WriteTx};
use super::entity::{principal, recovery_code};

/// The secret that a person shares with an app, if there is one.
///
/// # Errors
/// When the database fails.
pub async fn secret(
    conn: &impl ConnectionTrait,
    principal_id: i64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let row: Option<Option<Vec<u8>>> = principal::Entity::find_by_id(principal_id)
        .select_only()
        .column(principal::Column::TotpSecret)
        .into_tuple()
        .one(conn)
        .await?;
    Ok(row.flatten())
}

/// Gives a person this secret, or takes theirs away with the codes that stand in for it. `step` is that of the code which
/// was taken last; says whether there is such a person.
///
/// # Errors
/// When the database fails.
pub async fn set(
    tx: &WriteTx,
    principal_id: i64,
    secret: Option<Vec<u8>>,
    step: Option<i64>,
) -> Result<bool, StoreError> {
    let done = principal::Entity::update_many()
        .col_expr(principal::Column::TotpSecret, secret.into())
        .col_expr(principal::Column::TotpStep, step.into())
        .filter(principal::Column::Id.eq(principal_id))
        .exec(&**tx)
        .await?;
    set_codes(tx, principal_id, &[]).await?;
    Ok(done.rows_affected > 0)
}

/// Takes the code of a time step, if no code of this step or a later one has been taken; of several who try at once one
/// succeeds.
///
/// # Errors
/// When the database fails.
pub async fn take_step(tx: &WriteTx, principal_id: i64, step: i64) -> Result<bool, StoreError> {
    let column = principal::Column::TotpStep;
    let done = principal::Entity::update_many()
        .col_expr(column, step.into())
        .filter(principal::Column::Id.eq(principal_id))
        .filter(principal::Column::TotpSecret.is_not_null())
        .filter(Condition::any().add(column.is_null()).add(column.lt(step)))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected > 0)
}

/// Gives a person these recovery codes, by their hashes, in place of those before.
///
/// # Errors
/// When the database fails.
pub async fn set_codes(
    tx: &WriteTx,
    principal_id: i64,
    hashes: &[String],
) -> Result<(), StoreError> {
    recovery_code::Entity::delete_many()
        .filter(recovery_code::Column::PrincipalId.eq(principal_id))
        .exec(&**tx)
        .await?;
    if hashes.is_empty() {
        return Ok(());
    }
    let rows = hashes.iter().map(|hash| recovery_code::ActiveModel {
        principal_id: Set(principal_id),
        code_hash: Set(hash.clone()),
    });
    recovery_code::Entity::insert_many(rows)
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

/// Uses up a recovery code; of several who try at once one succeeds.
///
/// # Errors
/// When the database fails.
pub async fn take_code(tx: &WriteTx, principal_id: i64, hash: &str) -> Result<bool, StoreError> {
    let done = recovery_code::Entity::delete_many()
        .filter(recovery_code::Column::PrincipalId.eq(principal_id))
        .filter(recovery_code::Column::CodeHash.eq(hash))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected > 0)
}

/// How many recovery codes a person has left.
///
/// # Errors
/// When the database fails.
pub async fn codes_left(conn: &impl ConnectionTrait, principal_id: i64) -> Result<u64, StoreError> {
    let left = recovery_code::Entity::find()
        .filter(recovery_code::Column::PrincipalId.eq(principal_id))
        .count(conn)
        .await?;
    Ok(left)
}
