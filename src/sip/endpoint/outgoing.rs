//! Requests of ours that leave by the listener's sockets, and their answers: those inside a dialog that a peer
//! began (RFC 3261 sections 12.2.1 and 17.1).

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::Request;
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::hop::{Hop, HopTransport};
use crate::sip::message::{Message, StartLine};
use crate::sip::transaction::client_table::{ClientEvent, ClientTransactions};
use crate::sip::transaction::{Timers, TransactionKey, Transmit, Transport};
use crate::sip::transport::Flow;
use crate::sip::transport::dial::{Dialer, Way};

/// Requests that wait to be sent.
const WAITING: usize = 256;
/// The most of our requests under way at once.
const MAX_REQUESTS: usize = 10_000;

/// Where the requests of a dialog go: over a connection, or by a datagram socket to an address.
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

    /// The same peer by another way.
    fn by(self, way: Way) -> Self {
        let is_known = self.flow.transport() == Transport::Unreliable
            && way.flow.transport() == Transport::Unreliable
            && self.target.is_ipv4() == way.target.is_ipv4();
        // Of several sockets the one that the peer knows.
        let flow = if is_known { self.flow } else { way.flow };
        let local = match &flow {
            Flow::Datagram(socket) => socket.local_addr().unwrap_or(self.local),
            Flow::Stream(_) => self.local,
        };
        Self {
            flow,
            local,
            target: way.target,
            transport: way.transport,
            trusted: self.trusted,
        }
    }
}

/// What the listener is asked for.
#[derive(Debug)]
enum Wanted {
    Answer(Outbound),
    Way(Hop, oneshot::Sender<io::Result<Way>>),
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
pub struct Outgoing(mpsc::Sender<Wanted>);

/// The other end, for the listener.
#[derive(Debug)]
pub struct Requests(mpsc::Receiver<Wanted>);

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
        self.0.send(Wanted::Answer(outbound)).await.ok()?;
        answered.await.ok()
    }

    /// The way that the next request in a dialog takes (RFC 3261 sections 12.2.1.1 and 18.1.1): the connection that it
    /// took before, as long as that is open; else by the transport, and to the place, that the dialog names. Where that
    /// leads nowhere, a datagram goes to where the last one came from. What has to go over TLS goes over TLS or not at
    /// all.
    ///
    /// A peer that is not trusted is answered where it is: anybody can name anybody's address.
    pub async fn reach(&self, dialog: &Dialog, route: Route) -> Option<Route> {
        let is_stream = route.flow.transport() == Transport::Reliable;
        let hop = Hop::of(dialog.next_hop());
        let by = hop.as_ref().ok().map(|hop| hop.transport);
        let is_fit = by != Some(HopTransport::Tls) || matches!(route.transport, "TLS" | "WSS");
        if is_stream && is_fit && route.flow.is_open() {
            return Some(route);
        }
        let may_leave = route.trusted || !is_stream && by == Some(HopTransport::Udp);
        let way = match hop {
            Ok(hop) if may_leave => self.way(hop).await,
            Ok(_) => Err(io::Error::from(io::ErrorKind::PermissionDenied)),
            Err(error) => Err(io::Error::other(error)),
        };
        let address = route.target.ip().to_canonical();
        match way {
            Ok(way) if route.trusted || way.target.ip().to_canonical() == address => {
                Some(route.by(way))
            }
            Ok(_) => Some(route),
            Err(error) => {
                tracing::debug!("no way to {}: {error}", dialog.next_hop());
                (is_fit && !is_stream).then_some(route)
            }
        }
    }

    async fn way(&self, hop: Hop) -> io::Result<Way> {
        let (found, way) = oneshot::channel();
        let gone = || io::Error::from(io::ErrorKind::NotConnected);
        let asked = self.0.send(Wanted::Way(hop, found)).await;
        asked.map_err(|_| gone())?;
        way.await.map_err(|_| gone())?
    }
}

/// Our requests that are under way.
pub(super) struct UnderWay {
    dialer: Dialer,
    requests: Requests,
    transactions: ClientTransactions<Route>,
    waiting: HashMap<TransactionKey, oneshot::Sender<Message>>,
}

impl UnderWay {
    pub(super) fn new(requests: Requests, dialer: Dialer) -> Self {
        Self {
            dialer,
            requests,
            transactions: ClientTransactions::new(Timers::default(), MAX_REQUESTS),
            waiting: HashMap::new(),
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.transactions.next_deadline()
    }

    /// Waits for a request and sends it; gives the dialog that it ends. Dropped while it waits, it has done nothing.
    pub(super) async fn next(&mut self) -> Option<DialogId> {
        match self.requests.0.recv().await {
            Some(Wanted::Answer(outbound)) => self.begin(outbound).await,
            Some(Wanted::Way(hop, found)) => {
                let dialer = self.dialer.clone();
                // An error means that nobody waits for it any more.
                tokio::spawn(async move { found.send(dialer.reach(&hop).await) });
                None
            }
            // Nobody is left who could ask.
            None => std::future::pending().await,
        }
    }

    async fn begin(&mut self, outbound: Outbound) -> Option<DialogId> {
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
            Err(error) => tracing::warn!("a request was not sent: {error}"),
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
