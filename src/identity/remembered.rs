//! Passwords that were right a moment ago, for clients that send theirs with every request: each hashing takes some
//! 20 ms of the one thread there is for it. What is kept here is a keyed hash under a key of this process, in memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::clock;

/// How long a password is remembered.
const LIFE: TimeDelta = TimeDelta::minutes(5);
/// So many are, at most.
const MOST: usize = 4096;

/// The octets of a keyed hash.
type Tag = [u8; 32];

/// Passwords that were right a moment ago.
pub(super) struct Remembered {
    key: [u8; 32],
    known: Mutex<HashMap<Tag, Entry>>,
}

struct Entry {
    /// What the person's password hash was then.
    mark: String,
    until: DateTime<Utc>,
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remembered(..)")
    }
}

impl Remembered {
    /// Remembers nothing yet.
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        Ok(Self {
            key: clock::random()?,
            known: Mutex::default(),
        })
    }

    /// Remembers that a password was right.
    pub(super) fn add(&self, name: &str, password: &str, mark: &str, now: DateTime<Utc>) {
        let Some(tag) = self.tag(name, password) else {
            return;
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, entry| entry.until > now);
        }
        // Whoever is not remembered has the password hashed once more.
        if known.len() >= MOST {
            known.clear();
        }
        let entry = Entry {
            mark: mark.to_owned(),
            until: now + LIFE,
        };
        known.insert(tag, entry);
    }

    /// The mark that the person of this name had when this password was right.
    pub(super) fn mark(&self, name: &str, password: &str, now: DateTime<Utc>) -> Option<String> {
        let tag = self.tag(name, password)?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = known.get(&tag).filter(|entry| entry.until > now)?;
        Some(entry.mark.clone())
    }

    fn tag(&self, name: &str, password: &str) -> Option<Tag> {
        // A key of any length will do. NUL is in no name.
        let mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        let mac = mac.chain_update(name).chain_update([0]);
        Some(mac.chain_update(password).finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_remembered_for_a_while_and_with_its_name() {
        let remembered = Remembered::new().unwrap();
        let now = DateTime::<Utc>::UNIX_EPOCH;
        remembered.add("alice", "secret", "m", now);
        let mark = |name, password, at| remembered.mark(name, password, at);
        assert_eq!(mark("alice", "secret", now).as_deref(), Some("m"));
        assert_eq!(mark("alice", "secrets", now), None);
        assert_eq!(mark("alices", "ecret", now), None);
        assert_eq!(mark("bob", "secret", now), None);
        assert_eq!(mark("alice", "secret", now + LIFE), None);
    }

    #[test]
    fn memory_is_bounded() {
        let remembered = Remembered::new().unwrap();
        let now = DateTime::<Utc>::UNIX_EPOCH;
        for n in 0..=MOST {
            remembered.add(&n.to_string(), "secret", "m", now);
        }
        assert!(remembered.known.lock().unwrap().len() <= MOST);
        assert!(remembered.mark(&MOST.to_string(), "secret", now).is_some());
    }
}
