//! Proving who somebody is: people by password, programs by token, the first administrator by a
//! one-time link.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::clock::Clock;
use crate::domain::access::{Principal, Rights, Role, TokenScope};
use crate::domain::address::Aor;
use crate::domain::audit::{Action, Actor, ActorKind};
use crate::store::{Db, StoreError, accounts, identity as rows, tokens};

mod audit;
mod digest;
mod password;
mod remembered;
pub mod secret;

pub use digest::DigestName;
pub use password::{MIN_PASSWORD_CHARS, PasswordError, Passwords};

use remembered::Remembered;

/// The purpose of the link that makes the first administrator.
const SETUP: &str = "setup";
/// How long a setup link is good.
const SETUP_LINK_LIFE: TimeDelta = TimeDelta::days(1);
/// The longest life of a token that has an end.
const LONGEST_TOKEN_LIFE: TimeDelta = TimeDelta::days(36_500);
/// The longest name of a person or token, in octets.
const MAX_NAME: usize = 128;

/// Something about a person or token cannot be so.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The name is empty, too long, or has characters that do not show.
    #[error("a name has 1 to {MAX_NAME} octets and no control characters")]
    BadName,
    /// Another person has this name.
    #[error("there is a user of this name")]
    NameTaken,
    /// There is no such person.
    #[error("there is no user of this name")]
    UnknownUser,
    /// The password is not good enough or could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// A token that could do nothing, or more than was meant.
    #[error("{0}")]
    BadToken(&'static str),
    /// A setup link that is unknown, used or too old.
    #[error("this link has been used or is too old")]
    BadLink,
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
    /// The operating system has no thread to hash passwords on.
    #[error("no thread to hash passwords on")]
    Thread(#[from] std::io::Error),
}

/// Why a token opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRefusal {
    /// Nobody was given this token.
    Unknown,
    /// It was good once.
    Expired,
}

/// Knows people and tokens.
#[derive(Clone, Debug)]
pub struct Identity {
    db: Db,
    clock: Clock,
    passwords: Arc<Passwords>,
    remembered: Arc<Remembered>,
    hostname: Arc<str>,
    /// Whose acts the audit takes these for.
    actor: Actor,
}

impl Identity {
    /// `hostname` goes into the Message-IDs of accounts made for new people.
    ///
    /// # Errors
    /// When the operating system has no thread to give.
    pub fn new(db: Db, clock: Clock, hostname: Arc<str>) -> Result<Self, IdentityError> {
        Ok(Self {
            db,
            clock,
            passwords: Arc::new(Passwords::new()?),
            remembered: Arc::new(Remembered::new().map_err(StoreError::from)?),
            hostname,
            actor: Actor::CONSOLE,
        })
    }

