//! What people do about their own sign-in, and operators about that of others: links to choose a password by, changing it,
//! sessions, tokens of their own.

use chrono::TimeDelta;
use serde_json::json;

use super::users::{NewUser, check_new};
use super::{
    DigestName, Identity, IdentityError, NewToken, Secret, links, rows, secret, sessions, user_rows,
};
use crate::domain::access::{Principal, Role, TokenScope};
use crate::domain::address::Aor;
use crate::domain::audit::{Action, Actor, ActorKind};
use crate::domain::domain_name::Domain;
use crate::store::tokens::{self, Token};
use crate::store::{StoreError, WriteTx};

/// The purpose of a link by which a person chooses a password.
const CHOOSE_PASSWORD: &str = "password";
/// How long such a link is good.
const LINK_LIFE: TimeDelta = TimeDelta::hours(72);
/// The longest life of a token that people make for themselves.
const LONGEST_OWN_TOKEN_LIFE: TimeDelta = TimeDelta::days(366);
/// The most tokens that one person has.
const MOST_OWN_TOKENS: usize = 50;

/// Whom a link lets choose a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcome {
    /// The name to sign in with.
    pub name: String,
    /// Whether it is the first password.
    pub is_new: bool,
}

/// The path and query of the link with this secret, to put behind the server's URL.
#[must_use]
pub fn welcome_path(secret: &str) -> String {
    format!("/welcome?token={secret}")
}

impl Identity {
    /// Adds a person who has no password yet, with an account for each AoR, and gives the secret of a link by which the
    /// person chooses one: [`welcome_path`], good once, for 72 hours.
    ///
    /// # Errors
    /// When the name is taken or unusable, the bindings do not fit the role, or the database fails.
    pub async fn invite(
        &self,
        name: &str,
        role: Role,
        aors: &[Aor],
        domains: &[Domain],
    ) -> Result<String, IdentityError> {
        let new = NewUser {
            name,
            password: "",
            role,
            aors,
            domains,
        };
        check_new(&new)?;
        let tx = self.db.write().await?;
        let id = self.insert_user(&tx, new, "").await?;
        let text = self.add_password_link(&tx, id).await?;
        tx.commit().await?;
        Ok(text)
    }

    /// The secret of a link by which a person chooses another password, as of [`invite`](Self::invite); earlier ones are
    /// no good any more. Until it is used the password stays what it is.
    ///
    /// # Errors
    /// When there is no such person, or the database fails.
    pub async fn reset_link(&self, name: &str) -> Result<String, IdentityError> {
        let user = rows::user(self.db.read(), name).await?;
        let id = user.ok_or(IdentityError::UnknownUser)?.id;
        let tx = self.db.write().await?;
        links::end_of(&tx, id).await?;
        let text = self.add_password_link(&tx, id).await?;
        tx.commit().await?;
        Ok(text)
    }

    /// The secret of a fresh link by which a person chooses a password.
    async fn add_password_link(&self, tx: &WriteTx, id: i64) -> Result<String, StoreError> {
        let text = secret::link()?;
        let until = self.clock.now() + LINK_LIFE;
        let hash = secret::hash(&text);
        links::add_link(tx, &hash, CHOOSE_PASSWORD, until, Some(id)).await?;
        self.write_down(tx, Action::PasswordLinkMade, json!({ "user": id }))
            .await?;
        Ok(text)
    }

