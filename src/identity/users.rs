//! Making, changing and removing people.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{
    Identity, IdentityError, SETUP, check_name, distinct, links, name_taken, person, sessions,
};
use crate::domain::access::{Grant, Role};
use crate::domain::address::Aor;
use crate::domain::audit::{Action, Actor};
use crate::domain::domain_name::Domain;
use crate::store::identity::{self as rows, User};
use crate::store::{StoreError, WriteTx, accounts, tokens, users};

/// Of accounts and of domains somebody may be bound to so many.
pub(super) const MOST_BOUND: usize = 1000;

/// A person to be added.
#[derive(Debug, Clone, Copy)]
pub struct NewUser<'a> {
    /// The name to sign in with.
    pub name: &'a str,
    /// The password to sign in with.
    pub password: &'a str,
    /// What the person may do.
    pub role: Role,
    /// The accounts the person owns.
    pub aors: &'a [Aor],
    /// The domains an operator is bound to; of all where there is none.
    pub domains: &'a [Domain],
}

/// What to change of a person; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserChange {
    /// What the person may do.
    pub role: Option<Role>,
    /// The accounts the person owns.
    pub aors: Option<Vec<Aor>>,
    /// The domains an operator is bound to.
    pub domains: Option<Vec<Domain>>,
    /// Whether the person may not sign in.
    pub disabled: Option<bool>,
}

impl Identity {
    /// Adds a person who is bound to no domain: [`make_user`](Self::make_user).
    ///
    /// # Errors
    /// As for any person.
    pub async fn add_user(
        &self,
        name: &str,
        password: &str,
        role: Role,
        aors: &[Aor],
    ) -> Result<(), IdentityError> {
        let new = NewUser {
            name,
            password,
            role,
            aors,
            domains: &[],
        };
        self.make_user(new, self.actor).await?;
        Ok(())
    }

    /// Adds a person, and an account for each AoR that has none yet; the person's id.
    ///
    /// # Errors
    /// When the name is taken or unusable, the password too weak, the bindings do not fit the role, or the database
    /// fails.
    pub async fn make_user(&self, new: NewUser<'_>, by: Actor) -> Result<User, IdentityError> {
        check_new(&new)?;
        let hash = self.new_hash(new.name, new.aors, new.password).await?;
        let tx = self.db.write().await?;
        let id = self.by(by).insert_user(&tx, new, &hash).await?;
        if new.role == Role::Admin {
            links::end_links(&tx, SETUP).await?;
        }
        let user = users::with_id(&*tx, id).await?;
        let user = user.ok_or(IdentityError::UnknownUser)?;
        tx.commit().await?;
        tracing::info!(user.id = id, by = %by, "user {id} was added");
        Ok(user)
    }

    /// Writes a person who was checked into the tables, and down; without a hash they have no password yet.
    pub(super) async fn insert_user(
        &self,
        tx: &WriteTx,
        new: NewUser<'_>,
        hash: &str,
    ) -> Result<i64, IdentityError> {
        let (aors, domains) = (distinct(new.aors), distinct(new.domains));
        let now = self.clock.now();
        let added = rows::add_user(tx, new.name, hash, new.role, &aors, now).await;
        let id = added.map_err(name_taken)?;
        users::bind(tx, id, &[], &domains).await?;
        self.ensure_accounts(tx, &aors, now).await?;
        let detail = json!({"user": id, "role": new.role.as_str(), "accounts": aors.len()});
        self.write_down(tx, Action::UserCreated, detail).await?;
        Ok(id)
    }

    /// Changes a person whom `fits` agrees to; how the person is now. Whoever is disabled is signed out, and what they
    /// had made ends: their tokens, or those of them that may more than the person now.
    ///
    /// # Errors
    /// When there is no such person, `fits` does not agree, nobody would administer the server any more, the bindings do
    /// not fit the role, or the database fails.
    pub async fn change_user(
        &self,
        id: i64,
        change: UserChange,
        by: Actor,
        fits: impl FnOnce(&User) -> bool,
    ) -> Result<User, IdentityError> {
        let tx = self.db.write().await?;
        // Before the person: whoever takes away an administrator waits here for whoever takes away another.
        let admins = users::lock_admins(&tx).await?;
        let user = users::lock(&tx, id).await?;
        let user = user.ok_or(IdentityError::UnknownUser)?;
        if !fits(&user) {
            return Err(IdentityError::Changed);
        }
        let now = self.clock.now();
        let new = changed(&user, &change, now);
        check_bounds(new.role, &new.aors, &new.domains)?;
        let administers = new.role == Role::Admin && new.disabled_at.is_none();
        if !administers && admins == [id] {
            return Err(IdentityError::LastAdmin);
        }
        if new.role != user.role {
            users::set_role(&tx, id, new.role).await?;
        }
        if (&new.aors, &new.domains) != (&user.aors, &user.domains) {
            users::rebind(&tx, id, &new.aors, &new.domains).await?;
            self.ensure_accounts(&tx, &new.aors, now).await?;
        }
        match (user.disabled_at, new.disabled_at) {
            (None, Some(_)) => {
                users::disable(&tx, id, now).await?;
                links::end_of(&tx, id).await?;
            }
            (Some(_), None) => users::enable(&tx, id, now).await?,
            _ => {}
        }
        if new.role != user.role || new.disabled_at.is_some() {
            sessions::end_of(&tx, id, None).await?;
        }
        let ended = end_excess(&tx, &new, now).await?;
        let detail = json!({
            "user": id, "role": new.role.as_str(), "disabled": new.disabled_at.is_some(), "tokens_ended": ended,
        });
        self.by(by)
            .write_down(&tx, Action::UserChanged, detail)
            .await?;
        tx.commit().await?;
        tracing::info!(user.id = id, by = %by, "user {id} was changed");
        Ok(new)
    }

