//! The client transaction of a request other than INVITE (RFC 3261 section 17.1.2, figure 6).
//!
//! ```text
//! Trying --1xx--> Proceeding --200..699--> Completed --timer K--> Terminated
//!    \------------200..699------------------^
//!    timer F or a transport error in Trying or Proceeding ----------^
//! ```

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::sip::message::{Message, StartLine};
use crate::sip::transaction::{Action, Actions, Timers, Transport, after, earlier};

/// One transaction.
#[derive(Debug, Clone)]
pub struct NonInviteClient {
    timers: Timers,
    transport: Transport,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Trying, or Proceeding once a provisional response has come: they differ in the interval of timer E.
    Waiting {
        request: Bytes,
        proceeding: bool,
        e: Option<Instant>,
        interval: Duration,
        f: Instant,
    },
    Completed {
        k: Instant,
    },
    Terminated,
}

impl NonInviteClient {
    /// Begins with the request, which is among the actions.
    #[must_use]
    pub fn send(
        now: Instant,
        timers: Timers,
        transport: Transport,
        request: Bytes,
    ) -> (Self, Actions) {
        let first = Actions::of([Action::Send(request.clone())]);
        let state = State::Waiting {
            request,
            proceeding: false,
            e: transport.if_unreliable(timers.t1).map(|e| after(now, e)),
            interval: timers.t1,
            f: after(now, timers.life()),
        };
        let machine = Self {
            timers,
            transport,
            state,
        };
        (machine, first)
    }

    /// A response that matches. Every one but a repeated final one is delivered.
    pub fn on_response(&mut self, now: Instant, response: Message) -> Actions {
        let StartLine::Status { code, .. } = *response.start() else {
            return Actions::none();
        };
        match &mut self.state {
            State::Waiting { proceeding, .. } if code < 200 => {
                *proceeding = true;
                Actions::of([Action::DeliverResponse(response)])
            }
            State::Waiting { .. } => {
                let deliver = Action::DeliverResponse(response);
                if let Some(k) = self.transport.if_unreliable(self.timers.t4) {
                    self.state = State::Completed { k: after(now, k) };
                    Actions::of([deliver])
                } else {
                    self.state = State::Terminated;
                    Actions::of([deliver, Action::Terminated])
                }
            }
            State::Completed { .. } | State::Terminated => Actions::none(),
        }
    }

    /// Time has passed.
    pub fn on_timer(&mut self, now: Instant) -> Actions {
        match &mut self.state {
            State::Waiting { f, .. } if *f <= now => {
                self.state = State::Terminated;
                Actions::of([Action::Timeout, Action::Terminated])
            }
            State::Waiting {
                request,
                proceeding,
                e: Some(e),
                interval,
                ..
            } if *e <= now => {
                *interval = if *proceeding {
                    self.timers.t2
                } else {
                    self.timers.doubled(*interval)
                };
                *e = after(now, *interval);
                Actions::of([Action::Send(request.clone())])
            }
            State::Completed { k } if *k <= now => {
                self.state = State::Terminated;
                Actions::of([Action::Terminated])
            }
            _ => Actions::none(),
        }
    }

    /// The request could not be sent. Where else to send it is for the user to decide, in a new transaction.
    pub fn on_transport_error(&mut self) -> Actions {
        match self.state {
            State::Waiting { .. } => {
                self.state = State::Terminated;
                Actions::of([Action::TransportError, Action::Terminated])
            }
            State::Completed { .. } | State::Terminated => Actions::none(),
        }
    }

    /// When to call [`NonInviteClient::on_timer`] next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { e, f, .. } => earlier(e, Some(f)),
            State::Completed { k } => Some(k),
            State::Terminated => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::transaction::testing::{Clock, message, names, response};
    use proptest::prelude::*;

    fn begin(transport: Transport) -> (Clock, NonInviteClient) {
        let clock = Clock::new();
        let request = Bytes::from_static(b"MESSAGE sip:b@x SIP/2.0\r\n\r\n");
        let (machine, actions) =
            NonInviteClient::send(clock.now(), Timers::default(), transport, request);
        assert_eq!(names(actions), ["send MESSAGE"]);
        (clock, machine)
    }

    fn received(status: u16) -> Message {
        Message::parse(response(status).bytes().clone()).unwrap()
    }

