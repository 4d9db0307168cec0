//! Storage (OMA SIMPLE IM TS 12.4.2.3): number the message, keep it, remember its request.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::Mailbox;
use super::bell::Bell;
use super::large::Payload;
use crate::domain::address::Aor;
use crate::domain::expiry::AlreadyExpired;
use crate::domain::message::Facts;
use crate::domain::message_id::MessageId;
use crate::domain::policy::Policy;
use crate::rate::TooOften;
use crate::store::accounts::{self, Account};
use crate::store::batch::Batch;
use crate::store::messages::NewMessage;
use crate::store::retry::{self, FirstAnswer, RetryKey};
use crate::store::{Db, StoreError, WriteTx};

/// How long a request is recognised after its message has expired.
pub(super) const RETRY_KEY_OUTLIVES: TimeDelta = TimeDelta::days(1);

/// A message ready to be stored.
#[derive(Debug, Clone)]
pub struct Deferred {
    /// Whose it is.
    pub aor: Aor,
    /// What makes its request itself.
    pub retry_key: String,
    /// What is known of it.
    pub facts: Facts,
    /// As much of its text as searches look through.
    pub text: String,
    /// Why it is too late to store it, unless it was stored before.
    pub expired: Option<AlreadyExpired>,
    /// Why it is too soon to store it, unless it was stored before; [`Mailbox::store`] finds out.
    pub too_often: Option<TooOften>,
    /// What is kept of it.
    pub payload: Payload,
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
    /// Its sender has stored too many for this user in a short time.
    #[error("the sender stores messages for this user {0}")]
    TooOften(#[from] TooOften),
    /// It is dead already.
    #[error(transparent)]
    Expired(#[from] AlreadyExpired),
    /// The database failed: nothing was stored.
    #[error("the message could not be stored")]
    Store(#[from] StoreError),
}

/// What becomes of one message.
pub(super) type Outcome = Result<Stored, StoreRefusal>;

impl Mailbox {
    /// Stores a message, in one transaction with others that wait. When this returns `Ok` it is on
    /// disk.
    ///
    /// # Errors
    /// [`StoreRefusal`]; nothing was stored then. If the database went away in the midst of the
    /// commit it may have been, and the same request is answered as stored later.
    pub async fn store(&self, mut deferred: Deferred) -> Outcome {
        let facts = &deferred.facts;
        let sender = facts.auth_id.as_ref().unwrap_or(&facts.from_uri);
        let counted = self.senders.check(&(&deferred.aor, sender));
        deferred.too_often = counted.err();
        let object = deferred.payload.object().map(str::to_owned);
        let outcome = self.store_with_room(deferred).await;
        match &outcome {
            // Stored with its object; or perhaps stored, if the database went away.
            Ok(Stored {
                repeated: false, ..
            })
            | Err(StoreRefusal::Store(_)) => {}
            // Stored before, with another object; or with this one, if a commit that seemed to fail did not.
            Ok(_) => self.discard_unused(object).await,
            Err(_) => self.discard(object),
        }
        outcome
    }

    async fn store_with_room(&self, deferred: Deferred) -> Outcome {
        let again = deferred.clone();
        match self.queue.store(deferred).await {
            // Messages past their expiry do not count, even before the sweep reaches them.
            Err(StoreRefusal::QuotaExceeded { .. })
                if self.expire_account_of(&again.aor).await? > 0 =>
            {
                self.queue.store(again).await
            }
            outcome => outcome,
        }
    }
}

/// What storing works with.
#[derive(Debug, Clone)]
pub(super) struct Procedure {
    pub(super) db: Db,
    pub(super) policy: Arc<Policy>,
    pub(super) hostname: Arc<str>,
    pub(super) news: Bell,
}

impl Procedure {
    /// Stores messages in one transaction; what becomes of each, in their order. All accounts are held
    /// from the beginning, so numbers, quotas and repeats are decided here, on rows that nobody else
    /// changes.
    ///
    /// # Errors
    /// When the database fails; then none was stored.
    pub(super) async fn store_all(&self, batch: &[Deferred]) -> Result<Vec<Outcome>, StoreError> {
        let tx = self.db.write().await?;
        let mut accounts = self.accounts(&tx, batch).await?;
        let keys: Vec<RetryKey<'_>> = batch
            .iter()
            .filter_map(|deferred| {
                let account = accounts.get(&deferred.aor)?;
                Some((account.id, deferred.retry_key.as_str()))
            })
            .collect();
        let known = retry::find_all(&*tx, &keys).await?.into_iter().collect();
        let mut writes = Writes {
            policy: &self.policy,
            known,
            messages: Vec::with_capacity(batch.len()),
            answers: Vec::with_capacity(batch.len()),
        };
        let outcomes = batch
            .iter()
            .map(|deferred| writes.decide(accounts.get_mut(&deferred.aor), deferred))
            .collect();
        if writes.messages.is_empty() {
            return Ok(outcomes);
        }
        let numbered: HashSet<i64> = writes
            .messages
            .iter()
            .map(|message| message.key.account_id)
            .collect();
        let changed: Vec<&Account> = accounts
            .values()
            .filter(|account| numbered.contains(&account.id))
            .collect();
        let batch = Batch {
            messages: &writes.messages,
            answers: &writes.answers,
            accounts: &changed,
        };
        batch.write(&tx).await?;
        tx.commit().await?;
        self.news.ring();
        Ok(outcomes)
    }

    /// The accounts of a batch, held; those that policy allows are made.
    async fn accounts(
        &self,
        tx: &WriteTx,
        batch: &[Deferred],
    ) -> Result<HashMap<Aor, Account>, StoreError> {
        let by_aor = |account: Account| (account.aor.clone(), account);
        let found = accounts::lock_all(tx, batch.iter().map(|deferred| &deferred.aor)).await?;
        let mut accounts: HashMap<Aor, Account> = found.into_iter().map(by_aor).collect();
        if !self.policy.auto_create_accounts {
            return Ok(accounts);
        }
        let newcomers: Vec<&Deferred> = batch
            .iter()
            .filter(|deferred| deferred.expired.is_none() && !accounts.contains_key(&deferred.aor))
            .collect();
        let Some(first) = newcomers.first() else {
            return Ok(accounts);
        };
        let aors: BTreeSet<&Aor> = newcomers.iter().map(|deferred| &deferred.aor).collect();
        accounts::ensure_all(tx, &aors, &self.hostname, first.facts.stored_at).await?;
        let made = accounts::lock_all(tx, aors).await?;
        accounts.extend(made.into_iter().map(by_aor));
        Ok(accounts)
    }
}

/// What a transaction is going to write.
struct Writes<'a> {
    policy: &'a Policy,
    /// Requests that were stored before, and those of this transaction.
    known: HashMap<(i64, String), FirstAnswer>,
    messages: Vec<NewMessage<'a>>,
    answers: Vec<(RetryKey<'a>, FirstAnswer, DateTime<Utc>)>,
}

impl<'a> Writes<'a> {
    fn decide(&mut self, account: Option<&mut Account>, deferred: &'a Deferred) -> Outcome {
        let first_time = account.as_ref().and_then(|account| {
            let key = (account.id, deferred.retry_key.clone());
            Some(answer(account, *self.known.get(&key)?))
        });
        if let Some(first_time) = first_time {
            return Ok(Stored {
                repeated: true,
                ..first_time?
            });
        }
        // Only now: a repeat is answered like the first time, however late it comes.
        if let Some(expired) = deferred.expired {
            return Err(expired.into());
        }
        let Some(account) = account else {
            return Err(StoreRefusal::NotServed(deferred.aor.clone()));
        };
        if let Some(too_often) = deferred.too_often {
            return Err(too_often.into());
        }
        let facts = &deferred.facts;
        let Some(number) = account.take_number(facts.stored_size, self.policy) else {
            return Err(StoreRefusal::QuotaExceeded {
                aor: account.aor.clone(),
                message_count: account.message_count,
                byte_count: account.byte_count,
            });
        };
        let first = FirstAnswer {
            number,
            stored_at: facts.stored_at,
            expires_at: facts.expires_at,
        };
        let stored = answer(account, first)?;
        let (raw, session) = match &deferred.payload {
            Payload::Pager(raw) => (&raw[..], None),
            Payload::Large { session, body } => (body.inline(), Some(session)),
        };
        self.messages.push(NewMessage {
            key: stored.message_id.key,
            facts,
            raw,
            object: deferred.payload.object(),
            session,
            text: &deferred.text,
        });
        let key = (account.id, deferred.retry_key.as_str());
        let forget_at = facts.expires_at + RETRY_KEY_OUTLIVES;
        self.answers.push((key, first, forget_at));
        self.known
            .insert((account.id, deferred.retry_key.clone()), first);
        Ok(stored)
    }
}

fn answer(account: &Account, first: FirstAnswer) -> Outcome {
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
        repeated: false,
    })
}
