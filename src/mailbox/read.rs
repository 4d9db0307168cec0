//! Reading: accounts, lists, messages, and the history that the metadata document shows.

use super::Mailbox;
use super::large::{Body, Payload};
use super::xdms;
use crate::domain::access::Scope;
use crate::domain::address::Aor;
use crate::domain::listing::{Order, Place};
use crate::domain::message::{Mode, Summary};
use crate::domain::message_id::{MessageId, MessageKey};
use crate::domain::search::Term;
use crate::store::StoreError;
use crate::store::accounts::{self, Account};
use crate::store::listing::{self, Matching};
use crate::store::{large, messages};

/// A message and what was stored of it.
#[derive(Debug)]
pub struct Opened {
    /// What is known of it.
    pub summary: Summary,
    /// What was stored.
    pub payload: Payload,
}

/// An account as it is at one list version.
#[derive(Debug)]
pub struct History {
    /// The account, with the version the document has.
    pub account: Account,
    /// Its messages in the order they came.
    pub messages: Vec<Summary>,
}

impl Mailbox {
    /// The account of `aor`, if it exists and lies within `scope`, with expired messages gone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn account(&self, scope: &Scope, aor: &Aor) -> Result<Option<Account>, StoreError> {
        if !scope.covers(aor) {
            return Ok(None);
        }
        // Before the account is read: what the sweep removes in between would still count in it.
        self.expire_account_of(aor).await?;
        accounts::find(self.db.read(), scope, aor).await
    }

    /// The account of `aor`, if it exists and lies within `scope`, for whoever wants nothing of its messages: those that
    /// are due may still count in it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_account(
        &self,
        scope: &Scope,
        aor: &Aor,
    ) -> Result<Option<Account>, StoreError> {
        accounts::find(self.db.read(), scope, aor).await
    }

    /// The accounts within `scope` that have one of these ids, as Message-IDs name them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn accounts_with_ids(
        &self,
        scope: &Scope,
        ids: impl IntoIterator<Item = i64>,
    ) -> Result<Vec<Account>, StoreError> {
        accounts::with_ids(self.db.read(), scope, ids).await
    }

    /// Makes an account for `aor` unless there is one; the account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ensure_account(&self, aor: &Aor) -> Result<Option<Account>, StoreError> {
        let tx = self.db.write().await?;
        accounts::ensure(&tx, aor, None, &self.hostname, self.clock.now()).await?;
        tx.commit().await?;
        accounts::find(self.db.read(), &Scope::All, aor).await
    }

    /// A page of accounts by AoR, after `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn accounts(
        &self,
        scope: &Scope,
        text: &str,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<Account>, StoreError> {
        accounts::page(self.db.read(), scope, text, after, limit).await
    }

    /// A page of an account's messages of which all terms hold, behind a place in this order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(
        &self,
        account: &Account,
        terms: &[Term],
        order: Order,
        after: Option<Place>,
        limit: u64,
    ) -> Result<Vec<Summary>, StoreError> {
        let matching = self.matching(account, terms);
        listing::page(self.db.read(), matching, order, after, limit).await
    }

    /// How many messages of an account there are of which all terms hold; `most` if there are as many or more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count(
        &self,
        account: &Account,
        terms: &[Term],
        most: u64,
    ) -> Result<u64, StoreError> {
        listing::count(self.db.read(), self.matching(account, terms), most).await
    }

    /// Those of these messages of an account that are there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn which(&self, account: &Account, numbers: &[i64]) -> Result<Vec<i64>, StoreError> {
        messages::which(self.db.read(), account.id, numbers, self.clock.now()).await
    }

    fn matching<'a>(&self, account: &Account, terms: &'a [Term]) -> Matching<'a> {
        Matching {
            account_id: account.id,
            terms,
            now: self.clock.now(),
        }
    }

    /// A message of this account with what was stored of it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open(
        &self,
        account: &Account,
        key: MessageKey,
    ) -> Result<Option<Opened>, StoreError> {
        if key.account_id != account.id {
            return Ok(None);
        }
        let db = self.db.read();
        let Some(summary) = messages::find(db, key, self.clock.now()).await? else {
            return Ok(None);
        };
        let Some(raw) = messages::raw(db, key).await? else {
            return Ok(None);
        };
        if summary.facts.mode == Mode::Pager {
            let payload = Payload::Pager(raw.into());
            return Ok(Some(Opened { summary, payload }));
        }
        let body = match &summary.object {
            Some(name) => Body::Object {
                name: name.clone(),
                head: raw.into(),
            },
            None => Body::Inline(raw.into()),
        };
        // Each look is a statement of its own: a message that goes between them is not there.
        Ok(large::find(db, key).await?.map(|session| Opened {
            summary,
            payload: Payload::Large { session, body },
        }))
    }

    /// All of an account's messages together with the list version they make up.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn history(&self, scope: &Scope, aor: &Aor) -> Result<Option<History>, StoreError> {
        if !scope.covers(aor) {
            return Ok(None);
        }
        // What is due goes first; then rows alive at `now` are all rows, and one snapshot pairs
        // them with the version they make up.
        let now = self.clock.now();
        self.expire_account_of(aor).await?;
        let snapshot = self.db.snapshot().await?;
        let Some(account) = accounts::find(&snapshot, scope, aor).await? else {
            return Ok(None);
        };
        let messages = messages::all(&snapshot, account.id, now).await?;
        Ok(Some(History { account, messages }))
    }
}

/// The entity tag of an account's metadata document, in its quotes: another for each version, and for an account that
/// was made anew under the same address.
#[must_use]
pub fn list_etag(account: &Account) -> String {
    xdms::etag(account.id, account.list_version)
}

/// The Message-ID of a message in its account.
#[must_use]
pub fn message_id(account: &Account, key: MessageKey) -> MessageId {
    MessageId {
        key,
        host: account.host.clone(),
    }
}