    /// Removes a person whom `fits` agrees to, with their tokens. Accounts and messages stay.
    ///
    /// # Errors
    /// When there is no such person, `fits` does not agree, nobody would administer the server any more, or the database
    /// fails.
    pub async fn remove_user(
        &self,
        id: i64,
        by: Actor,
        fits: impl FnOnce(&User) -> bool,
    ) -> Result<(), IdentityError> {
        let tx = self.db.write().await?;
        let admins = users::lock_admins(&tx).await?;
        let user = users::lock(&tx, id).await?;
        let user = user.ok_or(IdentityError::UnknownUser)?;
        if !fits(&user) {
            return Err(IdentityError::Changed);
        }
        if admins == [id] {
            return Err(IdentityError::LastAdmin);
        }
        let now = self.clock.now();
        for token in tokens::owned(&*tx, id).await? {
            tokens::revoke(&tx, token.id, now).await?;
        }
        sessions::end_of(&tx, id, None).await?;
        links::end_of(&tx, id).await?;
        users::remove(&tx, id).await?;
        self.by(by)
            .write_down(&tx, Action::UserRemoved, json!({ "user": id }))
            .await?;
        tx.commit().await?;
        tracing::info!(user.id = id, by = %by, "user {id} was removed");
        Ok(())
    }

    /// The person with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn user(&self, id: i64) -> Result<Option<User>, StoreError> {
        users::with_id(self.db.read(), id).await
    }

    /// A page of people, by name, after `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn users_page(
        &self,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<User>, StoreError> {
        users::page(self.db.read(), after, limit).await
    }

    /// Everybody, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        rows::users(self.db.read()).await
    }

    /// Makes an account for each address that has none.
    pub(super) async fn ensure_accounts(
        &self,
        tx: &WriteTx,
        aors: &[Aor],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        for aor in aors {
            accounts::ensure(tx, aor, None, &self.hostname, now).await?;
        }
        Ok(())
    }
}

/// The person as they will be.
fn changed(user: &User, change: &UserChange, now: DateTime<Utc>) -> User {
    let mut new = user.clone();
    new.role = change.role.unwrap_or(new.role);
    if let Some(aors) = &change.aors {
        new.aors = distinct(aors);
    }
    if let Some(domains) = &change.domains {
        new.domains = distinct(domains);
    }
    new.disabled_at = match change.disabled {
        Some(true) => Some(user.disabled_at.unwrap_or(now)),
        Some(false) => None,
        None => user.disabled_at,
    };
    new
}

/// Ends the tokens of a person that may more than the person, or all if the person may not sign in; says how many.
async fn end_excess(tx: &WriteTx, user: &User, now: DateTime<Utc>) -> Result<usize, StoreError> {
    let owner = person(user.clone());
    let mut ended = 0;
    for token in tokens::owned(&**tx, user.id).await? {
        let grant = Grant {
            scopes: &token.scopes,
            aors: &token.aors,
            domains: &token.domains,
            expires_at: token.expires_at,
        };
        if user.disabled_at.is_some() || owner.may_grant(grant).is_err() {
            tokens::revoke(tx, token.id, now).await?;
            ended += 1;
        }
    }
    Ok(ended)
}

/// Finds what cannot be so of a person who is to be added, the password aside.
pub(super) fn check_new(new: &NewUser<'_>) -> Result<(), IdentityError> {
    check_name(new.name)?;
    check_bounds(new.role, &distinct(new.aors), &distinct(new.domains))
}

fn check_bounds(role: Role, aors: &[Aor], domains: &[Domain]) -> Result<(), IdentityError> {
    let bad = |field, why| Err(IdentityError::BadField { field, why });
    if role == Role::User && aors.is_empty() {
        return bad("aors", "a user owns one address at least");
    }
    if role != Role::Operator && !domains.is_empty() {
        return bad("domains", "only an operator is bound to domains");
    }
    if aors.len() > MOST_BOUND {
        return bad("aors", "nobody is bound to more than 1000 addresses");
    }
    if domains.len() > MOST_BOUND {
        return bad("domains", "nobody is bound to more than 1000 domains");
    }
    Ok(())
}
