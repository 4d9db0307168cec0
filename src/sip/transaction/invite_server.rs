//! The server transaction of an INVITE (RFC 3261 section 17.2.1; figure 7 as replaced by RFC 6026).
//!
//! ```text
//! Proceeding --2xx-----> Accepted -----------------timer L--> Terminated
//!            --300..699> Completed --ACK--> Confirmed --timer I--^
//!                            \-----------timer H-----------------^
//! ```
//!
//! Beyond the figure: a user that gives no answer within [`Timers::ringing`] of the INVITE or of its last
//! provisional response is told so, and the transaction ends.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::sip::response::Response;
use crate::sip::transaction::{Action, Actions, Timers, Transport, after, earlier, is_due};

/// One transaction.
#[derive(Debug, Clone)]
pub struct InviteServer {
    timers: Timers,
    transport: Transport,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Proceeding {
        last: Option<Bytes>,
        trying: Option<Instant>,
        give_up: Instant,
    },
    Completed {
        last: Bytes,
        g: Option<Repeat>,
        h: Instant,
    },
    Accepted {
        l: Instant,
    },
    Confirmed {
        i: Instant,
    },
    Terminated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Repeat {
    at: Instant,
    interval: Duration,
}

impl InviteServer {
    /// An INVITE was received and is handed to the user.
    #[must_use]
    pub fn new(now: Instant, timers: Timers, transport: Transport) -> Self {
        Self {
            timers,
            transport,
            state: State::Proceeding {
                last: None,
                trying: Some(after(now, timers.trying)),
                give_up: after(now, timers.ringing),
            },
        }
    }

    /// The INVITE came again.
    pub fn on_request(&mut self) -> Actions {
        match &self.state {
            State::Proceeding {
                last: Some(last), ..
            }
            | State::Completed { last, .. } => Actions::of([Action::Send(last.clone())]),
            _ => Actions::none(),
        }
    }

    /// An ACK that matches. One for a 2xx is for the user; one for a refusal ends here.
    pub fn on_ack(&mut self, now: Instant) -> Actions {
        match self.state {
            State::Accepted { .. } => Actions::of([Action::DeliverRequest]),
            State::Completed { .. } => match self.transport.if_unreliable(self.timers.t4) {
                Some(i) => {
                    self.state = State::Confirmed { i: after(now, i) };
                    Actions::none()
                }
                None => self.end(),
            },
            _ => Actions::none(),
        }
    }

    /// The user answers. Without [`Action::Send`] among the actions the response is discarded: it is late,
    /// or a second final one other than a repeated 2xx.
    pub fn respond(&mut self, now: Instant, response: &Response) -> Actions {
        let bytes = response.bytes().clone();
        match (&self.state, response.status()) {
            (State::Proceeding { .. }, 100..200) => {
                self.state = State::Proceeding {
                    last: Some(bytes.clone()),
                    trying: None,
                    give_up: after(now, self.timers.ringing),
                };
            }
            (State::Proceeding { .. }, 200..300) => {
                self.state = State::Accepted {
                    l: after(now, self.timers.life()),
                };
            }
            (State::Proceeding { .. }, _) => {
                let g = self.transport.if_unreliable(self.timers.t1);
                self.state = State::Completed {
                    last: bytes.clone(),
                    g: g.map(|interval| Repeat {
                        at: after(now, interval),
                        interval,
                    }),
                    h: after(now, self.timers.life()),
                };
            }
            (State::Accepted { .. }, 200..300) => {}
            _ => return Actions::none(),
        }
        Actions::of([Action::Send(bytes)])
    }

