//! The audit: who did what. People and programs are numbers in it, so that nobody is named there who is erased
//! elsewhere.

use std::fmt;

use super::access::names;

/// What somebody who does something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActorKind {
    /// This server, by itself.
    System,
    /// A person who signed in.
    User,
    /// A program with an API token.
    Token,
    /// The owner of an account, whom the SIP network or an aggregation proxy vouches for.
    Owner,
}

names!(
    ActorKind,
    "system, user, token, owner",
    System = "system",
    User = "user",
    Token = "token",
    Owner = "owner"
);

/// Somebody who does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Actor {
    /// What.
    pub kind: ActorKind,
    /// Which: the id of a user, of a token or, of an owner, of the account.
    pub id: Option<i64>,
}

impl Actor {
    /// This server, by itself.
    pub const SYSTEM: Self = Self {
        kind: ActorKind::System,
        id: None,
    };

    /// One that has an id.
    #[must_use]
    pub fn of(kind: ActorKind, id: i64) -> Self {
        Self { kind, id: Some(id) }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "{} {id}", self.kind),
            None => self.kind.fmt(f),
        }
    }
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Messages were removed.
    MessagesRemoved,
    /// Messages got another expiry.
    ExpiryChanged,
    /// An account was erased.
    AccountErased,
    /// A delivery report is to be tried again.
    ReportRetried,
    /// A delivery report was dropped.
    ReportDropped,
}

names!(
    Action,
    "messages.removed, message.expiry_changed, account.erased, report.retried, report.dropped",
    MessagesRemoved = "messages.removed",
    ExpiryChanged = "message.expiry_changed",
    AccountErased = "account.erased",
    ReportRetried = "report.retried",
    ReportDropped = "report.dropped"
);

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditOutcome {
    /// It was done.
    Done,
}

names!(AuditOutcome, "done", Done = "done");
