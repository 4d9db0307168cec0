//! Storage (OMA SIMPLE IM TS 12.4.2.3): number the message, keep it, remember its request.

use chrono::{DateTime, TimeDelta, Utc};

use super::Mailbox;
use crate::domain::access::Scope;
use crate::domain::address::Aor;
use crate::domain::expiry::AlreadyExpired;
use crate::domain::message::Facts;
use crate::domain::message_id::MessageId;
use crate::store::accounts::{self, Account};
use crate::store::retry::{self, FirstAnswer};
use crate::store::{StoreError, WriteTx, messages};

/// How long a request is recognised after its message has expired.
const RETRY_KEY_OUTLIVES: TimeDelta = TimeDelta::days(1);

/// A message ready to be stored.
#[derive(Debug)]
pub struct Deferred<'a> {
    /// Whose it is.
    pub aor: &'a Aor,
    /// What makes its request itself.
    pub retry_key: &'a str,
    /// What is known of it.
    pub facts: &'a Facts,
    /// Why it is too late to store it, unless it was stored before.
    pub expired: Option<AlreadyExpired>,
    /// The request, byte for byte.
    pub raw: &'a [u8],
}

/// What the sender's server is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The Message-ID.
    pub message_id: MessageId,
    /// When it was stored.
    pub stored_at: DateTime<Utc>,
    /// When it stops waiting.
    pub expires_at: DateTime<Utc>,
    /// Whether this very request had been stored before; nothing was stored now then.
    pub repeated: bool,
}

/// Why nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreRefusal {
    /// No such user is served here.
    #[error("{0} is not served here")]
    NotServed(Aor),
    /// The account is full.
    #[error("the account of {aor} is full: {message_count} messages, {byte_count} octets")]
    QuotaExceeded {
        /// Whose account.
        aor: Aor,
        /// Messages it holds.
        message_count: i64,
        /// Octets it holds.
        byte_count: i64,
    },
    /// It is dead already.
    #[error(transparent)]
    Expired(#[from] AlreadyExpired),
    /// The database failed: nothing was stored.
    #[error("the message could not be stored")]
    Store(#[from] StoreError),
}

impl Mailbox {
    /// Stores a message. When this returns `Ok` the message is on disk.
    ///
    /// # Errors
    /// [`StoreRefusal`]; nothing was stored then.
    pub async fn store(&self, deferred: &Deferred<'_>) -> Result<Stored, StoreRefusal> {
        match self.try_store(deferred).await {
            // The same request or the same new account arrived twice at once, and the other was
            // first: now its rows are there to be seen.
            Err(StoreRefusal::Store(StoreError::Conflict)) => self.try_store(deferred).await,
            // Messages past their expiry do not count, even before the sweep reaches them.
            Err(StoreRefusal::QuotaExceeded {
                aor,
                message_count,
                byte_count,
            }) => {
                if self.expire_account_of(&aor).await? == 0 {
                    return Err(StoreRefusal::QuotaExceeded {
                        aor,
                        message_count,
                        byte_count,
                    });
                }
                self.try_store(deferred).await
            }
            outcome => outcome,
        }
    }

    async fn try_store(&self, deferred: &Deferred<'_>) -> Result<Stored, StoreRefusal> {
        let tx = self.db.write().await?;
        let known = accounts::find(&*tx, &Scope::All, deferred.aor).await?;
        if let Some(account) = &known
            && let Some(first) = retry::find(&*tx, account.id, deferred.retry_key).await?
        {
            return answer(account, first, true);
        }
        // Only now: a repeat is answered like the first time, however late it comes.
        if let Some(expired) = deferred.expired {
            return Err(expired.into());
        }
        let account = match known {
            Some(account) => account,
            None => self.new_account(&tx, deferred.aor).await?,
        };
        let facts = deferred.facts;
        let room = accounts::take_number(&tx, &account, facts.stored_size, &self.policy).await?;
        let Some(number) = room else {
            // The same request may have taken the last place while this one waited for the account.
            return match retry::find(&*tx, account.id, deferred.retry_key).await? {
                Some(first) => answer(&account, first, true),
                None => Err(StoreRefusal::QuotaExceeded {
                    aor: account.aor.clone(),
                    message_count: account.message_count,
                    byte_count: account.byte_count,
                }),
            };
        };
        let first = FirstAnswer {
            number,
            stored_at: facts.stored_at,
            expires_at: facts.expires_at,
        };
        let stored = answer(&account, first, false)?;
        messages::insert(&tx, stored.message_id.key, facts, deferred.raw).await?;
        let forget_at = facts.expires_at + RETRY_KEY_OUTLIVES;
        retry::insert(&tx, account.id, deferred.retry_key, first, forget_at).await?;
        tx.commit().await?;
        Ok(stored)
    }
}

impl Mailbox {
    async fn new_account(&self, tx: &WriteTx, aor: &Aor) -> Result<Account, StoreRefusal> {
        if !self.policy.auto_create_accounts {
            return Err(StoreRefusal::NotServed(aor.clone()));
        }
        accounts::ensure(tx, aor, None, &self.hostname, self.clock.now()).await?;
        let account = accounts::find(&**tx, &Scope::All, aor).await?;
        Ok(account.ok_or(StoreError::Conflict)?)
    }
}

fn answer(account: &Account, first: FirstAnswer, repeated: bool) -> Result<Stored, StoreRefusal> {
    let message_id = MessageId::new(account.id, first.number, &account.host).ok_or_else(|| {
        StoreError::Corrupt {
            column: "account.next_number",
            value: first.number.to_string(),
        }
    })?;
    Ok(Stored {
        message_id,
        stored_at: first.stored_at,
        expires_at: first.expires_at,
        repeated,
    })
}
