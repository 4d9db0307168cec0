//! What goes with an account that is erased.

use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::db::{StoreError, WriteTx};
use super::entity::{api_token, api_token_aor, api_token_domain, principal, principal_aor};
use super::{links, sessions, xcap_logins};
use crate::domain::access::Role;
use crate::domain::address::Aor;

/// Forgets what binds people to an account, and those who are bound to no other, unless they are there for more than
/// their own messages; says how many.
///
/// # Errors
/// When the database fails.
pub async fn forget_users_of(tx: &WriteTx, aor: &Aor) -> Result<u64, StoreError> {
    use principal_aor::Column as C;
    let bound: Vec<i64> = principal_aor::Entity::find()
        .select_only()
        .column(C::PrincipalId)
        .filter(C::Aor.eq(aor.as_str()))
        .into_tuple()
        .all(&**tx)
        .await?;
    principal_aor::Entity::delete_many()
        .filter(C::Aor.eq(aor.as_str()))
        .exec(&**tx)
        .await?;
    let others = Query::select()
        .column(C::PrincipalId)
        .from(principal_aor::Entity)
        .to_owned();
    let done = principal::Entity::delete_many()
        .filter(principal::Column::Id.is_in(bound.iter().copied()))
        .filter(principal::Column::Role.eq(Role::User.as_str()))
        .filter(principal::Column::Id.not_in_subquery(others))
        .exec(&**tx)
        .await?;
    let left: Vec<i64> = principal::Entity::find()
        .select_only()
        .column(principal::Column::Id)
        .filter(principal::Column::Id.is_in(bound.iter().copied()))
        .into_tuple()
        .all(&**tx)
        .await?;
    for gone in bound.into_iter().filter(|id| !left.contains(id)) {
        sessions::end_of(tx, gone, None).await?;
        links::end_of(tx, gone).await?;
    }
    Ok(done.rows_affected)
}

/// Forgets what binds tokens to an account, and the tokens that are bound to no other; says how many.
///
/// # Errors
/// When the database fails.
pub async fn forget_tokens_of(tx: &WriteTx, aor: &Aor) -> Result<u64, StoreError> {
    use api_token_aor::Column as C;
    let bound: Vec<i64> = api_token_aor::Entity::find()
        .select_only()
        .column(C::TokenId)
        .filter(C::Aor.eq(aor.as_str()))
        .into_tuple()
        .all(&**tx)
        .await?;
    // Two accounts of one token may be erased at once: the second waits, and sees what the first has done.
    api_token::Entity::find()
        .select_only()
        .column(api_token::Column::Id)
        .filter(api_token::Column::Id.is_in(bound.iter().copied()))
        .order_by_asc(api_token::Column::Id)
        .lock_exclusive()
        .into_tuple::<i64>()
        .all(&**tx)
        .await?;
    xcap_logins::forget(tx, aor).await?;
    api_token_aor::Entity::delete_many()
        .filter(C::Aor.eq(aor.as_str()))
        .exec(&**tx)
        .await?;
    let others = Query::select()
        .column(C::TokenId)
        .from(api_token_aor::Entity)
        .to_owned();
    let of_domains = Query::select()
        .column(api_token_domain::Column::TokenId)
        .from(api_token_domain::Entity)
        .to_owned();
    // A token without any binding reaches every account: it must not become one.
    let done = api_token::Entity::delete_many()
        .filter(api_token::Column::Id.is_in(bound))
        .filter(api_token::Column::Id.not_in_subquery(others))
        .filter(api_token::Column::Id.not_in_subquery(of_domains))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected)
}
