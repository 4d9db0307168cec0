//! The SIP listener: sockets, transactions and whoever answers requests, joined (RFC 3261
//! sections 8.2, 17 and 18). One task owns the transactions; requests are answered in tasks of
//! their own, so that a slow one holds up no other.

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::rate::Rate;
use crate::sip::accepted::{Accepted, AcceptedEvent};
use crate::sip::dialog::DialogId;
use crate::sip::message::Message;
use crate::sip::places::Places;
use crate::sip::response::Response;
use crate::sip::transaction::table::{Received as Seen, ServerEvent, ServerTransactions};
use crate::sip::transaction::{Timers, TransactionKey, Transport};
use crate::sip::transport::{Flow, Limits, Received, Server, stream, udp};
use crate::sip::trust::Origin;
use crate::sip::via::Via;

mod answer;
mod outgoing;
mod peer;
mod sockets;
mod ways;

pub use answer::Answer;
use answer::{Answered, overloaded, response, to_tag};
use outgoing::UnderWay;
pub use outgoing::{Outgoing, Requests, Route, Unanswered, channel};
use peer::{Peer, send};
pub use sockets::{Addresses, Sockets};
pub use ways::{Destination, Way, Ways};

/// Requests being answered at once; more get 503.
const ANSWERED_AT_ONCE: usize = 1024;
/// Those of one address among them.
const ANSWERED_AT_ONCE_EACH: usize = 512;
/// Datagrams a second that answer whoever is not admitted, to all of them together: enough to challenge those who come,
/// too few to flood anybody whose address is forged.
const TO_STRANGERS: NonZeroU32 = NonZeroU32::MIN.saturating_add(499);
/// How long the last answers may take to go out when the listener stops.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// Transactions alive at once; a non-INVITE one over UDP lives 32 s after its answer.
const MAX_TRANSACTIONS: usize = 500_000;

/// A request and where it came from.
#[derive(Debug)]
pub struct Request {
    /// The request, well formed as far as [`Message::parse`] sees.
    pub message: Message,
    /// Where it came from.
    pub origin: Origin,
    /// Whether its sender is trusted as it is; else it has to prove who it is.
    pub trusted: bool,
    /// The tag that our answer has in its To: it names the dialog that an INVITE begins.
    pub tag: String,
    /// The way back.
    pub flow: Flow,
}

/// What becomes of an INVITE that was answered 2xx.
#[derive(Debug, Clone)]
pub enum Fate {
    /// The answer was sent, in these octets.
    Answered(Bytes),
    /// Its ACK has come.
    Acknowledged,
    /// No ACK came: the session is to be ended with BYE.
    NoAck,
    /// It was cancelled before it was answered: there is no session.
    Cancelled,
}

/// Whoever answers requests.
pub trait Agent: Send + Sync + 'static {
    /// Whether whoever sent a request is heard; `Ok(true)` if it is trusted as it is. It is asked before anything
    /// is remembered of the request, so that whoever has not even answered a challenge fills no table, and must not
    /// take long.
    ///
    /// # Errors
    /// The answer that a stranger gets.
    fn admit(&self, request: &Message, origin: &Origin) -> Result<bool, Answer>;

    /// Answers a request.
    fn answer(&self, request: Request) -> impl Future<Output = Answer> + Send;

    /// Learns what becomes of an INVITE that it answered 2xx, by the dialog. It must not take long.
    fn on_fate(&self, dialog: &DialogId, fate: Fate);
}

/// How the listener behaves.
#[derive(Clone)]
pub struct Config {
    /// Bounds of one connection and of messages.
    pub limits: Limits,
    /// Bounds of all connections.
    pub connections: Places,
    /// Requests from one address.
    pub rate: Arc<Rate>,
    /// Ways to peers whose connections are gone.
    pub ways: Ways,
    /// Named in warnings.
    pub host: String,
    /// Makes tags that nobody can guess.
    pub secret: [u8; 16],
    /// What the branches of our own requests begin with, by which we know them when they come back.
    pub branch: String,
    /// The time, for Date.
    pub now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
}

