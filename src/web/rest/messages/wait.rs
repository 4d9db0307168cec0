//! A look at an account that may wait until there is something to see.

use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Instant, timeout_at};

use crate::domain::listing::{Order, Place};
use crate::domain::message::Summary;
use crate::domain::search::Term;
use crate::mailbox::Mailbox;
use crate::mailbox::feed::{Feed, Listener};
use crate::store::StoreError;
use crate::store::accounts::Account;

/// What to look for.
#[derive(Debug)]
pub struct Look<'a> {
    /// Where.
    pub mailbox: &'a Mailbox,
    /// Whose messages.
    pub account: &'a Account,
    /// What must hold of them.
    pub terms: &'a [Term],
    /// Which come first.
    pub order: Order,
    /// Behind which place.
    pub after: Option<Place>,
    /// How many at most.
    pub limit: u64,
}

impl Look<'_> {
    /// What is there now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn now(&self) -> Result<Vec<Summary>, StoreError> {
        self.mailbox
            .list(self.account, self.terms, self.order, self.after, self.limit)
            .await
    }

    /// Looks again whenever something happens in the account, until something is found or the time is over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn until(&self, feed: &Feed, end: Instant) -> Result<Vec<Summary>, StoreError> {
        // Before the first look, so that nothing comes unseen between.
        let mut listener = feed.listen().await?;
        loop {
            let found = self.now().await?;
            let Some(listener) = listener.as_mut().filter(|_| found.is_empty()) else {
                return Ok(found);
            };
            match timeout_at(end, heard(listener, self.account.id)).await {
                Ok(true) => {}
                // The server stops, or the time is over.
                Ok(false) | Err(_) => return Ok(found),
            }
        }
    }
}

/// Waits until something happens in the account; whether anything will be heard after that.
async fn heard(listener: &mut Listener, account_id: i64) -> bool {
    loop {
        match listener.news.recv().await {
            Ok(news) if news.event.account_id != account_id => {}
            Ok(_) | Err(RecvError::Lagged(_)) => break,
            Err(RecvError::Closed) => return false,
        }
    }
    // One look sees all that has happened by now.
    while !matches!(
        listener.news.try_recv(),
        Err(TryRecvError::Empty | TryRecvError::Closed)
    ) {}
    true
}
