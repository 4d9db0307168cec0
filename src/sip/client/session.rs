//! The session of a call, sans-IO: what its peer may ask and what is answered, and when a sign of life is due.

use std::time::Instant;

use crate::sip::dialog::Dialog;
use crate::sip::error::ParseError;
use crate::sip::inspect::{Capabilities, contains, list, warning};
use crate::sip::media_type::MediaType;
use crate::sip::message::Message;
use crate::sip::session_timer::{
    self, Agreed, Due, LEAST, Outcome, Policy, Refresher, SessionTimer, TIMER,
};

/// What a session is described in, when its description does not say.
const SDP: &str = "application/sdp";
/// What we answer to.
const METHODS: [&str; 6] = ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "UPDATE"];
/// Named in warnings. A caller has no better name.
const HOST: &str = "restante.invalid";

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn because(self, why: &str) -> Self {
        let warning = warning(HOST, why);
        self.header("Warning", warning)
    }
}

impl From<ParseError> for Reply {
    fn from(error: ParseError) -> Self {
        Self::new(error.sip_status()).because(&error.to_string())
    }
}

/// A session that a 2xx to our INVITE has made.
pub(super) struct Session {
    pub(super) dialog: Dialog,
    /// Whether a BYE of either side has ended it.
    pub(super) ended: bool,
    /// Our description of it, and its type.
    description: (Vec<u8>, String),
    /// The line of the peer's description that says which it is; `None` if there is none.
    origin: Option<Vec<u8>>,
    contact: Option<String>,
    peer_updates: bool,
    timer: Option<SessionTimer>,
    /// The largest Min-SE heard, in seconds.
    min_se: u32,
}

impl Session {
    /// The session of this INVITE of ours and the 2xx to it.
    pub(super) fn new(now: Instant, dialog: Dialog, invite: &Message, response: &Message) -> Self {
        let text = |name| invite.header(name).map(|field| field.text());
        let mut session = Self {
            dialog,
            ended: false,
            description: (
                invite.body().to_vec(),
                text("Content-Type").unwrap_or_else(|| SDP.to_owned()),
            ),
            origin: origin(&response.body()).map(<[u8]>::to_vec),
            contact: text("Contact"),
            peer_updates: contains(&list(response, "Allow"), "UPDATE"),
            timer: None,
            min_se: LEAST,
        };
        session.restart(now, response);
        session
    }

    /// What to answer to a request that belongs to no session: to all of them while it rings.
    pub(super) fn answer_stranger(request: &Message) -> Reply {
        if let Err(refusal) = inspect(request) {
            return refusal;
        }
        match request.method() {
            Some("OPTIONS") => Reply::new(200).header("Allow", METHODS.join(", ")),
            // We call and are not called.
            Some("INVITE") if request.header("To").is_some_and(|to| !has_tag(&to.value())) => {
                Reply::new(486)
            }
            _ => Reply::new(481),
        }
    }

    /// Answers a request other than ACK and CANCEL. `inviting` says that a re-INVITE of ours has no final response
    /// yet.
    pub(super) fn answer(&mut self, now: Instant, request: &Message, inviting: bool) -> Reply {
        if !self.dialog.matches(request) {
            return Self::answer_stranger(request);
        }
        if !self.dialog.accepts_cseq(request) {
            return Reply::new(500).because("CSeq is not above that of the request before");
        }
        if let Err(refusal) = inspect(request) {
            return refusal;
        }
        match request.method() {
            Some("BYE") => {
                self.ended = true;
                Reply::new(200)
            }
            _ if self.ended => Reply::new(481),
            // Two offers that cross (RFC 3261 section 14.2, RFC 3311 section 5.2).
            Some("INVITE") if inviting => Reply::new(491),
            Some("UPDATE") if inviting && !request.body().is_empty() => Reply::new(491),
            Some("INVITE") => self.answer_refresh(now, request, true),
            Some("UPDATE") => self.answer_refresh(now, request, false),
            _ => Self::answer_stranger(request),
        }
    }

