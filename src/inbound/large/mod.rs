//! Large Message Mode (OMA SIMPLE IM TS 12.4.2.3): a message too big for pager mode comes as one SIP session that
//! carries one MSRP message.
//!
//! An INVITE is checked here and answered with our MSRP path; from then on [`session`] has it: a task that takes
//! the message, has it stored, and ends with the BYE. Until the message is complete and durable nothing of the
//! session stays.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::clock;
use crate::domain::access::Scope;
use crate::domain::address::Aor;
use crate::domain::hex::hex;
use crate::inbound::in_dialog::InDialog;
use crate::inbound::pager::{self, HandOver, Refusal};
use crate::mailbox::Mailbox;
use crate::msrp::accept::AcceptTypes;
use crate::msrp::ident::Ident;
use crate::msrp::sdp::values::{Fingerprint, Role};
use crate::msrp::sdp::{Description, Local, Unacceptable, negotiate};
use crate::msrp::{server, tls};
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::endpoint::{Answer, Fate, Request, Route};
use crate::sip::message::Message;
use crate::sip::places::Places;
use crate::sip::session_timer::{self, Refresher, SessionTimer};
use crate::sip::transport::tls::Certificate;

mod session;
mod way;

use session::{Agreed, Control, Session};

/// What waits for one session from the SIP side.
const CONTROLS_WAITING: usize = 16;
/// Seconds after which a peer with too many sessions may come again.
const RETRY_AFTER: &str = "30";
/// The type of a session description.
const SDP: &str = "application/sdp";

/// Where we are reached over MSRP, and the bounds of sessions.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address or name in our MSRP URIs.
    pub host: String,
    /// Where we listen for TCP.
    pub tcp_port: Option<u16>,
    /// Where we listen for TLS.
    pub tls_port: Option<u16>,
    /// The certificate there.
    pub certificate: Option<Arc<Certificate>>,
    /// All sessions, and each peer's share.
    pub sessions: Places,
    /// A session in which nothing comes for so long is ended.
    pub idle_timeout: Duration,
    /// So is one that lasts so long.
    pub total_timeout: Duration,
}

/// Takes large messages.
#[derive(Clone)]
pub struct LargeMode {
    mailbox: Mailbox,
    settings: Arc<Settings>,
    msrp: server::Sessions,
    in_dialog: InDialog,
    calls: Calls,
    stopping: Arc<AtomicBool>,
}

/// The sessions that there are, by their dialog.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<HashMap<DialogId, Call>>>);

struct Call {
    control: mpsc::Sender<Control>,
    /// The dialog as the peer's requests have it by now.
    dialog: Dialog,
    /// The description we gave, for whoever asks again.
    sdp: String,
}

impl Calls {
    fn lock(&self) -> MutexGuard<'_, HashMap<DialogId, Call>> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells a session; says whether there is one that hears it.
    fn tell(&self, dialog: &DialogId, control: Control) -> bool {
        let calls = self.lock();
        let call = calls.get(dialog);
        call.is_some_and(|call| call.control.try_send(control).is_ok())
    }
}

impl Calls {
    /// Whether a request comes after those that came before it (RFC 3261 section 12.2.2); where it says so, the peer
    /// is reached elsewhere from now on. What is of no session is of no order.
    fn is_in_order(&self, dialog: &DialogId, request: &Message) -> bool {
        let mut calls = self.lock();
        let Some(call) = calls.get_mut(dialog) else {
            return true;
        };
        if !call.dialog.accepts_cseq(request) {
            return false;
        }
        if matches!(request.method(), Some("INVITE" | "UPDATE")) {
            // A Contact that cannot be used changes nothing.
            let _ = call.dialog.refresh_target(request);
        }
        true
    }
}

impl LargeMode {
    /// Takes messages into this mailbox. `in_dialog` sends our BYEs.
    #[must_use]
    pub fn new(
        mailbox: Mailbox,
        settings: Settings,
        msrp: server::Sessions,
        in_dialog: InDialog,
    ) -> Self {
        Self {
            mailbox,
            settings: Arc::new(settings),
            msrp,
            in_dialog,
            calls: Calls::default(),
            stopping: Arc::default(),
        }
    }

