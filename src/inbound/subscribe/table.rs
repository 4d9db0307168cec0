//! The subscriptions that there are, by their dialogs and by whose changes they wait for.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};

use super::live::Control;
use super::subject::Package;
use crate::domain::address::Aor;
use crate::mailbox::feed::News;
use crate::mailbox::watch::{Interest, Reader};
use crate::sip::dialog::DialogId;

/// How a subscription is reached.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    pub(super) control: mpsc::Sender<Control>,
    /// Told that something may have changed; how often does not matter.
    pub(super) news: Arc<Notify>,
    pub(super) package: Package,
    pub(super) reader: Reader,
    /// Who subscribed, where that is somebody.
    pub(super) owner: Option<Aor>,
}

/// All subscriptions.
#[derive(Debug, Clone, Default)]
pub(super) struct Table(Arc<Mutex<Rows>>);

#[derive(Debug, Default)]
struct Rows {
    seats: HashMap<DialogId, Seat>,
    by_aor: HashMap<Aor, HashSet<DialogId>>,
    by_owner: HashMap<Aor, HashSet<DialogId>>,
    in_global: HashSet<DialogId>,
}

/// A subscription's place in the table, until it is dropped.
#[derive(Debug)]
pub(super) struct Entry {
    table: Table,
    dialog: DialogId,
    interest: Interest,
    owner: Option<Aor>,
}

impl Table {
    fn lock(&self) -> MutexGuard<'_, Rows> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn insert(&self, dialog: DialogId, seat: Seat, interest: Interest) -> Entry {
        let mut rows = self.lock();
        rows.wait_for(&dialog, &interest);
        let owner = seat.owner.clone();
        if let Some(owner) = owner.clone() {
            let own = rows.by_owner.entry(owner).or_default();
            own.insert(dialog.clone());
        }
        rows.seats.insert(dialog.clone(), seat);
        drop(rows);
        Entry {
            table: self.clone(),
            dialog,
            interest,
            owner,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().seats.is_empty()
    }

    /// The subscription in a dialog.
    pub(super) fn seat(&self, dialog: &DialogId) -> Option<Seat> {
        self.lock().seats.get(dialog).cloned()
    }

    pub(super) fn controls(&self) -> Vec<mpsc::Sender<Control>> {
        let rows = self.lock();
        rows.seats
            .values()
            .map(|seat| seat.control.clone())
            .collect()
    }

    /// How many subscriptions somebody has.
    pub(super) fn count(&self, owner: &Aor) -> usize {
        self.lock().by_owner.get(owner).map_or(0, HashSet::len)
    }

    /// Wakes those that wait for what has happened.
    pub(super) fn wake(&self, news: &News) {
        let rows = self.lock();
        let waiting = match &news.aor {
            Some(aor) => rows.by_aor.get(aor),
            None if news.is_global() => Some(&rows.in_global),
            // An account that was erased: whose it was nobody knows any more.
            None => return rows.wake_all(),
        };
        for dialog in waiting.into_iter().flatten() {
            if let Some(seat) = rows.seats.get(dialog) {
                seat.news.notify_one();
            }
        }
    }

    /// Wakes all: nobody knows what has happened.
    pub(super) fn wake_all(&self) {
        self.lock().wake_all();
    }
}

impl Rows {
    fn wake_all(&self) {
        for seat in self.seats.values() {
            seat.news.notify_one();
        }
    }

    fn wait_for(&mut self, dialog: &DialogId, interest: &Interest) {
        for aor in &interest.aors {
            let waiting = self.by_aor.entry(aor.clone()).or_default();
            waiting.insert(dialog.clone());
        }
        if interest.in_global {
            self.in_global.insert(dialog.clone());
        }
    }

    fn forget(&mut self, dialog: &DialogId, interest: &Interest) {
        for aor in &interest.aors {
            remove(&mut self.by_aor, aor, dialog);
        }
        self.in_global.remove(dialog);
    }
}

/// Removes one of a set, and the set with the last one.
fn remove<K: Eq + Hash>(sets: &mut HashMap<K, HashSet<DialogId>>, key: &K, dialog: &DialogId) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(dialog);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}

impl Entry {
    /// It waits for something else now.
    pub(super) fn wait_for(&mut self, interest: Interest) {
        let mut rows = self.table.lock();
        rows.forget(&self.dialog, &self.interest);
        rows.wait_for(&self.dialog, &interest);
        drop(rows);
        self.interest = interest;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut rows = self.table.lock();
        rows.forget(&self.dialog, &self.interest);
        if let Some(owner) = &self.owner {
            remove(&mut rows.by_owner, owner, &self.dialog);
        }
        rows.seats.remove(&self.dialog);
    }
}