    /// Answers a re-INVITE or UPDATE: yes if it leaves the session what it is.
    fn answer_refresh(&mut self, now: Instant, request: &Message, is_invite: bool) -> Reply {
        let body = request.body();
        let outcome = match session_timer::negotiate(request, &Policy::default()) {
            Ok(Outcome::TooSmall { min_se }) => {
                return Reply::new(422).header("Min-SE", min_se.to_string());
            }
            Ok(outcome) => outcome,
            Err(error) => return error.into(),
        };
        // A description that is the same names itself the same (RFC 3264 section 8).
        if !body.is_empty() && (self.origin.is_none() || origin(&body) != self.origin.as_deref()) {
            return Reply::new(488).because("this session cannot be changed");
        }
        if let Err(error) = self.dialog.refresh_target(request) {
            return error.into();
        }
        self.min_se = self
            .min_se
            .max(session_timer::min_se(request).unwrap_or(LEAST));
        let mut reply = Reply::new(200)
            .header("Allow", METHODS.join(", "))
            .header("Supported", TIMER);
        if let Some(contact) = &self.contact {
            reply = reply.header("Contact", contact);
        }
        self.timer = None;
        if let Outcome::Timer(agreed) = outcome {
            self.timer = Some(SessionTimer::start(now, agreed, Refresher::Uas));
            reply.headers.extend(agreed.header_fields());
        }
        // To an offer the answer, or to a re-INVITE without one our own offer: either is our description.
        if is_invite || !body.is_empty() {
            let (description, media_type) = &self.description;
            reply = reply.header("Content-Type", media_type);
            reply.body.clone_from(description);
        }
        reply
    }

    /// How to give a sign of life: method, header fields, body.
    pub(super) fn refresh(&self) -> (&'static str, Vec<(&'static str, String)>, Vec<u8>) {
        let mut headers = vec![("Supported", TIMER.to_owned())];
        if let Some(timer) = &self.timer {
            headers.push(("Session-Expires", timer.to_ask(self.min_se)));
        }
        if self.min_se > LEAST {
            headers.push(("Min-SE", self.min_se.to_string()));
        }
        if let Some(contact) = &self.contact {
            headers.push(("Contact", contact.clone()));
        }
        if self.peer_updates {
            return ("UPDATE", headers, Vec::new());
        }
        let (description, media_type) = &self.description;
        headers.push(("Content-Type", media_type.clone()));
        ("INVITE", headers, description.clone())
    }

    /// The final response to a sign of life. One that cannot be read has no effect.
    pub(super) fn refreshed(&mut self, now: Instant, status: u16, response: &Message) {
        match status {
            200..300 => {
                // The peer has accepted; what it says wrong is no reason to forget what was right.
                let _ = self.dialog.refresh_target(response);
                self.restart(now, response);
            }
            422 => {
                let asked = session_timer::min_se(response).unwrap_or(LEAST);
                self.min_se = self.min_se.max(asked);
            }
            _ => {}
        }
    }

    /// Sets the timer as a 2xx to a request of ours says; one that cannot be read sets none.
    fn restart(&mut self, now: Instant, response: &Message) {
        let agreed = Agreed::of_response(response).ok().flatten();
        self.timer = agreed.map(|agreed| SessionTimer::start(now, agreed, Refresher::Uac));
    }

    /// Time has passed.
    pub(super) fn on_timer(&mut self, now: Instant) -> Option<Due> {
        if self.ended {
            return None;
        }
        self.timer.as_mut()?.on_timer(now)
    }

    /// When to call [`Session::on_timer`] next.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        if self.ended {
            return None;
        }
        self.timer.as_ref()?.next_deadline()
    }
}

/// What every request is asked first (RFC 3261 section 8.2).
fn inspect(request: &Message) -> Result<(), Reply> {
    let owned = |list: &[&str]| list.iter().map(|&item| item.to_owned()).collect();
    let capabilities = Capabilities {
        methods: owned(&METHODS),
        schemes: owned(&["sip", "sips", "tel"]),
        extensions: owned(&[TIMER]),
        accept: owned(&[SDP]),
    };
    let is_taken = |method: &str, media_type: Option<&MediaType>| {
        // What a BYE or an OPTIONS carries is of no interest.
        !matches!(method, "INVITE" | "UPDATE")
            || media_type.is_some_and(|media_type| media_type.essence() == SDP)
    };
    capabilities
        .inspect(request, false, is_taken)
        .map_err(|refusal| Reply {
            headers: refusal.header_fields(HOST),
            ..Reply::new(refusal.status())
        })
}

fn has_tag(value: &[u8]) -> bool {
    crate::sip::header::NameAddr::parse(value).is_ok_and(|address| address.has_param("tag"))
}

/// The line of a session description that names it and its version (RFC 4566 section 5.2).
fn origin(description: &[u8]) -> Option<&[u8]> {
    description
        .split(|&b| b == b'\n')
        .map(<[u8]>::trim_ascii_end)
        .find(|line| line.starts_with(b"o="))
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
