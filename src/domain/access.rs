//! Who may do what: roles of people, scopes of API tokens, and the accounts either reaches.

use super::address::Aor;
use super::audit::Actor;

/// What a person is to this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads and deletes what waits for its own AoRs.
    User,
    /// Everything but users and settings, on every account.
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
    /// What an operator may, on every account.
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
}

impl Scope {
    /// Whether `aor` is within reach.
    #[must_use]
    pub fn covers(&self, aor: &Aor) -> bool {
        match self {
            Self::All => true,
            Self::Aors(own) => own.contains(aor),
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
    /// What it may do.
    pub rights: Rights,
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

    /// Whether every account is within reach.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.may(TokenScope::Operator)
    }

    /// The accounts within reach for reading and deleting.
    #[must_use]
    pub fn scope(&self) -> Scope {
        if self.is_operator() {
            Scope::All
        } else {
            Scope::Aors(self.aors.clone())
        }
    }

    /// The accounts within reach for handing over: a gateway bound to no AoR serves all.
    #[must_use]
    pub fn gateway_scope(&self) -> Scope {
        if self.aors.is_empty() {
            Scope::All
        } else {
            Scope::Aors(self.aors.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(scopes: &[TokenScope]) -> Principal {
        Principal {
            name: "t".into(),
            actor: Actor::SYSTEM,
            aors: Vec::new(),
            rights: Rights::Scopes(scopes.to_vec()),
            mark: String::new(),
        }
    }

    #[test]
    fn a_token_grants_its_scopes_and_no_other() {
        use TokenScope::{Admin, Delete, Gateway, Operator, Read};
        let all = [Gateway, Read, Delete, Operator, Admin];
        let granted = |scopes: &[TokenScope]| -> Vec<TokenScope> {
            all.into_iter().filter(|s| token(scopes).may(*s)).collect()
        };
        assert_eq!(granted(&[Gateway]), [Gateway]);
        assert_eq!(granted(&[Read]), [Read]);
        assert_eq!(granted(&[Delete]), [Delete]);
        assert_eq!(granted(&[Operator]), [Read, Delete, Operator]);
        assert_eq!(granted(&[Admin]), [Read, Delete, Operator, Admin]);
        assert_eq!(granted(&[]), []);
    }

    #[test]
    fn no_role_hands_over_messages() {
        for role in [Role::User, Role::Operator, Role::Admin] {
            let person = Principal {
                name: "p".into(),
                actor: Actor::SYSTEM,
                aors: vec![],
                rights: Rights::Role(role),
                mark: String::new(),
            };
            assert!(!person.may(TokenScope::Gateway));
        }
    }

    #[test]
    fn a_user_reaches_its_own_accounts_only() {
        let own: Aor = "sip:alice@example.org".parse().unwrap();
        let other: Aor = "sip:bob@example.org".parse().unwrap();
        let user = Principal {
            name: "alice".into(),
            actor: Actor::SYSTEM,
            aors: vec![own.clone()],
            rights: Rights::Role(Role::User),
            mark: String::new(),
        };
        assert!(user.scope().covers(&own));
        assert!(!user.scope().covers(&other));
    }
}
