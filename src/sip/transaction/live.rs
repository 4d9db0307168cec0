//! Live things and their deadlines, such as transactions: a hash map beside a heap.
//!
//! The heap is lazy. A deadline that moves back leaves its old entry in the heap, which is put in again when
//! it comes up; one that moves forward is put in a second time, and the old entry is dropped when it comes up.
//! An entry so costs one or two heap operations in its life, though its timers are set and reset.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::hash::Hash;
use std::time::Instant;

/// Stale heap entries that are left alone.
const SLACK: usize = 1024;

/// Values by key, which should be cheap to clone.
#[derive(Debug)]
pub(in crate::sip) struct Live<K, T> {
    slots: HashMap<K, Slot<T>>,
    queue: BinaryHeap<Due<K>>,
}

#[derive(Debug)]
struct Slot<T> {
    value: T,
    /// The instant of the heap entry that counts.
    queued: Option<Instant>,
}

impl<K: Clone + Eq + Hash, T> Live<K, T> {
    pub(in crate::sip) fn new() -> Self {
        Self {
            slots: HashMap::new(),
            queue: BinaryHeap::new(),
        }
    }

    pub(in crate::sip) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(in crate::sip) fn contains(&self, key: &K) -> bool {
        self.slots.contains_key(key)
    }

    pub(in crate::sip) fn get_mut(&mut self, key: &K) -> Option<&mut T> {
        self.slots.get_mut(key).map(|slot| &mut slot.value)
    }

    pub(in crate::sip) fn keys(&self) -> impl Iterator<Item = &K> {
        self.slots.keys()
    }

    /// Adds a value; its deadline is set with [`Live::reschedule`].
    pub(in crate::sip) fn insert(&mut self, key: K, value: T) {
        let slot = Slot {
            value,
            queued: None,
        };
        self.slots.insert(key, slot);
    }

    pub(in crate::sip) fn remove(&mut self, key: &K) -> Option<T> {
        let slot = self.slots.remove(key);
        if self.slots.is_empty() {
            self.queue.clear();
        }
        slot.map(|slot| slot.value)
    }

    /// Sees to it that the value comes up at its deadline or before.
    pub(in crate::sip) fn reschedule(&mut self, key: &K, deadline: Option<Instant>) {
        let (Some(slot), Some(at)) = (self.slots.get_mut(key), deadline) else {
            return;
        };
        if slot.queued.is_some_and(|queued| queued <= at) {
            return;
        }
        slot.queued = Some(at);
        let key = key.clone();
        self.queue.push(Due { at, key });
        if self.queue.len() > self.slots.len().saturating_mul(2).saturating_add(SLACK) {
            let slots = &self.slots;
            self.queue.retain(|due| is_current(slots, due));
        }
    }

    /// Takes out the keys whose time has come. Each needs a [`Live::reschedule`] or [`Live::remove`]; for some
    /// the true deadline is later.
    pub(in crate::sip) fn take_due(&mut self, now: Instant) -> Vec<K> {
        let mut keys = Vec::new();
        while self.queue.peek().is_some_and(|due| due.at <= now) {
            let Some(due) = self.queue.pop() else {
                break;
            };
            if is_current(&self.slots, &due)
                && let Some(slot) = self.slots.get_mut(&due.key)
            {
                slot.queued = None;
                keys.push(due.key);
            }
        }
        keys
    }

    /// When something may be due: perhaps early, never late.
    pub(in crate::sip) fn next_deadline(&self) -> Option<Instant> {
        self.queue.peek().map(|due| due.at)
    }

    #[cfg(test)]
    pub(in crate::sip) fn queue_len(&self) -> usize {
        self.queue.len()
    }
}

fn is_current<K: Eq + Hash, T>(slots: &HashMap<K, Slot<T>>, due: &Due<K>) -> bool {
    slots
        .get(&due.key)
        .is_some_and(|slot| slot.queued == Some(due.at))
}

/// An entry of the heap. The earliest is the greatest, because the heap gives the greatest first.
#[derive(Debug)]
struct Due<K> {
    at: Instant,
    key: K,
}

impl<K> Ord for Due<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl<K> PartialOrd for Due<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> PartialEq for Due<K> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<K> Eq for Due<K> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::transaction::TransactionKey;
    use crate::sip::transaction::testing::{Clock, message};

    fn key(n: usize) -> TransactionKey {
        TransactionKey::server(&message(&format!(
            "MESSAGE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{n}\r\n\r\n"
        )))
        .unwrap()
    }

    #[test]
    fn deadlines_come_up_once_in_whichever_direction_they_moved() {
        let clock = Clock::new();
        let mut live = Live::new();
        for n in 0..3 {
            live.insert(key(n), n);
            live.reschedule(&key(n), Some(clock.at(100)));
        }
        live.reschedule(&key(0), Some(clock.at(50)));
        live.reschedule(&key(1), Some(clock.at(200)));
        live.remove(&key(2));
        assert_eq!(live.next_deadline(), Some(clock.at(50)));
        assert_eq!(live.take_due(clock.at(60)), [key(0)]);
        // Early for 1, which the caller puts back.
        assert_eq!(live.take_due(clock.at(150)), [key(1)]);
        live.reschedule(&key(1), Some(clock.at(200)));
        assert_eq!(live.take_due(clock.at(199)), []);
        assert_eq!(live.take_due(clock.at(200)), [key(1)]);
        assert_eq!(live.next_deadline(), None);
    }

    #[test]
    fn transactions_that_end_early_do_not_fill_the_heap() {
        let clock = Clock::new();
        let mut live = Live::new();
        live.insert(key(10_000), ());
        for n in 0..10_000 {
            live.insert(key(n), ());
            live.reschedule(&key(n), Some(clock.at(1_000)));
            live.remove(&key(n));
        }
        assert!(live.queue.len() <= SLACK + 2);
        live.remove(&key(10_000));
        assert_eq!(live.next_deadline(), None);
    }
}
