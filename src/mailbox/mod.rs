//! The procedures of the Deferred Messaging Function: what happens to a message, each as one
//! database transaction (OMA SIMPLE IM TS 12.4.2).

use std::sync::Arc;

use crate::clock::Clock;
use crate::domain::policy::Policy;
use crate::store::Db;

pub mod delete;
pub mod expire;
pub mod read;
pub mod store;

/// What the procedures work with.
#[derive(Clone, Debug)]
pub struct Mailbox {
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// What the operator decided.
    pub policy: Arc<Policy>,
    /// Host name in new accounts' Message-IDs.
    pub hostname: Arc<str>,
}