    /// Whom a link lets choose a password now, if it is good.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn welcome(&self, link: &str) -> Result<Option<Welcome>, StoreError> {
        let user = self.invited(link).await?;
        Ok(user.map(|user| Welcome {
            is_new: user.password_hash.is_empty(),
            name: user.name,
        }))
    }

    async fn invited(&self, link: &str) -> Result<Option<rows::User>, StoreError> {
        let (db, now) = (self.db.read(), self.clock.now());
        let Some(id) = links::person(db, &secret::hash(link), CHOOSE_PASSWORD, now).await? else {
            return Ok(None);
        };
        let user = user_rows::with_id(db, id).await?;
        Ok(user.filter(|user| user.disabled_at.is_none()))
    }

    /// Gives the person of a link this password, uses the link up, and ends their sessions.
    ///
    /// # Errors
    /// When the link is no longer good, the password too weak, or the database fails.
    pub async fn accept(&self, link: &str, password: &str) -> Result<Principal, IdentityError> {
        // Hashing is dear: only for whoever has a link.
        let user = self.invited(link).await?.ok_or(IdentityError::BadLink)?;
        let hash = self.new_hash(&user.name, &user.aors, password).await?;
        let tx = self.db.write().await?;
        let now = self.clock.now();
        if !links::use_link(&tx, &secret::hash(link), CHOOSE_PASSWORD, now).await? {
            return Err(IdentityError::BadLink);
        }
        let identity = self.by(Actor::of(ActorKind::User, user.id));
        let detail = json!({"user": user.id, "first": user.password_hash.is_empty()});
        identity
            .write_down(&tx, Action::PasswordLinkUsed, detail)
            .await?;
        identity.replace_password(&tx, &user.name, &hash).await?;
        if user.role == Role::Admin {
            links::end_links(&tx, super::SETUP).await?;
        }
        tx.commit().await?;
        let person = self.person_with_id(user.id).await?;
        person.ok_or(IdentityError::BadLink)
    }

    /// Changes one's own password, and ends all sessions; gives who one is now, for a new one.
    ///
    /// # Errors
    /// When the old password is wrong, the new one too weak, or the database fails.
    pub async fn change_password(
        &self,
        who: &Principal,
        old: &str,
        new: &str,
    ) -> Result<Principal, IdentityError> {
        self.prove_password(who, old).await?;
        self.by(who.actor).set_password(&who.name, new).await?;
        let person = self.person(&who.name).await?;
        person.ok_or(IdentityError::UnknownUser)
    }

    /// Goes on only if this is the password of a person who is signed in: before what is dear to them is changed.
    ///
    /// # Errors
    /// When it is not, or the database fails.
    pub async fn prove_password(
        &self,
        who: &Principal,
        password: &str,
    ) -> Result<(), IdentityError> {
        match self.sign_in(&who.name, password).await? {
            Some(person) if person.actor == who.actor => Ok(()),
            _ => Err(IdentityError::WrongPassword),
        }
    }

    /// Ends all sessions of a person, and says how many there were.
    ///
    /// # Errors
    /// When there is no such person, or the database fails.
    pub async fn end_sessions(&self, name: &str) -> Result<u64, IdentityError> {
        let user = rows::user(self.db.read(), name).await?;
        let id = user.ok_or(IdentityError::UnknownUser)?.id;
        let tx = self.db.write().await?;
        let ended = sessions::end_of(&tx, id, None).await?;
        self.write_down_ended(&tx, id, ended).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Ends all sessions of a person who is signed in but the one whose id has this hash; says how many there were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_other_sessions(&self, who: &Principal, this: &str) -> Result<u64, StoreError> {
        let Some(id) = who.person_id() else {
            return Ok(0);
        };
        let tx = self.db.write().await?;
        let ended = sessions::end_of(&tx, id, Some(this)).await?;
        self.by(who.actor).write_down_ended(&tx, id, ended).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Ends one of one's own sessions, by the hash of its id; says whether there was one to end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_own_session(&self, who: &Principal, hash: &str) -> Result<bool, StoreError> {
        let Some(id) = who.person_id() else {
            return Ok(false);
        };
        let tx = self.db.write().await?;
        let ended = sessions::end_one(&tx, id, hash).await?;
        let identity = self.by(who.actor);
        identity.write_down_ended(&tx, id, u64::from(ended)).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Writes down that so many sessions of a person were ended, if any.
    async fn write_down_ended(&self, tx: &WriteTx, id: i64, ended: u64) -> Result<(), StoreError> {
        if ended == 0 {
            return Ok(());
        }
        let detail = json!({"user": id, "sessions": ended});
        self.write_down(tx, Action::SessionsEnded, detail).await
    }

    /// The sessions of a person who is signed in, the one used last first. One that was not used for `idle` is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn own_sessions(
        &self,
        who: &Principal,
        idle: TimeDelta,
    ) -> Result<Vec<sessions::Listed>, StoreError> {
        match who.person_id() {
            Some(id) => sessions::of(self.db.read(), id, self.clock.now(), idle).await,
            None => Ok(Vec::new()),
        }
    }

    /// Makes a token for one's own addresses, also for Digest at the XCAP root in `realm`, and gives its secret, which is
    /// not kept.
    ///
    /// # Errors
    /// When an address is not one's own, the token could do nothing or too much, one has too many, or the database fails.
    pub async fn create_own_token(
        &self,
        who: &Principal,
        name: &str,
        scopes: &[TokenScope],
        aors: &[Aor],
        life: TimeDelta,
        realm: &str,
    ) -> Result<Secret, IdentityError> {
        let refuse = |why| Err(IdentityError::BadToken(why));
        if scopes.is_empty() {
            return refuse("choose what the token may do");
        }
        if aors.is_empty() || !aors.iter().all(|aor| who.aors.contains(aor)) {
            return refuse("choose one or more of your own addresses");
        }
        let personal = |scope: &TokenScope| matches!(scope, TokenScope::Read | TokenScope::Delete);
        if !scopes.iter().all(personal) {
            return refuse("your own tokens read and delete, and nothing else");
        }
        if life > LONGEST_OWN_TOKEN_LIFE {
            return refuse("your own tokens live a year at most");
        }
        let Some(owner) = who.person_id() else {
            return refuse("only people have tokens of their own");
        };
        if tokens::owned(self.db.read(), owner).await?.len() >= MOST_OWN_TOKENS {
            return refuse("you have as many tokens as one may: revoke one first");
        }
        let digest = DigestName {
            username: None,
            realm,
        };
        let new = NewToken {
            name,
            scopes,
            aors,
            expires_at: self.end_of(Some(life))?,
            digest: Some(digest),
            ..NewToken::default()
        };
        self.grant_token(new, who).await
    }

    /// One's own tokens that nobody has ended, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn own_tokens(&self, who: &Principal) -> Result<Vec<Token>, StoreError> {
        match who.person_id() {
            Some(id) => tokens::owned(self.db.read(), id).await,
            None => Ok(Vec::new()),
        }
    }

    /// The hash of a new password for this person.
    pub(super) async fn new_hash(
        &self,
        name: &str,
        aors: &[Aor],
        password: &str,
    ) -> Result<String, IdentityError> {
        let aors = aors.iter().map(Aor::as_str);
        let names: Vec<&str> = std::iter::once(name).chain(aors).collect();
        Ok(self.passwords.hash(password, &names).await?)
    }
}
