//! A bounded number of places, and a bounded share of them for each peer, so that one that asks for all of
//! them does not starve the others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Places, some of them taken.
#[derive(Debug, Clone)]
pub struct Places {
    /// Of all peers together.
    total: usize,
    /// Of one address.
    share: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// A place that is taken until it is dropped.
#[derive(Debug)]
pub struct Place {
    peer: IpAddr,
    taken: Arc<Mutex<Taken>>,
}

impl Places {
    /// `total` places, of which one peer may take `share`.
    #[must_use]
    pub fn new(total: usize, share: usize) -> Self {
        Self {
            total,
            share,
            taken: Arc::default(),
        }
    }

    /// Takes a place, unless all are taken or this peer has its share.
    #[must_use]
    pub fn take(&self, peer: IpAddr) -> Option<Place> {
        let mut taken = lock(&self.taken);
        if taken.total >= self.total {
            return None;
        }
        let own = taken.by_peer.get(&peer).copied().unwrap_or(0);
        if own >= self.share {
            return None;
        }
        taken.total += 1;
        taken.by_peer.insert(peer, own + 1);
        Some(Place {
            peer,
            taken: Arc::clone(&self.taken),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        taken.total = taken.total.saturating_sub(1);
        let left = taken.by_peer.get(&self.peer).map_or(0, |own| own - 1);
        if left == 0 {
            taken.by_peer.remove(&self.peer);
        } else {
            taken.by_peer.insert(self.peer, left);
        }
    }
}

fn lock(taken: &Mutex<Taken>) -> std::sync::MutexGuard<'_, Taken> {
    // Nothing panics while it holds the lock; the counts are good in any case.
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_more_than_a_share_and_what_is_given_back_can_be_taken() {
        let (one, other): (IpAddr, IpAddr) =
            ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let places = Places::new(3, 2);
        let first = places.take(one).unwrap();
        let _second = places.take(one).unwrap();
        assert!(places.take(one).is_none());
        let _third = places.take(other).unwrap();
        assert!(places.take(other).is_none(), "all are taken");
        drop(first);
        let _fourth = places.take(other).unwrap();
        assert!(places.take(one).is_none());
        assert_eq!(lock(&places.taken).by_peer.len(), 2);
    }
}
