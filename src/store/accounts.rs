//! Accounts: the served users' mailboxes and their counters.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, IntoValueTuple, OnConflict, Query, TableRef};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
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
    /// The number its next message gets.
    pub next_number: i64,
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

    /// Whether there is room for one more message, of `octets`.
    #[must_use]
    pub fn has_room(&self, octets: i64, policy: &Policy) -> bool {
        self.message_count < self.message_limit(policy)
            && self.byte_count.saturating_add(octets) <= self.byte_limit(policy)
    }

    /// Takes the next number and room for a message of `octets`; `None` when there is no room. It
    /// counts once [`write_counters`] has written it, and only in a transaction that holds the
    /// account ([`lock_all`]).
    pub fn take_number(&mut self, octets: i64, policy: &Policy) -> Option<i64> {
        if !self.has_room(octets, policy) {
            return None;
        }
        let number = self.next_number;
        self.next_number += 1;
        self.list_version += 1;
        self.message_count += 1;
        self.byte_count += octets;
        Some(number)
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
        next_number: row.next_number,
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

/// The account with this database id, for procedures; callers name accounts by address.
///
/// # Errors
/// When the database fails.
pub async fn by_id(
    conn: &impl ConnectionTrait,
    account_id: i64,
) -> Result<Option<Account>, StoreError> {
    let row = account::Entity::find_by_id(account_id).one(conn).await?;
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
    insert_new(tx, [new_row(aor, display_name, host, now)]).await
}

/// Makes an account for each of `aors` that has none, in the order of the addresses, so that two who
/// make the same ones do not wait for each other.
///
/// # Errors
/// When the database fails.
pub async fn ensure_all(
    tx: &WriteTx,
    aors: &BTreeSet<&Aor>,
    host: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    insert_new(tx, aors.iter().map(|aor| new_row(aor, None, host, now))).await
}

fn new_row(
    aor: &Aor,
    display_name: Option<&str>,
    host: &str,
    now: DateTime<Utc>,
) -> account::ActiveModel {
    account::ActiveModel {
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
    }
}

async fn insert_new(
    tx: &WriteTx,
    rows: impl IntoIterator<Item = account::ActiveModel>,
) -> Result<(), StoreError> {
    account::Entity::insert_many(rows)
        .on_conflict(
            OnConflict::column(account::Column::Aor)
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

/// The accounts that there are of `aors`, held until the transaction ends: whatever else is done to
/// them waits. Their rows are locked in the order of their ids, so that two who want the same ones do
/// not wait for each other.
///
/// # Errors
/// When the database fails.
pub async fn lock_all(
    tx: &WriteTx,
    aors: impl IntoIterator<Item = &Aor>,
) -> Result<Vec<Account>, StoreError> {
    account::Entity::find()
        .filter(account::Column::Aor.is_in(aors.into_iter().map(Aor::as_str)))
        .order_by_asc(account::Column::Id)
        .lock_exclusive()
        .all(&**tx)
        .await?
        .into_iter()
        .map(from_row)
        .collect()
}

/// Writes the counters of accounts that the transaction holds, all by one statement.
///
/// # Errors
/// When the database fails.
pub async fn write_counters(tx: &WriteTx, accounts: &[&Account]) -> Result<(), StoreError> {
    use account::Column as C;
    const COUNTERS: [C; 4] = [C::NextNumber, C::ListVersion, C::MessageCount, C::ByteCount];
    // Both databases call the columns of VALUES so.
    let column = |n: usize| Expr::col(("written", Alias::new(format!("column{n}"))));
    let rows = padded(accounts).map(|account| {
        (
            account.id,
            account.next_number,
            account.list_version,
            account.message_count,
            account.byte_count,
        )
    });
    let values = rows.map(IntoValueTuple::into_value_tuple).collect();
    let mut update = Query::update();
    update
        .table(account::Entity)
        .from(TableRef::ValuesList(values, "written".into()))
        .and_where(Expr::col((account::Entity, C::Id)).eq(column(1)));
    for (n, counter) in (2..).zip(COUNTERS) {
        update.value(counter, column(n));
    }
    tx.execute(&update).await?;
    Ok(())
}

/// The items, and the last one again until they are a power of two: so there are few different
/// statements, and the database keeps them prepared.
fn padded<'a, T>(items: &'a [&T]) -> impl Iterator<Item = &'a T> {
    let missing = items.len().next_power_of_two() - items.len();
    let last = items.last().copied();
    items
        .iter()
        .copied()
        .chain(last.into_iter().cycle().take(missing))
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

/// Advances the metadata document of an account that the transaction holds.
///
/// # Errors
/// When the database fails.
pub async fn advance(tx: &WriteTx, account_id: i64) -> Result<(), StoreError> {
    give_back(tx, account_id, 0, 0).await
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
