//! The procedures of the Deferred Messaging Function: what happens to a message, each as one
//! database transaction (OMA SIMPLE IM TS 12.4.2).

use std::sync::Arc;

use crate::clock::Clock;
use crate::domain::policy::Policy;
use crate::rate::Rate;
use crate::store::Db;

pub mod audit;
pub mod audit_chain;
pub mod bell;
pub mod delete;
mod discard;
pub mod erase;
pub mod expire;
pub mod extend;
pub mod feed;
mod group_commit;
pub mod hold;
pub mod inspect;
pub mod large;
pub mod outbox;
pub mod read;
mod report;
pub mod spool;
pub mod store;
pub mod timeline;
pub mod watch;
pub mod xdms;

use bell::Bell;
use discard::Discards;
use group_commit::Queue;
use large::Contents;
use xdms::Turns;

/// What the procedures work with.
#[derive(Clone, Debug)]
pub struct Mailbox {
    /// The database.
    pub db: Db,
    /// Where the contents of large messages lie.
    pub contents: Contents,
    /// The time.
    pub clock: Clock,
    /// What the operator decided.
    pub policy: Arc<Policy>,
    /// Host name in new accounts' Message-IDs.
    pub hostname: Arc<str>,
    /// Rings when there are reports to send.
    pub bell: Bell,
    /// Rings when something has happened that those who follow along are told.
    pub news: Bell,
    /// How often one sender stores for one user.
    pub senders: Arc<Rate>,
    /// Where messages wait to be stored together.
    queue: Queue,
    /// Where those wait who change documents.
    turns: Turns,
    /// Where objects wait to be removed.
    discards: Discards,
}

impl Mailbox {
    /// A mailbox on this database, and the tasks that store and remove objects; they end with its last clone. Needs a
    /// runtime.
    #[must_use]
    pub fn new(
        db: Db,
        contents: Contents,
        clock: Clock,
        policy: Arc<Policy>,
        hostname: Arc<str>,
    ) -> Self {
        let news = Bell::default();
        let discards = Discards::new(contents.objects.clone());
        let queue = Queue::new(&db, &policy, &hostname, &news);
        Self {
            db,
            contents,
            clock,
            senders: Arc::new(Rate::per_minute(policy.sender_rate)),
            policy,
            hostname,
            bell: Bell::default(),
            news,
            queue,
            turns: Turns::default(),
            discards,
        }
    }

    /// The same mailbox at another time, for samples that came earlier.
    #[must_use]
    pub fn at(&self, clock: Clock) -> Self {
        Self {
            clock,
            ..self.clone()
        }
    }
}
