//! What a mailbox may show, as far as it is known: the model behind the history checker (`tests/it/history.rs`).
//!
//! It knows a message exactly as long as nobody is changing it: what began and what ended is counted, and an answer is
//! judged only by messages that nobody touched between the question and the answer. What is gone stays gone whoever
//! touches it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard};

use chrono::{DateTime, Utc};
use restante::clock::Clock;
use restante::domain::message_id::MessageKey;

use super::invariants::Known;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum State {
    There,
    /// Out of sight until then, and gone afterwards.
    Held(DateTime<Utc>),
    Gone,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub aor: String,
    pub state: State,
    pub expires_at: DateTime<Utc>,
    /// How many are changing it.
    pub in_flight: usize,
    /// Whether one of them may bring it back or put off its end; one at a time.
    pub is_claimed: bool,
    /// Counts what began and what ended.
    pub revision: u64,
    pub known: Known,
}

impl Entry {
    /// Whether it is seen, if nobody changes it between two instants; nothing if that depends on when in between.
    pub fn is_seen(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Option<bool> {
        match self.state {
            State::Gone | State::Held(_) => Some(false),
            State::There if self.expires_at > until => Some(true),
            State::There => (self.expires_at <= from).then_some(false),
        }
    }

    /// Whether it never comes back.
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        let is_final = matches!(self.state, State::Held(until) if until <= now);
        self.state == State::Gone || is_final || self.expires_at <= now
    }
}

/// A metadata document as it was read.
#[derive(Clone)]
pub struct Document {
    pub etag: String,
    pub text: String,
}

#[derive(Default)]
pub struct Book {
    /// Counts all that happens.
    pub sequence: u64,
    /// Messages that something can happen to.
    pub active: BTreeMap<MessageKey, Entry>,
    /// Those to which nothing can happen any more, and since when.
    pub over: BTreeMap<MessageKey, (u64, Entry)>,
    /// The documents by account and version.
    pub documents: BTreeMap<(i64, i64), String>,
    pub latest: HashMap<String, Document>,
    /// The requests as they were handed over.
    pub raws: HashMap<MessageKey, Vec<u8>>,
    pub counts: BTreeMap<&'static str, usize>,
}

/// A question that is under way.
pub struct Asked {
    pub sequence: u64,
    pub at: DateTime<Utc>,
    pub before: BTreeMap<MessageKey, Entry>,
}

/// A change that is under way.
pub struct Begun {
    key: MessageKey,
    pub before: Entry,
    at: DateTime<Utc>,
    claims: bool,
}

/// The book, for many at once.
pub struct Model {
    book: Mutex<Book>,
    clock: Clock,
}

impl Model {
    pub fn new(clock: Clock) -> Self {
        Self {
            book: Mutex::default(),
            clock,
        }
    }

    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    pub fn count(&self, what: &'static str) {
        *self.book().counts.entry(what).or_default() += 1;
    }

    /// Enters a message that was stored.
    pub fn enter(&self, key: MessageKey, entry: Entry, raw: Vec<u8>) {
        let mut book = self.book();
        book.raws.insert(key, raw);
        book.sequence += 1;
        let other = book.active.insert(key, entry);
        assert!(
            other.is_none() && !book.over.contains_key(&key),
            "{key} again"
        );
    }

    /// Sets aside what is over.
    pub fn set_aside(&self) {
        let now = self.clock.now();
        let mut book = self.book();
        book.sequence += 1;
        let Book {
            sequence,
            active,
            over,
            ..
        } = &mut *book;
        let is_over =
            |_: &MessageKey, entry: &mut Entry| entry.in_flight == 0 && entry.is_over(now);
        over.extend(
            active
                .extract_if(.., is_over)
                .map(|(key, entry)| (key, (*sequence, entry))),
        );
    }

    /// Begins to change a message; how it was. Nothing if somebody else has claimed it.
    pub fn begin(&self, key: MessageKey, claims: bool) -> Option<Begun> {
        let mut book = self.book();
        book.sequence += 1;
        let entry = book.active.get_mut(&key)?;
        if claims && std::mem::replace(&mut entry.is_claimed, true) {
            return None;
        }
        entry.in_flight += 1;
        entry.revision += 1;
        Some(Begun {
            key,
            before: entry.clone(),
            at: self.clock.now(),
            claims,
        })
    }

