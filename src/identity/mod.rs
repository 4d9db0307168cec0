//! Proving who somebody is: people by password, programs by token, the first administrator by a
//! one-time link.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;

use crate::clock::Clock;
use crate::domain::access::{Excess, Principal, Rights, Role};
use crate::domain::audit::{Action, Actor, ActorKind};
use crate::store::{
    Db, StoreError, WriteTx, identity as rows, links, sessions, tokens as token_rows,
    users as user_rows,
};

mod audit;
mod digest;
mod last_use;
mod password;
mod password_rules;
mod people;
mod remembered;
mod second_factor;
pub mod secret;
mod tokens;
mod users;

pub use digest::DigestName;
pub use password::{PasswordError, Passwords};
pub use password_rules::MIN_PASSWORD_CHARS;
pub use people::{Welcome, welcome_path};
pub use second_factor::NewSecret;
pub use tokens::{LONGEST_GRACE, NewToken, Secret};
pub use users::{NewUser, UserChange};

use last_use::LastUse;

use remembered::Remembered;

/// The purpose of the link that makes the first administrator.
const SETUP: &str = "setup";
/// How long a setup link is good.
const SETUP_LINK_LIFE: TimeDelta = TimeDelta::days(1);
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
    /// The password that should prove who somebody is does not.
    #[error("this is not your password")]
    WrongPassword,
    /// The code of a second factor is wrong, too old or was used.
    #[error(
        "this code is wrong, too old or was used before: take the next one that your app shows"
    )]
    WrongCode,
    /// A token that could do nothing, or more than was meant.
    #[error("{0}")]
    BadToken(&'static str),
    /// A field of a person or token cannot be so.
    #[error("{why}")]
    BadField {
        /// Which: `name`, `role`, `scopes`, `aors`, `domains` or `expires_at`.
        field: &'static str,
        /// Why.
        why: &'static str,
    },
    /// Whoever makes a token has not all that it would have.
    #[error(transparent)]
    Excess(#[from] Excess),
    /// There is no such token, or it opens nothing any more.
    #[error("there is no such token, or it has ended")]
    UnknownToken,
    /// Nobody could administer this server any more.
    #[error("this is the last administrator who may sign in")]
    LastAdmin,
    /// Somebody else has changed it meanwhile.
    #[error("it was changed meanwhile")]
    Changed,
    /// A link that is unknown, used or too old.
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
    last_use: Arc<LastUse>,
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
            last_use: Arc::default(),
            hostname,
            actor: Actor::CONSOLE,
        })
    }

    /// The person with this name and password, who may sign in. An unknown name takes as long as a wrong password.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sign_in(
        &self,
        name: &str,
        password: &str,
    ) -> Result<Option<Principal>, IdentityError> {
        // What is no name is nobody's, and is not looked up.
        let known = match check_name(name) {
            Ok(()) => rows::password_of(self.db.read(), name).await?,
            Err(_) => None,
        };
        // Nor does an invitation show by how long it takes.
        let known = known.filter(|(_, hash)| !hash.is_empty());
        let hash = known.as_ref().map(|(_, hash)| hash.as_str());
        if !self.passwords.verify(hash, password).await? {
            return Ok(None);
        }
        match known {
            Some((id, _)) => Ok(self.person_with_id(id).await?),
            None => Ok(None),
        }
    }

    /// [`sign_in`](Self::sign_in), for callers that send their password with every request: for a while the same name and
    /// password are known again by [`signed_in_lately`](Self::signed_in_lately). Of people with a second factor nothing is
    /// remembered.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sign_in_for_a_while(
        &self,
        name: &str,
        password: &str,
    ) -> Result<Option<Principal>, IdentityError> {
        let person = self.sign_in(name, password).await?;
        if let Some(person) = &person
            && !self.has_second_factor(person).await?
        {
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
        let user = rows::user(self.db.read(), name).await?;
        let user = user.filter(|user| !user.has_second_factor);
        Ok(user.and_then(enabled).filter(|person| person.mark == mark))
    }

    /// The person of this name as the database has it now, who may sign in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn person(&self, name: &str) -> Result<Option<Principal>, StoreError> {
        Ok(rows::user(self.db.read(), name).await?.and_then(enabled))
    }

    /// The person with this id as the database has it now, who may sign in: what a session stands for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn person_with_id(&self, id: i64) -> Result<Option<Principal>, StoreError> {
        let user = user_rows::with_id(self.db.read(), id).await?;
        Ok(user.and_then(enabled))
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// When the database fails; `Ok(Err(_))` when the token opens nothing.
    pub async fn token(&self, text: &str) -> Result<Result<Principal, TokenRefusal>, StoreError> {
        let Some(token) = token_rows::by_secret(self.db.read(), &secret::hash(text)).await? else {
            return Ok(Err(TokenRefusal::Unknown));
        };
        if token.is_over(self.clock.now()) {
            return Ok(Err(TokenRefusal::Expired));
        }
        self.note_use(token.id);
        Ok(Ok(program(token)))
    }

    /// Gives a person a new password, and ends their sessions and links.
    ///
    /// # Errors
    /// When there is no such person, the password is too weak, or the database fails.
    pub async fn set_password(&self, name: &str, password: &str) -> Result<(), IdentityError> {
        let user = rows::user(self.db.read(), name).await?;
        let user = user.ok_or(IdentityError::UnknownUser)?;
        let hash = self.new_hash(name, &user.aors, password).await?;
        let tx = self.db.write().await?;
        self.replace_password(&tx, name, &hash).await?;
        Ok(tx.commit().await?)
    }

    /// Gives a person the password with this hash, in place of all that opened the way before; the person's id.
    async fn replace_password(
        &self,
        tx: &WriteTx,
        name: &str,
        hash: &str,
    ) -> Result<i64, IdentityError> {
        let changed = rows::set_password(tx, name, hash).await?;
        let id = changed.ok_or(IdentityError::UnknownUser)?;
        sessions::end_of(tx, id, None).await?;
        links::end_of(tx, id).await?;
        self.write_down(tx, Action::PasswordChanged, json!({ "user": id }))
            .await?;
        Ok(id)
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
        links::add_link(&tx, &secret::hash(&text), SETUP, until, None).await?;
        tx.commit().await?;
        Ok(Some(text))
    }

    /// Whether a setup link is good now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn setup_link_is_good(&self, text: &str) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let good = links::link_is_good(self.db.read(), &secret::hash(text), SETUP, now).await?;
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
        let hash = self.new_hash(name, &[], password).await?;
        let tx = self.db.write().await?;
        let now = self.clock.now();
        if !links::use_link(&tx, &secret::hash(link), SETUP, now).await? {
            return Err(IdentityError::BadLink);
        }
        let id = rows::add_user(&tx, name, &hash, Role::Admin, &[], now)
            .await
            .map_err(name_taken)?;
        let made = Actor::of(ActorKind::User, id);
        self.by(made)
            .write_down(&tx, Action::SetupUsed, json!({ "user": id }))
            .await?;
        links::end_links(&tx, SETUP).await?;
        tx.commit().await?;
        let made = self.person(name).await?;
        made.ok_or(IdentityError::BadLink)
    }
}

