//! The user names under which tokens sign XCAP requests by Digest. Several tokens may have one name: a bare `alice`
//! is in every domain, and a user has several devices.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::db::{StoreError, WriteTx};
use super::entity::xcap_login;
use super::tokens::{self, DigestLogin};
use crate::domain::address::Aor;

/// Of the tokens with one name so many are tried, the newest first, so that trying is bounded.
pub const MOST_CANDIDATES: u64 = 100;

/// Gives a token a name; `aor` is the address that it spells. A name that the token has already stays as it is, and
/// tokens that have expired give it up.
///
/// # Errors
/// When the database fails.
pub async fn add(
    tx: &WriteTx,
    token_id: i64,
    login: DigestLogin,
    aor: Option<&Aor>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    xcap_login::Entity::delete_many()
        .filter(xcap_login::Column::Username.eq(&login.username))
        .filter(xcap_login::Column::TokenId.in_subquery(tokens::expired(now)))
        .exec(&**tx)
        .await?;
    let row = xcap_login::ActiveModel {
        token_id: Set(token_id),
        username: Set(login.username),
        aor: Set(aor.map(|aor| aor.as_str().to_owned())),
        sha256: Set(login.sha256),
        md5: Set(login.md5),
    };
    let name = [xcap_login::Column::TokenId, xcap_login::Column::Username];
    xcap_login::Entity::insert(row)
        .on_conflict(OnConflict::columns(name).do_nothing().to_owned())
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

/// The tokens of this name, be they expired, and what each is known by: [`MOST_CANDIDATES`] at most, newest first.
///
/// # Errors
/// When the database fails.
pub async fn candidates(
    conn: &impl ConnectionTrait,
    username: &str,
) -> Result<Vec<(i64, DigestLogin)>, StoreError> {
    let rows = xcap_login::Entity::find()
        .filter(xcap_login::Column::Username.eq(username))
        .order_by_desc(xcap_login::Column::TokenId)
        .limit(MOST_CANDIDATES)
        .all(conn)
        .await?;
    let candidate = |row: xcap_login::Model| {
        let login = DigestLogin {
            username: row.username,
            sha256: row.sha256,
            md5: row.md5,
        };
        (row.token_id, login)
    };
    Ok(rows.into_iter().map(candidate).collect())
}

/// All names of a token.
///
/// # Errors
/// When the database fails.
pub async fn usernames(tx: &WriteTx, token_id: i64) -> Result<Vec<String>, StoreError> {
    Ok(xcap_login::Entity::find()
        .select_only()
        .column(xcap_login::Column::Username)
        .filter(xcap_login::Column::TokenId.eq(token_id))
        .into_tuple()
        .all(&**tx)
        .await?)
}

/// Has a name of a token stand for another secret.
///
/// # Errors
/// When the database fails.
pub async fn set_hashes(tx: &WriteTx, token_id: i64, login: DigestLogin) -> Result<(), StoreError> {
    xcap_login::Entity::update_many()
        .col_expr(xcap_login::Column::Sha256, login.sha256.into())
        .col_expr(xcap_login::Column::Md5, login.md5.into())
        .filter(xcap_login::Column::TokenId.eq(token_id))
        .filter(xcap_login::Column::Username.eq(login.username))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Takes all names from a token.
///
/// # Errors
/// When the database fails.
pub async fn remove_all(tx: &WriteTx, token_id: i64) -> Result<(), StoreError> {
    xcap_login::Entity::delete_many()
        .filter(xcap_login::Column::TokenId.eq(token_id))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Forgets all names that spell this address.
///
/// # Errors
/// When the database fails.
pub async fn forget(tx: &WriteTx, aor: &Aor) -> Result<(), StoreError> {
    xcap_login::Entity::delete_many()
        .filter(xcap_login::Column::Aor.eq(aor.as_str()))
        .exec(&**tx)
        .await?;
    Ok(())
}
