//! News for those who follow along: one task reads the events of all nodes in their order, as long as anybody listens.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, broadcast};
use tokio::time::{sleep, timeout};

use super::Mailbox;
use crate::domain::access::Scope;
use crate::domain::address::Aor;
use crate::domain::event::Place;
use crate::domain::message_id::{MessageId, MessageKey};
use crate::store::accounts::{self, Account};
use crate::store::documents::GLOBAL;
use crate::store::events::{self, Event};
use crate::store::signals::{self, Signals};
use crate::store::{Db, StoreError};

/// News that wait for the slowest listener; one that is further behind is cut off, and may come back.
const WAITING: usize = 4096;
/// Events read at a time.
const PER_READ: u64 = 500;
/// How often the events are looked at if nobody says that there are any.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looking more often than this costs more than it is worth.
const REST: Duration = Duration::from_millis(40);

/// An event, and whose account it is about.
#[derive(Debug, Clone)]
pub struct News {
    /// What happened.
    pub event: Event,
    /// To whose account; nobody's, if it has been erased.
    pub aor: Option<Aor>,
    /// To which message.
    pub message_id: Option<MessageId>,
}

impl News {
    /// Whether it is of a document that is everybody's.
    #[must_use]
    pub fn is_global(&self) -> bool {
        self.event.account_id == GLOBAL
    }

    /// The document that changed, relative to the XCAP root: a document selector whose characters are as they were
    /// put.
    #[must_use]
    pub fn document(&self) -> Option<String> {
        let (auid, name) = self.event.document.as_deref()?.split_once('/')?;
        if self.is_global() {
            return Some(format!("{auid}/global/{name}"));
        }
        let aor = self.aor.as_ref()?;
        Some(format!("{auid}/users/{aor}/{name}"))
    }

    /// Whether it lies within a scope; what is for everybody does.
    #[must_use]
    pub fn is_within(&self, scope: &Scope) -> bool {
        match (scope, &self.aor) {
            (Scope::All, _) => true,
            _ if self.is_global() => true,
            (scope, Some(aor)) => scope.covers(aor),
            (_, None) => false,
        }
    }
}

/// Where news come from.
#[derive(Debug, Clone)]
pub struct Feed(Arc<Desk>);

#[derive(Debug)]
struct Desk {
    db: Db,
    /// Up to where news have been sent; nothing while nobody listens. Held while they are, so that whoever begins
    /// to listen knows what it has missed.
    sent: Mutex<Option<Place>>,
    /// Gone when the server stops.
    news: std::sync::Mutex<Option<broadcast::Sender<Arc<News>>>>,
}

/// Somebody who listens.
#[derive(Debug)]
pub struct Listener {
    /// What comes after [`since`](Self::since).
    pub news: broadcast::Receiver<Arc<News>>,
    /// Up to where news were sent before.
    pub since: Place,
}

impl Feed {
    /// A feed of what happens in this database.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self(Arc::new(Desk {
            db,
            sent: Mutex::default(),
            news: std::sync::Mutex::new(Some(broadcast::Sender::new(WAITING))),
        }))
    }

    /// Listens from now on; nothing if the server stops.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn listen(&self) -> Result<Option<Listener>, StoreError> {
        let mut sent = self.0.sent.lock().await;
        let since = match *sent {
            Some(place) => place,
            None => self.newest().await?,
        };
        *sent = Some(since);
        let news = self.sender().map(|sender| sender.subscribe());
        Ok(news.map(|news| Listener { news, since }))
    }

    async fn newest(&self) -> Result<Place, StoreError> {
        let ends = events::ends(self.0.db.read()).await?;
        Ok(ends.map(|(_, last)| last).unwrap_or_default())
    }

    fn sender(&self) -> Option<broadcast::Sender<Arc<News>>> {
        // Nobody panics while holding it.
        self.0.news.lock().ok()?.clone()
    }

    /// Up to `limit` news after a place, for whoever was away.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn after(&self, place: Place, limit: u64) -> Result<Vec<News>, StoreError> {
        let db = self.0.db.read();
        let happened = events::after(db, place, limit).await?;
        let ids: BTreeSet<i64> = happened.iter().map(|event| event.account_id).collect();
        let accounts = accounts::with_ids(db, &Scope::All, ids).await?;
        let news = |event: Event| {
            let account = accounts
                .iter()
                .find(|account| account.id == event.account_id);
            News {
                aor: account.map(|account| account.aor.clone()),
                message_id: account.and_then(|account| message_id(account, &event)),
                event,
            }
        };
        Ok(happened.into_iter().map(news).collect())
    }

    /// Whether the event at a place is still there: whoever has seen it has missed nothing that is forgotten.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn knows(&self, place: Place) -> Result<bool, StoreError> {
        events::is_there(self.0.db.read(), place).await
    }

    /// Sends news until the mailbox's bell for them is closed; then nobody listens any more.
    pub async fn run(&self, mailbox: &Mailbox) {
        let mut bell = mailbox.news.listen();
        let mut signals = Signals::none();
        let mut is_deaf = true;
        while !bell.is_closed() {
            if is_deaf && let Ok(listening) = Signals::listen(&self.0.db).await {
                signals = listening;
                is_deaf = false;
            }
            let mut is_ours = false;
            let woken = async {
                tokio::select! {
                    () = bell.heard() => is_ours = true,
                    () = signals.heard() => {}
                }
            };
            // Either way it is time to look.
            let _ = timeout(LOOK_EVERY, woken).await;
            let told = async {
                if is_ours {
                    signals::send(&self.0.db).await?;
                }
                self.send_what_is_new().await
            };
            if let Err(error) = told.await {
                tracing::warn!(error = %error, "news could not be read and will be later: {error}");
                is_deaf = true;
            }
            sleep(REST).await;
        }
        if let Ok(mut news) = self.0.news.lock() {
            *news = None;
        }
    }

    async fn send_what_is_new(&self) -> Result<(), StoreError> {
        let Some(sender) = self.sender() else {
            return Ok(());
        };
        let mut sent = self.0.sent.lock().await;
        if sender.receiver_count() == 0 {
            *sent = None;
            return Ok(());
        }
        let mut place = sent.unwrap_or_default();
        loop {
            let news = self.after(place, PER_READ).await?;
            let is_all = u64::try_from(news.len()).is_ok_and(|len| len < PER_READ);
            for piece in news {
                place = piece.event.place;
                // Nobody may be left by now.
                let _ = sender.send(Arc::new(piece));
            }
            *sent = Some(place);
            if is_all {
                return Ok(());
            }
        }
    }
}

fn message_id(account: &Account, event: &Event) -> Option<MessageId> {
    let key = MessageKey {
        account_id: account.id,
        number: event.number?,
    };
    Some(super::read::message_id(account, key))
}
