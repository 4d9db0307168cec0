//! One session: takes the message over MSRP, has it stored, and ends with the BYE.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep_until, timeout};
use tokio_rustls::TlsConnector;

use super::LargeMode;
use crate::clock;
use crate::domain::address::Aor;
use crate::domain::hex::hex;
use crate::domain::message_id::MessageKey;
use crate::inbound::large_message::{self, LargeMessage};
use crate::inbound::pager::Refusal;
use crate::mailbox::spool::Spool;
use crate::mailbox::store::StoreRefusal;
use crate::msrp::accept::AcceptTypes;
use crate::msrp::code::Code;
use crate::msrp::ident::Ident;
use crate::msrp::receiver::{Action, Phase, Receiver, ReceiverConfig};
use crate::msrp::sdp::Negotiated;
use crate::msrp::sdp::values::Role;
use crate::msrp::server::{Incoming, Seat};
use crate::msrp::tls;
use crate::msrp::write::bodiless_send;
use crate::sip::dialog::Dialog;
use crate::sip::endpoint::Route;
use crate::sip::hop::Hop;
use crate::sip::message::Message;
use crate::sip::places::Place;
use crate::sip::session_timer::{self, Due, Refresher, SessionTimer};
use crate::sip::transaction::Transport;
use crate::sip::transport::stream::Stream;

/// How long the peer may take to say BYE once its message is stored, before we do.
const FAREWELL: Duration = Duration::from_secs(32);
/// How long content may still come after the BYE, which travels on another way.
const OVERTAKEN: Duration = Duration::from_secs(5);
/// How long connecting to the peer may take.
const CONNECTING: Duration = Duration::from_secs(10);

/// What a session hears from the SIP side.
#[derive(Debug)]
pub(super) enum Control {
    /// Our 200 has been sent, in these octets.
    Answered(Bytes),
    /// No ACK came for it.
    NoAck,
    /// The INVITE was cancelled: there is no session.
    Cancelled,
    /// The peer lives, and this is agreed on from now on.
    Refresh(Option<session_timer::Agreed>),
    /// The peer ends the session, by this request, which is answered when this is used or dropped.
    Bye(Bytes, oneshot::Sender<()>),
}

/// A session as it was agreed on.
pub(super) struct Agreed {
    pub(super) aor: Aor,
    pub(super) invite: Message,
    pub(super) trusted: bool,
    pub(super) dialog: Dialog,
    /// Where the INVITE came from.
    pub(super) route: Route,
    /// Our address, for the Via of our BYE.
    pub(super) sent_by: String,
    pub(super) media: Negotiated,
    pub(super) max_octets: u64,
    /// How often the peer says that it lives.
    pub(super) timer: Option<SessionTimer>,
    pub(super) session_id: String,
    pub(super) seat: Seat,
    pub(super) place: Place,
}

/// The message that is being received.
struct Content {
    spool: Spool,
    message_id: Ident,
    media_type: String,
    send_head: Bytes,
}

/// A session that is under way.
pub(super) struct Session {
    mode: LargeMode,
    agreed: Agreed,
    receiver: Receiver,
    writer: Option<mpsc::Sender<Bytes>>,
    content: Option<Content>,
    /// Our 200, as sent.
    ok: Option<Bytes>,
    /// The peer's BYE.
    bye: Option<Bytes>,
    stored: Option<MessageKey>,
    /// When it ends whatever happens.
    ends_at: Instant,
    /// When it ends unless something comes.
    idle_at: Instant,
}

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// By the peer, or before it began: nobody is to be told.
    Silent,
    /// By us.
    Bye(&'static str),
}

impl Session {
    pub(super) fn new(mode: LargeMode, agreed: Agreed, report_transaction: Ident) -> Self {
        let now = Instant::now();
        let settings = &mode.settings;
        let receiver = Receiver::new(ReceiverConfig {
            ours: agreed.media.ours.clone(),
            peer: agreed.media.peer.clone(),
            accept: AcceptTypes::read("*"),
            max_octets: agreed.max_octets,
            report_transaction,
        });
        Self {
            ends_at: now + settings.total_timeout,
            idle_at: now + settings.idle_timeout,
            mode,
            agreed,
            receiver,
            writer: None,
            content: None,
            ok: None,
            bye: None,
            stored: None,
        }
    }

    /// Serves the session to its end.
    pub(super) async fn run(
        mut self,
        mut incoming: mpsc::Receiver<Incoming>,
        mut controls: mpsc::Receiver<Control>,
    ) {
        if self.agreed.media.role == Role::Active {
            self.connect();
        }
        let end = loop {
            let deadline = self.deadline();
            let step = tokio::select! {
                // First what the SIP side says: the 200 must be known when the message is complete.
                biased;
                Some(control) = controls.recv() => self.on_control(control).await,
                Some(incoming) = incoming.recv() => self.on_incoming(incoming, &mut controls).await,
                () = sleep_until(deadline.into()) => self.on_deadline(),
            };
            if let Err(end) = step {
                break end;
            }
        };
        self.finish(end).await;
    }