/// Serves requests until `stop` is done, then answers those under way.
pub async fn run<A: Agent>(
    sockets: Sockets,
    config: Config,
    agent: A,
    requests: Requests,
    stop: impl Future<Output = ()>,
) {
    let Requests {
        asked,
        received,
        incoming,
        open,
        mut ended,
    } = requests;
    let mut readers = JoinSet::new();
    for socket in sockets.datagram {
        let receiving = udp::receive(socket, config.limits.max_message, received.clone());
        readers.spawn(receiving);
    }
    for (listener, framing) in sockets.stream {
        let server = Server {
            framing,
            limits: config.limits,
            endpoint: received.clone(),
            open: open.clone(),
        };
        let serve = move |stream, origin| server.clone().serve(stream, origin);
        let patience = config.limits.idle_timeout;
        readers.spawn(stream::accept(
            listener,
            config.connections.clone(),
            patience,
            serve,
        ));
    }
    drop((received, open));
    let (answered, answers) = mpsc::channel(ANSWERED_AT_ONCE);
    let endpoint = Endpoint {
        agent: Arc::new(agent),
        transactions: ServerTransactions::new(Timers::default(), MAX_TRANSACTIONS),
        rate: config.rate,
        strangers: Rate::per_second(TO_STRANGERS),
        ways: config.ways,
        answering: Places::new(ANSWERED_AT_ONCE, ANSWERED_AT_ONCE_EACH),
        host: config.host,
        secret: config.secret,
        branch: config.branch,
        answered: Some(answered),
        accepted: Accepted::new(Timers::default()),
        under_way: UnderWay::new(asked),
        now: config.now,
    };
    endpoint.serve(incoming, answers, readers, stop).await;
    // Nothing holds a connection any more: each ends when what was written to it is out.
    if timeout(LAST_WORDS, ended.recv()).await.is_err() {
        tracing::debug!("SIP connections that take nothing are given up");
    }
}

struct Endpoint<A> {
    agent: Arc<A>,
    transactions: ServerTransactions<Peer>,
    rate: Arc<Rate>,
    strangers: Rate,
    ways: Ways,
    answering: Places,
    host: String,
    secret: [u8; 16],
    branch: String,
    /// Handed to each task that answers; `None` once the listener stops.
    answered: Option<mpsc::Sender<Answered>>,
    accepted: Accepted<Peer>,
    under_way: UnderWay,
    now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
}

