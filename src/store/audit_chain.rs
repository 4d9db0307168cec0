//! The chain of the audit. Entries are written by many transactions at once, each with its own act, and none of them waits
//! for another. Some time after they were committed one node chains them: it takes those before which none can become
//! visible any more, as readers of events do, so that the order of the chain is final.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{
    Alias, Expr, ExprTrait, IntoValueTuple, LockBehavior, LockType, Query, TableRef,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::db::{Db, ROWS_AT_ONCE, StoreError, WriteTx};
use super::entity::audit_chain_end as end;
use super::entity::audit_event::{Column as C, Entity, Model};
use super::events::settled;
use crate::domain::audit_chain::{End, Fault, Follower, Link, hash};

/// Entries that one transaction chains: few enough that nobody waits for it on `SQLite`.
const PER_BATCH: u64 = 500;
/// Entries read at a time by whoever follows the chain.
const PER_READ: u64 = 2000;
/// The entry before the first one that is there.
const BEFORE_FIRST: &str = "before_first";
/// The last entry.
const LAST: &str = "last";

fn link(row: &Model, number: i64) -> Link<'_> {
    Link {
        number,
        tx: row.tx,
        id: row.id,
        at: row.at,
        action: &row.action,
        outcome: &row.outcome,
        actor_kind: &row.actor_kind,
        actor_id: row.actor_id,
        account_id: row.account_id,
        detail: row.detail.as_deref(),
    }
}

/// Chains some of the entries that wait; says how many, and that there are none if another node is at it.
///
/// # Errors
/// When the database fails.
pub async fn extend(db: &Db) -> Result<u64, StoreError> {
    // Most of the time there is nothing to do, which an index says without a transaction.
    if waiting_rows(db.read(), 1).await?.is_empty() {
        return Ok(0);
    }
    let tx = db.write().await?;
    let free = end::Entity::find_by_id(LAST)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .one(&*tx)
        .await?;
    let Some(mut last) = free else {
        return Ok(0);
    };
    let rows = waiting_rows(&*tx, PER_BATCH).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let mut chained = Vec::with_capacity(rows.len());
    for row in &rows {
        last.number += 1;
        last.hash = hash(&last.hash, &link(row, last.number));
        chained.push((row.tx, row.id, last.number, last.hash.clone()));
    }
    let count = u64::try_from(chained.len()).unwrap_or_default();
    if write_links(&tx, chained).await? != count {
        // One of them went meanwhile, which nothing here does.
        return Err(StoreError::Conflict);
    }
    write_end(&tx, last).await?;
    tx.commit().await?;
    Ok(count)
}

/// The oldest entries that are in no chain yet and can be.
async fn waiting_rows(conn: &impl ConnectionTrait, limit: u64) -> Result<Vec<Model>, StoreError> {
    let waiting = Entity::find().filter(C::Number.is_null());
    let rows = settled(waiting, conn.get_database_backend())
        .order_by_asc(C::Tx)
        .order_by_asc(C::Id)
        .limit(limit);
    Ok(rows.all(conn).await?)
}

async fn write_links(
    tx: &WriteTx,
    chained: Vec<(i64, i64, i64, String)>,
) -> Result<u64, StoreError> {
    // Both databases call the columns of VALUES so.
    let column = |n: usize| Expr::col(("chained", Alias::new(format!("column{n}"))));
    let values = chained
        .into_iter()
        .map(IntoValueTuple::into_value_tuple)
        .collect();
    let update = Query::update()
        .table(Entity)
        .from(TableRef::ValuesList(values, "chained".into()))
        .value(C::Number, column(3))
        .value(C::Hash, column(4))
        .and_where(Expr::col((Entity, C::Tx)).eq(column(1)))
        .and_where(Expr::col((Entity, C::Id)).eq(column(2)))
        .and_where(Expr::col((Entity, C::Number)).is_null())
        .to_owned();
    Ok(tx.execute(&update).await?.rows_affected())
}