    fn deadline(&self) -> Instant {
        let earliest = self.ends_at.min(self.idle_at);
        let timer = self.agreed.timer.as_ref();
        let refresh_at = timer.and_then(SessionTimer::next_deadline);
        refresh_at.map_or(earliest, |at| at.min(earliest))
    }

    fn on_deadline(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if self.ends_at.min(self.idle_at) > now {
            let timer = self.agreed.timer.as_mut();
            return match timer.and_then(|timer| timer.on_timer(now)) {
                Some(Due::End) => Err(End::Bye("the peer gives no sign of life")),
                // Where we are to refresh the session ends by our own time-outs before long.
                Some(Due::Refresh) | None => Ok(()),
            };
        }
        Err(match (&self.bye, self.stored) {
            (Some(_), _) => End::Silent,
            (None, Some(_)) => End::Bye("the message is stored"),
            (None, None) => End::Bye("the session took too long"),
        })
    }

    async fn on_control(&mut self, control: Control) -> Result<(), End> {
        match control {
            // That of a later INVITE is not the one that set the session up.
            Control::Answered(ok) => {
                self.ok.get_or_insert(ok);
            }
            Control::NoAck => return Err(End::Bye("no ACK came")),
            Control::Cancelled => return Err(End::Silent),
            Control::Refresh(agreed) => {
                let now = Instant::now();
                let start = |agreed| SessionTimer::start(now, agreed, Refresher::Uas);
                self.agreed.timer = agreed.map(start);
            }
            Control::Bye(bye, answer) => {
                self.bye = Some(bye);
                self.keep_bye().await;
                // An error means that nobody waits any more.
                let _ = answer.send(());
                if self.receiver.phase() != Phase::Receiving {
                    return Err(End::Silent);
                }
                // The last octets may be on their way still.
                self.ends_at = self.ends_at.min(Instant::now() + OVERTAKEN);
            }
        }
        Ok(())
    }

    async fn on_incoming(
        &mut self,
        incoming: Incoming,
        controls: &mut mpsc::Receiver<Control>,
    ) -> Result<(), End> {
        if self.stored.is_none() {
            self.idle_at = Instant::now() + self.mode.settings.idle_timeout;
        }
        match incoming {
            Incoming::Bound(writer) => {
                if self.agreed.media.role == Role::Active {
                    self.greet(&writer).await;
                }
                self.writer = Some(writer);
            }
            Incoming::Event(event) => {
                self.receiver.on_event(event);
                while let Some(action) = self.receiver.next_action() {
                    self.perform(action, controls).await?;
                }
            }
            Incoming::Lost => {
                self.writer = None;
                if self.stored.is_none() {
                    return Err(End::Bye("the MSRP connection was lost"));
                }
            }
        }
        Ok(())
    }

    async fn perform(
        &mut self,
        action: Action,
        controls: &mut mpsc::Receiver<Control>,
    ) -> Result<(), End> {
        match action {
            Action::Transmit(bytes) => {
                if let Some(writer) = &self.writer {
                    // A connection that is gone says so by itself.
                    let _ = writer.send(bytes).await;
                }
            }
            Action::Begun {
                message_id,
                content_type,
                head,
            } => {
                self.content = Some(Content {
                    spool: self.mode.mailbox.contents.spools.spool(),
                    message_id,
                    media_type: content_type,
                    send_head: head.raw().clone(),
                });
            }
            Action::Write(write) => {
                if let Some(content) = &mut self.content
                    && let Err(error) = content.spool.write_at(write.offset, write.octets).await
                {
                    self.cannot_write(&error);
                }
            }
            Action::Complete { octets, .. } => {
                // The peer cannot have our path without our 200, but may be quicker than we are.
                while self.ok.is_none() {
                    match controls.recv().await {
                        Some(control) => self.on_control(control).await?,
                        None => return Err(End::Silent),
                    }
                }
                self.store(octets).await;
                if self.bye.is_some() {
                    return Err(End::Silent);
                }
            }
            Action::Abandoned(why) => {
                tracing::info!(account.aor = %self.agreed.aor, "a large message for {} was abandoned: {why}", self.agreed.aor);
                self.content = None;
            }
            Action::Response(_) | Action::Report(_) => {}
        }
        Ok(())
    }

    fn cannot_write(&mut self, error: &std::io::Error) {
        tracing::error!(error = %error, "the content of a large message cannot be kept: {error}");
        self.content = None;
        self.receiver.failed(Code::Timeout);
    }

