//! The SIP listener: sockets, transactions and whoever answers requests, joined (RFC 3261
//! sections 8.2, 17 and 18). One task owns the transactions; requests are answered in tasks of
//! their own, so that a slow one holds up no other.

use std::fmt::Write as _;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use ipnet::IpNet;
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::sip::inspect::warning;
use crate::sip::message::Message;
use crate::sip::response::{Response, ResponseTarget, response_target};
use crate::sip::transaction::table::{Received as Seen, ServerEvent, ServerTransactions};
use crate::sip::transaction::{Timers, TransactionKey, Transport};
use crate::sip::transport::tcp::Limits;
use crate::sip::transport::tls::Certificate;
use crate::sip::transport::{Flow, Received, tcp, udp};

/// Messages received and not yet looked at.
const RECEIVED_WAITING: usize = 1024;
/// Requests being answered at once; more get 503.
const ANSWERED_AT_ONCE: usize = 1024;
/// Transactions alive at once; a non-INVITE one over UDP lives 32 s after its answer.
const MAX_TRANSACTIONS: usize = 500_000;
/// Seconds after which a refused client may come again.
const RETRY_AFTER: &str = "5";

/// A request and where it came from.
#[derive(Debug)]
pub struct Request {
    /// The request, well formed as far as [`Message::parse`] sees.
    pub message: Message,
    /// Who sent it.
    pub source: SocketAddr,
}

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header fields beyond those every response has.
    pub headers: Vec<(&'static str, String)>,
}

impl Answer {
    /// An answer of this status.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
        }
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Says why, in a Warning that people can act on (RFC 3261 section 20.43, code 399).
    #[must_use]
    pub fn warning(self, host: &str, text: &str) -> Self {
        self.header("Warning", warning(host, text))
    }
}

/// The sockets of the listener, bound.
#[derive(Debug, Default)]
pub struct Sockets {
    datagram: Vec<Arc<UdpSocket>>,
    stream: Vec<TcpListener>,
    tls: Vec<TcpListener>,
}

impl Sockets {
    /// Binds UDP and TCP on each address; a port 0 takes one that is free for both.
    ///
    /// # Errors
    /// When an address cannot be bound.
    pub async fn bind(addresses: &[SocketAddr]) -> io::Result<Self> {
        let mut sockets = Self::default();
        for address in addresses {
            let (listener, socket) = bind_both(*address).await?;
            sockets.stream.push(listener);
            sockets.datagram.push(Arc::new(socket));
        }
        Ok(sockets)
    }

    /// Binds more addresses, for connections behind TLS.
    ///
    /// # Errors
    /// When an address cannot be bound.
    pub async fn bind_tls(&mut self, addresses: &[SocketAddr]) -> io::Result<()> {
        for address in addresses {
            self.tls.push(TcpListener::bind(address).await?);
        }
        Ok(())
    }

    /// The addresses bound for TLS.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn tls_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.tls.iter().map(TcpListener::local_addr).collect()
    }

    /// The addresses bound, the same for UDP and TCP.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.stream.iter().map(TcpListener::local_addr).collect()
    }
}

/// Binds TCP and UDP on one address. A port the system chooses for one may be taken for the other:
/// then it may choose again.
async fn bind_both(address: SocketAddr) -> io::Result<(TcpListener, UdpSocket)> {
    const TRIES: usize = 16;
    let mut tries = if address.port() == 0 { TRIES } else { 1 };
    loop {
        let listener = TcpListener::bind(address).await?;
        tries -= 1;
        match UdpSocket::bind(listener.local_addr()?).await {
            Ok(socket) => return Ok((listener, socket)),
            Err(error) if tries == 0 => return Err(error),
            Err(_) => {}
        }
    }
}

/// How the listener behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// Bounds of connections and messages.
    pub limits: Limits,
    /// Requests from one address.
    pub rate: Quota,
    /// Networks whose requests are taken; others get 403.
    pub trusted: Vec<IpNet>,
    /// Named in warnings.
    pub host: String,
    /// What connections behind TLS are accepted with; without one there are none.
    pub certificate: Option<Arc<Certificate>>,
}

/// The way back to a client.
#[derive(Debug, Clone)]
struct Peer {
    flow: Flow,
    source: SocketAddr,
    target: SocketAddr,
}

/// An answer that has been worked out, for the transaction it belongs to.
struct Answered {
    key: TransactionKey,
    response: Response,
}

