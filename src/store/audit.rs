//! The audit: entries are added by the transactions they are about, and never changed.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use super::accounts;
use super::db::{Db, StoreError, WriteTx};
use super::entity::account;
use super::entity::audit_event::{ActiveModel, Column as C, Entity, Model};
use crate::domain::access::Scope;
use crate::domain::audit::{Action, Actor, ActorKind, AuditOutcome};
use crate::domain::audit_chain::End;
use crate::domain::event::Place;

/// An entry to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: Actor,
    /// Did what.
    pub action: Action,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// To whose account, where it was one.
    pub account_id: Option<i64>,
    /// What else there is to say, without anybody's name or address.
    pub detail: Option<serde_json::Value>,
}

impl NewEntry {
    /// An act that was carried out, on no account in particular.
    #[must_use]
    pub fn of(action: Action, actor: Actor, at: DateTime<Utc>) -> Self {
        Self {
            at,
            actor,
            action,
            outcome: AuditOutcome::Done,
            account_id: None,
            detail: None,
        }
    }
}

/// Adds an entry that is about nothing else in the database, in a transaction of its own.
///
/// # Errors
/// When the database fails: what was to be written down must not happen then.
pub async fn note(db: &Db, entry: NewEntry) -> Result<(), StoreError> {
    let tx = db.write().await?;
    insert(&tx, entry).await?;
    tx.commit().await
}

/// Adds an entry, to be kept if the transaction is.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &WriteTx, entry: NewEntry) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: NotSet,
        tx: NotSet,
        at: Set(entry.at),
        action: Set(entry.action.as_str().to_owned()),
        outcome: Set(entry.outcome.as_str().to_owned()),
        actor_kind: Set(entry.actor.kind.as_str().to_owned()),
        actor_id: Set(entry.actor.id),
        account_id: Set(entry.account_id),
        detail: Set(entry.detail.map(|detail| detail.to_string())),
        number: NotSet,
        hash: NotSet,
    };
    Entity::insert_many([row])
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

/// An entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its place among all entries.
    pub place: Place,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: Actor,
    /// Did what.
    pub action: Action,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// To whose account, where it was one.
    pub account_id: Option<i64>,
    /// What else there is to say.
    pub detail: Option<serde_json::Value>,
    /// Its number and hash in the chain, once it has them.
    pub link: Option<End>,
}

/// Which entries; what is absent does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// What was done.
    pub action: Option<Action>,
    /// How it ended.
    pub outcome: Option<AuditOutcome>,
    /// What did it.
    pub actor: Option<ActorKind>,
    /// Which one.
    pub actor_id: Option<i64>,
    /// To which account.
    pub account_id: Option<i64>,
    /// At or after.
    pub since: Option<DateTime<Utc>>,
    /// Before.
    pub until: Option<DateTime<Utc>>,
}

fn from_row(row: Model) -> Result<Entry, StoreError> {
    let corrupt = |column, value: &str| StoreError::Corrupt {
        column,
        value: value.to_owned(),
    };
    let kind = row.actor_kind.parse();
    let action = row.action.parse();
    let outcome = row.outcome.parse();
    let detail = row.detail.as_deref().map(serde_json::from_str).transpose();
    Ok(Entry {
        place: Place {
            tx: row.tx,
            id: row.id,
        },
        at: row.at,
        actor: Actor {
            kind: kind.map_err(|_| corrupt("audit_event.actor_kind", &row.actor_kind))?,
            id: row.actor_id,
        },
        action: action.map_err(|_| corrupt("audit_event.action", &row.action))?,
        outcome: outcome.map_err(|_| corrupt("audit_event.outcome", &row.outcome))?,
        account_id: row.account_id,
        detail: detail.map_err(|_| corrupt("audit_event.detail", ""))?,
        link: row
            .number
            .zip(row.hash)
            .map(|(number, hash)| End { number, hash }),
    })
}

/// A page of entries, newest first, those before a place. Of a scope that is not everything only those about accounts
/// within it that are still there.
///
/// # Errors
/// When the database fails.
pub async fn page(
    conn: &impl ConnectionTrait,
    scope: &Scope,
    filter: &Filter,
    before: Option<Place>,
    limit: u64,
) -> Result<Vec<Entry>, StoreError> {
    let mut query = filtered(filter);
    if *scope != Scope::All {
        let reached = Query::select()
            .column(account::Column::Id)
            .from(account::Entity)
            .cond_where(accounts::reached(scope))
            .to_owned();
        query = query.filter(C::AccountId.in_subquery(reached));
    }
    if let Some(place) = before {
        let position = Expr::tuple([Expr::col(C::Tx), Expr::col(C::Id)]);
        query = query.filter(position.lt(Expr::tuple([place.tx.into(), place.id.into()])));
    }
    query
        .order_by_desc(C::Tx)
        .order_by_desc(C::Id)
        .limit(limit)
        .all(conn)
        .await?
        .into_iter()
        .map(from_row)
        .collect()
}

/// The entries of the chain after a number, in its order.
///
/// # Errors
/// When the database fails.
pub async fn chained_after(
    conn: &impl ConnectionTrait,
    filter: &Filter,
    after: i64,
    limit: u64,
) -> Result<Vec<Entry>, StoreError> {
    filtered(filter)
        .filter(C::Number.gt(after))
        .order_by_asc(C::Number)
        .limit(limit)
        .all(conn)
        .await?
        .into_iter()
        .map(from_row)
        .collect()
}

fn filtered(filter: &Filter) -> Select<Entity> {
    let mut query = Entity::find();
    if let Some(action) = filter.action {
        query = query.filter(C::Action.eq(action.as_str()));
    }
    if let Some(actor) = filter.actor {
        query = query.filter(C::ActorKind.eq(actor.as_str()));
    }
    if let Some(outcome) = filter.outcome {
        query = query.filter(C::Outcome.eq(outcome.as_str()));
    }
    if let Some(actor_id) = filter.actor_id {
        query = query.filter(C::ActorId.eq(actor_id));
    }
    if let Some(account_id) = filter.account_id {
        query = query.filter(C::AccountId.eq(account_id));
    }
    if let Some(since) = filter.since {
        query = query.filter(C::At.gte(since));
    }
    if let Some(until) = filter.until {
        query = query.filter(C::At.lt(until));
    }
    query
}
