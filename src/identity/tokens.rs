//! Making, renewing and ending API tokens.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::{DigestName, Identity, IdentityError, check_name, distinct, secret, users};
use crate::domain::access::{Grant, Principal, TokenScope};
use crate::domain::address::Aor;
use crate::domain::audit::{Action, Actor};
use crate::domain::domain_name::Domain;
use crate::store::tokens::{self, Token};
use crate::store::{StoreError, WriteTx};

/// The longest life of a token that has an end.
const LONGEST_LIFE: TimeDelta = TimeDelta::days(36_500);
/// The longest time for which a token's old secret is good beside its new one.
pub const LONGEST_GRACE: TimeDelta = TimeDelta::days(30);

/// A token to be made.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewToken<'a> {
    /// What to call it.
    pub name: &'a str,
    /// What it is for.
    pub scopes: &'a [TokenScope],
    /// The accounts it is bound to.
    pub aors: &'a [Aor],
    /// The domains that one for operators or gateways is bound to.
    pub domains: &'a [Domain],
    /// The person whose it is.
    pub owner_id: Option<i64>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// Its names for Digest.
    pub digest: Option<DigestName<'a>>,
}

/// A token's secret, which is not kept and cannot be shown again.
#[derive(Debug, Clone)]
pub struct Secret {
    /// Whose it is.
    pub token: Token,
    /// What its holder shows.
    pub text: String,
}

impl Identity {
    /// Makes a token that is nobody's, and gives its secret:
    /// [`make_token`](Self::make_token).
    ///
    /// # Errors
    /// As for any token.
    pub async fn create_token(
        &self,
        name: &str,
        scopes: &[TokenScope],
        aors: &[Aor],
        life: Option<TimeDelta>,
    ) -> Result<String, IdentityError> {
        let new = NewToken {
            name,
            scopes,
            aors,
            expires_at: self.end_of(life)?,
            ..NewToken::default()
        };
        let made = self.make_token(new, self.actor).await?;
        Ok(made.text)
    }

    /// When a token ends that lives so long from now.
    ///
    /// # Errors
    /// [`IdentityError::BadField`] when that is too long.
    pub fn end_of(&self, life: Option<TimeDelta>) -> Result<Option<DateTime<Utc>>, IdentityError> {
        let Some(life) = life else {
            return Ok(None);
        };
        let end = self.clock.now().checked_add_signed(life);
        end.map(Some).ok_or(TOO_LONG)
    }

    /// Makes a token and gives its secret.
    ///
    /// # Errors
    /// When the token would open nothing or is bound to no account it would need, a name of it is unusable or taken, or
    /// the database fails.
    pub async fn make_token(&self, new: NewToken<'_>, by: Actor) -> Result<Secret, IdentityError> {
        check_name(new.name)?;
        let (aors, domains) = (distinct(new.aors), distinct(new.domains));
        check_scopes(new.scopes, &aors, &domains)?;
        let now = self.clock.now();
        if new.expires_at.is_some_and(|end| end - now > LONGEST_LIFE) {
            return Err(TOO_LONG);
        }
        let text = secret::token().map_err(StoreError::from)?;
        let row = tokens::NewToken {
            name: new.name,
            scopes: new.scopes,
            aors: &aors,
            domains: &domains,
            owner_id: new.owner_id,
            expires_at: new.expires_at,
        };
        let tx = self.db.write().await?;
        let id = tokens::add(&tx, row, &secret::hash(&text), now).await?;
        if let Some(names) = new.digest {
            names.add(&tx, id, new.scopes, &aors, &text, now).await?;
        }
        self.ensure_accounts(&tx, &aors, now).await?;
        let scopes: Vec<&str> = new.scopes.iter().map(|scope| scope.as_str()).collect();
        let detail = json!({"token": id, "scopes": scopes, "accounts": aors.len()});
        self.by(by)
            .write_down(&tx, Action::TokenCreated, detail)
            .await?;
        let token = tokens::with_id(&*tx, id).await?;
        let token = token.ok_or(IdentityError::UnknownToken)?;
        tx.commit().await?;
        tracing::info!(token.id = id, by = %by, "token {id} was made");
        Ok(Secret { token, text })
    }

    /// [`make_token`](Self::make_token) for somebody who may give no more rights than they have. A person's token is
    /// theirs, and ends with them; the tokens that an administrator's program makes are nobody's.
    ///
    /// # Errors
    /// [`IdentityError::Excess`] when the token would have more; else as for any token.
    pub async fn grant_token(
        &self,
        mut new: NewToken<'_>,
        by: &Principal,
    ) -> Result<Secret, IdentityError> {
        let grant = Grant {
            scopes: new.scopes,
            aors: new.aors,
            domains: new.domains,
            expires_at: new.expires_at,
        };
        by.may_grant(grant)?;
        new.owner_id = by.person_id();
        self.make_token(new, by.actor).await
    }

