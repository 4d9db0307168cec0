//! The server transaction of a request other than INVITE (RFC 3261 section 17.2.2, figure 8, with RFC 4320).
//!
//! ```text
//! Trying --1xx--> Proceeding --200..699--> Completed --timer J--> Terminated
//!    \------------200..699------------------^
//! ```
//!
//! Beyond the figure:
//! - Of provisional responses only 100 is sent, and over UDP not early; 408 never (RFC 4320 section 4).
//! - An unanswered transaction ends after 64 * T1: the client's timer F has fired, an answer is of no use.
//! - A transport error does not end it (RFC 6026 section 8.8): a repeated request would be taken for a new
//!   one and processed again.

use std::time::Instant;

use bytes::Bytes;

use crate::sip::response::Response;
use crate::sip::transaction::{Action, Actions, Timers, Transport, after, earlier, is_due};

/// One transaction.
#[derive(Debug, Clone)]
pub struct NonInviteServer {
    timers: Timers,
    transport: Transport,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Trying {
        /// When 100 is due; `None` when the user has been told.
        trying: Option<Instant>,
        /// When 100 becomes lawful over UDP.
        lawful: Instant,
        give_up: Instant,
    },
    Proceeding {
        last: Bytes,
        give_up: Instant,
    },
    Completed {
        last: Bytes,
        j: Instant,
    },
    Terminated,
}

impl NonInviteServer {
    /// A request was received and is handed to the user.
    #[must_use]
    pub fn new(now: Instant, timers: Timers, transport: Transport) -> Self {
        let lawful = after(now, timers.trying_other());
        Self {
            timers,
            transport,
            state: State::Trying {
                trying: Some(lawful),
                lawful,
                give_up: after(now, timers.life()),
            },
        }
    }

    /// The request came again.
    pub fn on_request(&mut self) -> Actions {
        match &self.state {
            State::Proceeding { last, .. } | State::Completed { last, .. } => {
                Actions::of([Action::Send(last.clone())])
            }
            State::Trying { .. } | State::Terminated => Actions::none(),
        }
    }

    /// The user answers. Without [`Action::Send`] among the actions the response is discarded: it is late,
    /// a second final one, or forbidden by RFC 4320.
    pub fn respond(&mut self, now: Instant, response: &Response) -> Actions {
        let give_up = match self.state {
            State::Trying { give_up, .. } | State::Proceeding { give_up, .. } => give_up,
            State::Completed { .. } | State::Terminated => return Actions::none(),
        };
        if !self.is_lawful(now, response.status()) {
            return Actions::none();
        }
        let last = response.bytes().clone();
        let send = Action::Send(last.clone());
        if response.status() < 200 {
            self.state = State::Proceeding { last, give_up };
            return Actions::of([send]);
        }
        if let Some(j) = self.transport.if_unreliable(self.timers.life()) {
            self.state = State::Completed {
                last,
                j: after(now, j),
            };
            Actions::of([send])
        } else {
            self.state = State::Terminated;
            Actions::of([send, Action::Terminated])
        }
    }

    /// Time has passed.
    pub fn on_timer(&mut self, now: Instant) -> Actions {
        match &mut self.state {
            State::Trying { give_up, .. } | State::Proceeding { give_up, .. }
                if *give_up <= now =>
            {
                self.state = State::Terminated;
                Actions::of([Action::Timeout, Action::Terminated])
            }
            State::Trying { trying, .. } if is_due(*trying, now) => {
                *trying = None;
                Actions::of([Action::TryingDue])
            }
            State::Completed { j, .. } if *j <= now => {
                self.state = State::Terminated;
                Actions::of([Action::Terminated])
            }
            _ => Actions::none(),
        }
    }

    /// A response could not be sent, and there is no other way to send it.
    pub fn on_transport_error(&mut self) -> Actions {
        match self.state {
            State::Proceeding { .. } | State::Completed { .. } => {
                Actions::of([Action::TransportError])
            }
            State::Trying { .. } | State::Terminated => Actions::none(),
        }
    }

