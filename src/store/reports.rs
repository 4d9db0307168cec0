//! The outbox of delivery reports: queued with the removal of their messages, handed out one at a time for each
//! sender, kept for a while after they have ended.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{
    Alias, Expr, ExprTrait, LockBehavior, LockType, OnConflict, Order, Query, SelectStatement,
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use super::db::{Db, ROWS_AT_ONCE, StoreError, WriteTx};
use super::entity::report::{ActiveModel, Column as C, Entity, Model};
use super::within::within;
use crate::domain::access::Scope;
use crate::domain::address::Aor;
use crate::domain::event::Cause;
use crate::domain::message_id::{MessageId, MessageKey};
use crate::domain::report::{ReportKind, State};

/// A report to be queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReport {
    /// The message that goes, and the mail server that held it.
    pub message_id: MessageId,
    /// Whose it was.
    pub aor: Aor,
    /// What is reported.
    pub kind: ReportKind,
    /// What reports have in common that go one after another: sender and target.
    pub sender_key: String,
    /// The URI to send it to.
    pub target: String,
    /// Why the message goes.
    pub cause: Cause,
    /// The report's own IMDN Message-ID.
    pub imdn_message_id: String,
    /// The message/cpim entity.
    pub body: Vec<u8>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it is given up.
    pub give_up_at: DateTime<Utc>,
}

/// A report in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Database id; reports of one sender to one target go in its order.
    pub id: i64,
    /// The message that went.
    pub message_id: MessageId,
    /// Whose it was.
    pub aor: String,
    /// What reports have in common that go one after another: sender and target.
    pub sender_key: String,
    /// The URI to send it to.
    pub target: String,
    /// Why the message went.
    pub cause: Cause,
    /// The report's own IMDN Message-ID, the same at every attempt.
    pub imdn_message_id: String,
    /// The message/cpim entity.
    pub body: Vec<u8>,
    /// Where it is on its way.
    pub state: State,
    /// How often it was handed out.
    pub attempts: u32,
    /// When it may be handed out next; none once it has ended.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Until when it belongs to whoever it was handed out to.
    pub lease_until: Option<DateTime<Utc>>,
    /// What the last attempt came to.
    pub last_error: Option<String>,
    /// When it was queued.
    pub created_at: DateTime<Utc>,
    /// When it is given up.
    pub give_up_at: DateTime<Utc>,
    /// When it was sent or given up.
    pub ended_at: Option<DateTime<Utc>>,
}

fn from_row(row: Model) -> Result<Report, StoreError> {
    let state = row.state.parse().map_err(|_| StoreError::Corrupt {
        column: "report.state",
        value: row.state.clone(),
    })?;
    let cause = row.reason.parse().map_err(|_| StoreError::Corrupt {
        column: "report.reason",
        value: row.reason.clone(),
    })?;
    let key = MessageKey {
        account_id: row.account_id,
        number: row.number,
    };
    Ok(Report {
        id: row.id,
        message_id: MessageId {
            key,
            host: row.host,
        },
        aor: row.aor,
        sender_key: row.sender_key,
        target: row.target,
        cause,
        imdn_message_id: row.imdn_message_id,
        body: row.body,
        state,
        attempts: u32::try_from(row.attempts).unwrap_or_default(),
        next_attempt_at: row.next_attempt_at,
        lease_until: row.lease_until,
        last_error: row.last_error,
        created_at: row.created_at,
        give_up_at: row.give_up_at,
        ended_at: row.ended_at,
    })
}