    /// Gives a token that is within reach of `by` another secret. The one it had is good for `grace` beside it, but not
    /// for Digest, whose names stand for one secret each; `realm` is what those are made for.
    ///
    /// # Errors
    /// [`IdentityError::UnknownToken`] when there is none within reach that still opens anything, and when the database
    /// fails.
    pub async fn rotate_token(
        &self,
        id: i64,
        grace: TimeDelta,
        realm: &str,
        by: &Principal,
    ) -> Result<Secret, IdentityError> {
        let text = secret::token().map_err(StoreError::from)?;
        let tx = self.db.write().await?;
        let now = self.clock.now();
        let token = tokens::lock(&tx, id).await?;
        let token = token.filter(|token| is_reached(token, by) && !token.is_over(now));
        let token = token.ok_or(IdentityError::UnknownToken)?;
        tokens::rotate(
            &tx,
            id,
            &secret::hash(&text),
            now + grace.min(LONGEST_GRACE),
        )
        .await?;
        super::digest::renew(&tx, id, realm, &text).await?;
        let detail = json!({
            "token": id, "grace_seconds": grace.num_seconds(),
        });
        self.by(by.actor)
            .write_down(&tx, Action::TokenRotated, detail)
            .await?;
        tx.commit().await?;
        tracing::info!(token.id = id, by = %by.actor, "token {id} has another secret");
        Ok(Secret { token, text })
    }

    /// The token with this id, if it is within reach of `by`: administrators reach all, people their own.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn token_of(&self, id: i64, by: &Principal) -> Result<Option<Token>, StoreError> {
        let token = tokens::with_id(self.db.read(), id).await?;
        Ok(token.filter(|token| is_reached(token, by)))
    }

    /// A page of the tokens within reach of `by`, newest first, ids below `before`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tokens_of(
        &self,
        by: &Principal,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<Token>, StoreError> {
        let owner = match (by.may(TokenScope::Admin), by.person_id()) {
            (true, _) => None,
            (false, Some(id)) => Some(id),
            (false, None) => return Ok(Vec::new()),
        };
        tokens::page(self.db.read(), owner, before, limit).await
    }

    /// All tokens, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        tokens::all(self.db.read()).await
    }

    /// Ends a token; says whether there was one to end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_token(&self, id: i64) -> Result<bool, StoreError> {
        let tx = self.db.write().await?;
        self.revoke(tx, id, self.actor).await
    }

    /// Ends a token that is within reach of `by`; says whether there is one. One that has ended stays so.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_token_of(&self, id: i64, by: &Principal) -> Result<bool, StoreError> {
        let tx = self.db.write().await?;
        let token = tokens::lock(&tx, id).await?;
        let Some(token) = token.filter(|token| is_reached(token, by)) else {
            return Ok(false);
        };
        if token.revoked_at.is_none() {
            self.revoke(tx, id, by.actor).await?;
        }
        Ok(true)
    }

    async fn revoke(&self, tx: WriteTx, id: i64, by: Actor) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let revoked = tokens::revoke(&tx, id, now).await?;
        if revoked {
            let detail = json!({"token": id});
            self.by(by)
                .write_down(&tx, Action::TokenRevoked, detail)
                .await?;
            tracing::info!(token.id = id, by = %by, "token {id} was revoked");
        }
        tx.commit().await?;
        Ok(revoked)
    }
}

const TOO_LONG: IdentityError = IdentityError::BadField {
    field: "expires_at",
    why: "a token lives 100 years at most",
};

/// Whether somebody handles a token: administrators all, people their own, programs none.
fn is_reached(token: &Token, by: &Principal) -> bool {
    let is_own = token.owner_id.is_some() && token.owner_id == by.person_id();
    is_own || by.may(TokenScope::Admin)
}

/// Refuses tokens that would open nothing, and reading or deleting everything by omission.
fn check_scopes(
    scopes: &[TokenScope],
    aors: &[Aor],
    domains: &[Domain],
) -> Result<(), IdentityError> {
    use TokenScope::{Admin, Delete, Gateway, Operator, Read};
    let bad = |field, why| Err(IdentityError::BadField { field, why });
    let has = |scope| scopes.contains(&scope);
    if scopes.is_empty() {
        return bad("scopes", "a token needs a scope");
    }
    let everywhere = has(Operator) || has(Admin);
    if (has(Read) || has(Delete)) && !everywhere && aors.is_empty() {
        return bad(
            "aors",
            "scope read or delete needs an address (aors, --aor), or scope operator to reach every account",
        );
    }
    let for_domains = has(Operator) || has(Gateway);
    if !domains.is_empty() && !for_domains {
        return bad("domains", "a domain is for the scopes operator and gateway");
    }
    if !domains.is_empty() && has(Admin) {
        return bad("domains", "an administrator is bound to no domain");
    }
    if aors.len() > users::MOST_BOUND {
        return bad("aors", "no token is bound to more than 1000 addresses");
    }
    if domains.len() > users::MOST_BOUND {
        return bad("domains", "no token is bound to more than 1000 domains");
    }
    Ok(())
}
