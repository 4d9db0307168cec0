//! The audit: who did what. People and programs are numbers in it, so that nobody is named there who is erased
//! elsewhere.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

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
    /// Somebody at the command line of a node.
    Console,
    /// Somebody who did not prove who they are.
    Nobody,
}

names!(
    ActorKind,
    "system, user, token, owner, console, nobody",
    System = "system",
    User = "user",
    Token = "token",
    Owner = "owner",
    Console = "console",
    Nobody = "nobody"
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

    /// Somebody at the command line of a node.
    pub const CONSOLE: Self = Self {
        kind: ActorKind::Console,
        id: None,
    };

    /// Somebody who did not prove who they are.
    pub const NOBODY: Self = Self {
        kind: ActorKind::Nobody,
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
    /// A person signed in, or failed to.
    SignIn,
    /// A person signed out.
    SignOut,
    /// A person got another password.
    PasswordChanged,
    /// A link was made by which a person chooses a password: an invitation, or to another password.
    PasswordLinkMade,
    /// Such a link was used.
    PasswordLinkUsed,
    /// A person is asked for a second factor from now on.
    SecondFactorAdded,
    /// A person is not asked for a second factor any more.
    SecondFactorRemoved,
    /// A person got fresh recovery codes in place of those before.
    RecoveryCodesRenewed,
    /// Sessions of a person were ended, other than by signing out of them.
    SessionsEnded,
    /// A person was added.
    UserCreated,
    /// A person got another role, or other accounts.
    UserChanged,
    /// A person was removed.
    UserRemoved,
    /// A token was made.
    TokenCreated,
    /// A token got another secret.
    TokenRotated,
    /// A token was ended.
    TokenRevoked,
    /// The link that makes the first administrator was used.
    SetupUsed,
    /// An operator gave a reason for reading somebody else's content, which is open to them for a while.
    ContentOpened,
    /// An operator read somebody else's content.
    ContentRead,
}

names!(
    Action,
    "messages.removed, message.expiry_changed, account.erased, report.retried, report.dropped, session.sign_in, \
     session.sign_out, session.ended, password.changed, \
     password.link_made, password.link_used, second_factor.added, second_factor.removed, second_factor.codes_renewed, \
     user.created, user.changed, user.removed, token.created, token.rotated, \
     token.revoked, setup.used, content.opened, content.read",
    MessagesRemoved = "messages.removed",
    ExpiryChanged = "message.expiry_changed",
    AccountErased = "account.erased",
    ReportRetried = "report.retried",
    ReportDropped = "report.dropped",
    SignIn = "session.sign_in",
    SignOut = "session.sign_out",
    SessionsEnded = "session.ended",
    PasswordChanged = "password.changed",
    PasswordLinkMade = "password.link_made",
    PasswordLinkUsed = "password.link_used",
    SecondFactorAdded = "second_factor.added",
    SecondFactorRemoved = "second_factor.removed",
    RecoveryCodesRenewed = "second_factor.codes_renewed",
    UserCreated = "user.created",
    UserChanged = "user.changed",
    UserRemoved = "user.removed",
    TokenCreated = "token.created",
    TokenRotated = "token.rotated",
    TokenRevoked = "token.revoked",
    SetupUsed = "setup.used",
    ContentOpened = "content.opened",
    ContentRead = "content.read"
);

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditOutcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
}

names!(
    AuditOutcome,
    "done, refused",
    Done = "done",
    Refused = "refused"
);

/// The network that an address is in, as the audit keeps it: enough to see that many attempts come from one place, too
/// little to find a person by. 24 bits of IPv4, 48 of IPv6.
#[must_use]
pub fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_kept_as_networks() {
        for (address, network) in [
            ("192.0.2.77", "192.0.2.0/24"),
            ("::ffff:192.0.2.77", "192.0.2.0/24"),
            ("2001:db8:7:9::1", "2001:db8:7::/48"),
            ("::1", "::/48"),
        ] {
            assert_eq!(network_of(address.parse().unwrap()), network);
        }
    }
}