    /// Ends it; `expected` tells from how the message was whether it must have succeeded, if nobody else was at it.
    pub fn end(
        &self,
        begun: Begun,
        succeeded: bool,
        expected: impl Fn(&Entry, DateTime<Utc>, DateTime<Utc>) -> Option<bool>,
        change: impl FnOnce(&mut Entry),
    ) {
        let Begun {
            key,
            before,
            at,
            claims,
        } = begun;
        let now = self.clock.now();
        let mut book = self.book();
        book.sequence += 1;
        let entry = book.active.get_mut(&key).unwrap();
        let is_alone = entry.revision == before.revision && entry.in_flight == 1;
        if is_alone && let Some(expected) = expected(&before, at, now) {
            assert_eq!(succeeded, expected, "{key} at {at} to {now}: {before:?}");
        }
        assert!(
            !succeeded || before.state != State::Gone,
            "{key} came back: {before:?}"
        );
        entry.in_flight -= 1;
        entry.is_claimed &= !claims;
        entry.revision += 1;
        if succeeded {
            change(entry);
        }
    }

    pub fn may_be_deleted(&self, key: MessageKey) {
        let mut book = self.book();
        book.active.get_mut(&key).unwrap().known.may_be_deleted = true;
    }

    /// One version of a document is one document.
    pub fn remember(&self, aor: String, document: Document) {
        let (account, version) = document.etag.trim_matches('"').split_once('-').unwrap();
        let version = (account.parse().unwrap(), version.parse().unwrap());
        let mut book = self.book();
        let known = book
            .documents
            .entry(version)
            .or_insert_with(|| document.text.clone());
        assert_eq!(*known, document.text, "{version:?}");
        book.latest.insert(aor, document);
    }

    /// Begins a question about some messages.
    pub fn ask(&self, about: impl Fn(&MessageKey, &Entry) -> bool) -> Asked {
        let mut book = self.book();
        book.sequence += 1;
        let before = book.active.iter().filter(|(key, entry)| about(key, entry));
        Asked {
            before: before.map(|(key, entry)| (*key, entry.clone())).collect(),
            sequence: book.sequence,
            at: self.clock.now(),
        }
    }

    /// Compares what was seen with what must or must not have been.
    pub fn judge(&self, asked: &Asked, seen: &BTreeSet<MessageKey>, how: &str) {
        let now = self.clock.now();
        let book = self.book();
        for (key, before) in &asked.before {
            let after = book.active.get(key);
            let was_touched =
                after.is_none_or(|after| after.in_flight > 0 || after.revision != before.revision);
            let expected = match before.state {
                State::Gone => Some(false),
                _ if was_touched => None,
                _ => before.is_seen(asked.at, now),
            };
            if let Some(expected) = expected {
                let is_seen = seen.contains(key);
                assert_eq!(
                    is_seen, expected,
                    "{key} {how} at {} to {now}: {before:?}",
                    asked.at
                );
            }
        }
        for key in seen {
            let over = book.over.get(key);
            assert!(
                over.is_none_or(|(since, _)| *since > asked.sequence),
                "{key} came back {how}: {over:?}"
            );
        }
    }
}

impl Book {
    /// Two versions of a document that follow each other differ.
    pub fn check_documents(&self) -> usize {
        let documents: Vec<_> = self.documents.iter().collect();
        let mut pairs = 0;
        for pair in documents.windows(2) {
            let [(one, before), (next, after)] = pair else {
                continue;
            };
            if one.0 == next.0 && one.1 + 1 == next.1 {
                pairs += 1;
                assert_ne!(before, after, "{next:?} is a new version of the same");
            }
        }
        pairs
    }

    /// All messages there ever were.
    pub fn known(&self) -> HashMap<MessageKey, Known> {
        let over = self.over.iter().map(|(key, (_, entry))| (key, entry));
        let all = over.chain(&self.active);
        all.map(|(key, entry)| (*key, entry.known.clone()))
            .collect()
    }
}
