//! Several writes as one: what a piece of work writes, in however many transactions, becomes durable together with
//! something that is known only when the work is done.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::db::{Db, StoreError, WriteTx};

tokio::task_local! {
    static JOINED: Joined;
}

/// What waits to be done after the commit.
type Later = Vec<BoxFuture<'static, ()>>;

/// The transaction that the writes of a task join.
#[derive(Clone, Default)]
pub(super) struct Joined {
    outer: Arc<AsyncMutex<Option<WriteTx>>>,
    later: Arc<Mutex<Later>>,
}

impl Joined {
    /// That of the task that asks.
    pub(super) fn current() -> Option<Self> {
        JOINED.try_with(Clone::clone).ok()
    }

    /// The transaction, for as long as no other write of this task needs it.
    pub(super) async fn outer(&self) -> OwnedMutexGuard<Option<WriteTx>> {
        Arc::clone(&self.outer).lock_owned().await
    }

    fn later(&self) -> std::sync::MutexGuard<'_, Later> {
        self.later.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a piece of work has written, not yet committed. Dropped, none of it ever happened.
pub struct Pending {
    tx: WriteTx,
    later: Later,
}

impl Pending {
    /// The transaction, to write more in it.
    #[must_use]
    pub fn tx(&self) -> &WriteTx {
        &self.tx
    }

    /// Makes everything durable at once, and does what waits for that.
    ///
    /// # Errors
    /// When the database could not.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.tx.commit().await?;
        for work in self.later {
            work.await;
        }
        Ok(())
    }
}

impl Db {
    /// Does `work`, whose transactions become parts of one that is left open. Each of them can still be undone alone.
    /// What the work wrote is seen by its own transactions, not by reads outside them. It must not wait for a task that
    /// writes: on `SQLite` that one would wait for this.
    ///
    /// # Errors
    /// When the database fails at the end.
    pub async fn join<F: Future>(&self, work: F) -> (F::Output, Result<Pending, StoreError>) {
        let joined = Joined::default();
        let output = JOINED.scope(joined.clone(), work).await;
        let open = joined.outer().await.take();
        let tx = match open {
            Some(tx) => Ok(tx),
            None => self.write().await,
        };
        let later = std::mem::take(&mut *joined.later());
        (output, tx.map(|tx| Pending { tx, later }))
    }

    /// Does something that must not be done before what was written is durable: now, or where writes are joined, after
    /// they have been committed.
    pub async fn after_commit(&self, work: impl Future<Output = ()> + Send + 'static) {
        match Joined::current() {
            Some(joined) => joined.later().push(Box::pin(work)),
            None => work.await,
        }
    }
}