    /// The person with this name and password. An unknown name takes as long as a wrong password.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sign_in(
        &self,
        name: &str,
        password: &str,
    ) -> Result<Option<Principal>, IdentityError> {
        // What is no name is nobody's, and is not looked up.
        let user = match check_name(name) {
            Ok(()) => rows::user(self.db.read(), name).await?,
            Err(_) => None,
        };
        let hash = user.as_ref().map(|user| user.password_hash.as_str());
        if !self.passwords.verify(hash, password).await? {
            return Ok(None);
        }
        Ok(user.map(person))
    }

    /// [`sign_in`](Self::sign_in), for callers that send their password with every request: for a while the same name and
    /// password are known again by [`signed_in_lately`](Self::signed_in_lately).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sign_in_for_a_while(
        &self,
        name: &str,
        password: &str,
    ) -> Result<Option<Principal>, IdentityError> {
        let person = self.sign_in(name, password).await?;
        if let Some(person) = &person {
            let now = self.clock.now();
            self.remembered.add(name, password, &person.mark, now);
        }
        Ok(person)
    }

    /// The person who proved this name and password lately, if the password is still the one, with today's rights.
    /// Costs no hashing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn signed_in_lately(
        &self,
        name: &str,
        password: &str,
    ) -> Result<Option<Principal>, StoreError> {
        let Some(mark) = self.remembered.mark(name, password, self.clock.now()) else {
            return Ok(None);
        };
        let person = self.person(name).await?;
        Ok(person.filter(|person| person.mark == mark))
    }

    /// The person of this name as the database has it now: what a session stands for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn person(&self, name: &str) -> Result<Option<Principal>, StoreError> {
        Ok(rows::user(self.db.read(), name).await?.map(person))
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// When the database fails; `Ok(Err(_))` when the token opens nothing.
    pub async fn token(&self, text: &str) -> Result<Result<Principal, TokenRefusal>, StoreError> {
        let Some(token) = tokens::by_secret(self.db.read(), &secret::hash(text)).await? else {
            return Ok(Err(TokenRefusal::Unknown));
        };
        if self.is_over(&token) {
            return Ok(Err(TokenRefusal::Expired));
        }
        Ok(Ok(program(token)))
    }

    fn is_over(&self, token: &tokens::Token) -> bool {
        let now = self.clock.now();
        let over = |end: Option<DateTime<Utc>>| end.is_some_and(|end| end <= now);
        over(token.revoked_at) || over(token.expires_at)
    }

    /// Adds a person, and an account for each AoR that has none yet.
    ///
    /// # Errors
    /// When the name is taken or unusable, the password too weak, or the database fails.
    pub async fn add_user(
        &self,
        name: &str,
        password: &str,
        role: Role,
        aors: &[Aor],
    ) -> Result<(), IdentityError> {
        check_name(name)?;
        let hash = self.passwords.hash(password).await?;
        let tx = self.db.write().await?;
        let now = self.clock.now();
        let id = add_user_row(&tx, name, &hash, role, aors, now).await?;
        let detail = json!({ "user": id, "role": role.as_str(), "accounts": aors.len() });
        self.write_down(&tx, Action::UserCreated, detail).await?;
        if role == Role::Admin {
            rows::end_links(&tx, SETUP).await?;
        }
        for aor in aors {
            accounts::ensure(&tx, aor, None, &self.hostname, now).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Gives a person a new password.
    ///
    /// # Errors
    /// When there is no such person, the password is too weak, or the database fails.
    pub async fn set_password(&self, name: &str, password: &str) -> Result<(), IdentityError> {
        let hash = self.passwords.hash(password).await?;
        let tx = self.db.write().await?;
        if !rows::set_password(&tx, name, &hash).await? {
            return Err(IdentityError::UnknownUser);
        }
        let user = rows::user(&*tx, name).await?;
        let detail = json!({ "user": user.map(|user| user.id) });
        self.write_down(&tx, Action::PasswordChanged, detail)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Makes a token and gives its secret, which is not kept and cannot be shown again.
    ///
    /// # Errors
    /// When the token would open nothing or is bound to no account it would need, or the database
    /// fails.
    pub async fn create_token(
        &self,
        name: &str,
        scopes: &[TokenScope],
        aors: &[Aor],
        life: Option<TimeDelta>,
    ) -> Result<String, IdentityError> {
        self.create(name, scopes, aors, life, None).await
    }

    async fn create(
        &self,
        name: &str,
        scopes: &[TokenScope],
        aors: &[Aor],
        life: Option<TimeDelta>,
        digest: Option<DigestName<'_>>,
    ) -> Result<String, IdentityError> {
        check_name(name)?;
        check_scopes(scopes, aors)?;
        if life.is_some_and(|life| life > LONGEST_TOKEN_LIFE) {
            return Err(IdentityError::BadToken("a token lives 100 years at most"));
        }
        let text = secret::token().map_err(StoreError::from)?;
        let now = self.clock.now();
        let expires_at = match life {
            None => None,
            Some(life) => Some(
                now.checked_add_signed(life)
                    .ok_or(IdentityError::BadToken("the token would live too long"))?,
            ),
        };
        let tx = self.db.write().await?;
        let hash = secret::hash(&text);
        let id = tokens::add(&tx, name, &hash, scopes, aors, now, expires_at).await?;
        if let Some(names) = digest {
            names.add(&tx, id, scopes, aors, &text, now).await?;
        }
        for aor in aors {
            accounts::ensure(&tx, aor, None, &self.hostname, now).await?;
        }
        let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        let detail = json!({ "token": id, "scopes": words, "accounts": aors.len() });
        self.write_down(&tx, Action::TokenCreated, detail).await?;
        tx.commit().await?;
        Ok(text)
    }

    /// Everybody, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn users(&self) -> Result<Vec<rows::User>, StoreError> {
        rows::users(self.db.read()).await
    }

    /// All tokens, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tokens(&self) -> Result<Vec<tokens::Token>, StoreError> {
        tokens::all(self.db.read()).await
    }

    /// Ends a token; says whether there was one to end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_token(&self, id: i64) -> Result<bool, StoreError> {
        let tx = self.db.write().await?;
        let revoked = tokens::revoke(&tx, id, self.clock.now()).await?;
        if revoked {
            self.write_down(&tx, Action::TokenRevoked, json!({ "token": id }))
                .await?;
        }
        tx.commit().await?;
        Ok(revoked)
    }

    /// The secret of a fresh link that makes the first administrator, or `None` when there is one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn setup_link(&self) -> Result<Option<String>, StoreError> {
        if rows::has_admin(self.db.read()).await? {
            return Ok(None);
        }
        let text = secret::link()?;
        let tx = self.db.write().await?;
        let until = self.clock.now() + SETUP_LINK_LIFE;
        rows::add_link(&tx, &secret::hash(&text), SETUP, until).await?;
        tx.commit().await?;
        Ok(Some(text))
    }

    /// Whether a setup link is good now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn setup_link_is_good(&self, text: &str) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let good = rows::link_is_good(self.db.read(), &secret::hash(text), SETUP, now).await?;
        Ok(good && !rows::has_admin(self.db.read()).await?)
    }

    /// Makes the first administrator, and ends all setup links.
    ///
    /// # Errors
    /// When the link is no longer good, the name or password unusable, or the database fails.
    pub async fn set_up(
        &self,
        link: &str,
        name: &str,
        password: &str,
    ) -> Result<Principal, IdentityError> {
        check_name(name)?;
        // Hashing is dear: only for whoever has a link.
        if !self.setup_link_is_good(link).await? {
            return Err(IdentityError::BadLink);
        }
        let hash = self.passwords.hash(password).await?;
        let tx = self.db.write().await?;
        let now = self.clock.now();
        if !rows::use_link(&tx, &secret::hash(link), SETUP, now).await? {
            return Err(IdentityError::BadLink);
        }
        let id = add_user_row(&tx, name, &hash, Role::Admin, &[], now).await?;
        let made = Actor::of(ActorKind::User, id);
        self.by(made)
            .write_down(&tx, Action::SetupUsed, json!({ "user": id }))
            .await?;
        rows::end_links(&tx, SETUP).await?;
        tx.commit().await?;
        let made = self.person(name).await?;
        made.ok_or(IdentityError::BadLink)
    }
}

