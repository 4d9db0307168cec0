//! The audit: entries are added by the transactions they are about, and never changed.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter,
};

use super::db::{StoreError, WriteTx};
use super::entity::audit_event::{ActiveModel, Column as C, Entity};
use crate::domain::audit::{Action, Actor, AuditOutcome};

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

/// Adds an entry.
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
    };
    Entity::insert_many([row])
        .exec_without_returning(&**tx)
        .await?;
    Ok(())
}

/// Forgets entries made at or before an instant; says how many.
///
/// # Errors
/// When the database fails.
pub async fn forget_old(tx: &WriteTx, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = Entity::delete_many()
        .filter(C::At.lte(before))
        .exec(&**tx)
        .await?;
    Ok(done.rows_affected)
}
