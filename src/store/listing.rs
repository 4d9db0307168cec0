//! Lists of an account's messages: what is looked for, in an order, a page at a time. None past its expiry, none whose
//! deletion was asked for.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Alias, Asterisk, Expr, ExprTrait, Func, LikeExpr, Query, SimpleExpr};
use sea_orm::{
    ColumnTrait, ConnectionTrait, Order as Direction, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
};

use super::db::StoreError;
use super::entity::message;
use super::full_text;
use super::messages::{from_row, like, live};
use crate::domain::listing::{By, Order, Place};
use crate::domain::message::Summary;
use crate::domain::search::{Term, What};

use message::Column as C;

/// The messages of an account of which all terms hold.
#[derive(Debug, Clone, Copy)]
pub struct Matching<'a> {
    /// Whose.
    pub account_id: i64,
    /// What must hold.
    pub terms: &'a [Term],
    /// The present instant.
    pub now: DateTime<Utc>,
}

impl Matching<'_> {
    async fn query(
        &self,
        conn: &impl ConnectionTrait,
    ) -> Result<Select<message::Entity>, StoreError> {
        let mut query = live(self.account_id, self.now);
        for term in self.terms {
            if let Some(condition) = condition(&term.what) {
                query = query.filter(if term.negated {
                    condition.not()
                } else {
                    condition
                });
            }
        }
        let words = full_text::condition(conn, self.account_id, self.terms).await?;
        Ok(query.filter(words))
    }
}

/// A page of messages behind a place in this order.
///
/// # Errors
/// When the database fails.
pub async fn page(
    conn: &impl ConnectionTrait,
    matching: Matching<'_>,
    order: Order,
    after: Option<Place>,
    limit: u64,
) -> Result<Vec<Summary>, StoreError> {
    let mut query = matching.query(conn).await?;
    if let Some(place) = after {
        query = query.filter(behind(order, place));
    }
    let rows = ordered(query, order).limit(limit).all(conn).await?;
    rows.into_iter().map(from_row).collect()
}

/// How many messages there are; `most` if there are as many or more.
///
/// # Errors
/// When the database fails.
pub async fn count(
    conn: &impl ConnectionTrait,
    matching: Matching<'_>,
    most: u64,
) -> Result<u64, StoreError> {
    let found = matching
        .query(conn)
        .await?
        .select_only()
        .column(C::Number)
        .limit(most)
        .into_query();
    let count = Query::select()
        .expr_as(Func::count(Expr::col(Asterisk)), Alias::new("found"))
        .from_subquery(found, Alias::new("matching"))
        .to_owned();
    let row = conn.query_one(&count).await?;
    let found: i64 = row.map_or(Ok(0), |row| row.try_get("", "found"))?;
    Ok(u64::try_from(found).unwrap_or_default())
}

fn ordered(query: Select<message::Entity>, order: Order) -> Select<message::Entity> {
    let direction = if order.descending {
        Direction::Desc
    } else {
        Direction::Asc
    };
    let query = match order.by {
        By::Stored => query,
        By::Expires => query.order_by(C::ExpiresAt, direction.clone()),
        By::Size => query.order_by(C::Size, direction.clone()),
    };
    query.order_by(C::Number, direction)
}

/// That a message comes behind a place.
fn behind(order: Order, place: Place) -> SimpleExpr {
    let (column, value) = match order.by {
        By::Stored if order.descending => return C::Number.lt(place.number),
        By::Stored => return C::Number.gt(place.number),
        By::Expires => {
            let at = DateTime::from_timestamp_micros(place.value).unwrap_or_default();
            (C::ExpiresAt, Expr::val(at))
        }
        By::Size => (C::Size, Expr::val(place.value)),
    };
    let here = Expr::tuple([Expr::col(column), Expr::col(C::Number)]);
    let there = Expr::tuple([value, Expr::val(place.number)]);
    if order.descending {
        here.lt(there)
    } else {
        here.gt(there)
    }
}

/// The condition for everything but words.
fn condition(what: &What) -> Option<SimpleExpr> {
    let contains = |column: C, text: &str| column.like(like(&text.to_lowercase()));
    Some(match what {
        What::Word(_) | What::Phrase(_) => return None,
        What::From(text) => contains(C::FromFolded, text),
        What::Subject(text) => contains(C::SubjectFolded, text),
        What::Type(name) => of_type(name),
        What::Larger(octets) => C::Size.gt(*octets),
        What::Smaller(octets) => C::Size.lt(*octets),
        What::StoredFrom(at) => C::StoredAt.gte(*at),
        What::StoredBefore(at) => C::StoredAt.lt(*at),
        What::ExpiresFrom(at) => C::ExpiresAt.gte(*at),
        What::ExpiresBefore(at) => C::ExpiresAt.lt(*at),
        What::HasAttachment => C::HasAttachments.eq(true),
        What::Mode(mode) => C::Mode.eq(mode.as_str()),
    })
}

fn of_type(name: &str) -> SimpleExpr {
    // Not null, so that it can be turned round.
    let column = || Expr::expr(Func::coalesce([Expr::col(C::ContentType), Expr::val("")]));
    if name.contains('/') {
        return column().eq(name);
    }
    let pattern = LikeExpr::new(format!("{}/%", name.replace('_', "\\_"))).escape('\\');
    C::Kind.eq(name).or(column().like(pattern))
}

#[cfg(test)]
mod tests {
    use sea_orm::DbBackend;

    use super::*;
    use crate::store::plans::assert_looks_up;

    #[tokio::test]
    async fn a_page_of_a_list_looks_only_at_what_it_gives() {
        for (order, index) in [
            (
                Order::NEWEST_FIRST,
                "sqlite_autoindex_message_1 (account_id=? AND number<?)",
            ),
            (
                Order::OLDEST_FIRST,
                "sqlite_autoindex_message_1 (account_id=? AND number>?)",
            ),
        ] {
            let place = Place {
                value: 0,
                number: 7,
            };
            let page = live(1, DateTime::UNIX_EPOCH).filter(behind(order, place));
            let page = ordered(page, order).limit(51);
            let page = page.build(DbBackend::Sqlite).to_string();
            assert_looks_up(&page, &[index]).await;
        }
    }
}