/// Queues reports. One that its message has already is left as it is.
///
/// # Errors
/// When the database fails.
pub async fn insert_all(tx: &WriteTx, reports: Vec<NewReport>) -> Result<(), StoreError> {
    if reports.is_empty() {
        return Ok(());
    }
    let rows = reports.into_iter().map(|new| ActiveModel {
        id: NotSet,
        account_id: Set(new.message_id.key.account_id),
        number: Set(new.message_id.key.number),
        kind: Set(new.kind.as_str().to_owned()),
        aor: Set(new.aor.as_str().to_owned()),
        // The database works it out.
        domain: NotSet,
        host: Set(new.message_id.host),
        sender_key: Set(new.sender_key),
        target: Set(new.target),
        reason: Set(new.cause.as_str().to_owned()),
        imdn_message_id: Set(new.imdn_message_id),
        body: Set(new.body),
        state: Set(State::Pending.as_str().to_owned()),
        attempts: Set(0),
        next_attempt_at: Set(Some(new.created_at)),
        lease_until: Set(None),
        last_error: Set(None),
        created_at: Set(new.created_at),
        give_up_at: Set(new.give_up_at),
        ended_at: Set(None),
    });
    Entity::insert_many(rows)
        .on_conflict(
            OnConflict::columns([C::AccountId, C::Number, C::Kind])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

/// Reports that may be handed out at `now`: those that wait and those whose lease has run out, but none before an
/// earlier one of its sender to the same target has ended. Only what lies within `scope` counts, so that no tenant holds up another.
fn due(scope: &Scope, now: DateTime<Utc>) -> Select<Entity> {
    Entity::find()
        .filter(C::NextAttemptAt.lte(now))
        .filter(C::GiveUpAt.gt(now))
        .filter(Expr::exists(earlier(scope)).not())
        .filter(reached(scope))
        .order_by_asc(C::NextAttemptAt)
        .order_by_asc(C::Id)
}

/// The open reports of the same sender to the same target that came before.
fn earlier(scope: &Scope) -> SelectStatement {
    let column = |column: C| Expr::col((Alias::new("earlier"), column));
    let own = |column: C| Expr::col((Entity, column));
    let mut query = Query::select();
    query
        .expr(Expr::val(1))
        .from_as(Entity, Alias::new("earlier"))
        .and_where(column(C::SenderKey).eq(own(C::SenderKey)))
        .and_where(column(C::Id).lt(own(C::Id)))
        .and_where(column(C::NextAttemptAt).is_not_null());
    if *scope != Scope::All {
        query.cond_where(within(scope, column(C::Aor), column(C::Domain)));
    }
    query
}

/// Only reports about messages of accounts within `scope`.
fn reached(scope: &Scope) -> Condition {
    let column = |column: C| Expr::col((Entity, column));
    within(scope, column(C::Aor), column(C::Domain))
}

/// Whether there is a report to hand out.
///
/// # Errors
/// When the database fails.
pub async fn is_any_due(
    conn: &impl ConnectionTrait,
    scope: &Scope,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let query = due(scope, now).select_only().column(C::Id).limit(1);
    Ok(query.into_tuple::<i64>().one(conn).await?.is_some())
}

/// Hands out up to `limit` reports until `lease_until`, in the order they came, to nobody else meanwhile.
///
/// # Errors
/// When the database fails.
pub async fn claim(
    tx: &WriteTx,
    scope: &Scope,
    now: DateTime<Utc>,
    lease_until: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Report>, StoreError> {
    hand_out(tx, due(scope, now).limit(limit), lease_until).await
}

/// Hands out, as [`claim`] does, the oldest open report of each of these senders where it may be handed out. Finding
/// it takes no look at the others.
///
/// # Errors
/// When the database fails.
pub async fn claim_next(
    tx: &WriteTx,
    sender_keys: &[&str],
    now: DateTime<Utc>,
    lease_until: DateTime<Utc>,
) -> Result<Vec<Report>, StoreError> {
    let mut oldest = Query::select();
    oldest
        .expr(Expr::col(C::Id).min())
        .from(Entity)
        .and_where(C::SenderKey.is_in(sender_keys.iter().copied()))
        .and_where(C::NextAttemptAt.is_not_null())
        .group_by_col(C::SenderKey);
    let query = Entity::find()
        .filter(C::Id.in_subquery(oldest))
        .filter(C::NextAttemptAt.lte(now))
        .filter(C::GiveUpAt.gt(now));
    hand_out(tx, query, lease_until).await
}

async fn hand_out(
    tx: &WriteTx,
    query: Select<Entity>,
    lease_until: DateTime<Utc>,
) -> Result<Vec<Report>, StoreError> {
    let mut rows = query
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(&**tx)
        .await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Entity::update_many()
        .col_expr(C::State, State::Leased.as_str().into())
        .col_expr(C::Attempts, Expr::col(C::Attempts).add(1))
        .col_expr(C::NextAttemptAt, lease_until.into())
        .col_expr(C::LeaseUntil, lease_until.into())
        .filter(C::Id.is_in(ids))
        .exec(&**tx)
        .await?;
    rows.sort_by_key(|row| row.id);
    let claimed = rows.into_iter().map(|row| {
        let mut report = from_row(row)?;
        report.state = State::Leased;
        report.attempts += 1;
        report.next_attempt_at = Some(lease_until);
        report.lease_until = Some(lease_until);
        Ok(report)
    });
    claimed.collect()
}

/// The report about a message.
///
/// # Errors
/// When the database fails.
pub async fn of_message(
    conn: &impl ConnectionTrait,
    key: MessageKey,
) -> Result<Option<Report>, StoreError> {
    let query = Entity::find()
        .filter(C::AccountId.eq(key.account_id))
        .filter(C::Number.eq(key.number));
    query.one(conn).await?.map(from_row).transpose()
}

/// Marks those of these reports that are handed out as sent.
///
/// # Errors
/// When the database fails.
pub async fn mark_sent(tx: &WriteTx, ids: Vec<i64>, now: DateTime<Utc>) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    Entity::update_many()
        .col_expr(C::State, State::Sent.as_str().into())
        .col_expr(C::NextAttemptAt, Expr::value(None::<DateTime<Utc>>))
        .col_expr(C::LeaseUntil, Expr::value(None::<DateTime<Utc>>))
        .col_expr(C::LastError, Expr::value(None::<String>))
        .col_expr(C::EndedAt, now.into())
        .filter(C::Id.is_in(ids))
        .filter(C::State.eq(State::Leased.as_str()))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// A report within `scope`, held until the transaction ends.
///
/// # Errors
/// When the database fails.
pub async fn lock(tx: &WriteTx, scope: &Scope, id: i64) -> Result<Option<Report>, StoreError> {
    let query = Entity::find_by_id(id)
        .filter(reached(scope))
        .lock_exclusive();
    query.one(&**tx).await?.map(from_row).transpose()
}

/// Writes what an attempt came to, or what an operator decided, into the row of a report that the transaction holds.
///
/// # Errors
/// When the database fails.
pub async fn write(tx: &WriteTx, report: &Report) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(report.id),
        state: Set(report.state.as_str().to_owned()),
        next_attempt_at: Set(report.next_attempt_at),
        lease_until: Set(report.lease_until),
        last_error: Set(report.last_error.clone()),
        give_up_at: Set(report.give_up_at),
        ended_at: Set(report.ended_at),
        ..ActiveModel::default()
    };
    Entity::update(row.into_active_model()).exec(&**tx).await?;
    Ok(())
}

/// Removes a report.
///
/// # Errors
/// When the database fails.
pub async fn remove(tx: &WriteTx, id: i64) -> Result<(), StoreError> {
    Entity::delete_by_id(id).exec(&**tx).await?;
    Ok(())
}

/// Gives up the reports whose time has passed; says how many. One that is handed out is left to whoever has it.
///
/// # Errors
/// When the database fails.
pub async fn give_up_due(tx: &WriteTx, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = Entity::update_many()
        .col_expr(C::State, State::Dead.as_str().into())
        .col_expr(C::NextAttemptAt, Expr::value(None::<DateTime<Utc>>))
        .col_expr(C::LeaseUntil, Expr::value(None::<DateTime<Utc>>))
        .col_expr(C::EndedAt, now.into())
        .filter(C::NextAttemptAt.is_not_null())
        .filter(C::GiveUpAt.lte(now))
        .filter(C::LeaseUntil.is_null().or(C::LeaseUntil.lte(now)))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected)
}