    /// When to call [`NonInviteServer::on_timer`] next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        match self.state {
            State::Trying {
                trying, give_up, ..
            } => earlier(trying, Some(give_up)),
            State::Proceeding { give_up, .. } => Some(give_up),
            State::Completed { j, .. } => Some(j),
            State::Terminated => None,
        }
    }

    /// RFC 4320 section 4.
    fn is_lawful(&self, now: Instant, status: u16) -> bool {
        match (status, &self.state) {
            (100, State::Trying { lawful, .. }) => {
                self.transport == Transport::Reliable || *lawful <= now
            }
            (101..200 | 408, _) => false,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::transaction::testing::{Clock, names, response};
    use proptest::prelude::*;
    use std::time::Duration;

    fn begin(transport: Transport) -> (Clock, NonInviteServer) {
        let clock = Clock::new();
        let machine = NonInviteServer::new(clock.now(), Timers::default(), transport);
        (clock, machine)
    }

    #[test]
    fn a_final_response_is_repeated_until_timer_j() {
        let (mut clock, mut machine) = begin(Transport::Unreliable);
        assert_eq!(names(machine.on_request()), [""; 0]);
        let actions = machine.respond(clock.now(), &response(202));
        assert_eq!(names(actions), ["send 202"]);
        clock.advance(31_999);
        assert_eq!(names(machine.on_request()), ["send 202"]);
        assert_eq!(names(machine.on_timer(clock.now())), [""; 0]);
        // A second final response is discarded; the first one stays the answer.
        assert_eq!(names(machine.respond(clock.now(), &response(500))), [""; 0]);
        assert_eq!(names(machine.on_request()), ["send 202"]);
        assert_eq!(machine.next_deadline(), Some(clock.at(32_000)));
        clock.advance(1);
        assert_eq!(names(machine.on_timer(clock.now())), ["terminated"]);
        assert_eq!(machine.next_deadline(), None);
        assert_eq!(names(machine.on_request()), [""; 0]);
    }

    #[test]
    fn over_a_reliable_transport_the_answer_ends_it() {
        let (clock, mut machine) = begin(Transport::Reliable);
        let actions = machine.respond(clock.now(), &response(202));
        assert_eq!(names(actions), ["send 202", "terminated"]);
        assert_eq!(machine.next_deadline(), None);
    }

    #[test]
    fn trying_is_due_when_the_client_repeats_slowly() {
        let (mut clock, mut machine) = begin(Transport::Unreliable);
        assert_eq!(names(machine.respond(clock.now(), &response(100))), [""; 0]);
        assert_eq!(machine.next_deadline(), Some(clock.at(3_500)));
        clock.advance(3_500);
        assert_eq!(names(machine.on_timer(clock.now())), ["trying due"]);
        assert_eq!(names(machine.on_timer(clock.now())), [""; 0]);
        assert_eq!(names(machine.respond(clock.now(), &response(180))), [""; 0]);
        let actions = machine.respond(clock.now(), &response(100));
        assert_eq!(names(actions), ["send 100"]);
        assert_eq!(names(machine.on_request()), ["send 100"]);
        // Proceeding to Proceeding, then to Completed.
        let actions = machine.respond(clock.now(), &response(100));
        assert_eq!(names(actions), ["send 100"]);
        assert_eq!(names(machine.respond(clock.now(), &response(408))), [""; 0]);
        let actions = machine.respond(clock.now(), &response(404));
        assert_eq!(names(actions), ["send 404"]);
        assert_eq!(machine.next_deadline(), Some(clock.at(3_500 + 32_000)));
    }

    #[test]
    fn over_a_reliable_transport_trying_may_come_at_once() {
        let (mut clock, mut machine) = begin(Transport::Reliable);
        let actions = machine.respond(clock.now(), &response(100));
        assert_eq!(names(actions), ["send 100"]);
        clock.advance(32_000);
        let actions = machine.on_timer(clock.now());
        assert_eq!(names(actions), ["timeout", "terminated"]);
    }

    #[test]
    fn what_the_user_never_answers_ends() {
        let (mut clock, mut machine) = begin(Transport::Unreliable);
        clock.advance(40_000);
        let actions = machine.on_timer(clock.now());
        assert_eq!(names(actions), ["timeout", "terminated"]);
        assert_eq!(names(machine.respond(clock.now(), &response(200))), [""; 0]);
    }

    #[test]
    fn a_transport_error_is_reported_and_the_answer_kept() {
        let (clock, mut machine) = begin(Transport::Unreliable);
        assert_eq!(names(machine.on_transport_error()), [""; 0]);
        machine.respond(clock.now(), &response(202));
        assert_eq!(names(machine.on_transport_error()), ["transport error"]);
        assert_eq!(names(machine.on_request()), ["send 202"]);
    }

    proptest! {
        #[test]
        fn any_events_in_any_order(
            reliable in any::<bool>(),
            events in proptest::collection::vec((0..4_u8, 100..700_u16, 0..40_000_u64), 0..40),
        ) {
            let transport = if reliable { Transport::Reliable } else { Transport::Unreliable };
            let (mut clock, mut machine) = begin(transport);
            let mut ended = false;
            let mut last = None;
            for (kind, status, wait) in events {
                clock.advance(if kind == 0 { wait } else { wait % 700 });
                let actions = match kind {
                    0 => machine.on_timer(clock.now()),
                    1 => machine.on_request(),
                    2 => machine.respond(clock.now(), &response(status)),
                    _ => machine.on_transport_error(),
                };
                let names = names(actions);
                prop_assert!(!ended || names.is_empty());
                if kind == 1 && !ended {
                    prop_assert_eq!(names.first(), last.as_ref());
                }
                if kind == 2 {
                    last = names.first().cloned().or(last);
                }
                ended |= names.iter().any(|name| name == "terminated");
                prop_assert_eq!(machine.next_deadline().is_none(), ended);
            }
            clock.advance(Duration::from_hours(1).as_secs() * 1_000);
            machine.on_timer(clock.now());
            prop_assert_eq!(machine.next_deadline(), None);
        }
    }
}