    #[test]
    fn the_request_is_repeated_by_timer_e_until_timer_f() {
        let (mut clock, mut machine) = begin(Transport::Unreliable);
        let mut at = 0;
        for interval in [
            500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000,
        ] {
            at += interval;
            assert_eq!(machine.next_deadline(), Some(clock.at(at)));
            clock.advance(interval - 1);
            assert_eq!(names(machine.on_timer(clock.now())), [""; 0]);
            clock.advance(1);
            assert_eq!(names(machine.on_timer(clock.now())), ["send MESSAGE"]);
        }
        assert_eq!(at, 31_500);
        assert_eq!(machine.next_deadline(), Some(clock.at(32_000)));
        clock.advance(500);
        let actions = machine.on_timer(clock.now());
        assert_eq!(names(actions), ["timeout", "terminated"]);
        assert_eq!(machine.next_deadline(), None);
    }

    #[test]
    fn a_provisional_response_slows_the_repetition_to_t2() {
        let (mut clock, mut machine) = begin(Transport::Unreliable);
        clock.advance(100);
        let actions = machine.on_response(clock.now(), received(100));
        assert_eq!(names(actions), ["deliver 100"]);
        let actions = machine.on_response(clock.now(), received(180));
        assert_eq!(names(actions), ["deliver 180"]);
        // Timer E runs on as it was set, then takes T2.
        for at in [500, 4_500, 8_500] {
            assert_eq!(machine.next_deadline(), Some(clock.at(at)));
            clock.passed_to(at);
            assert_eq!(names(machine.on_timer(clock.now())), ["send MESSAGE"]);
        }
        let mut gone = machine.clone();
        assert_eq!(
            names(gone.on_transport_error()),
            ["transport error", "terminated"]
        );
        clock.passed_to(32_000);
        let actions = machine.on_timer(clock.now());
        assert_eq!(names(actions), ["timeout", "terminated"]);
    }

    #[test]
    fn repeated_final_responses_are_absorbed_until_timer_k() {
        for first in [None, Some(100)] {
            let (mut clock, mut machine) = begin(Transport::Unreliable);
            if let Some(status) = first {
                machine.on_response(clock.now(), received(status));
            }
            let actions = machine.on_response(clock.now(), received(202));
            assert_eq!(names(actions), ["deliver 202"]);
            for status in [202, 100, 500] {
                let actions = machine.on_response(clock.now(), received(status));
                assert_eq!(names(actions), [""; 0]);
            }
            assert_eq!(names(machine.on_transport_error()), [""; 0]);
            assert_eq!(machine.next_deadline(), Some(clock.at(5_000)));
            clock.advance(5_000);
            assert_eq!(names(machine.on_timer(clock.now())), ["terminated"]);
        }
    }

    #[test]
    fn over_a_reliable_transport_nothing_is_repeated_and_k_is_zero() {
        let (mut clock, mut machine) = begin(Transport::Reliable);
        assert_eq!(machine.next_deadline(), Some(clock.at(32_000)));
        let mut silent = machine.clone();
        let actions = machine.on_response(clock.now(), received(415));
        assert_eq!(names(actions), ["deliver 415", "terminated"]);
        clock.advance(32_000);
        let actions = silent.on_timer(clock.now());
        assert_eq!(names(actions), ["timeout", "terminated"]);
    }

    #[test]
    fn a_transport_error_ends_it() {
        let (clock, mut machine) = begin(Transport::Unreliable);
        assert_eq!(
            names(machine.on_transport_error()),
            ["transport error", "terminated"]
        );
        assert_eq!(
            names(machine.on_response(clock.now(), received(200))),
            [""; 0]
        );
    }

    #[test]
    fn a_request_is_no_response() {
        let (clock, mut machine) = begin(Transport::Unreliable);
        let request = message("MESSAGE sip:b@x SIP/2.0\r\n\r\n");
        assert_eq!(names(machine.on_response(clock.now(), request)), [""; 0]);
    }

    proptest! {
        #[test]
        fn any_events_in_any_order(
            reliable in any::<bool>(),
            events in proptest::collection::vec((0..3_u8, 100..700_u16, 0..6_000_u64), 0..40),
        ) {
            let transport = if reliable { Transport::Reliable } else { Transport::Unreliable };
            let (mut clock, mut machine) = begin(transport);
            let (mut ended, mut finals) = (false, 0);
            for (kind, status, wait) in events {
                clock.advance(wait);
                let names = names(match kind {
                    0 => machine.on_timer(clock.now()),
                    1 => machine.on_response(clock.now(), received(status)),
                    _ => machine.on_transport_error(),
                });
                prop_assert!(!ended || names.is_empty());
                prop_assert!(!reliable || !names.iter().any(|name| name.starts_with("send")));
                finals += usize::from(kind == 1 && status >= 200 && !names.is_empty());
                prop_assert!(finals <= 1);
                ended |= names.iter().any(|name| name == "terminated");
                prop_assert_eq!(machine.next_deadline().is_none(), ended);
            }
            clock.advance(3_600_000);
            machine.on_timer(clock.now());
            prop_assert_eq!(machine.next_deadline(), None);
        }
    }
}
