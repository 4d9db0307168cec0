//! Who may do what: roles of people, scopes of API tokens, and the accounts either reaches.

use chrono::{DateTime, Utc};

use super::address::Aor;
use super::audit::Actor;
use super::domain_name::Domain;

/// What a person is to this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads and deletes what waits for its own AoRs.
    User,
    /// Everything but users and settings, on every account or on those of some domains.
    Operator,
    /// Everything.
    Admin,
}

/// What an API token was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenScope {
    /// Hand over messages for storage.
    Gateway,
    /// Read messages and metadata.
    Read,
    /// Delete messages.
    Delete,
    /// What an operator may, on every account or on those of some domains.
    Operator,
    /// What an administrator may.
    Admin,
}

/// A word that names no role or scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not one of {known}")]
pub struct UnknownName {
    word: String,
    known: &'static str,
}

impl UnknownName {
    /// `word` is none of those that `known` lists.
    pub(crate) fn new(word: &str, known: &'static str) -> Self {
        Self {
            word: word.to_owned(),
            known,
        }
    }
}

/// Gives an enum its one table of names for both directions.
macro_rules! names {
    ($type:ty, $known:literal, $($variant:ident = $name:literal),+) => {
        impl $type {
            /// The name used in configuration, the database and the API.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl std::str::FromStr for $type {
            type Err = $crate::domain::access::UnknownName;
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($name => Ok(Self::$variant),)+
                    _ => Err($crate::domain::access::UnknownName::new(word, $known)),
                }
            }
        }
    };
}
pub(crate) use names;

names!(
    Role,
    "user, operator, admin",
    User = "user",
    Operator = "operator",
    Admin = "admin"
);
names!(
    TokenScope,
    "gateway, read, delete, operator, admin",
    Gateway = "gateway",
    Read = "read",
    Delete = "delete",
    Operator = "operator",
    Admin = "admin"
);

/// The accounts a caller reaches. Every query that serves a caller takes one, so that tenants
/// are kept apart in the query and not in the handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every account.
    All,
    /// These accounts and no other.
    Aors(Vec<Aor>),
    /// The accounts of these domains, and some besides.
    Domains {
        /// Every account of these.
        domains: Vec<Domain>,
        /// And these.
        aors: Vec<Aor>,
    },
}

impl Scope {
    /// Whether `aor` is within reach.
    #[must_use]
    pub fn covers(&self, aor: &Aor) -> bool {
        match self {
            Self::All => true,
            Self::Aors(own) => own.contains(aor),
            Self::Domains { domains, aors } => {
                domains.iter().any(|domain| domain.has(aor)) || aors.contains(aor)
            }
        }
    }
}

/// Somebody who proved who they are: a person by session, a program by token.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The user's or the token's name, for logs.
    pub name: String,
    /// What the audit calls it.
    pub actor: Actor,
    /// The accounts it is bound to.
    pub aors: Vec<Aor>,
    /// The domains that an operator or a gateway is bound to.
    pub domains: Vec<Domain>,
    /// What it may do.
    pub rights: Rights,
    /// When a token ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// Changes with a person's password, so that sessions end with it; empty for a token.
    pub mark: String,
}

/// Where a principal's rights come from.
#[derive(Debug, Clone)]
pub enum Rights {
    /// A signed-in person's role.
    Role(Role),
    /// An API token's scopes.
    Scopes(Vec<TokenScope>),
}

impl Principal {
    /// Whether the principal may do what `scope` stands for. Handing over messages is for
    /// gateways alone: no role grants it.
    #[must_use]
    pub fn may(&self, scope: TokenScope) -> bool {
        match &self.rights {
            Rights::Role(role) => match scope {
                TokenScope::Gateway => false,
                TokenScope::Read | TokenScope::Delete => true,
                TokenScope::Operator => matches!(role, Role::Operator | Role::Admin),
                TokenScope::Admin => *role == Role::Admin,
            },
            Rights::Scopes(scopes) => {
                scopes.contains(&scope)
                    || (scope != TokenScope::Gateway && scopes.contains(&TokenScope::Admin))
                    || (matches!(scope, TokenScope::Read | TokenScope::Delete)
                        && scopes.contains(&TokenScope::Operator))
            }
        }
    }

