//! One session: takes the message over MSRP, has it stored, and ends with the BYE.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

use super::{LargeMode, way};
use crate::domain::address::Aor;
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
use crate::sip::dialog::Dialog;
use crate::sip::endpoint::Route;
use crate::sip::message::{Message, StartLine};
use crate::sip::places::Place;
use crate::sip::session_timer::{self, Due, Refresher, SessionTimer};

/// How long the peer may take to say BYE once its message is stored, before we do.
const FAREWELL: Duration = Duration::from_secs(32);
/// How long content may still come after the BYE, which travels on another way.
const OVERTAKEN: Duration = Duration::from_secs(5);

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
    /// The peer has answered our sign of life.
    Alive,
    /// The server stops.
    Stop,
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
    pub(super) media: Negotiated,
    pub(super) max_octets: u64,
    /// How often the peer says that it lives.
    pub(super) timer: Option<SessionTimer>,
    pub(super) session_id: String,
    /// Its entry among the MSRP sessions and its place among all, until it ends.
    pub(super) held: Option<(Seat, Place)>,
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
            tokio::spawn(way::connect(
                self.agreed.media.clone(),
                self.mode.msrp.clone(),
                self.agreed.session_id.clone(),
                self.mode.settings.idle_timeout,
            ));
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
        // What still comes for it is nobody's, and its place is free, before the peer is told.
        drop(incoming);
        self.agreed.held = None;
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
                Some(Due::Refresh) => {
                    self.refresh();
                    Ok(())
                }
                None => Ok(()),
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
            // A later INVITE that was cancelled leaves the session as it is.
            Control::Cancelled if self.ok.is_some() => {}
            Control::Cancelled => return Err(End::Silent),
            Control::Stop => return Err(End::Bye("the server stops")),
            Control::Alive => {
                let agreed = self.agreed.timer.as_ref().map(SessionTimer::agreed);
                let ours = agreed.map(|agreed| session_timer::Agreed {
                    refresher: Refresher::Uac,
                    ..agreed
                });
                let start = |agreed| SessionTimer::start(Instant::now(), agreed, Refresher::Uac);
                self.agreed.timer = ours.map(start);
            }
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
                if !matches!(self.receiver.phase(), Phase::Waiting | Phase::Receiving) {
                    return Err(End::Silent);
                }
                // The message may be on its way still.
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
                    way::greet(&self.agreed.media, &writer).await;
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
        // The session that stored a repeated message may have ended without one.
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

    /// Gives a sign of life: an UPDATE, whose answer, whatever it says, is one of the peer's.
    fn refresh(&mut self) {
        let Some(timer) = &self.agreed.timer else {
            return;
        };
        let expires = timer.to_ask(session_timer::LEAST);
        let mode = self.mode.clone();
        let mut dialog = self.agreed.dialog.lend();
        let route = self.agreed.route.clone();
        tokio::spawn(async move {
            let Some(route) = mode.in_dialog.reach(&dialog, route).await else {
                return;
            };
            let headers = [
                ("Session-Expires", expires.as_str()),
                ("Supported", session_timer::TIMER),
            ];
            let Some(update) = request(&mode, &mut dialog, &route, "UPDATE", &headers) else {
                return;
            };
            let answer = mode.in_dialog.ask(update, route).await;
            // These say that there is no such session, or nobody (RFC 4028 section 10).
            let gone = |code: &u16| matches!(code, 408 | 481);
            if let Ok(StartLine::Status { code, .. }) = answer.as_ref().map(Message::start)
                && !gone(code)
            {
                mode.calls.tell(dialog.id(), Control::Alive);
            }
        });
    }

    async fn finish(mut self, end: End) {
        let call = self.mode.calls.lock().remove(self.agreed.dialog.id());
        if let Some(call) = call {
            // The peer may be reached elsewhere by now.
            self.agreed.dialog.retarget(&call.dialog);
        }
        self.content = None;
        let End::Bye(why) = end else {
            return;
        };
        tracing::info!(account.aor = %self.agreed.aor, "ending a session for {}: {why}", self.agreed.aor);
        let Agreed {
            mut dialog, route, ..
        } = self.agreed;
        let in_dialog = &self.mode.in_dialog;
        let found = in_dialog.reach(&dialog, route.clone()).await;
        let by = found.as_ref().unwrap_or(&route);
        let Some(bye) = request(&self.mode, &mut dialog, by, "BYE", &[]) else {
            return;
        };
        if let Some(route) = found {
            // A peer that is gone cannot hear it.
            let _ = in_dialog.ask(bye.clone(), route).await;
        }
        if let Some(key) = self.stored
            && let Err(error) = self.mode.mailbox.add_bye(key, bye).await
        {
            tracing::error!(error = %error, "the BYE of message {key} could not be kept: {error}");
        }
    }
}

/// The next request of ours in a session; `None` if it cannot be written.
fn request(
    mode: &LargeMode,
    dialog: &mut Dialog,
    route: &Route,
    method: &str,
    headers: &[(&str, &str)],
) -> Option<Bytes> {
    let via = mode.in_dialog.via(route)?;
    let request = dialog.request(method, &via, headers, b"");
    request
        .inspect_err(|error| tracing::warn!("a {method} cannot be written: {error}"))
        .ok()
}

/// What the sender hears when its message cannot be kept: 413 that it is not wanted, 408 that it may try again.
fn code_of(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::Store(StoreRefusal::Store(_) | StoreRefusal::TooOften(_)) => Code::Timeout,
        _ => Code::Stop,
    }
}
