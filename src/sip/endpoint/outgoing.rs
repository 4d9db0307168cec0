//! Requests of ours that leave by the listener's sockets, and their answers: those inside a dialog that a peer
//! began (RFC 3261 sections 12.2.1 and 17.1), and those to servers that we find ourselves ([`super::Ways`]).

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::Request;
use crate::sip::dialog::DialogId;
use crate::sip::error::ParseError;
use crate::sip::message::{Message, StartLine};
use crate::sip::transaction::client_table::{ClientEvent, ClientTransactions, SendError};
use crate::sip::transaction::{Timers, TransactionKey, Transmit};
use crate::sip::transport::{Flow, Received};

/// Requests that wait to be sent.
const WAITING: usize = 256;
/// The most of our requests under way at once. Over UDP each is remembered for 5 s after its answer.
const MAX_REQUESTS: usize = 100_000;
/// Messages received and not yet looked at.
const RECEIVED_WAITING: usize = 1024;

/// Where a request goes: over a connection, or by a datagram socket to an address.
#[derive(Debug, Clone)]
pub struct Route {
    /// The connection or the socket.
    pub flow: Flow,
    /// The address, where it is a socket.
    pub target: SocketAddr,
    /// Its name in a Via.
    pub transport: &'static str,
    /// The address of ours that the peer reaches us at.
    pub local: SocketAddr,
    /// Whether the peer is believed when it names another address than its own.
    pub trusted: bool,
}

impl Route {
    /// The way back to whoever sent a request.
    #[must_use]
    pub fn back(request: &Request) -> Self {
        Self {
            flow: request.flow.clone(),
            target: request.origin.source,
            transport: request.origin.transport,
            local: request.origin.local,
            trusted: request.trusted,
        }
    }
}

/// A request on its way out.
#[derive(Debug)]
pub(super) struct Outbound {
    request: Message,
    route: Route,
    answer: Answered,
}

