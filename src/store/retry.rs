//! Recognising a request that was stored before.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, InsertStatement, Order, Query};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryTrait,
};

use super::db::{Db, ROWS_AT_ONCE, StoreError, WriteTx};
use super::entity::retry_key;
use crate::domain::message_id::MessageKey;

/// What the first answer said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstAnswer {
    /// The number the message got.
    pub number: i64,
    /// When it was stored.
    pub stored_at: DateTime<Utc>,
    /// When it was said to expire.
    pub expires_at: DateTime<Utc>,
}

/// The request of a message: the account it is for, and what makes it itself.
pub type RetryKey<'a> = (i64, &'a str);

/// The answers given to those of these requests that were stored before.
///
/// # Errors
/// When the database fails.
pub async fn find_all(
    conn: &impl ConnectionTrait,
    keys: &[RetryKey<'_>],
) -> Result<Vec<((i64, String), FirstAnswer)>, StoreError> {
    use retry_key::Column as C;
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let pair = Expr::tuple([Expr::col(C::AccountId), Expr::col(C::Key)]);
    let rows = retry_key::Entity::find()
        .filter(pair.in_tuples(keys.iter().copied()))
        .all(conn)
        .await?;
    let answer = |row: retry_key::Model| {
        let first = FirstAnswer {
            number: row.number,
            stored_at: row.stored_at,
            expires_at: row.expires_at,
        };
        ((row.account_id, row.key), first)
    };
    Ok(rows.into_iter().map(answer).collect())
}

/// The statement that remembers the answers to requests, at least one, each until the instant beside it. It fails
/// when one of them was stored meanwhile.
pub(super) fn insert(answers: &[(RetryKey<'_>, FirstAnswer, DateTime<Utc>)]) -> InsertStatement {
    let rows =
        answers.iter().map(
            |((account_id, key), answer, forget_at)| retry_key::ActiveModel {
                account_id: Set(*account_id),
                key: Set((*key).to_owned()),
                number: Set(answer.number),
                stored_at: Set(answer.stored_at),
                expires_at: Set(answer.expires_at),
                forget_at: Set(*forget_at),
            },
        );
    retry_key::Entity::insert_many(rows).into_query()
}

/// Remembers the request of a message until `forget_at` at least.
///
/// # Errors
/// When the database fails.
pub async fn keep_until(
    tx: &WriteTx,
    key: MessageKey,
    forget_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    use retry_key::Column as C;
    retry_key::Entity::update_many()
        .col_expr(C::ForgetAt, Expr::value(forget_at))
        .filter(C::AccountId.eq(key.account_id))
        .filter(C::Number.eq(key.number))
        .filter(C::ForgetAt.lt(forget_at))
        .exec(&**tx)
        .await?;
    Ok(())
}

/// Forgets some of the keys that are due, in a transaction of their own; says whether there may be more.
///
/// # Errors
/// When the database fails.
pub async fn forget_due(db: &Db, now: DateTime<Utc>) -> Result<bool, StoreError> {
    use retry_key::Column as C;
    let due = Query::select()
        .columns([C::AccountId, C::Key])
        .from(retry_key::Entity)
        .and_where(C::ForgetAt.lte(now))
        .order_by(C::ForgetAt, Order::Asc)
        .limit(ROWS_AT_ONCE)
        .to_owned();
    let pair = Expr::tuple([Expr::col(C::AccountId), Expr::col(C::Key)]);
    let tx = db.write().await?;
    let done = retry_key::Entity::delete_many()
        .filter(pair.in_subquery(due))
        .exec(&*tx)
        .await?;
    tx.commit().await?;
    Ok(done.rows_affected >= ROWS_AT_ONCE)
}
