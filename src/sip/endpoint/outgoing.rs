//! Requests of ours that leave by the listener's sockets, and their answers: those inside a dialog that a peer
//! began (RFC 3261 sections 12.2.1 and 17.1).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::sip::message::{Message, StartLine};
use crate::sip::transaction::client_table::{ClientEvent, ClientTransactions};
use crate::sip::transaction::{Timers, TransactionKey, Transmit};
use crate::sip::transport::Flow;

/// Requests that wait to be sent.
const WAITING: usize = 256;
/// The most of our requests under way at once.
const MAX_REQUESTS: usize = 10_000;

/// Where a request goes: over a connection, or by a datagram socket to an address.
#[derive(Debug, Clone)]
pub struct Route {
    /// The connection or the socket.
    pub flow: Flow,
    /// The address, where it is a socket.
    pub target: SocketAddr,
}

/// A request on its way out.
#[derive(Debug)]
struct Outbound {
    request: Message,
    route: Route,
    answer: oneshot::Sender<Message>,
}

/// Sends requests by the listener.
#[derive(Debug, Clone)]
pub struct Outgoing(mpsc::Sender<Outbound>);

/// The other end, for the listener.
#[derive(Debug)]
pub struct Requests(mpsc::Receiver<Outbound>);

/// Both ends.
#[must_use]
pub fn channel() -> (Outgoing, Requests) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Outgoing(sender), Requests(receiver))
}

impl Outgoing {
    /// Sends a request other than INVITE and waits for its final response; `None` if there comes none.
    pub async fn ask(&self, request: Bytes, route: Route) -> Option<Message> {
        let (answer, answered) = oneshot::channel();
        let outbound = Outbound {
            request: Message::parse(request).ok()?,
            route,
            answer,
        };
        self.0.send(outbound).await.ok()?;
        answered.await.ok()
    }
}

/// Our requests that are under way.
pub(super) struct UnderWay {
    requests: Requests,
    transactions: ClientTransactions<Route>,
    waiting: HashMap<TransactionKey, oneshot::Sender<Message>>,
}

impl UnderWay {
    pub(super) fn new(requests: Requests) -> Self {
        Self {
            requests,
            transactions: ClientTransactions::new(Timers::default(), MAX_REQUESTS),
            waiting: HashMap::new(),
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.transactions.next_deadline()
    }

    /// Waits for a request and sends it. Dropped while it waits, it has done nothing.
    pub(super) async fn next(&mut self) {
        let Some(outbound) = self.requests.0.recv().await else {
            // Nobody is left who could ask.
            return std::future::pending().await;
        };
        let Outbound {
            request,
            route,
            answer,
        } = outbound;
        let transport = route.flow.transport();
        let now = Instant::now();
        match self.transactions.send(now, request, transport, route) {
            Ok(transmit) => {
                self.waiting.insert(transmit.key.clone(), answer);
                self.transmit(transmit).await;
            }
            Err(error) => tracing::warn!("a request was not sent: {error}"),
        }
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
                    if let Some(answer) = self.waiting.remove(&key) {
                        // Whoever asked may have given up.
                        let _ = answer.send(response);
                    }
                }
                // Whoever waits learns it by the end of its channel.
                ClientEvent::Timeout(key) | ClientEvent::TransportError(key) => {
                    self.waiting.remove(&key);
                }
            }
        }
    }

    async fn transmit(&mut self, transmit: Transmit<Route>) {
        let Transmit { key, peer, bytes } = transmit;
        if let Err(error) = peer.flow.send(peer.target, bytes).await {
            tracing::debug!("a request could not be sent: {error}");
            // What it leads to is that nobody waits any more.
            let _ = self.transactions.on_transport_error(&key);
            self.waiting.remove(&key);
        }
    }
}