    /// Whether it handles other people's accounts: [`operating`](Self::operating) says whose.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.may(TokenScope::Operator)
    }

    /// Whether it handles the accounts of all domains, and what belongs to none.
    #[must_use]
    pub fn operates_everywhere(&self) -> bool {
        self.is_operator() && self.is_unbound()
    }

    /// Administrators are bound to nothing, whatever is written down with them.
    fn is_unbound(&self) -> bool {
        self.domains.is_empty() || self.may(TokenScope::Admin)
    }

    /// The id of the person, if it is one.
    #[must_use]
    pub fn person_id(&self) -> Option<i64> {
        let is_person = matches!(self.rights, Rights::Role(_));
        self.actor.id.filter(|_| is_person)
    }

    /// The accounts within reach for reading and deleting.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let aors = self.aors.clone();
        match self.is_operator() {
            true if self.is_unbound() => Scope::All,
            true => Scope::Domains {
                domains: self.domains.clone(),
                aors,
            },
            false => Scope::Aors(aors),
        }
    }

    /// The accounts within reach for what only operators do: an own account elsewhere is not among them.
    #[must_use]
    pub fn operating(&self) -> Scope {
        match self.scope() {
            Scope::All => Scope::All,
            Scope::Domains { domains, .. } => Scope::Domains {
                domains,
                aors: Vec::new(),
            },
            Scope::Aors(_) => Scope::Aors(Vec::new()),
        }
    }

    /// The accounts within reach for handing over: a gateway bound to nothing serves all.
    #[must_use]
    pub fn gateway_scope(&self) -> Scope {
        let aors = self.aors.clone();
        match (self.domains.is_empty(), aors.is_empty()) {
            (true, true) => Scope::All,
            (true, false) => Scope::Aors(aors),
            (false, _) => Scope::Domains {
                domains: self.domains.clone(),
                aors,
            },
        }
    }

    /// Whether a token that may so much is within this principal's own rights. Administrators make any, gateways' too;
    /// others make tokens for their own accounts and, where they are operators, for their domains. No token makes one
    /// that outlives it.
    ///
    /// # Errors
    /// [`Excess`] names what the token would have more.
    pub fn may_grant(&self, grant: Grant<'_>) -> Result<(), Excess> {
        let outlives = |own: DateTime<Utc>| grant.expires_at.is_none_or(|end| end > own);
        if self.expires_at.is_some_and(outlives) {
            return Err(Excess::Life);
        }
        if self.may(TokenScope::Admin) {
            return Ok(());
        }
        if let Some(scope) = grant.scopes.iter().find(|scope| !self.may(**scope)) {
            return Err(Excess::Scope(*scope));
        }
        if let Some(aor) = grant.aors.iter().find(|aor| !self.aors.contains(aor)) {
            return Err(Excess::Aor(aor.clone()));
        }
        if self.operates_everywhere() {
            return Ok(());
        }
        if grant.scopes.contains(&TokenScope::Operator) && grant.domains.is_empty() {
            return Err(Excess::Everywhere);
        }
        let is_own = |domain: &&Domain| self.is_operator() && self.domains.contains(domain);
        match grant.domains.iter().find(|domain| !is_own(domain)) {
            Some(domain) => Err(Excess::Domain(domain.clone())),
            None => Ok(()),
        }
    }
}

/// What a token is to be allowed.
#[derive(Debug, Clone, Copy)]
pub struct Grant<'a> {
    /// What it is for.
    pub scopes: &'a [TokenScope],
    /// The accounts it is bound to.
    pub aors: &'a [Aor],
    /// The domains it is bound to.
    pub domains: &'a [Domain],
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What a token would have more than whoever makes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Excess {
    /// A scope.
    #[error("the scope {0} is not yours to give")]
    Scope(TokenScope),
    /// An account.
    #[error("{0} is not your address")]
    Aor(Aor),
    /// A domain.
    #[error("{0} is not your domain")]
    Domain(Domain),
    /// The accounts of all domains.
    #[error("name domains of yours: you are not an operator of all")]
    Everywhere,
    /// Time.
    #[error("a token makes none that outlives it")]
    Life,
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