fn name_taken(error: StoreError) -> IdentityError {
    match error {
        StoreError::Conflict => IdentityError::NameTaken,
        error => IdentityError::Store(error),
    }
}

fn program(token: token_rows::Token) -> Principal {
    Principal {
        name: token.name,
        actor: Actor::of(ActorKind::Token, token.id),
        aors: token.aors,
        domains: token.domains,
        rights: Rights::Scopes(token.scopes),
        expires_at: token.expires_at,
        mark: String::new(),
    }
}

/// The person, if they may sign in.
fn enabled(user: rows::User) -> Option<Principal> {
    user.disabled_at.is_none().then(|| person(user))
}

fn person(user: rows::User) -> Principal {
    // New rights ask for a new session, as a new password does and being let in again.
    let since = user.enabled_at.map(|at| at.to_rfc3339());
    let since = since.unwrap_or_default();
    let mark = format!("{} {since} {}", user.role, user.password_hash);
    Principal {
        name: user.name,
        actor: Actor::of(ActorKind::User, user.id),
        aors: user.aors,
        domains: user.domains,
        rights: Rights::Role(user.role),
        expires_at: None,
        mark: secret::hash(&mark),
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

/// The same without repetitions, in order: two spellings may be one.
fn distinct<T: Ord + Clone>(items: &[T]) -> Vec<T> {
    let items: BTreeSet<&T> = items.iter().collect();
    items.into_iter().cloned().collect()
}
