//! Accounts: the served users' mailboxes and their counters.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::db::{StoreError, WriteTx};
use super::entity::account;
use super::messages::like;
use crate::domain::access::Scope;
use crate::domain::address::Aor;
use crate::domain::policy::Policy;

/// A served user's mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Database id, the first part of its Message-IDs.
    pub id: i64,
    /// Whose it is.
    pub aor: Aor,
    /// What to call its owner.
    pub display_name: Option<String>,
    /// The mail server named in its Message-IDs.
    pub host: String,
    /// Version of its metadata document.
    pub list_version: i64,
    /// Messages it holds.
    pub message_count: i64,
    /// Octets it holds.
    pub byte_count: i64,
    /// Its own quota in messages, where it has one.
    pub quota_messages: Option<i64>,
    /// Its own quota in octets, where it has one.
    pub quota_bytes: Option<i64>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl Account {
    /// The most messages it may hold.
    #[must_use]
    pub fn message_limit(&self, policy: &Policy) -> i64 {
        self.quota_messages.unwrap_or(policy.quota_messages)
    }

    /// The most octets it may hold.
    #[must_use]
    pub fn byte_limit(&self, policy: &Policy) -> i64 {
        self.quota_bytes.unwrap_or(policy.quota_bytes)
    }
}

fn from_row(row: account::Model) -> Result<Account, StoreError> {
    let aor = row.aor.parse().map_err(|_| StoreError::Corrupt {
        column: "account.aor",
        value: row.aor.clone(),
    })?;
    Ok(Account {
        id: row.id,
        aor,
        display_name: row.display_name,
        host: row.host,
        list_version: row.list_version,
        message_count: row.message_count,
        byte_count: row.byte_count,
        quota_messages: row.quota_messages,
        quota_bytes: row.quota_bytes,
        created_at: row.created_at,
    })
}

/// The account of `aor`, if it exists and lies within `scope`.
///
/// # Errors
/// When the database fails.
pub async fn find(
    conn: &impl ConnectionTrait,
    scope: &Scope,
    aor: &Aor,
) -> Result<Option<Account>, StoreError> {
    if !scope.covers(aor) {
        return Ok(None);
    }
    let row = account::Entity::find()
        .filter(account::Column::Aor.eq(aor.as_str()))
        .one(conn)
        .await?;
    row.map(from_row).transpose()
}

/// Makes an account for `aor` unless there is one.
///
/// # Errors
/// When the database fails.
pub async fn ensure(
    tx: &WriteTx,
    aor: &Aor,
    display_name: Option<&str>,
    host: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let row = account::ActiveModel {
        id: NotSet,
        aor: Set(aor.as_str().to_owned()),
        display_name: Set(display_name.map(str::to_owned)),
        folded: Set(format!("{aor}\n{}", display_name.unwrap_or_default()).to_lowercase()),
        host: Set(host.to_owned()),
        next_number: Set(1),
        list_version: Set(0),
        message_count: Set(0),
        byte_count: Set(0),
        quota_messages: Set(None),
        quota_bytes: Set(None),
        created_at: Set(now),
    };
    account::Entity::insert(row)
        .on_conflict(
            OnConflict::column(account::Column::Aor)
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

/// Takes the next message number and room for `octets`, in one statement, so that no number of
/// concurrent writers passes the quota. `None` when there is no room. The account's row stays
/// locked until the transaction ends, which orders everything else done to the account.
///
/// # Errors
/// When the database fails.
pub async fn take_number(
    tx: &WriteTx,
    account: &Account,
    octets: i64,
    policy: &Policy,
) -> Result<Option<i64>, StoreError> {
    use account::Column as C;
    let room = Condition::all()
        .add(C::Id.eq(account.id))
        .add(C::MessageCount.lt(account.message_limit(policy)))
        .add(C::ByteCount.lte(account.byte_limit(policy).saturating_sub(octets)));
    let rows = account::Entity::update_many()
        .col_expr(C::NextNumber, Expr::col(C::NextNumber).add(1))
        .col_expr(C::ListVersion, Expr::col(C::ListVersion).add(1))
        .col_expr(C::MessageCount, Expr::col(C::MessageCount).add(1))
        .col_expr(C::ByteCount, Expr::col(C::ByteCount).add(octets))
        .filter(room)
        .exec_with_returning(&**tx)
        .await?;
    Ok(rows.first().map(|row| row.next_number - 1))
}

/// Locks the account's row until the transaction ends, so that changes of one account happen one
/// after another. On `SQLite` the whole transaction does that already.
///
/// # Errors
/// When the database fails.
pub async fn lock(tx: &WriteTx, account_id: i64) -> Result<(), StoreError> {
    account::Entity::find_by_id(account_id)
        .lock_exclusive()
        .one(&**tx)
        .await?;
    Ok(())
}

/// Gives back the room of removed messages and advances the metadata document.
///
/// # Errors
/// When the database fails.
pub async fn give_back(
    tx: &WriteTx,
    account_id: i64,
    messages: i64,
    octets: i64,
) -> Result<(), StoreError> {
    use account::Column as C;
    account::Entity::update_many()
        .col_expr(C::ListVersion, Expr::col(C::ListVersion).add(1))
        .col_expr(C::MessageCount, Expr::col(C::MessageCount).sub(messages))
        .col_expr(C::ByteCount, Expr::col(C::ByteCount).sub(octets))
        .filter(C::Id.eq(account_id))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// A page of accounts in the order of their AoRs, after `after`, that contain `text`.
///
/// # Errors
/// When the database fails.
pub async fn page(
    conn: &impl ConnectionTrait,
    scope: &Scope,
    text: &str,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<Account>, StoreError> {
    let mut query = account::Entity::find()
        .order_by_asc(account::Column::Aor)
        .limit(limit);
    if let Scope::Aors(own) = scope {
        query = query.filter(account::Column::Aor.is_in(own.iter().map(Aor::as_str)));
    }
    if let Some(after) = after {
        query = query.filter(account::Column::Aor.gt(after));
    }
    if !text.is_empty() {
        query = query.filter(account::Column::Folded.like(like(&text.to_lowercase())));
    }
    query.all(conn).await?.into_iter().map(from_row).collect()
}