impl<A: Agent> Endpoint<A> {
    async fn serve(
        mut self,
        mut incoming: mpsc::Receiver<Received>,
        mut answers: mpsc::Receiver<Answered>,
        mut readers: JoinSet<()>,
        stop: impl Future<Output = ()>,
    ) {
        let mut stop = pin!(stop);
        let mut tidy = tokio::time::interval(Duration::from_mins(1));
        loop {
            let deadlines = [
                self.transactions.next_deadline(),
                self.accepted.next_deadline(),
                self.under_way.next_deadline(),
            ];
            let deadline = deadlines.into_iter().flatten().min();
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
                // Sent outside of what waits here: what waits is dropped when something else comes first.
                outbound = self.under_way.next() => {
                    if let Some(dialog) = self.under_way.begin(outbound).await {
                        self.accepted.forget(&dialog);
                    }
                }
                Some(received) = incoming.recv() => self.receive(received).await,
                _ = tidy.tick() => self.rate.tidy(),
                Some(ended) = readers.join_next() => {
                    tracing::error!("a SIP socket failed: {ended:?}");
                }
            }
        }
        // Nothing more is read; what has been received and what is under way is answered. The channel ends with the last
        // answer.
        readers.shutdown().await;
        incoming.close();
        while let Some(received) = incoming.recv().await {
            self.receive(received).await;
        }
        self.answered = None;
        while let Some(answered) = answers.recv().await {
            self.finish(answered).await;
        }
    }

    async fn receive(&mut self, received: Received) {
        let Received {
            message,
            fault,
            origin,
            flow,
            reading: _reading,
        } = received;
        if message.method().is_none() {
            return self.under_way.on_response(message).await;
        }
        let mut peer = Peer::of(&message, flow, origin);
        if message.method() == Some("ACK") {
            return self.acknowledge(&message, peer);
        }
        if message.method() == Some("CANCEL") {
            return self.cancel(&message, peer).await;
        }
        let trusted = match self.agent.admit(&message, &peer.origin) {
            Ok(trusted) => trusted,
            Err(answer) => return self.answer_stranger(&message, &peer, answer).await,
        };
        if trusted {
            peer = peer.trusted(&message, &self.ways);
        }
        if self.is_own(&message) {
            let answer = Answer::new(482).warning(&self.host, "this request was sent by us");
            return self.answer_statelessly(&message, &peer, answer).await;
        }
        if let Some((status, why)) = fault {
            let answer = Answer::new(status).warning(&self.host, &why);
            return self.answer_statelessly(&message, &peer, answer).await;
        }
        // A repeat costs little; what is new and too much is not remembered either.
        let is_new =
            TransactionKey::server(&message).is_ok_and(|key| !self.transactions.contains(&key));
        let address = peer.origin.source.ip().to_canonical();
        if is_new && self.rate.check(&address).is_err() {
            let why = "too many requests from your address";
            let answer = overloaded().warning(&self.host, why);
            return self.answer_statelessly(&message, &peer, answer).await;
        }
        let transport = peer.flow.transport();
        let now = Instant::now();
        match self
            .transactions
            .on_request(now, &message, transport, peer.clone())
        {
            Ok(Seen::New { key, .. }) => {
                let request = Request {
                    tag: to_tag(&message, self.secret),
                    message,
                    origin: peer.origin,
                    trusted,
                    flow: peer.flow,
                };
                self.begin(key, request).await;
            }
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

    /// The ACK of a refusal ends its transaction; that of a 2xx tells whoever accepted the INVITE. An ACK is never
    /// answered.
    fn acknowledge(&mut self, ack: &Message, peer: Peer) {
        let transport = peer.flow.transport();
        // What cannot be matched is of no use.
        let _ = self
            .transactions
            .on_request(Instant::now(), ack, transport, peer);
        if let Some(key) = self.accepted.on_ack(ack) {
            self.agent.on_fate(&key.dialog, Fate::Acknowledged);
        }
    }

    /// Ends an INVITE that has no final answer yet (RFC 3261 section 9.2). Whoever sends it is not asked who it is
    /// (section 22.1); it counts only if it comes from where the INVITE came from.
    async fn cancel(&mut self, cancel: &Message, peer: Peer) {
        let Ok(key) = TransactionKey::server(cancel) else {
            return;
        };
        let invite = key.for_method("INVITE");
        let begun = self.transactions.peer(&invite);
        let source = peer.origin.source.ip();
        if begun.is_none_or(|begun| begun.origin.source.ip() != source) {
            let unknown = Answer::new(481);
            return match self.agent.admit(cancel, &peer.origin) {
                Ok(_) => self.answer_statelessly(cancel, &peer, unknown).await,
                Err(_) => self.answer_stranger(cancel, &peer, unknown).await,
            };
        }
        self.answer_statelessly(cancel, &peer, Answer::new(200))
            .await;
        // One that has its answer keeps it.
        let Some(request) = self.transactions.request(&invite) else {
            return;
        };
        if let Ok(request) = Message::parse(request)
            && let Some(response) = self.response(&request, peer.origin.source, &Answer::new(487))
        {
            self.finish(Answered::plain(invite, response)).await;
        }
    }

    fn response(&self, request: &Message, source: SocketAddr, answer: &Answer) -> Option<Response> {
        let tag = to_tag(request, self.secret);
        response(request, source, answer, &tag, (self.now)())
    }

    /// Whether a request has come back to us (RFC 3261 section 16.3 step 4).
    fn is_own(&self, message: &Message) -> bool {
        let hops = message.via().unwrap_or_default();
        let branches = hops.iter().filter_map(Via::branch);
        branches
            .into_iter()
            .any(|branch| branch.starts_with(&self.branch))
    }

    /// Has a new request answered, unless too many are under way.
    async fn begin(&mut self, key: TransactionKey, request: Request) {
        let source = request.origin.source;
        let place = self.answering.take(source.ip().to_canonical());
        let Some(place) = place else {
            if let Some(response) = self.response(&request.message, source, &overloaded()) {
                self.finish(Answered::plain(key, response)).await;
            }
            return;
        };
        let Some(answered) = self.answered.clone() else {
            return;
        };
        let agent = Arc::clone(&self.agent);
        let now = Arc::clone(&self.now);
        tokio::spawn(async move {
            let message = request.message.clone();
            let tag = request.tag.clone();
            let mut answer = agent.answer(request).await;
            if let Some(response) = response(&message, source, &answer, &tag, now()) {
                let given = Answered::to(key, &message, response, answer.sent.take());
                // An error means that the endpoint has stopped.
                let _ = answered.send(given).await;
            }
            drop(place);
        });
    }

    async fn finish(&mut self, answered: Answered) {
        let Answered {
            key,
            response,
            accepts,
            ends,
            sent,
        } = answered;
        let now = Instant::now();
        let transmit = self.transactions.respond(now, &key, &response);
        if let Some(key) = accepts {
            let fate = match &transmit {
                Some(transmit) => {
                    let bytes = transmit.bytes.clone();
                    let peer = transmit.peer.clone();
                    self.accepted.hold(now, &key, bytes.clone(), peer);
                    Fate::Answered(bytes)
                }
                None => Fate::Cancelled,
            };
            self.agent.on_fate(&key.dialog, fate);
        }
        if let Some(dialog) = ends {
            self.accepted.forget(&dialog);
        }
        if let Some(transmit) = transmit {
            send(&transmit.peer, transmit.bytes).await;
            if let Some(sent) = sent {
                // Whoever wanted to know may have given up.
                let _ = sent.send(());
            }
        }
    }

    async fn on_timers(&mut self) {
        self.under_way.on_timers().await;
        for event in self.accepted.on_timers(Instant::now()) {
            match event {
                AcceptedEvent::Transmit { peer, bytes } => send(&peer, bytes).await,
                AcceptedEvent::GivenUp(key) => self.agent.on_fate(&key.dialog, Fate::NoAck),
            }
        }
        for event in self.transactions.on_timers(Instant::now()) {
            match event {
                ServerEvent::Transmit(transmit) => send(&transmit.peer, transmit.bytes).await,
                ServerEvent::TryingDue { key, peer, request } => {
                    let source = peer.origin.source;
                    let trying = Message::parse(request)
                        .ok()
                        .and_then(|request| self.response(&request, source, &Answer::new(100)));
                    if let Some(response) = trying {
                        self.finish(Answered::plain(key, response)).await;
                    }
                }
                ServerEvent::Timeout(key) => tracing::debug!("transaction {key:?} timed out"),
            }
        }
    }

    /// Answers whoever is not admitted, but not too often. Who sent a datagram nobody knows: whoever is named there must not
    /// be flooded by us, nor get much for little, so all are counted together, and half a request gets no answer.
    async fn answer_stranger(&self, message: &Message, peer: &Peer, answer: Answer) {
        let counted = match peer.flow.transport() {
            Transport::Unreliable if !is_whole(message) => return,
            Transport::Unreliable => self.strangers.check(&()),
            Transport::Reliable => self.rate.check(&peer.origin.source.ip().to_canonical()),
        };
        if counted.is_ok() {
            self.answer_statelessly(message, peer, answer).await;
        }
    }

    async fn answer_statelessly(&self, message: &Message, peer: &Peer, answer: Answer) {
        if let Some(response) = self.response(message, peer.origin.source, &answer) {
            send(peer, response.bytes().clone()).await;
        }
    }
}

/// Whether a request has the header fields that its answer needs (RFC 3261 section 8.2.6.2).
fn is_whole(request: &Message) -> bool {
    let needed = ["Via", "From", "To", "Call-ID", "CSeq"];
    needed.iter().all(|name| request.header(name).is_some())
}
