//! The client transaction of an INVITE (RFC 3261 section 17.1.1; figure 5 as replaced by RFC 6026).
//!
//! ```text
//! Calling --1xx--> Proceeding --2xx-----> Accepted --timer M--> Terminated
//!    |                        --300..699> Completed --timer D----^
//!    \--2xx, 300..699 as from Proceeding
//!    timer B or a transport error in Calling, a transport error in Completed ---^
//! ```
//!
//! The ACK of a refusal is made here (section 17.1.1.3), that of a 2xx by the user. Proceeding has no timer: a
//! callee may ring for long. The user cancels, and forgets the transaction if even that has no effect.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::sip::header::CSeq;
use crate::sip::message::{Field, Message, StartLine};
use crate::sip::response::first_hop;
use crate::sip::transaction::{Action, Actions, Timers, Transport, after, earlier};
use crate::sip::write::MessageWriter;

/// One transaction.
#[derive(Debug, Clone)]
pub struct InviteClient {
    timers: Timers,
    transport: Transport,
    request: Message,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Calling {
        a: Option<Instant>,
        interval: Duration,
        b: Instant,
    },
    Proceeding,
    Completed {
        ack: Option<Bytes>,
        d: Instant,
    },
    Accepted {
        m: Instant,
    },
    Terminated,
}

impl InviteClient {
    /// Begins with the INVITE, which is among the actions.
    #[must_use]
    pub fn send(
        now: Instant,
        timers: Timers,
        transport: Transport,
        request: Message,
    ) -> (Self, Actions) {
        let first = Actions::of([Action::Send(request.raw().clone())]);
        let state = State::Calling {
            a: transport.if_unreliable(timers.t1).map(|a| after(now, a)),
            interval: timers.t1,
            b: after(now, timers.life()),
        };
        let machine = Self {
            timers,
            transport,
            request,
            state,
        };
        (machine, first)
    }

    /// A response that matches. Delivered are provisional ones, the first refusal, and every 2xx.
    pub fn on_response(&mut self, now: Instant, response: Message) -> Actions {
        let StartLine::Status { code, .. } = *response.start() else {
            return Actions::none();
        };
        match (&self.state, code) {
            (State::Calling { .. } | State::Proceeding, 100..200) => {
                self.state = State::Proceeding;
                Actions::of([Action::DeliverResponse(response)])
            }
            (State::Calling { .. } | State::Proceeding, 200..300) => {
                self.state = State::Accepted {
                    m: after(now, self.timers.life()),
                };
                Actions::of([Action::DeliverResponse(response)])
            }
            (State::Accepted { .. }, 200..300) => Actions::of([Action::DeliverResponse(response)]),
            (State::Calling { .. } | State::Proceeding, _) => self.complete(now, response),
            (State::Completed { ack: Some(ack), .. }, 300..) => {
                Actions::of([Action::Send(ack.clone())])
            }
            _ => Actions::none(),
        }
    }

    /// Time has passed.
    pub fn on_timer(&mut self, now: Instant) -> Actions {
        match &mut self.state {
            State::Calling { b, .. } if *b <= now => {
                self.state = State::Terminated;
                Actions::of([Action::Timeout, Action::Terminated])
            }
            State::Calling {
                a: Some(a),
                interval,
                ..
            } if *a <= now => {
                // Timer A doubles without end: T2 does not bound it.
                *interval = interval.saturating_mul(2);
                *a = after(now, *interval);
                Actions::of([Action::Send(self.request.raw().clone())])
            }
            State::Completed { d: end, .. } | State::Accepted { m: end } if *end <= now => {
                self.state = State::Terminated;
                Actions::of([Action::Terminated])
            }
            _ => Actions::none(),
        }
    }

    /// The INVITE or an ACK could not be sent.
    pub fn on_transport_error(&mut self) -> Actions {
        match self.state {
            State::Calling { .. } | State::Completed { .. } => {
                self.state = State::Terminated;
                Actions::of([Action::TransportError, Action::Terminated])
            }
            State::Proceeding | State::Accepted { .. } | State::Terminated => Actions::none(),
        }
    }

    /// When to call [`InviteClient::on_timer`] next. `None` in Proceeding, too.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        match self.state {
            State::Calling { a, b, .. } => earlier(a, Some(b)),
            State::Completed { d: end, .. } | State::Accepted { m: end } => Some(end),
            State::Proceeding | State::Terminated => None,
        }
    }

    fn complete(&mut self, now: Instant, response: Message) -> Actions {
        let ack = ack(&self.request, &response);
        let send = ack.clone().map(Action::Send);
        let deliver = Action::DeliverResponse(response);
        let unreliable = self.transport.if_unreliable(self.timers.d());
        self.state = match unreliable {
            Some(d) => State::Completed {
                ack,
                d: after(now, d),
            },
            None => State::Terminated,
        };
        match (send, unreliable) {
            (Some(send), Some(_)) => Actions::of([send, deliver]),
            (Some(send), None) => Actions::of([send, deliver, Action::Terminated]),
            (None, Some(_)) => Actions::of([deliver]),
            (None, None) => Actions::of([deliver, Action::Terminated]),
        }
    }
}

/// The ACK of a refused INVITE (section 17.1.1.3). `None` if the INVITE or the response lacks what an ACK is
/// made of.
fn ack(invite: &Message, response: &Message) -> Option<Bytes> {
    to_next_hop(invite, "ACK", &response.header("To")?)
}

/// The CANCEL of an INVITE (section 9.1), a transaction of its own. It may be sent once a provisional response
/// has come, and not before. `None` if the INVITE lacks what a CANCEL is made of.
#[must_use]
pub fn cancel(invite: &Message) -> Option<Bytes> {
    to_next_hop(invite, "CANCEL", &invite.header("To")?)
}

/// A request about this INVITE that goes where it went, with the same branch.
fn to_next_hop(invite: &Message, method: &str, to: &Field<'_>) -> Option<Bytes> {
    let StartLine::Request { uri, .. } = invite.start() else {
        return None;
    };
    let via = invite.header("Via")?;
    let cseq = CSeq::parse(invite.header("CSeq")?.raw_value()).ok()?;
    let mut writer = MessageWriter::request(method, uri)
        .ok()?
        .copied_value("Via", first_hop(&via.value()))
        .header("Max-Forwards", "70")
        .ok()?;
    for route in invite.headers("Route") {
        writer = writer.copied(&route);
    }
    let request = writer
        .copied(&invite.header("From")?)
        .copied(to)
        .copied(&invite.header("Call-ID")?)
        .header("CSeq", format!("{} {method}", cseq.number))
        .ok()?
        .finish(b"");
    Some(request)
}

#[cfg(test)]
#[path = "invite_client_tests.rs"]
mod tests;