async fn write_end(tx: &WriteTx, new: end::Model) -> Result<(), StoreError> {
    end::Entity::update_many()
        .col_expr(end::Column::Number, new.number.into())
        .col_expr(end::Column::Hash, new.hash.into())
        .filter(end::Column::Name.eq(new.name))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Forgets some of the entries at the front of the chain that were made at or before an instant, in a transaction of their
/// own; says whether there may be more. The chain begins after them from then on.
///
/// # Errors
/// When the database fails.
pub async fn forget_old(db: &Db, before: DateTime<Utc>) -> Result<bool, StoreError> {
    if oldest(db.read(), 1).await?.iter().all(|row| row.2 > before) {
        return Ok(false);
    }
    let tx = db.write().await?;
    let free = end::Entity::find_by_id(BEFORE_FIRST)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .one(&*tx)
        .await?;
    let Some(mut first) = free else {
        return Ok(false);
    };
    let rows = oldest(&*tx, ROWS_AT_ONCE).await?;
    let old = rows.into_iter().take_while(|(_, _, at)| *at <= before);
    let Some((Some(number), Some(hash), _)) = old.last() else {
        return Ok(false);
    };
    let done = Entity::delete_many()
        .filter(C::Number.lte(number))
        .exec(&*tx)
        .await?;
    (first.number, first.hash) = (number, hash);
    write_end(&tx, first).await?;
    tx.commit().await?;
    Ok(done.rows_affected >= ROWS_AT_ONCE)
}

type Oldest = (Option<i64>, Option<String>, DateTime<Utc>);

async fn oldest(conn: &impl ConnectionTrait, limit: u64) -> Result<Vec<Oldest>, StoreError> {
    let rows = Entity::find()
        .select_only()
        .columns([C::Number, C::Hash, C::At])
        .filter(C::Number.is_not_null())
        .order_by_asc(C::Number)
        .limit(limit)
        .into_tuple();
    Ok(rows.all(conn).await?)
}

/// What following the chain has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The entry before the first one that is there: older ones were forgotten when their time was over.
    pub before_first: End,
    /// The last entry, as it was written down.
    pub last: End,
    /// Entries that were followed, up to the fault if there is one.
    pub entries: u64,
    /// Entries that are not chained yet.
    pub waiting: u64,
    /// Where the chain is broken.
    pub fault: Option<Fault>,
}

/// Follows the whole chain, as it is at one instant.
///
/// # Errors
/// When the database fails.
pub async fn verify(db: &Db) -> Result<Verification, StoreError> {
    let snapshot = db.snapshot().await?;
    let before_first = read_end(&snapshot, BEFORE_FIRST).await?;
    let last = read_end(&snapshot, LAST).await?;
    let waiting = Entity::find()
        .filter(C::Number.is_null())
        .count(&snapshot)
        .await?;
    let mut follower = Follower::new(before_first.clone());
    let fault = follow(&snapshot, &mut follower, &last).await?.err();
    Ok(Verification {
        before_first,
        last,
        entries: follower.entries(),
        waiting,
        fault,
    })
}

async fn follow(
    conn: &impl ConnectionTrait,
    follower: &mut Follower,
    last: &End,
) -> Result<Result<(), Fault>, StoreError> {
    let mut after = i64::MIN;
    loop {
        let rows = Entity::find()
            .filter(C::Number.gt(after))
            .order_by_asc(C::Number)
            .limit(PER_READ)
            .all(conn)
            .await?;
        if rows.is_empty() {
            return Ok(follower.end(last));
        }
        for row in &rows {
            let number = row.number.unwrap_or_default();
            if let Err(fault) = follower.follow(&link(row, number), row.hash.as_deref()) {
                return Ok(Err(fault));
            }
            after = number;
        }
    }
}

/// The last entry of the chain, as it was written down.
///
/// # Errors
/// When the database fails.
pub async fn last(conn: &impl ConnectionTrait) -> Result<End, StoreError> {
    read_end(conn, LAST).await
}

async fn read_end(conn: &impl ConnectionTrait, name: &'static str) -> Result<End, StoreError> {
    let row = end::Entity::find_by_id(name).one(conn).await?;
    let row = row.ok_or(StoreError::Corrupt {
        column: "audit_chain_end.name",
        value: format!("there is no row {name}"),
    })?;
    Ok(End {
        number: row.number,
        hash: row.hash,
    })
}

/// Lets entries be chained that were written in a cluster which counted transactions from elsewhere, before the database
/// was restored into this one.
///
/// # Errors
/// When the database fails.
pub async fn adopt_foreign(tx: &WriteTx) -> Result<(), StoreError> {
    if tx.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let next = Expr::cust("pg_snapshot_xmax(pg_current_snapshot())::text::bigint");
    Entity::update_many()
        .col_expr(C::Tx, 0.into())
        .filter(C::Number.is_null())
        .filter(Expr::col(C::Tx).gt(next))
        .exec(&**tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::plans::assert_looks_up;

    #[tokio::test]
    async fn looking_for_work_reads_no_entry_that_is_chained() {
        let waiting = "SELECT * FROM audit_event WHERE number IS NULL ORDER BY tx, id LIMIT 1";
        assert_looks_up(waiting, &["audit_event_waiting"]).await;
        let next = "SELECT * FROM audit_event WHERE number > 7 ORDER BY number LIMIT 2000";
        assert_looks_up(next, &["audit_event_number"]).await;
    }
}
