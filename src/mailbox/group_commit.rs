//! Group commit: messages that arrive while others are being made durable are stored together, in
//! one transaction and with one flush of the disk. Nobody waits for company: whoever comes to an idle
//! mailbox is stored at once, alone.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, oneshot};

use super::store::{Deferred, Outcome, Procedure, StoreRefusal};
use crate::domain::policy::Policy;
use crate::store::{Db, StoreError};

/// Messages that wait; whoever comes to a full queue waits before it.
const WAITING: usize = 1024;
/// The most messages in one transaction.
const MOST_MESSAGES: usize = 128;
/// The most octets in one transaction, unless a single message has more.
const MOST_OCTETS: usize = 8 * 1024 * 1024;
/// Transactions at once on a database that can: one gathers while the other is made durable.
const AT_ONCE: usize = 2;

/// The way to those who store.
#[derive(Debug, Clone)]
pub(super) struct Queue(mpsc::Sender<Waiting>);

/// A message, and who waits to hear what becomes of it.
struct Waiting {
    deferred: Deferred,
    outcome: oneshot::Sender<Outcome>,
}

/// What has been taken from the queue and waits for a transaction.
struct Gathered {
    incoming: mpsc::Receiver<Waiting>,
    ready: VecDeque<Waiting>,
}

impl Queue {
    /// Starts those who store. They end when the queue is gone.
    pub(super) fn new(db: &Db, policy: &Arc<Policy>, hostname: &Arc<str>) -> Self {
        let procedure = Procedure {
            db: db.clone(),
            policy: Arc::clone(policy),
            hostname: Arc::clone(hostname),
        };
        let (sender, incoming) = mpsc::channel(WAITING);
        let gathered = Arc::new(Mutex::new(Gathered {
            incoming,
            ready: VecDeque::new(),
        }));
        for _ in 0..db.writers().min(AT_ONCE) {
            tokio::spawn(work(procedure.clone(), Arc::clone(&gathered)));
        }
        Self(sender)
    }

    /// Has a message stored.
    pub(super) async fn store(&self, deferred: Deferred) -> Outcome {
        let (outcome, told) = oneshot::channel();
        let waiting = Waiting { deferred, outcome };
        if self.0.send(waiting).await.is_err() {
            return Err(StoreError::Stopped.into());
        }
        told.await
            .unwrap_or_else(|_| Err(StoreError::Stopped.into()))
    }
}

async fn work(procedure: Procedure, gathered: Arc<Mutex<Gathered>>) {
    loop {
        let Some(batch) = gathered.lock().await.next_batch().await else {
            return;
        };
        // In a task of its own: a batch that panics is not known to be stored, and the next one is
        // stored all the same.
        let stored = tokio::spawn(store(procedure.clone(), batch));
        if let Err(error) = stored.await {
            tracing::error!(error = %error, "storing a batch of messages ended: {error}");
        }
    }
}

/// Stores a batch and tells everybody. If the database does not take it each message is tried alone,
/// so that one holds up no other.
async fn store(procedure: Procedure, batch: Vec<Waiting>) {
    let (messages, tell): (Vec<_>, Vec<_>) = batch
        .into_iter()
        .map(|waiting| (waiting.deferred, waiting.outcome))
        .unzip();
    let outcomes = match procedure.store_all(&messages).await {
        Ok(outcomes) => outcomes,
        Err(error) if error.is_refusal() => {
            let mut outcomes = Vec::with_capacity(messages.len());
            for message in &messages {
                outcomes.push(alone(&procedure, message).await);
            }
            outcomes
        }
        Err(error) => {
            let refused = || Err(StoreRefusal::Store(error.clone()));
            messages.iter().map(|_| refused()).collect()
        }
    };
    for (outcome, tell) in outcomes.into_iter().zip(tell) {
        // Whoever asked may have given up.
        let _ = tell.send(outcome);
    }
}

async fn alone(procedure: &Procedure, message: &Deferred) -> Outcome {
    let outcomes = procedure.store_all(std::slice::from_ref(message)).await;
    outcomes?
        .pop()
        .unwrap_or(Err(StoreRefusal::Store(StoreError::Stopped)))
}

impl Gathered {
    /// Waits for a message and takes it with those that came meanwhile; `None` when nobody is left who
    /// could send one.
    async fn next_batch(&mut self) -> Option<Vec<Waiting>> {
        if self.ready.is_empty() {
            self.ready.push_back(self.incoming.recv().await?);
        }
        while self.ready.len() < MOST_MESSAGES
            && let Ok(waiting) = self.incoming.try_recv()
        {
            self.ready.push_back(waiting);
        }
        let mut octets = 0_usize;
        let fitting = self
            .ready
            .iter()
            .take_while(|waiting| {
                octets = octets.saturating_add(waiting.deferred.raw.len());
                octets <= MOST_OCTETS
            })
            .count()
            .max(1);
        Some(self.ready.drain(..power_of_two(fitting)).collect())
    }
}

/// The largest power of two that is not above `count`, which is above zero. With batches of such
/// lengths there are few different statements, and the database keeps them prepared.
fn power_of_two(count: usize) -> usize {
    1 << count.ilog2()
}
