//! What can happen to accounts and messages, for those who follow along.

use std::fmt;
use std::str::FromStr;

use super::access::names;

/// The kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A message was stored.
    Stored,
    /// A message will expire soon.
    Expiring,
    /// A message has another expiry.
    Changed,
    /// The deletion of a message was asked for; it is out of sight, and may be taken back for a while.
    Held,
    /// The deletion of a message was taken back.
    Released,
    /// An operator looked at the content of a message.
    Inspected,
    /// A message is gone.
    Removed,
    /// An account is gone with all it held.
    Erased,
    /// An XCAP document that the user keeps was put, changed or deleted.
    DocumentChanged,
}

names!(
    EventKind,
    "message.stored, message.expiring, message.changed, message.held, message.released, message.inspected, message.removed, account.erased, xcap.changed",
    Stored = "message.stored",
    Expiring = "message.expiring",
    Changed = "message.changed",
    Held = "message.held",
    Released = "message.released",
    Inspected = "message.inspected",
    Removed = "message.removed",
    Erased = "account.erased",
    DocumentChanged = "xcap.changed"
);

/// Why a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Somebody who may asked for it.
    Requested,
    /// It waited as long as it may.
    Expired,
    /// Its owner has got it.
    Delivered,
    /// An operator cleared it away with others.
    Purged,
    /// Its account goes.
    Erased,
}

names!(
    Cause,
    "requested, expired, delivered, purged, erased",
    Requested = "requested",
    Expired = "expired",
    Delivered = "delivered",
    Purged = "purged",
    Erased = "erased"
);

/// A place in the order in which events became visible: whoever has seen all up to here misses none that commits
/// later, which numbers of a sequence do not promise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The transaction, as the database counts them; 0 where one writes at a time.
    pub tx: i64,
    /// The number within it.
    pub id: i64,
}

impl fmt::Display for Place {
    /// As clients are told it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.tx, self.id)
    }
}

/// A text is no [`Place`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected two numbers with a dash between them")]
pub struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (tx, id) = text.split_once('-').ok_or(NoPlace)?;
        let number = |text: &str| text.parse().map_err(|_| NoPlace);
        Ok(Self {
            tx: number(tx)?,
            id: number(id)?,
        })
    }
}
