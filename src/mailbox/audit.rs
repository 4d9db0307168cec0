//! The audit, for operators to read.

use std::collections::{BTreeSet, HashMap};

use super::Mailbox;
use crate::domain::access::Scope;
use crate::domain::address::Aor;
use crate::domain::event::Place;
use crate::store::audit::{self, Entry, Filter};
use crate::store::{StoreError, accounts, identity};

/// An entry, with the names that its numbers stand for as long as there are any.
#[derive(Debug)]
pub struct Audited {
    /// The entry.
    pub entry: Entry,
    /// What the user or token is called that did it.
    pub actor_name: Option<String>,
    /// Whose account it was done to.
    pub aor: Option<Aor>,
}

impl Mailbox {
    /// A page of entries about accounts within `scope`, newest first, those before a place; of everything where that is
    /// the scope.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit(
        &self,
        scope: &Scope,
        filter: &Filter,
        before: Option<Place>,
        limit: u64,
    ) -> Result<Vec<Audited>, StoreError> {
        let db = self.db.read();
        let entries = audit::page(db, scope, filter, before, limit).await?;
        let called = identity::names(db, entries.iter().map(|entry| entry.actor)).await?;
        let ids: BTreeSet<i64> = entries
            .iter()
            .filter_map(|entry| entry.account_id)
            .collect();
        let accounts = accounts::with_ids(db, &Scope::All, ids).await?;
        let aors: HashMap<i64, Aor> = accounts.into_iter().map(|a| (a.id, a.aor)).collect();
        let with_names = |entry: Entry| Audited {
            actor_name: called.get(&entry.actor).cloned(),
            aor: entry.account_id.and_then(|id| aors.get(&id).cloned()),
            entry,
        };
        Ok(entries.into_iter().map(with_names).collect())
    }

    /// The entries of the audit's chain after a number, in its order and without names.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_after(
        &self,
        filter: &Filter,
        after: i64,
        limit: u64,
    ) -> Result<Vec<Entry>, StoreError> {
        audit::chained_after(self.db.read(), filter, after, limit).await
    }
}
