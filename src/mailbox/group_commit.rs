//! Group commit: messages that arrive while others are being made durable are stored together, in
//! one transaction and with one flush of the disk. Nobody waits for company: whoever comes to an idle
//! mailbox is stored at once, alone.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::bell::Bell;
use super::store::{Deferred, Outcome, Procedure, StoreRefusal};
use crate::domain::policy::Policy;
use crate::store::{Db, StoreError};

/// Messages that wait; whoever comes to a full queue waits before it.
const WAITING: usize = 1024;
/// The most messages in one transaction.
const MOST_MESSAGES: usize = 128;
/// The most octets in one transaction, unless a single message has more.
const MOST_OCTETS: usize = 8 * 1024 * 1024;
/// Transactions at once on a database that can: one gathers while another is made durable.
const AT_ONCE: usize = 2;
/// While a transaction is under way another one begins only if so many messages wait: a transaction
/// costs as much as twenty messages, whatever is in it.
const WORTH_ANOTHER: usize = 16;

/// The way to those who store.
#[derive(Debug, Clone)]
pub(super) struct Queue(mpsc::Sender<Waiting>);

/// A message, and who waits to hear what becomes of it.
struct Waiting {
    deferred: Deferred,
    outcome: oneshot::Sender<Outcome>,
}

impl Queue {
    /// Starts whoever stores. It ends when the queue is gone.
    pub(super) fn new(db: &Db, policy: &Arc<Policy>, hostname: &Arc<str>, news: &Bell) -> Self {
        let (sender, incoming) = mpsc::channel(WAITING);
        let dispatcher = Dispatcher {
            procedure: Procedure {
                db: db.clone(),
                policy: Arc::clone(policy),
                hostname: Arc::clone(hostname),
                news: news.clone(),
            },
            at_once: db.writers().min(AT_ONCE),
            ready: VecDeque::new(),
            running: JoinSet::new(),
        };
        tokio::spawn(dispatcher.run(incoming));
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

/// Makes transactions of what waits.
struct Dispatcher {
    procedure: Procedure,
    at_once: usize,
    ready: VecDeque<Waiting>,
    running: JoinSet<()>,
}

impl Dispatcher {
    async fn run(mut self, mut incoming: mpsc::Receiver<Waiting>) {
        let mut open = true;
        while open || !self.ready.is_empty() || !self.running.is_empty() {
            let room = self.ready.len() < MOST_MESSAGES;
            tokio::select! {
                Some(ended) = self.running.join_next() => {
                    if let Err(error) = ended {
                        // Its messages are not known to be stored; the next ones are stored all the same.
                        tracing::error!(error = %error, "storing a batch of messages ended: {error}");
                    }
                }
                waiting = incoming.recv(), if open && room => match waiting {
                    Some(waiting) => self.ready.push_back(waiting),
                    None => open = false,
                },
            }
            while self.ready.len() < MOST_MESSAGES
                && let Ok(waiting) = incoming.try_recv()
            {
                self.ready.push_back(waiting);
            }
            while self.is_worth_it() {
                let batch = self.next_batch();
                self.running.spawn(store(self.procedure.clone(), batch));
            }
        }
    }

    /// Whether a transaction should begin now.
    fn is_worth_it(&self) -> bool {
        match self.running.len() {
            0 => !self.ready.is_empty(),
            running => running < self.at_once && self.ready.len() >= WORTH_ANOTHER,
        }
    }

    /// What goes into the next transaction, of those that are ready: at least one.
    fn next_batch(&mut self) -> Vec<Waiting> {
        let mut octets = 0_usize;
        let fitting = self
            .ready
            .iter()
            .take_while(|waiting| {
                octets = octets.saturating_add(waiting.deferred.payload.octets());
                octets <= MOST_OCTETS
            })
            .count()
            .max(1);
        self.ready.drain(..power_of_two(fitting)).collect()
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

/// The largest power of two that is not above `count`, which is above zero. With batches of such
/// lengths there are few different statements, and the database keeps them prepared.
fn power_of_two(count: usize) -> usize {
    1 << count.ilog2()
}