    /// Time has passed.
    pub fn on_timer(&mut self, now: Instant) -> Actions {
        match &mut self.state {
            State::Proceeding { give_up: end, .. } | State::Completed { h: end, .. }
                if *end <= now =>
            {
                self.state = State::Terminated;
                Actions::of([Action::Timeout, Action::Terminated])
            }
            State::Proceeding { trying, .. } if is_due(*trying, now) => {
                *trying = None;
                Actions::of([Action::TryingDue])
            }
            State::Completed {
                last, g: Some(g), ..
            } if g.at <= now => {
                g.interval = self.timers.doubled(g.interval);
                g.at = after(now, g.interval);
                Actions::of([Action::Send(last.clone())])
            }
            State::Accepted { l: end } | State::Confirmed { i: end } if *end <= now => self.end(),
            _ => Actions::none(),
        }
    }

    /// A response could not be sent, and there is no other way to send it. The transaction stays (RFC 6026
    /// section 7.1).
    pub fn on_transport_error(&mut self) -> Actions {
        match self.state {
            State::Confirmed { .. } | State::Terminated => Actions::none(),
            _ => Actions::of([Action::TransportError]),
        }
    }

    /// When to call [`InviteServer::on_timer`] next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        match self.state {
            State::Proceeding {
                trying, give_up, ..
            } => earlier(trying, Some(give_up)),
            State::Completed { g, h, .. } => earlier(g.map(|g| g.at), Some(h)),
            State::Accepted { l: end } | State::Confirmed { i: end } => Some(end),
            State::Terminated => None,
        }
    }

    fn end(&mut self) -> Actions {
        self.state = State::Terminated;
        Actions::of([Action::Terminated])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::transaction::testing::{Clock, names, response};
    use proptest::prelude::*;

    fn begin(transport: Transport) -> (Clock, InviteServer) {
        let clock = Clock::new();
        let machine = InviteServer::new(clock.now(), Timers::default(), transport);
        (clock, machine)
    }

    #[test]
    fn trying_is_due_after_200_ms() {
        let (mut clock, mut machine) = begin(Transport::Unreliable);
        assert_eq!(names(machine.on_request()), [""; 0]);
        assert_eq!(machine.next_deadline(), Some(clock.at(200)));
        clock.advance(200);
        assert_eq!(names(machine.on_timer(clock.now())), ["trying due"]);
        for status in [100, 180] {
            let sent = format!("send {status}");
            let actions = machine.respond(clock.now(), &response(status));
            assert_eq!(names(actions), [sent.as_str()]);
            assert_eq!(names(machine.on_request()), [sent.as_str()]);
        }
        assert_eq!(names(machine.on_ack(clock.now())), [""; 0]);
    }

    #[test]
    fn an_accepted_invite_absorbs_its_repetitions_until_timer_l() {
        for transport in [Transport::Unreliable, Transport::Reliable] {
            let (mut clock, mut machine) = begin(transport);
            let actions = machine.respond(clock.now(), &response(200));
            assert_eq!(names(actions), ["send 200"]);
            assert_eq!(names(machine.on_request()), [""; 0]);
            // The user repeats the 2xx; nothing but a 2xx may follow it.
            clock.advance(500);
            let actions = machine.respond(clock.now(), &response(200));
            assert_eq!(names(actions), ["send 200"]);
            for other in [180, 486] {
                let actions = machine.respond(clock.now(), &response(other));
                assert_eq!(names(actions), [""; 0]);
            }
            assert_eq!(names(machine.on_transport_error()), ["transport error"]);
            assert_eq!(names(machine.on_ack(clock.now())), ["deliver request"]);
            assert_eq!(names(machine.on_ack(clock.now())), ["deliver request"]);
            assert_eq!(machine.next_deadline(), Some(clock.at(32_000)));
            clock.advance(31_500);
            assert_eq!(names(machine.on_timer(clock.now())), ["terminated"]);
        }
    }

    #[test]
    fn a_refusal_is_repeated_by_timer_g_until_timer_h() {
        let (mut clock, mut machine) = begin(Transport::Unreliable);
        machine.respond(clock.now(), &response(486));
        let mut at = 0;
        for interval in [
            500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000,
        ] {
            at += interval;
            if at >= 32_000 {
                break;
            }
            assert_eq!(machine.next_deadline(), Some(clock.at(at)));
            clock.advance(interval);
            assert_eq!(names(machine.on_timer(clock.now())), ["send 486"]);
            assert_eq!(names(machine.on_request()), ["send 486"]);
        }
        assert_eq!(machine.next_deadline(), Some(clock.at(32_000)));
        clock.advance(4_000);
        let actions = machine.on_timer(clock.now());
        assert_eq!(names(actions), ["timeout", "terminated"]);
    }

    #[test]
    fn an_ack_stops_the_repetition_and_timer_i_ends_it() {
        let (mut clock, mut machine) = begin(Transport::Unreliable);
        machine.respond(clock.now(), &response(486));
        assert_eq!(names(machine.on_transport_error()), ["transport error"]);
        clock.advance(100);
        assert_eq!(names(machine.on_ack(clock.now())), [""; 0]);
        assert_eq!(names(machine.on_ack(clock.now())), [""; 0]);
        assert_eq!(names(machine.on_request()), [""; 0]);
        assert_eq!(names(machine.on_transport_error()), [""; 0]);
        assert_eq!(machine.next_deadline(), Some(clock.at(5_100)));
        clock.advance(5_000);
        assert_eq!(names(machine.on_timer(clock.now())), ["terminated"]);
    }

    #[test]
    fn over_a_reliable_transport_g_is_off_and_i_is_zero_but_h_runs() {
        let (mut clock, mut machine) = begin(Transport::Reliable);
        machine.respond(clock.now(), &response(603));
        assert_eq!(machine.next_deadline(), Some(clock.at(32_000)));
        let mut acked = machine.clone();
        assert_eq!(names(acked.on_ack(clock.now())), ["terminated"]);
        clock.advance(32_000);
        let actions = machine.on_timer(clock.now());
        assert_eq!(names(actions), ["timeout", "terminated"]);
    }

    #[test]
    fn a_user_that_never_answers_is_given_up_on() {
        let (mut clock, mut machine) = begin(Transport::Unreliable);
        clock.advance(100_000);
        assert_eq!(names(machine.on_timer(clock.now())), ["trying due"]);
        machine.respond(clock.now(), &response(180));
        assert_eq!(names(machine.on_transport_error()), ["transport error"]);
        assert_eq!(machine.next_deadline(), Some(clock.at(300_000)));
        clock.advance(200_000);
        let actions = machine.on_timer(clock.now());
        assert_eq!(names(actions), ["timeout", "terminated"]);
    }

    proptest! {
        #[test]
        fn any_events_in_any_order(
            reliable in any::<bool>(),
            events in proptest::collection::vec((0..5_u8, 100..700_u16, 0..40_000_u64), 0..40),
        ) {
            let transport = if reliable { Transport::Reliable } else { Transport::Unreliable };
            let (mut clock, mut machine) = begin(transport);
            let (mut ended, mut acked, mut last) = (false, false, 0_u16);
            for (kind, status, wait) in events {
                clock.advance(if kind == 0 { wait } else { wait % 700 });
                let actions = match kind {
                    0 => machine.on_timer(clock.now()),
                    1 => machine.on_request(),
                    2 => machine.respond(clock.now(), &response(status)),
                    3 => machine.on_ack(clock.now()),
                    _ => machine.on_transport_error(),
                };
                let names = names(actions);
                prop_assert!(!ended || names.is_empty());
                if kind == 1 && !ended {
                    // The last response, but for none yet, a 2xx (the user repeats it) and an acknowledged one.
                    let silent = last == 0 || (200..300).contains(&last) || acked;
                    let expected = if silent { vec![] } else { vec![format!("send {last}")] };
                    prop_assert_eq!(&names, &expected);
                }
                if kind == 2 && !names.is_empty() {
                    last = status;
                }
                acked |= kind == 3 && last >= 300;
                ended |= names.iter().any(|name| name == "terminated");
                prop_assert_eq!(machine.next_deadline().is_none(), ended);
            }
            clock.advance(3_600_000);
            machine.on_timer(clock.now());
            prop_assert_eq!(machine.next_deadline(), None);
        }
    }
}