    /// Ends all sessions with BYE, each after what it is storing; waits for them no longer than `patience`.
    pub async fn stop(&self, patience: Duration) {
        self.stopping.store(true, Ordering::Relaxed);
        let controls: Vec<_> = {
            let calls = self.calls.lock();
            calls.values().map(|call| call.control.clone()).collect()
        };
        let ended = async {
            for control in &controls {
                // One that is over does not hear it.
                let _ = control.send(Control::Stop).await;
            }
            for control in &controls {
                control.closed().await;
            }
        };
        if timeout(patience, ended).await.is_err() {
            tracing::warn!("stopping with large messages under way");
        }
    }

    /// Answers an INVITE that begins a session or, inside one, refreshes it.
    ///
    /// # Errors
    /// The [`Refusal`] of whoever it is for.
    pub async fn invite(
        &self,
        request: &Request,
        scope: &Scope,
        domains: &[String],
    ) -> Result<Answer, Refusal> {
        let basics = request.message.basics()?;
        if basics.to.tag().is_some() {
            return Ok(self.in_dialog(request).await);
        }
        let hand_over = HandOver {
            aor: None,
            scope,
            domains,
            trusted: request.trusted,
        };
        let aor = pager::addressee(&request.message, &basics, hand_over)?;
        self.mailbox.has_room(&aor, 0).await?;
        Ok(self.begin(request, aor).unwrap_or_else(|refused| refused))
    }

    /// Begins a session, or says why not.
    fn begin(&self, request: &Request, aor: Aor) -> Result<Answer, Answer> {
        if self.stopping.load(Ordering::Relaxed) {
            let refused = self.refuse(503, "the server is stopping");
            return Err(refused.header("Retry-After", RETRY_AFTER));
        }
        let timer = self.timer(&request.message)?;
        let local = self.local()?;
        let answer = self.negotiate(request, &local)?;
        let over_tls = matches!(request.origin.transport, "TLS" | "WSS");
        let dialog = Dialog::answering(&request.message, &request.tag, over_tls)
            .map_err(|error| self.refuse(error.sip_status(), &error.to_string()))?;
        let random = |_| Answer::new(500);
        let report_transaction = Ident::from_random(clock::random().map_err(random)?);
        let peer = request.origin.source.ip().to_canonical();
        let place = self.settings.sessions.take(peer).ok_or_else(|| {
            self.refuse(486, "too many sessions")
                .header("Retry-After", RETRY_AFTER)
        })?;
        let (control, controls) = mpsc::channel(CONTROLS_WAITING);
        let call = Call {
            control,
            dialog: dialog.clone(),
            sdp: answer.sdp.clone(),
        };
        self.calls.lock().insert(dialog.id().clone(), call);
        // Open before the peer can know of it.
        let (seat, incoming) = self.msrp.open(&local.session_id);
        let agreed = Agreed {
            aor,
            invite: request.message.clone(),
            trusted: request.trusted,
            dialog,
            route: Route::back(request),
            media: answer.session,
            max_octets: local.max_octets,
            timer: timer.map(|timer| SessionTimer::start(Instant::now(), timer, Refresher::Uas)),
            session_id: local.session_id,
            held: Some((seat, place)),
        };
        let session = Session::new(self.clone(), agreed, report_transaction);
        tokio::spawn(session.run(incoming, controls));
        Ok(self.accept(request, timer).body(SDP, answer.sdp))
    }

    /// What the peer is told of session timers.
    fn timer(&self, message: &Message) -> Result<Option<session_timer::Agreed>, Answer> {
        let policy = session_timer::Policy::default();
        match session_timer::negotiate(message, &policy) {
            Ok(session_timer::Outcome::None) => Ok(None),
            Ok(session_timer::Outcome::Timer(agreed)) => Ok(Some(agreed)),
            Ok(session_timer::Outcome::TooSmall { min_se }) => Err(self
                .refuse(422, "the session interval is too small")
                .header("Min-SE", min_se.to_string())),
            Err(error) => Err(self.refuse(error.sip_status(), &error.to_string())),
        }
    }

