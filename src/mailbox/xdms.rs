//! Documents that users keep by XCAP (RFC 4825 sections 7 and 8): each change is one transaction that holds the
//! document, so that of changes at once none is lost, and preconditions hold when the change is made.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, MutexGuard};

use super::Mailbox;
use crate::domain::event::EventKind;
use crate::domain::hex::hex;
use crate::store::documents::{self, DocumentKey, GLOBAL, Listed, StoredDocument};
use crate::store::events::{self, NewEvent};
use crate::store::{StoreError, WriteTx, accounts};
use crate::xcap::conditions::{Method, Preconditions, Verdict};
use crate::xcap::conflict::{Condition, Conflict};
use crate::xcap::document::Document;
use crate::xcap::edit::{self, EditError, Edited};
use crate::xcap::selector::NodeSelector;
use crate::xcap::usages::{Candidate, Claim, Tree, Usage};

/// How often a change is tried that others keep from being made: each time one of them was.
const TRIES: usize = 5;
/// Values suggested for one that is taken.
const SUGGESTIONS: usize = 3;
/// The longest value that is unique on the server, in octets: it goes into an index.
const MAX_CLAIM: usize = 1024;
/// Queues of those who change documents.
const QUEUES: usize = 64;
/// Characters of the hash that is an entity tag.
const TAG_CHARS: usize = 32;

/// Those who change documents of one user wait here for each other, not on connections to the database.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    queues: Arc<[Mutex<()>]>,
    hasher: RandomState,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            queues: (0..QUEUES).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl Turns {
    async fn wait(&self, account_id: i64) -> MutexGuard<'_, ()> {
        // The remainder is below their number.
        let queues = self.queues.len() as u64;
        let at = usize::try_from(self.hasher.hash_one(account_id) % queues).unwrap_or_default();
        self.queues[at].lock().await
    }
}

/// What a request wants of a document.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// Put it whole.
    Put(&'a [u8]),
    /// Delete it.
    Delete,
    /// Put an element or an attribute.
    PutNode(&'a NodeSelector, &'a [u8]),
    /// Delete an element or an attribute.
    DeleteNode(&'a NodeSelector),
}

/// A request to change a document.
#[derive(Clone, Copy)]
pub struct ChangeRequest<'a> {
    /// Which document.
    pub key: &'a DocumentKey,
    /// Its application usage.
    pub usage: &'a dyn Usage,
    /// Where it lies, for the usage.
    pub tree: Tree<'a>,
    /// The absolute URI of the XCAP root that the request came to.
    pub root: &'a str,
    /// What is wanted.
    pub change: Change<'a>,
    /// On which conditions.
    pub preconditions: &'a Preconditions,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Whether what was put was not there before.
    pub created: bool,
    /// The entity tag of the document, in its quotes; none if it was deleted.
    pub etag: Option<String>,
}

/// Why a document is not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The document or the node is not there.
    #[error("there is nothing there")]
    NotFound,
    /// A precondition does not hold.
    #[error("a precondition does not hold")]
    PreconditionFailed,
    /// Namespace bindings can only be read.
    #[error("namespace bindings can only be read")]
    MethodNotAllowed,
    /// The document would be longer than its limit, which is given in octets.
    #[error("the document would be longer than {0} octets")]
    TooLarge(usize),
    /// The user has as many documents as it may have.
    #[error("there are {0} documents already")]
    TooMany(u64),
    /// The change would leave a document that may not be.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The database failed; nothing was changed.
    #[error("the document could not be changed")]
    Store(#[from] StoreError),
}

impl From<EditError> for ChangeError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::NotFound => Self::NotFound,
            EditError::MethodNotAllowed => Self::MethodNotAllowed,
            EditError::TooLarge(limit) => Self::TooLarge(limit),
            EditError::Conflict(conflict) => Self::Conflict(conflict),
        }
    }
}

/// The entity tag of a document, in its quotes: another for each version, and for one that was made anew.
#[must_use]
pub fn etag(id: i64, version: i64) -> String {
    format!("\"{id}-{version}\"")
}

