//! Requests that may come again under an `Idempotency-Key`, and the answers they were given.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, Order, Query};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect, TryInsertResult,
};

use super::db::{Db, ROWS_AT_ONCE, StoreError, WriteTx};
use super::entity::idempotency_key::{ActiveModel, Column as C, Entity};

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Hash of who asks and the key.
    pub key_hash: String,
    /// Hash of the request.
    pub fingerprint: String,
    /// Until when whoever answers it is not taken for lost.
    pub running_until: DateTime<Utc>,
    /// Until when it is remembered.
    pub forget_at: DateTime<Utc>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Header fields by name.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

/// What is known of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is the caller's now, to answer or to give up.
    New,
    /// It is being answered, until this instant at the latest.
    Running(DateTime<Utc>),
    /// The key was used for another request.
    Another,
    /// It was answered.
    Answered(Answer),
}

/// What is known of a request; one that nobody answers is the caller's from now on.
///
/// # Errors
/// When the database fails.
pub async fn claim(db: &Db, request: &Request, now: DateTime<Utc>) -> Result<Known, StoreError> {
    let row = ActiveModel {
        key_hash: Set(request.key_hash.clone()),
        fingerprint: Set(request.fingerprint.clone()),
        running_until: Set(request.running_until),
        status: Set(None),
        headers: Set(None),
        body: Set(None),
        forget_at: Set(request.forget_at),
    };
    let tx = db.write().await?;
    let inserted = Entity::insert(row)
        .on_conflict_do_nothing_on([C::KeyHash])
        .exec_without_returning(&*tx)
        .await?;
    if matches!(inserted, TryInsertResult::Inserted(1)) {
        tx.commit().await?;
        return Ok(Known::New);
    }
    let row = Entity::find_by_id(request.key_hash.clone())
        .lock_exclusive()
        .one(&*tx)
        .await?;
    // It was forgotten at this very moment.
    let Some(row) = row else {
        return Ok(Known::Running(now));
    };
    if row.forget_at > now && row.fingerprint != request.fingerprint {
        return Ok(Known::Another);
    }
    if row.forget_at > now
        && let Some(status) = row.status
    {
        let corrupt = |value: String| StoreError::Corrupt {
            column: "idempotency_key",
            value,
        };
        let headers = row.headers.unwrap_or_default();
        return Ok(Known::Answered(Answer {
            status: u16::try_from(status).map_err(|_| corrupt(status.to_string()))?,
            headers: serde_json::from_str(&headers).map_err(|_| corrupt(headers))?,
            body: row.body.unwrap_or_default(),
        }));
    }
    if row.status.is_none() && row.running_until > now {
        return Ok(Known::Running(row.running_until));
    }
    // Whoever was answering it is gone, and with it all that it did.
    Entity::update_many()
        .col_expr(C::Fingerprint, Expr::value(request.fingerprint.clone()))
        .col_expr(C::RunningUntil, Expr::value(request.running_until))
        .col_expr(C::Status, Expr::value(None::<i32>))
        .col_expr(C::ForgetAt, Expr::value(request.forget_at))
        .filter(C::KeyHash.eq(&request.key_hash))
        .exec(&*tx)
        .await?;
    tx.commit().await?;
    Ok(Known::New)
}

/// Writes down the answer, in the transaction of what was done. Says whether the request was still the caller's: else
/// the transaction must not be committed, because somebody else is doing the same.
///
/// # Errors
/// When the database fails.
pub async fn answer(tx: &WriteTx, request: &Request, answer: Answer) -> Result<bool, StoreError> {
    let headers = serde_json::to_string(&answer.headers).unwrap_or_default();
    let done = Entity::update_many()
        .col_expr(C::Status, Expr::value(i32::from(answer.status)))
        .col_expr(C::Headers, Expr::value(headers))
        .col_expr(C::Body, Expr::value(answer.body))
        .filter(C::KeyHash.eq(&request.key_hash))
        .filter(C::RunningUntil.eq(request.running_until))
        .filter(C::Status.is_null())
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Gives a request up, so that its key is free.
///
/// # Errors
/// When the database fails.
pub async fn give_up(tx: &WriteTx, request: &Request) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(C::KeyHash.eq(&request.key_hash))
        .filter(C::RunningUntil.eq(request.running_until))
        .filter(C::Status.is_null())
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Forgets some of the requests that are due, in a transaction of their own; says whether there may be more.
///
/// # Errors
/// When the database fails.
pub async fn forget_due(db: &Db, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let due = Query::select()
        .column(C::KeyHash)
        .from(Entity)
        .and_where(C::ForgetAt.lte(now))
        .order_by(C::ForgetAt, Order::Asc)
        .limit(ROWS_AT_ONCE)
        .to_owned();
    let tx = db.write().await?;
    let done = Entity::delete_many()
        .filter(C::KeyHash.in_subquery(due))
        .exec(&*tx)
        .await?;
    tx.commit().await?;
    Ok(done.rows_affected >= ROWS_AT_ONCE)
}