    /// Our answer to the offer in an INVITE.
    fn negotiate(&self, request: &Request, local: &Local) -> Result<negotiate::Answer, Answer> {
        let message = &request.message;
        if message.body().is_empty() {
            return Err(self.refuse(488, "an offer of message media is needed"));
        }
        let is_sdp = message
            .content_type()
            .is_ok_and(|found| found.is_some_and(|found| found.essence() == SDP));
        if !is_sdp {
            let refused = self.refuse(415, "a session description is needed");
            return Err(refused.header("Accept", SDP));
        }
        let answer = Description::parse(&message.body())
            .map_err(Unacceptable::from)
            .and_then(|offer| negotiate::answer(&offer, local));
        let answer = answer.map_err(|error| {
            let (status, code) = (error.sip_status(), error.warn_code());
            let warning = format!("{code} {} \"{error}\"", self.mailbox.hostname);
            Answer::new(status).header("Warning", warning)
        })?;
        let media = &answer.session;
        let connects = media.role == Role::Active;
        // Anybody could name anybody's address.
        if connects && !request.trusted {
            return Err(self.refuse(488, "we connect to trusted peers only: offer setup:actpass"));
        }
        if connects && media.is_secure && !tls::can_be_known(&media.peer_fingerprints) {
            return Err(self.refuse(488, "a sha-256 fingerprint is needed to connect over TLS"));
        }
        Ok(answer)
    }

    /// Answers a request inside a session. A new INVITE leaves it as it is: our description stays the same.
    #[must_use]
    pub async fn in_dialog(&self, request: &Request) -> Answer {
        let message = &request.message;
        let Ok(dialog) = DialogId::of_request(message) else {
            return Answer::new(400);
        };
        if !self.calls.is_in_order(&dialog, message) {
            return self.refuse(500, "a later request of the session has come already");
        }
        if message.method() == Some("BYE") {
            let (kept, answer) = oneshot::channel();
            let bye = Control::Bye(message.raw().clone(), kept);
            if !self.calls.tell(&dialog, bye) {
                return Answer::new(481);
            }
            // Kept or not, it is over.
            let _ = answer.await;
            return Answer::new(200);
        }
        let timer = match self.timer(message) {
            Ok(timer) => timer,
            Err(refused) => return refused,
        };
        if !self.calls.tell(&dialog, Control::Refresh(timer)) {
            return Answer::new(481);
        }
        // An INVITE without an offer gets one (RFC 3261 section 14.2), an UPDATE does not.
        let described = message.method() == Some("INVITE") || !message.body().is_empty();
        let sdp = self.calls.lock().get(&dialog).map(|call| call.sdp.clone());
        let answer = self.accept(request, timer);
        match sdp.filter(|_| described) {
            Some(sdp) => answer.body(SDP, sdp),
            None => answer,
        }
    }

    /// What becomes of the INVITE that a session began with.
    pub fn on_fate(&self, dialog: &DialogId, fate: Fate) {
        let control = match fate {
            Fate::Answered(ok) => Control::Answered(ok),
            Fate::Acknowledged => return,
            Fate::NoAck => Control::NoAck,
            Fate::Cancelled => Control::Cancelled,
        };
        self.calls.tell(dialog, control);
    }

    fn accept(&self, request: &Request, timer: Option<session_timer::Agreed>) -> Answer {
        let contact = self.in_dialog.contact(request);
        let contact = format!("{contact};+g.oma.sip-im.large-message");
        let answer = Answer::new(200)
            .header("Contact", contact)
            .header("Allow", super::sip::METHODS.join(", "))
            .header("Supported", session_timer::TIMER);
        let fields = timer.map(|timer| timer.header_fields()).unwrap_or_default();
        fields
            .into_iter()
            .fold(answer, |answer, (name, value)| answer.header(name, value))
    }

    /// What we bring into a new session.
    fn local(&self) -> Result<Local, Answer> {
        let random = |_| Answer::new(500);
        let settings = &self.settings;
        let any = AcceptTypes::read("message/cpim *");
        Ok(Local {
            origin_id: u64::from_be_bytes(clock::random().map_err(random)?) >> 1,
            origin_version: 1,
            host: settings.host.clone(),
            tcp_port: settings.tcp_port,
            tls_port: settings.tls_port,
            is_reachable: true,
            session_id: hex(&clock::random::<16>().map_err(random)?),
            accept: any.clone(),
            accept_wrapped: any,
            max_octets: self.mailbox.policy.max_large_bytes,
            fingerprint: settings
                .certificate
                .as_ref()
                .map(|certificate| Fingerprint {
                    hash: "sha-256".to_owned(),
                    digest: certificate.fingerprint(),
                }),
        })
    }

    fn refuse(&self, status: u16, why: &str) -> Answer {
        Answer::new(status).warning(&self.mailbox.hostname, why)
    }
}