/// Serves requests until `stop` is done, then answers those under way.
pub async fn run<H, F>(sockets: Sockets, config: Config, handler: H, stop: impl Future<Output = ()>)
where
    H: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let (received, incoming) = mpsc::channel(RECEIVED_WAITING);
    let mut readers = JoinSet::new();
    for socket in &sockets.datagram {
        let socket = Arc::clone(socket);
        readers.spawn(udp::receive(
            socket,
            config.limits.max_message,
            received.clone(),
        ));
    }
    for listener in sockets.stream {
        readers.spawn(tcp::accept(listener, None, config.limits, received.clone()));
    }
    for listener in sockets.tls {
        let certificate = config.certificate.clone();
        readers.spawn(tcp::accept(
            listener,
            certificate,
            config.limits,
            received.clone(),
        ));
    }
    drop(received);
    let (answered, answers) = mpsc::channel(ANSWERED_AT_ONCE);
    let endpoint = Endpoint {
        handler: Arc::new(handler),
        transactions: ServerTransactions::new(Timers::default(), MAX_TRANSACTIONS),
        rate: RateLimiter::keyed(config.rate),
        busy: Arc::new(Semaphore::new(ANSWERED_AT_ONCE)),
        host: config.host,
        answered: Some(answered),
        trusted: config.trusted,
    };
    endpoint.serve(incoming, answers, readers, stop).await;
}

struct Endpoint<H> {
    handler: Arc<H>,
    transactions: ServerTransactions<Peer>,
    rate: DefaultKeyedRateLimiter<IpAddr>,
    busy: Arc<Semaphore>,
    host: String,
    /// Handed to each task that answers; `None` once the listener stops.
    answered: Option<mpsc::Sender<Answered>>,
    trusted: Vec<IpNet>,
}