/// The entity tag of a document that is derived from nothing that has a version: another for another text.
#[must_use]
pub fn derived_etag(xml: &str) -> String {
    let hash: String = hex(&Sha256::digest(xml)).chars().take(TAG_CHARS).collect();
    format!("\"{hash}\"")
}

impl StoredDocument {
    /// Its entity tag.
    #[must_use]
    pub fn etag(&self) -> String {
        etag(self.id, self.version)
    }
}

/// What is to be written.
struct Written {
    body: Vec<u8>,
    claims: Vec<Claim>,
    created: bool,
}

impl Mailbox {
    /// The document at a path.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn document(&self, key: &DocumentKey) -> Result<Option<StoredDocument>, StoreError> {
        documents::find(self.db.read(), key).await
    }

    /// The entity tag of the document at a path.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn document_etag(&self, key: &DocumentKey) -> Result<Option<String>, StoreError> {
        let version = documents::version(self.db.read(), key).await?;
        Ok(version.map(|(id, version)| etag(id, version)))
    }

    /// The documents of an account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn documents(&self, account_id: i64) -> Result<Vec<Listed>, StoreError> {
        documents::list(self.db.read(), account_id).await
    }

    /// Changes a document.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed then.
    pub async fn change_document(
        &self,
        request: ChangeRequest<'_>,
    ) -> Result<Changed, ChangeError> {
        let _turn = self.turns.wait(request.key.account_id).await;
        for _ in 1..TRIES {
            match self.try_to_change(&request).await {
                // Another node has put a document there, or claimed something, after we looked.
                Err(ChangeError::Store(StoreError::Conflict)) => {}
                other => return other,
            }
        }
        self.try_to_change(&request).await
    }

    async fn try_to_change(&self, request: &ChangeRequest<'_>) -> Result<Changed, ChangeError> {
        let tx = self.db.write().await?;
        let key = request.key;
        // An account that has been erased meanwhile keeps nothing any more.
        if key.account_id != GLOBAL && accounts::lock_version(&tx, key.account_id).await?.is_none()
        {
            return Err(ChangeError::NotFound);
        }
        let current = documents::lock(&tx, key).await?;
        if let (Change::Put(_), None) = (request.change, &current) {
            let most = self.policy.max_documents;
            if documents::count(&*tx, key.account_id).await? >= most {
                return Err(ChangeError::TooMany(most));
            }
        }
        let now = self.clock.now();
        let before = current.as_ref().map(StoredDocument::etag);
        let written = self.decide(request, current.as_ref())?;
        let changed = match (written, current) {
            (Some(written), current) => self.write(&tx, request, written, current, now).await?,
            (None, Some(current)) => {
                documents::remove(&tx, current.id).await?;
                Changed {
                    created: false,
                    etag: None,
                }
            }
            (None, None) => return Err(ChangeError::NotFound),
        };
        if changed.etag == before {
            return Ok(changed);
        }
        let document = format!("{}/{}", key.auid, key.name);
        let event = NewEvent {
            document: Some(&document),
            ..NewEvent::of_account(EventKind::DocumentChanged, key.account_id, now)
        };
        events::insert_all(&tx, &[event]).await?;
        tx.commit().await?;
        self.news.ring();
        Ok(changed)
    }

    /// The document as it is to be; nothing if it is to go.
    fn decide(
        &self,
        request: &ChangeRequest<'_>,
        current: Option<&StoredDocument>,
    ) -> Result<Option<Written>, ChangeError> {
        let method = match request.change {
            Change::Put(_) | Change::PutNode(..) => Method::Put,
            Change::Delete | Change::DeleteNode(_) => Method::Delete,
        };
        let limit = request.usage.max_document_bytes();
        let limit = limit.unwrap_or(self.policy.max_document_bytes);
        let judge = |is_there: bool| {
            let etag = current.filter(|_| is_there).map(StoredDocument::etag);
            match request.preconditions.judge(method, etag.as_deref()) {
                Verdict::Proceed => Ok(()),
                _ => Err(ChangeError::PreconditionFailed),
            }
        };
        let (selector, body, current) = match (request.change, current) {
            (Change::Put(body), _) => {
                judge(true)?;
                let document = Document::parse(body, limit).map_err(EditError::from)?;
                return Ok(Some(Written {
                    body: body.to_owned(),
                    claims: checked(request, &document)?,
                    created: current.is_none(),
                }));
            }
            (Change::Delete, Some(_)) => {
                judge(true)?;
                return Ok(None);
            }
            (Change::PutNode(_, _), None) => {
                judge(true)?;
                let phrase = "There is no document that could hold it.";
                return Err(Condition::NoParent(None).because(phrase).into());
            }
            (Change::Delete | Change::DeleteNode(_), None) => return Err(ChangeError::NotFound),
            (Change::PutNode(selector, body), Some(current)) => (selector, Some(body), current),
            (Change::DeleteNode(selector), Some(current)) => (selector, None, current),
        };
        // A limit that was lowered keeps nobody from making a document shorter.
        let limit = limit.max(current.body.len());
        let document = Document::parse(&current.body, limit).map_err(EditError::from)?;
        let is_there = body.is_some() || selector.find(document.tree()).is_ok();
        judge(is_there)?;
        let mut claims = Vec::new();
        let check = |new: &Document<'_>| {
            claims = checked(request, new)?;
            Ok(())
        };
        let Edited { text, replaced } = match body {
            Some(body) => edit::put(&document, selector, body, check)?,
            None => edit::delete(&document, selector, check)?,
        };
        Ok(Some(Written {
            body: text.into_bytes(),
            claims,
            created: !replaced,
        }))
    }

    async fn write(
        &self,
        tx: &WriteTx,
        request: &ChangeRequest<'_>,
        written: Written,
        current: Option<StoredDocument>,
        now: DateTime<Utc>,
    ) -> Result<Changed, ChangeError> {
        let key = request.key;
        let own_id = current.as_ref().map(|current| current.id);
        refuse_taken(tx, &key.auid, &written.claims, own_id).await?;
        let (id, version) = match current {
            None => (documents::insert(tx, key, written.body, now).await?, 1),
            // The same again is no change, and gets no other tag.
            Some(current) if current.body == written.body => (current.id, current.version),
            Some(current) => {
                let version = current.version + 1;
                documents::update(tx, current.id, version, written.body, now).await?;
                (current.id, version)
            }
        };
        let values: Vec<&str> = written
            .claims
            .iter()
            .map(|claim| claim.value.as_str())
            .collect();
        documents::claim(tx, &key.auid, id, &values).await?;
        Ok(Changed {
            created: written.created,
            etag: Some(etag(id, version)),
        })
    }
}