/// Forgets some of the reports that ended at or before an instant, in a transaction of their own; says whether there may
/// be more.
///
/// # Errors
/// When the database fails.
pub async fn forget_ended(db: &Db, before: DateTime<Utc>) -> Result<bool, StoreError> {
    let ended = Query::select()
        .column(C::Id)
        .from(Entity)
        .and_where(C::EndedAt.lte(before))
        .order_by(C::EndedAt, Order::Asc)
        .limit(ROWS_AT_ONCE)
        .to_owned();
    let tx = db.write().await?;
    let done = Entity::delete_many()
        .filter(C::Id.in_subquery(ended))
        .exec(&*tx)
        .await?;
    tx.commit().await?;
    Ok(done.rows_affected >= ROWS_AT_ONCE)
}

/// A page of the reports within `scope`, newest first, ids below `before`, all or those in one state.
///
/// # Errors
/// When the database fails.
pub async fn page(
    conn: &impl ConnectionTrait,
    scope: &Scope,
    state: Option<State>,
    before: Option<i64>,
    limit: u64,
) -> Result<Vec<Report>, StoreError> {
    let query = listed(scope, state, before).limit(limit);
    query.all(conn).await?.into_iter().map(from_row).collect()
}

fn listed(scope: &Scope, state: Option<State>, before: Option<i64>) -> Select<Entity> {
    let mut query = Entity::find().filter(reached(scope)).order_by_desc(C::Id);
    if let Some(state) = state {
        query = query.filter(C::State.eq(state.as_str()));
    }
    if let Some(before) = before {
        query = query.filter(C::Id.lt(before));
    }
    query
}

#[cfg(test)]
mod tests {
    use sea_orm::{DbBackend, QueryTrait};

    use super::*;
    use crate::store::plans::assert_looks_up;

    /// However much has ended.
    #[tokio::test]
    async fn handing_out_looks_only_at_what_is_open() {
        let query = due(&Scope::All, DateTime::UNIX_EPOCH).limit(10);
        let query = query.build(DbBackend::Sqlite).to_string();
        let indexes = [
            "report_due (next_attempt_at<?)",
            "report_order (sender_key=? AND id<?)",
        ];
        assert_looks_up(&query, &indexes).await;
    }

    /// However many reports other domains have.
    #[tokio::test]
    async fn a_domains_reports_are_looked_up_in_their_order() {
        let domains = vec!["example.org".parse().unwrap()];
        let aors = Vec::new();
        let query = listed(&Scope::Domains { domains, aors }, None, Some(9)).limit(50);
        let query = query.build(DbBackend::Sqlite).to_string();
        assert_looks_up(&query, &["report_domain (domain=? AND id<?)"]).await;
    }
}