impl<H, F> Endpoint<H>
where
    H: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    async fn serve(
        mut self,
        mut incoming: mpsc::Receiver<Received>,
        mut answers: mpsc::Receiver<Answered>,
        mut readers: JoinSet<()>,
        stop: impl Future<Output = ()>,
    ) {
        let mut stop = pin!(stop);
        let mut tidy = tokio::time::interval(std::time::Duration::from_mins(1));
        loop {
            let deadline = self.transactions.next_deadline();
            let timer = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(answered) = answers.recv() => self.finish(answered).await,
                // Before what comes in, or a flood would keep old transactions alive.
                () = timer => self.on_timers().await,
                Some(received) = incoming.recv() => self.receive(received).await,
                _ = tidy.tick() => self.rate.retain_recent(),
                Some(ended) = readers.join_next() => {
                    tracing::error!("a SIP socket failed: {ended:?}");
                }
            }
        }
        // No new requests; those under way are answered. The channel ends with the last of them.
        readers.shutdown().await;
        drop(incoming);
        self.answered = None;
        while let Some(answered) = answers.recv().await {
            self.finish(answered).await;
        }
    }

    async fn receive(&mut self, received: Received) {
        let Received {
            message,
            fault,
            source,
            flow,
        } = received;
        // Responses to us there are none yet, and an ACK is never answered.
        if message.method().is_none_or(|method| method == "ACK") {
            return;
        }
        let target = target(&message, flow.transport(), source);
        let peer = Peer {
            flow,
            source,
            target,
        };
        // Before anything is remembered of the request: a stranger can fill no table.
        if !self.trusts(source.ip()) {
            let why = "this address is not in sip.trusted_peers";
            let answer = Answer::new(403).warning(&self.host, why);
            return self.answer_statelessly(&message, &peer, answer).await;
        }
        if let Some((status, why)) = fault {
            let answer = Answer::new(status).warning(&self.host, &why);
            return self.answer_statelessly(&message, &peer, answer).await;
        }
        let transport = peer.flow.transport();
        let now = Instant::now();
        match self
            .transactions
            .on_request(now, &message, transport, peer.clone())
        {
            Ok(Seen::New { key, .. }) => self.begin(key, message, peer).await,
            Ok(Seen::Answer(bytes)) => send(&peer, bytes).await,
            Ok(Seen::Absorbed | Seen::Ack { .. }) => {}
            Ok(Seen::Full) => {
                self.answer_statelessly(&message, &peer, overloaded()).await;
            }
            Err(error) => {
                let answer = Answer::new(400).warning(&self.host, &error.to_string());
                self.answer_statelessly(&message, &peer, answer).await;
            }
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Has a new request answered, unless its sender sends too many or too many are under way.
    async fn begin(&mut self, key: TransactionKey, message: Message, peer: Peer) {
        let refused = if self.rate.check_key(&peer.source.ip()).is_err() {
            let why = "too many requests from your address";
            Some(overloaded().warning(&self.host, why))
        } else {
            None
        };
        let permit = Arc::clone(&self.busy).try_acquire_owned();
        let (Ok(permit), None) = (permit, &refused) else {
            let answer = refused.unwrap_or_else(overloaded);
            if let Some(response) = response(&message, peer.source, &answer) {
                self.finish(Answered { key, response }).await;
            }
            return;
        };
        let Some(answered) = self.answered.clone() else {
            return;
        };
        let handler = Arc::clone(&self.handler);
        tokio::spawn(async move {
            let source = peer.source;
            let answer = handler(Request {
                message: message.clone(),
                source,
            })
            .await;
            if let Some(response) = response(&message, source, &answer) {
                // An error means that the endpoint has stopped.
                let _ = answered.send(Answered { key, response }).await;
            }
            drop(permit);
        });
    }

    async fn finish(&mut self, answered: Answered) {
        let Answered { key, response } = answered;
        if let Some(transmit) = self.transactions.respond(Instant::now(), &key, &response) {
            send(&transmit.peer, transmit.bytes).await;
        }
    }

    async fn on_timers(&mut self) {
        for event in self.transactions.on_timers(Instant::now()) {
            match event {
                ServerEvent::Transmit(transmit) => send(&transmit.peer, transmit.bytes).await,
                ServerEvent::TryingDue { key, peer, request } => {
                    let trying = Message::parse(request)
                        .ok()
                        .and_then(|request| response(&request, peer.source, &Answer::new(100)));
                    if let Some(response) = trying {
                        self.finish(Answered { key, response }).await;
                    }
                }
                ServerEvent::Timeout(key) => tracing::debug!("transaction {key:?} timed out"),
            }
        }
    }

    async fn answer_statelessly(&self, message: &Message, peer: &Peer, answer: Answer) {
        if let Some(response) = response(message, peer.source, &answer) {
            send(peer, response.bytes().clone()).await;
        }
    }
}

fn overloaded() -> Answer {
    Answer::new(503).header("Retry-After", RETRY_AFTER)
}

/// The response to a request; `None` if it cannot be written, which only a request that could not
/// be read leads to.
fn response(message: &Message, source: SocketAddr, answer: &Answer) -> Option<Response> {
    let tag = to_tag(message);
    let built = Response::to(message, answer.status, &tag)
        .received_from(source)
        .headers(
            answer
                .headers
                .iter()
                .map(|(name, value)| (*name, value.clone())),
        )
        .build();
    built
        .inspect_err(|error| tracing::debug!("no answer can be written: {error}"))
        .ok()
}

/// The tag of our answers to a request: the same for the same request, so that it needs no memory
/// (RFC 3261 section 8.2.7).
fn to_tag(message: &Message) -> String {
    const OCTETS: usize = 8;
    let mut hash = Sha256::new();
    for name in ["Via", "From", "Call-ID", "CSeq"] {
        if let Some(field) = message.header(name) {
            hash.update(field.raw_value());
        }
        hash.update([0]);
    }
    hash.finalize()
        .iter()
        .take(OCTETS)
        .fold(String::new(), |mut tag, octet| {
            // Writing to a String does not fail.
            let _ = write!(tag, "{octet:02x}");
            tag
        })
}

/// Where a response goes. A `maddr` is not honoured: anybody can name anybody's address.
fn target(message: &Message, transport: Transport, source: SocketAddr) -> SocketAddr {
    let top = message.via().ok().and_then(|hops| hops.into_iter().next());
    match top.map(|via| response_target(&via, transport, source)) {
        Some(ResponseTarget::Datagram(target)) => target,
        _ => source,
    }
}

async fn send(peer: &Peer, bytes: bytes::Bytes) {
    if let Err(error) = peer.flow.send(peer.target, bytes).await {
        // A client that gets no answer asks again, and is answered from the transaction.
        tracing::debug!(peer = %peer.source, "no way back to {}: {error}", peer.source);
    }
}