/// What a document that follows the rules of its usage claims.
fn checked(request: &ChangeRequest<'_>, document: &Document<'_>) -> Result<Vec<Claim>, Conflict> {
    let candidate = Candidate {
        tree: request.tree,
        name: &request.key.name,
        root: request.root,
        document: document.tree(),
    };
    request.usage.check(&candidate)?;
    let claims = request.usage.claims(&candidate);
    if let Some(long) = claims.iter().find(|claim| claim.value.len() > MAX_CLAIM) {
        let phrase = format!("{} is longer than {MAX_CLAIM} octets", long.field);
        return Err(Condition::ConstraintFailure.because(phrase));
    }
    Ok(claims)
}

/// Refuses a document that claims what another has, with values that would do.
async fn refuse_taken(
    tx: &WriteTx,
    auid: &str,
    claims: &[Claim],
    own_id: Option<i64>,
) -> Result<(), ChangeError> {
    let values: Vec<&str> = claims.iter().map(|claim| claim.value.as_str()).collect();
    let taken = documents::taken(tx, auid, &values, own_id).await?;
    let Some(claim) = claims.iter().find(|claim| taken.contains(&claim.value)) else {
        return Ok(());
    };
    let others: Vec<String> = claim.alternatives().take(4 * SUGGESTIONS).collect();
    let others_too: Vec<&str> = others.iter().map(String::as_str).collect();
    let taken = documents::taken(tx, auid, &others_too, None).await?;
    let free = others.into_iter().filter(|value| !taken.contains(value));
    let free = free.take(SUGGESTIONS).collect();
    Err(claim.clone().taken(free).into())
}
