//! Events: written by the transactions that make them happen, read in the order in which those became visible.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Select,
};

use super::db::{Db, ROWS_AT_ONCE, StoreError, WriteTx};
use super::entity::event::{ActiveModel, Column as C, Entity, Model};
use crate::domain::audit::Actor;
use crate::domain::event::{Cause, EventKind, Place};
use crate::domain::message_id::MessageKey;

/// Rows that one statement writes: statements take so many parameters and no more.
const ROWS_PER_STATEMENT: usize = 500;

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewEvent<'a> {
    /// What.
    pub kind: EventKind,
    /// When.
    pub at: DateTime<Utc>,
    /// To whose account.
    pub account_id: i64,
    /// To which message of it.
    pub number: Option<i64>,
    /// Why a message goes.
    pub cause: Option<Cause>,
    /// Who does it, if somebody does.
    pub actor: Option<Actor>,
    /// The expiry a message has now, or when its deletion becomes final.
    pub until: Option<DateTime<Utc>>,
    /// AUID and path of the XCAP document that changes.
    pub document: Option<&'a str>,
}

impl NewEvent<'_> {
    /// Something that happens to a message.
    #[must_use]
    pub fn of(kind: EventKind, key: MessageKey, at: DateTime<Utc>) -> Self {
        Self {
            number: Some(key.number),
            ..Self::of_account(kind, key.account_id, at)
        }
    }

    /// Something that happens to an account.
    #[must_use]
    pub fn of_account(kind: EventKind, account_id: i64, at: DateTime<Utc>) -> Self {
        Self {
            kind,
            at,
            account_id,
            number: None,
            cause: None,
            actor: None,
            until: None,
            document: None,
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its place among all events.
    pub place: Place,
    /// What.
    pub kind: EventKind,
    /// When.
    pub at: DateTime<Utc>,
    /// To whose account.
    pub account_id: i64,
    /// To which message of it.
    pub number: Option<i64>,
    /// Why a message went.
    pub cause: Option<Cause>,
    /// Who did it, if somebody did.
    pub actor: Option<Actor>,
    /// The expiry the message had then, or when its deletion was to become final.
    pub until: Option<DateTime<Utc>>,
    /// AUID and path of the XCAP document that changed.
    pub document: Option<String>,
}

fn from_row(row: Model) -> Result<Event, StoreError> {
    let corrupt = |column, value: &str| StoreError::Corrupt {
        column,
        value: value.to_owned(),
    };
    let kind = row.kind.parse();
    let cause = row.reason.map(|word| {
        let parsed = word.parse();
        parsed.map_err(|_| corrupt("event.reason", &word))
    });
    let actor = row.actor_kind.map(|kind| {
        let parsed = kind.parse();
        let kind = parsed.map_err(|_| corrupt("event.actor_kind", &kind))?;
        Ok::<_, StoreError>(Actor {
            kind,
            id: row.actor_id,
        })
    });
    Ok(Event {
        place: Place {
            tx: row.tx,
            id: row.id,
        },
        kind: kind.map_err(|_| corrupt("event.kind", &row.kind))?,
        at: row.at,
        account_id: row.account_id,
        number: row.number,
        cause: cause.transpose()?,
        actor: actor.transpose()?,
        until: row.until,
        document: row.document,
    })
}

pub(super) fn to_row(event: &NewEvent<'_>) -> ActiveModel {
    ActiveModel {
        id: NotSet,
        tx: NotSet,
        at: Set(event.at),
        kind: Set(event.kind.as_str().to_owned()),
        account_id: Set(event.account_id),
        number: Set(event.number),
        reason: Set(event.cause.map(|cause| cause.as_str().to_owned())),
        actor_kind: Set(event.actor.map(|actor| actor.kind.as_str().to_owned())),
        actor_id: Set(event.actor.and_then(|actor| actor.id)),
        until: Set(event.until),
        document: Set(event.document.map(str::to_owned)),
    }
}

/// Writes down what happens.
///
/// # Errors
/// When the database fails.
pub async fn insert_all(tx: &WriteTx, events: &[NewEvent<'_>]) -> Result<(), StoreError> {
    for some in events.chunks(ROWS_PER_STATEMENT) {
        Entity::insert_many(some.iter().map(to_row))
            .exec_without_returning(&**tx)
            .await?;
    }
    Ok(())
}

/// The oldest transaction of which nobody knows yet what it wrote, or the next one. Those of other databases of the
/// cluster write no events; as far as they can be told apart (`pg_stat_activity` shows them to their own role and to
/// `pg_read_all_stats`) nobody waits for them. The snapshot is older than the activity: one that has ended in between
/// counts as open, one that has begun is after the snapshot.
const OLDEST_OPEN: &str = "COALESCE((\
    SELECT min(open::text::bigint) FROM pg_snapshot_xip(pg_current_snapshot()) AS open \
    WHERE NOT EXISTS (SELECT 1 FROM pg_stat_activity AS other \
        WHERE other.datname <> current_database() \
        AND other.backend_xid::text::bigint = open::text::bigint % 4294967296)\
    ), pg_snapshot_xmax(pg_current_snapshot())::text::bigint)";

/// Only rows, of a table in order, before which none can become visible any more.
pub(super) fn settled<E: EntityTrait>(query: Select<E>, backend: DbBackend) -> Select<E> {
    if backend == DbBackend::Postgres {
        let open = Query::select().expr(Expr::cust(OLDEST_OPEN)).to_owned();
        return query.filter(Expr::col(C::Tx).lt(Expr::SubQuery(None, Box::new(open.into()))));
    }
    query
}

/// Up to `limit` events after a place, in order. What is still being written, and what began after it, is not
/// among them yet.
///
/// # Errors
/// When the database fails.
pub async fn after(
    conn: &impl ConnectionTrait,
    place: Place,
    limit: u64,
) -> Result<Vec<Event>, StoreError> {
    let position = Expr::tuple([Expr::col(C::Tx), Expr::col(C::Id)]);
    let place = Expr::tuple([place.tx.into(), place.id.into()]);
    settled(Entity::find(), conn.get_database_backend())
        .filter(position.gt(place))
        .order_by_asc(C::Tx)
        .order_by_asc(C::Id)
        .limit(limit)
        .all(conn)
        .await?
        .into_iter()
        .map(from_row)
        .collect()
}

/// The places of the first and of the last event there is.
///
/// # Errors
/// When the database fails.
pub async fn ends(conn: &impl ConnectionTrait) -> Result<Option<(Place, Place)>, StoreError> {
    let all = || {
        settled(Entity::find(), conn.get_database_backend())
            .select_only()
            .columns([C::Tx, C::Id])
    };
    let first = all()
        .order_by_asc(C::Tx)
        .order_by_asc(C::Id)
        .into_tuple()
        .one(conn)
        .await?;
    let last = all()
        .order_by_desc(C::Tx)
        .order_by_desc(C::Id)
        .into_tuple()
        .one(conn)
        .await?;
    let place = |(tx, id)| Place { tx, id };
    Ok(first.zip(last).map(|(a, b)| (place(a), place(b))))
}

/// Whether the event at a place is there.
///
/// # Errors
/// When the database fails.
pub async fn is_there(conn: &impl ConnectionTrait, place: Place) -> Result<bool, StoreError> {
    let found = Entity::find()
        .filter(C::Tx.eq(place.tx))
        .filter(C::Id.eq(place.id))
        .one(conn)
        .await?;
    Ok(found.is_some())
}

/// What happened to one message, in order.
///
/// # Errors
/// When the database fails.
pub async fn of_message(
    conn: &impl ConnectionTrait,
    key: MessageKey,
) -> Result<Vec<Event>, StoreError> {
    Entity::find()
        .filter(C::AccountId.eq(key.account_id))
        .filter(C::Number.eq(key.number))
        .order_by_asc(C::Tx)
        .order_by_asc(C::Id)
        .all(conn)
        .await?
        .into_iter()
        .map(from_row)
        .collect()
}

/// Forgets what happened to an account and its messages.
///
/// # Errors
/// When the database fails.
pub async fn forget_account(tx: &WriteTx, account_id: i64) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(C::AccountId.eq(account_id))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Forgets some of the events up to `before`, the oldest first, in a transaction of their own; says whether there may be
/// more.
///
/// # Errors
/// When the database fails.
pub async fn forget_old(db: &Db, before: DateTime<Utc>) -> Result<bool, StoreError> {
    let tx = db.write().await?;
    // By place, which has an index; another one by time would be written with each message.
    let oldest: Vec<(i64, i64, DateTime<Utc>)> = Entity::find()
        .select_only()
        .columns([C::Tx, C::Id, C::At])
        .order_by_asc(C::Tx)
        .order_by_asc(C::Id)
        .limit(ROWS_AT_ONCE)
        .into_tuple()
        .all(&*tx)
        .await?;
    let old = oldest.iter().take_while(|(_, _, at)| *at <= before);
    let Some((last_tx, last_id, _)) = old.last() else {
        return Ok(false);
    };
    let position = Expr::tuple([Expr::col(C::Tx), Expr::col(C::Id)]);
    let last = Expr::tuple([(*last_tx).into(), (*last_id).into()]);
    let done = Entity::delete_many()
        .filter(position.lte(last))
        .exec(&*tx)
        .await?;
    tx.commit().await?;
    Ok(done.rows_affected >= ROWS_AT_ONCE)
}

/// Forgets events of a future that never comes: the database was restored into a cluster that counts transactions
/// from elsewhere. Says how many.
///
/// # Errors
/// When the database fails.
pub async fn forget_foreign(tx: &WriteTx) -> Result<u64, StoreError> {
    if tx.get_database_backend() != DbBackend::Postgres {
        return Ok(0);
    }
    let next = Expr::cust("pg_snapshot_xmax(pg_current_snapshot())::text::bigint");
    let done = Entity::delete_many()
        .filter(Expr::col(C::Tx).gt(next))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected)
}