    /// Makes the message durable; only then is its last chunk answered.
    async fn store(&mut self, octets: u64) {
        let Some(content) = self.content.take() else {
            return;
        };
        let message = LargeMessage {
            aor: self.agreed.aor.clone(),
            invite: self.agreed.invite.clone(),
            ok: self.ok.clone().unwrap_or_default(),
            send_head: content.send_head,
            content_type: content.media_type,
            msrp_message_id: content.message_id.as_str().to_owned(),
            spool: content.spool,
            octets,
            bye: self.bye.clone(),
            completed_at: self.mode.mailbox.clock.now(),
            trusted: self.agreed.trusted,
        };
        match large_message::accept(&self.mode.mailbox, message).await {
            Ok((_, stored)) => {
                self.stored = Some(stored.message_id.key);
                self.receiver.committed();
                let now = Instant::now();
                self.ends_at = self.ends_at.min(now + FAREWELL);
                self.idle_at = self.ends_at;
            }
            Err(refusal) => {
                tracing::info!(account.aor = %self.agreed.aor, "a large message for {} was not stored: {refusal}", self.agreed.aor);
                self.receiver.failed(code_of(&refusal));
            }
        }
        // A BYE that came while it was stored.
        self.keep_bye().await;
    }

    /// Keeps the BYE beside the stored message.
    async fn keep_bye(&self) {
        if let (Some(key), Some(bye)) = (self.stored, &self.bye)
            && let Err(error) = self.mode.mailbox.add_bye(key, bye.clone()).await
        {
            tracing::error!(error = %error, "the BYE of message {key} could not be kept: {error}");
        }
    }

    /// Opens the connection, as agreed.
    fn connect(&self) {
        let media = self.agreed.media.clone();
        let sessions = self.mode.msrp.clone();
        let session_id = self.agreed.session_id.clone();
        let patience = self.mode.settings.idle_timeout;
        tokio::spawn(async move {
            match timeout(CONNECTING, open(&media)).await {
                Ok(Ok(stream)) => sessions.serve_own(stream, &session_id, patience).await,
                // The session ends when nothing comes.
                Ok(Err(error)) => tracing::info!("no MSRP connection to {}: {error}", media.peer),
                Err(_) => tracing::info!("no MSRP connection to {} in time", media.peer),
            }
        });
    }

    /// Says to the peer which session a connection of ours is for.
    async fn greet(&self, writer: &mpsc::Sender<Bytes>) {
        let (Ok(transaction), Ok(message_id)) = (clock::random(), clock::random()) else {
            return;
        };
        let media = &self.agreed.media;
        let greeting = bodiless_send(
            &Ident::from_random(transaction),
            &media.peer,
            &media.ours,
            &Ident::from_random(message_id),
        );
        let _ = writer.send(greeting).await;
    }

    async fn finish(mut self, end: End) {
        self.mode.calls.lock().remove(self.agreed.dialog.id());
        drop(self.agreed.seat);
        drop(self.agreed.place);
        self.content = None;
        let End::Bye(why) = end else {
            return;
        };
        tracing::info!(account.aor = %self.agreed.aor, "ending a session for {}: {why}", self.agreed.aor);
        let Ok(branch) = clock::random::<12>() else {
            return;
        };
        let transport = match self.agreed.route.flow.transport() {
            Transport::Unreliable => "UDP",
            Transport::Reliable => "TCP",
        };
        let via = format!(
            "SIP/2.0/{transport} {};rport;branch=z9hG4bK{}",
            self.agreed.sent_by,
            hex(&branch)
        );
        let Ok(bye) = self.agreed.dialog.request("BYE", &via, &[], b"") else {
            return;
        };
        if let Some(target) = next_hop(&self.agreed.dialog).await {
            self.agreed.route.target = target;
        }
        // A peer that is gone cannot hear it.
        let _ = self.mode.outgoing.ask(bye.clone(), self.agreed.route).await;
        if let Some(key) = self.stored
            && let Err(error) = self.mode.mailbox.add_bye(key, bye).await
        {
            tracing::error!(error = %error, "the BYE of message {key} could not be kept: {error}");
        }
    }
}

/// Connects to the first hop of the peer's path; behind TLS to whoever has the peer's fingerprint.
async fn open(media: &Negotiated) -> io::Result<Stream> {
    let first = media.peer.first();
    let host = first.host();
    let port = first.port().unwrap_or_default();
    let stream = TcpStream::connect((host.as_str(), port)).await?;
    if !media.is_secure {
        return Ok(Box::new(stream));
    }
    let config = tls::config(&media.peer_fingerprints).map_err(io::Error::other)?;
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    let connector = TlsConnector::from(Arc::new(config));
    Ok(Box::new(connector.connect(name, stream).await?))
}

/// Where requests inside a dialog go, where they are not sent over the connection that it began on.
async fn next_hop(dialog: &Dialog) -> Option<SocketAddr> {
    let hop = Hop::of(dialog.next_hop()).ok()?;
    lookup_host((hop.host.as_str(), hop.port))
        .await
        .ok()?
        .next()
}

/// What the sender hears when its message cannot be kept: 413 that it is not wanted, 408 that it may try again.
fn code_of(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::Store(StoreRefusal::Store(_)) => Code::Timeout,
        _ => Code::Stop,
    }
}
