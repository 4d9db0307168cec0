//! What the tests of the machines share: a clock that moves when told to, and actions as short texts.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::sip::message::{Message, StartLine};
use crate::sip::response::Response;
use crate::sip::transaction::{Action, Actions};

/// Counts milliseconds from its making.
pub(in crate::sip) struct Clock {
    start: Instant,
    passed: u64,
}

impl Clock {
    pub(in crate::sip) fn new() -> Self {
        Self {
            start: Instant::now(),
            passed: 0,
        }
    }

    pub(in crate::sip) fn now(&self) -> Instant {
        self.at(self.passed)
    }

    pub(in crate::sip) fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    pub(in crate::sip) fn passed_to(&mut self, millis: u64) {
        self.passed = millis;
    }

    pub(in crate::sip) fn advance(&mut self, millis: u64) {
        self.passed += millis;
    }
}

pub(in crate::sip) fn message(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

/// A response of our own, as the user passes it down.
pub(in crate::sip) fn response(status: u16) -> Response {
    let request = message(
        "MESSAGE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nTo: <sip:b@x>\r\n\r\n",
    );
    Response::to(&request, status, "t").build().unwrap()
}

/// "send MESSAGE", "deliver 202", "terminated": one text for each action.
pub(in crate::sip) fn names(actions: Actions) -> Vec<String> {
    let what = |message: &Message| match message.start() {
        StartLine::Request { method, .. } => method.clone(),
        StartLine::Status { code, .. } => code.to_string(),
    };
    let name = |action| match action {
        Action::Send(bytes) => format!("send {}", what(&Message::parse(bytes).unwrap())),
        Action::DeliverResponse(message) => format!("deliver {}", what(&message)),
        Action::DeliverRequest => "deliver request".to_owned(),
        Action::TryingDue => "trying due".to_owned(),
        Action::Timeout => "timeout".to_owned(),
        Action::TransportError => "transport error".to_owned(),
        Action::Terminated => "terminated".to_owned(),
    };
    actions.into_iter().map(name).collect()
}