async fn add_user_row(
    tx: &crate::store::WriteTx,
    name: &str,
    hash: &str,
    role: Role,
    aors: &[Aor],
    now: DateTime<Utc>,
) -> Result<i64, IdentityError> {
    rows::add_user(tx, name, hash, role, aors, now)
        .await
        .map_err(name_taken)
}

fn name_taken(error: StoreError) -> IdentityError {
    match error {
        StoreError::Conflict => IdentityError::NameTaken,
        error => IdentityError::Store(error),
    }
}

fn program(token: tokens::Token) -> Principal {
    Principal {
        name: token.name,
        actor: Actor::of(ActorKind::Token, token.id),
        aors: token.aors,
        rights: Rights::Scopes(token.scopes),
        mark: String::new(),
    }
}

fn person(user: rows::User) -> Principal {
    Principal {
        name: user.name,
        actor: Actor::of(ActorKind::User, user.id),
        aors: user.aors,
        rights: Rights::Role(user.role),
        mark: secret::hash(&user.password_hash),
    }
}

fn check_name(name: &str) -> Result<(), IdentityError> {
    let shows = !name.trim().is_empty() && !name.chars().any(char::is_control);
    if shows && name.len() <= MAX_NAME {
        Ok(())
    } else {
        Err(IdentityError::BadName)
    }
}

/// Refuses tokens that would open nothing, and reading or deleting everything by omission.
fn check_scopes(scopes: &[TokenScope], aors: &[Aor]) -> Result<(), IdentityError> {
    use TokenScope::{Admin, Delete, Operator, Read};
    if scopes.is_empty() {
        return Err(IdentityError::BadToken("a token needs a scope"));
    }
    let everywhere = scopes.contains(&Operator) || scopes.contains(&Admin);
    let personal = scopes.contains(&Read) || scopes.contains(&Delete);
    if personal && !everywhere && aors.is_empty() {
        return Err(IdentityError::BadToken(
            "scope read or delete needs --aor, or scope operator to reach every account",
        ));
    }
    Ok(())
}
