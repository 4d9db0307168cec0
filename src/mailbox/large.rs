//! Large Message Mode (OMA SIMPLE IM TS 12.4.2.3): where contents lie, what is kept of the session that brought one,
//! and the BYE that comes after the message is stored.

use std::ops::Range;

use bytes::Bytes;
use futures_util::StreamExt as _;

use super::Mailbox;
use super::spool::{Spool, SpoolDirectory};
use super::store::StoreRefusal;
use crate::domain::access::Scope;
use crate::domain::address::Aor;
use crate::domain::message_id::MessageKey;
use crate::store::objects::{Objects, Octets};
use crate::store::{StoreError, accounts, large, messages};

pub use crate::store::large::LargeSession;

/// Where contents lie.
#[derive(Debug, Clone)]
pub struct Contents {
    /// Those too large for the database.
    pub objects: Objects,
    /// Those that are being received.
    pub spools: SpoolDirectory,
    /// The largest that lie in the database, in octets.
    pub inline_bytes: usize,
}

/// What is kept of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// The SIP MESSAGE request, byte for byte.
    Pager(Bytes),
    /// What a session brought.
    Large {
        /// What was said in it.
        session: LargeSession,
        /// The content of the MSRP message.
        body: Body,
    },
}

/// Where the content of a large message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Here.
    Inline(Bytes),
    /// Elsewhere.
    Object {
        /// The name of the object.
        name: String,
        /// What a report to the sender will need of its beginning, so that nobody waits for the object then.
        head: Bytes,
    },
}

impl Payload {
    /// Octets that go into the database.
    #[must_use]
    pub fn octets(&self) -> usize {
        match self {
            Self::Pager(raw) => raw.len(),
            Self::Large { session, body } => session.octets() + body.inline().len(),
        }
    }

    /// The name of the object that belongs to it.
    #[must_use]
    pub fn object(&self) -> Option<&str> {
        match self {
            Self::Large {
                body: Body::Object { name, .. },
                ..
            } => Some(name),
            _ => None,
        }
    }
}

impl Body {
    /// The octets that lie in the database.
    pub(super) fn inline(&self) -> &[u8] {
        match self {
            Self::Inline(octets) | Self::Object { head: octets, .. } => octets,
        }
    }
}

impl Mailbox {
    /// Makes a content that was received durable, or takes it into memory if it is to lie in the database. `octets`
    /// is how many it has, `head` the beginning of it that lies in the database in any case.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub async fn keep(
        &self,
        mut spool: Spool,
        octets: u64,
        head: Bytes,
    ) -> Result<Body, StoreError> {
        let small = usize::try_from(octets)
            .ok()
            .filter(|octets| *octets <= self.contents.inline_bytes);
        if let Some(octets) = small {
            return Ok(Body::Inline(spool.read_head(octets).await?));
        }
        let file = spool.into_file().await?;
        let objects = &self.contents.objects;
        let name = objects.put_file(file.path(), self.clock.now()).await?;
        Ok(Body::Object { name, head })
    }

    /// The octets of a content within a range that lies in it.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn read(&self, body: &Body, range: Range<u64>) -> Result<Octets, StoreError> {
        match body {
            Body::Object { name, .. } => Ok(self.contents.objects.get(name, range).await?),
            Body::Inline(octets) => {
                let at = |place: u64| {
                    usize::try_from(place)
                        .unwrap_or(usize::MAX)
                        .min(octets.len())
                };
                let slice = octets.slice(at(range.start)..at(range.end));
                Ok(futures_util::stream::iter([Ok(slice)]).boxed())
            }
        }
    }

    /// Whether a message of `octets`, or of nobody knows how many if 0, would find room in the account of `aor` now.
    ///
    /// # Errors
    /// [`StoreRefusal`], as storing it would give.
    pub async fn has_room(&self, aor: &Aor, octets: u64) -> Result<(), StoreRefusal> {
        let octets = i64::try_from(octets).unwrap_or(i64::MAX);
        let find = || accounts::find(self.db.read(), &Scope::All, aor);
        let refused = match find().await? {
            None if self.policy.auto_create_accounts => {
                if octets <= self.policy.quota_bytes && self.policy.quota_messages > 0 {
                    return Ok(());
                }
                return Err(StoreRefusal::QuotaExceeded {
                    aor: aor.clone(),
                    message_count: 0,
                    byte_count: 0,
                });
            }
            None => return Err(StoreRefusal::NotServed(aor.clone())),
            Some(account) if account.has_room(octets, &self.policy) => return Ok(()),
            Some(account) => account,
        };
        // Messages past their expiry do not count, even before the sweep reaches them.
        if self.expire_account(refused.id, self.clock.now()).await? > 0
            && let Some(account) = find().await?
            && account.has_room(octets, &self.policy)
        {
            return Ok(());
        }
        Err(StoreRefusal::QuotaExceeded {
            aor: refused.aor,
            message_count: refused.message_count,
            byte_count: refused.byte_count,
        })
    }

    /// Adds the BYE to a stored message; says whether the message is still there and had none. The metadata
    /// document does not show it and stays as it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_bye(&self, key: MessageKey, bye: Bytes) -> Result<bool, StoreError> {
        let tx = self.db.write().await?;
        accounts::lock(&tx, key.account_id).await?;
        let added = large::add_bye(&tx, key, &bye).await?;
        tx.commit().await?;
        Ok(added)
    }

    /// Removes an object unless a message has it. If that cannot be known it stays, and the sweep sees to it.
    pub(super) async fn discard_unused(&self, name: Option<String>) {
        let names: Vec<String> = name.into_iter().collect();
        if let Ok(in_use) = messages::objects_in_use(self.db.read(), &names).await {
            let unused = names.into_iter().filter(|name| !in_use.contains(name));
            self.discard(unused);
        }
    }
}
