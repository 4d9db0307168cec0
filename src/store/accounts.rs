//! Accounts: the served users' mailboxes and their counters.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{
    Alias, Expr, ExprTrait, IntoValueTuple, LockBehavior, LockType, OnConflict, Query, TableRef,
    UpdateStatement,
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Select,
};

use super::db::{StoreError, WriteTx};
use super::entity::account;
use super::messages::like;
use super::within::within;
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

/// Removes an account that the transaction holds, with all that hangs on it.
///
/// # Errors
/// When the database fails.
pub async fn remove(tx: &WriteTx, account_id: i64) -> Result<(), StoreError> {
    account::Entity::delete_by_id(account_id)
        .exec(&**tx)
        .await?;
    Ok(())
}

/// The accounts with these database ids that lie within `scope`, in the order of their ids.
///
/// # Errors
/// When the database fails.
pub async fn with_ids(
    conn: &impl ConnectionTrait,
    scope: &Scope,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<Account>, StoreError> {
    account::Entity::find()
        .filter(account::Column::Id.is_in(ids))
        .filter(reached(scope))
        .order_by_asc(account::Column::Id)
        .all(conn)
        .await?
        .into_iter()
        .map(from_row)
        .collect()
}

/// Only accounts within `scope`.
pub(super) fn reached(scope: &Scope) -> Condition {
    use account::Column as C;
    let column = |column: C| Expr::col((account::Entity, column));
    within(scope, column(C::Aor), column(C::Domain))
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
        // The database works it out.
        domain: NotSet,
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

/// The statement that writes the counters of accounts that the transaction holds.
pub(super) fn update_counters(accounts: &[&Account]) -> UpdateStatement {
    use account::Column as C;
    let rows = padded(accounts).map(|account| {
        (
            account.id,
            account.next_number,
            account.list_version,
            account.message_count,
            account.byte_count,
        )
    });
    let (mut update, column) = update_from(rows);
    for (n, counter) in (2..).zip([C::NextNumber, C::ListVersion, C::MessageCount, C::ByteCount]) {
        update.value(counter, column(n));
    }
    update
}

/// An update of accounts by rows that begin with their ids, and what gives the other columns of the rows.
fn update_from(
    rows: impl Iterator<Item: IntoValueTuple>,
) -> (UpdateStatement, impl Fn(usize) -> Expr) {
    // Both databases call the columns of VALUES so.
    let column = |n: usize| Expr::col(("written", Alias::new(format!("column{n}"))));
    let values = rows.map(IntoValueTuple::into_value_tuple).collect();
    let mut update = Query::update();
    update
        .table(account::Entity)
        .from(TableRef::ValuesList(values, "written".into()))
        .and_where(Expr::col((account::Entity, account::Column::Id)).eq(column(1)));
    (update, column)
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

/// Those of these accounts that nobody else holds, held until the transaction ends.
///
/// # Errors
/// When the database fails.
pub async fn lock_free(tx: &WriteTx, ids: &BTreeSet<i64>) -> Result<BTreeSet<i64>, StoreError> {
    // SQLite leaves the locks out; nobody else writes there meanwhile.
    let free = in_order(ids).lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    let rows = free.into_tuple::<i64>().all(&**tx).await?;
    Ok(rows.into_iter().collect())
}

/// Holds these accounts until the transaction ends, so that changes of one happen one after another. On `SQLite` the
/// whole transaction does that already.
///
/// # Errors
/// When the database fails.
pub async fn lock_ids(tx: &WriteTx, ids: &BTreeSet<i64>) -> Result<(), StoreError> {
    in_order(ids)
        .lock_exclusive()
        .into_tuple::<i64>()
        .all(&**tx)
        .await?;
    Ok(())
}

/// Holds an account until the transaction ends; the version of its metadata document.
///
/// # Errors
/// When the database fails.
pub async fn lock_version(tx: &WriteTx, account_id: i64) -> Result<Option<i64>, StoreError> {
    Ok(account::Entity::find_by_id(account_id)
        .select_only()
        .column(account::Column::ListVersion)
        .lock_exclusive()
        .into_tuple()
        .one(&**tx)
        .await?)
}

/// The ids of accounts, in their order, so that two who want the same ones do not wait for each other.
fn in_order(ids: &BTreeSet<i64>) -> Select<account::Entity> {
    account::Entity::find()
        .select_only()
        .column(account::Column::Id)
        .filter(account::Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(account::Column::Id)
}

/// [`lock_ids`] of one account.
///
/// # Errors
/// When the database fails.
pub async fn lock(tx: &WriteTx, account_id: i64) -> Result<(), StoreError> {
    lock_ids(tx, &BTreeSet::from([account_id])).await
}

/// What an account holds less than before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GivenBack {
    /// Messages.
    pub messages: i64,
    /// Octets.
    pub octets: i64,
}

/// Gives back the room of removed messages and advances the metadata documents of accounts that the transaction
/// holds.
///
/// # Errors
/// When the database fails.
pub async fn give_back(
    tx: &WriteTx,
    accounts: &BTreeMap<i64, GivenBack>,
) -> Result<(), StoreError> {
    use account::Column as C;
    if accounts.is_empty() {
        return Ok(());
    }
    let rows: Vec<(i64, i64, i64)> = accounts
        .iter()
        .map(|(id, given_back)| (*id, given_back.messages, given_back.octets))
        .collect();
    let rows: Vec<&(i64, i64, i64)> = rows.iter().collect();
    let (mut update, column) = update_from(padded(&rows).copied());
    let old = |column: C| Expr::col((account::Entity, column));
    update
        .value(C::ListVersion, old(C::ListVersion).add(1))
        .value(C::MessageCount, old(C::MessageCount).sub(column(2)))
        .value(C::ByteCount, old(C::ByteCount).sub(column(3)));
    tx.execute(&update).await?;
    Ok(())
}

/// Advances the metadata document of an account that the transaction holds.
///
/// # Errors
/// When the database fails.
pub async fn advance(tx: &WriteTx, account_id: i64) -> Result<(), StoreError> {
    give_back(tx, &BTreeMap::from([(account_id, GivenBack::default())])).await
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
    let query = listed(scope, text, after).limit(limit);
    query.all(conn).await?.into_iter().map(from_row).collect()
}

fn listed(scope: &Scope, text: &str, after: Option<&str>) -> Select<account::Entity> {
    let mut query = account::Entity::find()
        .filter(reached(scope))
        .order_by_asc(account::Column::Aor);
    if let Some(after) = after {
        query = query.filter(account::Column::Aor.gt(after));
    }
    if !text.is_empty() {
        query = query.filter(account::Column::Folded.like(like(&text.to_lowercase())));
    }
    query
}

#[cfg(test)]
mod tests {
    use sea_orm::{DbBackend, QueryTrait};

    use super::*;
    use crate::store::plans::assert_looks_up;

    /// However many accounts other domains have.
    #[tokio::test]
    async fn a_domains_accounts_are_looked_up_in_their_order() {
        let domains = vec!["example.org".parse().unwrap()];
        let aors = Vec::new();
        let scope = Scope::Domains { domains, aors };
        let query = listed(&scope, "", Some("sip:b@example.org")).limit(50);
        let query = query.build(DbBackend::Sqlite).to_string();
        assert_looks_up(&query, &["account_domain (domain=? AND aor>?)"]).await;
    }
}