/// Why there is no final response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// None came in time (timer F, 32 s).
    #[error("no answer came within 32 seconds")]
    Timeout,
    /// The request could not be sent.
    #[error("it could not be sent: {0}")]
    Transport(String),
    /// The transactions do not take the request.
    #[error("it was not sent: {0}")]
    NotSent(#[from] SendError),
    /// The request is none.
    #[error("it cannot be read: {0}")]
    NoRequest(#[from] ParseError),
    /// The listener has stopped.
    #[error("the server is stopping")]
    Stopped,
}

type Answered = oneshot::Sender<Result<Message, Unanswered>>;

/// Sends requests by the listener.
#[derive(Debug, Clone)]
pub struct Outgoing {
    requests: mpsc::Sender<Outbound>,
    /// Where what comes on our own connections goes.
    pub(super) received: mpsc::Sender<Received>,
    /// Held by each connection.
    open: mpsc::WeakSender<Infallible>,
}

/// The other end, for the listener.
#[derive(Debug)]
pub struct Requests {
    pub(super) asked: mpsc::Receiver<Outbound>,
    /// What has been received goes in here.
    pub(super) received: mpsc::Sender<Received>,
    /// It comes out here.
    pub(super) incoming: mpsc::Receiver<Received>,
    /// Held by each connection.
    pub(super) open: mpsc::Sender<Infallible>,
    /// Ends when none is left.
    pub(super) ended: mpsc::Receiver<Infallible>,
}

/// Both ends.
#[must_use]
pub fn channel() -> (Outgoing, Requests) {
    let (ours, theirs) = mpsc::channel(WAITING);
    let (received, incoming) = mpsc::channel(RECEIVED_WAITING);
    let (open, ended) = mpsc::channel(1);
    let outgoing = Outgoing {
        requests: ours,
        received: received.clone(),
        open: open.downgrade(),
    };
    let requests = Requests {
        asked: theirs,
        received,
        incoming,
        open,
        ended,
    };
    (outgoing, requests)
}

impl Outgoing {
    /// What a connection of ours holds as long as it is served; nothing once the listener has stopped.
    pub(super) fn open(&self) -> Option<mpsc::Sender<Infallible>> {
        self.open.upgrade()
    }

    /// Sends a request other than INVITE and waits for its final response.
    ///
    /// # Errors
    /// [`Unanswered`] says why there is none.
    pub async fn ask(&self, request: Bytes, route: Route) -> Result<Message, Unanswered> {
        let flow = route.flow.clone();
        let (answer, answered) = oneshot::channel();
        let outbound = Outbound {
            request: Message::parse(request)?,
            route,
            answer,
        };
        self.requests
            .send(outbound)
            .await
            .map_err(|_| Unanswered::Stopped)?;
        tokio::select! {
            biased;
            answered = answered => answered.map_err(|_| Unanswered::Stopped)?,
            () = flow.closed() => Err(Unanswered::Transport("the connection was closed".to_owned())),
        }
    }
}

/// Our requests that are under way.
pub(super) struct UnderWay {
    asked: mpsc::Receiver<Outbound>,
    transactions: ClientTransactions<Route>,
    waiting: HashMap<TransactionKey, Answered>,
}

impl UnderWay {
    /// Sends what is asked for.
    pub(super) fn new(asked: mpsc::Receiver<Outbound>) -> Self {
        Self {
            asked,
            transactions: ClientTransactions::new(Timers::default(), MAX_REQUESTS),
            waiting: HashMap::new(),
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.transactions.next_deadline()
    }

    /// Waits for a request that is to be sent. It may be dropped while it waits.
    pub(super) async fn next(&mut self) -> Outbound {
        match self.asked.recv().await {
            Some(outbound) => outbound,
            // Nobody is left who could ask.
            None => std::future::pending().await,
        }
    }

    /// Sends a request; gives the dialog that it ends.
    pub(super) async fn begin(&mut self, outbound: Outbound) -> Option<DialogId> {
        let Outbound {
            request,
            route,
            answer,
        } = outbound;
        // Of a request of ours the local tag is that in From, as it is in a response to it.
        let ended = (request.method() == Some("BYE"))
            .then(|| DialogId::of_response(&request).ok())
            .flatten();
        let transport = route.flow.transport();
        let now = Instant::now();
        match self.transactions.send(now, request, transport, route) {
            Ok(transmit) => {
                self.waiting.insert(transmit.key.clone(), answer);
                self.transmit(transmit).await;
            }
            // Whoever asked may have given up.
            Err(error) => drop(answer.send(Err(error.into()))),
        }
        ended
    }

    pub(super) async fn on_response(&mut self, response: Message) {
        let events = self.transactions.on_response(Instant::now(), response);
        self.perform(events).await;
    }

    pub(super) async fn on_timers(&mut self) {
        let events = self.transactions.on_timers(Instant::now());
        self.perform(events).await;
    }

    async fn perform(&mut self, events: Vec<ClientEvent<Route>>) {
        for event in events {
            match event {
                ClientEvent::Transmit(transmit) => self.transmit(transmit).await,
                ClientEvent::Response { key, response } => {
                    let StartLine::Status { code: 200.., .. } = response.start() else {
                        continue;
                    };
                    self.tell(&key, Ok(response));
                }
                ClientEvent::Timeout(key) => self.tell(&key, Err(Unanswered::Timeout)),
                // Told where it happens.
                ClientEvent::TransportError(_) => {}
            }
        }
    }

    fn tell(&mut self, key: &TransactionKey, outcome: Result<Message, Unanswered>) {
        if let Some(answer) = self.waiting.remove(key) {
            // Whoever asked may have given up.
            let _ = answer.send(outcome);
        }
    }

    async fn transmit(&mut self, transmit: Transmit<Route>) {
        let Transmit { key, peer, bytes } = transmit;
        if let Err(error) = peer.flow.send(peer.target, bytes).await {
            // What it leads to is what is told here.
            let _ = self.transactions.on_transport_error(&key);
            self.tell(&key, Err(Unanswered::Transport(error.to_string())));
        }
    }
}
