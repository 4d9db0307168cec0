//! The 2xx of an INVITE, repeated until its ACK comes (RFC 3261 section 13.3.1.4). Sans-IO as
//! [`crate::sip::transaction`], and beside it because this is the user's duty, over every transport: the
//! transaction ends with the 2xx, and a proxy on the way may forward over UDP.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::sip::dialog::DialogId;
use crate::sip::header::CSeq;
use crate::sip::message::Message;
use crate::sip::transaction::live::Live;
use crate::sip::transaction::{Timers, after};

/// All responses that wait for their ACK. `P` is how the endpoint names the way back to the client.
#[derive(Debug)]
pub struct Accepted<P> {
    timers: Timers,
    live: Live<AcceptedKey, Entry<P>>,
}

/// Names one: a dialog, and the number of the INVITE in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AcceptedKey {
    /// The dialog that the INVITE made or is part of.
    pub dialog: DialogId,
    /// Its `CSeq` number, which the ACK has, too.
    pub number: u32,
}

#[derive(Debug)]
struct Entry<P> {
    bytes: Bytes,
    peer: P,
    repeat: Instant,
    interval: Duration,
    give_up: Instant,
}

/// What time brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcceptedEvent<P> {
    /// Send the response again.
    Transmit {
        /// As it was given with the response.
        peer: P,
        /// The response.
        bytes: Bytes,
    },
    /// No ACK came within 64 * T1: end the session with a BYE.
    GivenUp(AcceptedKey),
}

impl<P: Clone> Accepted<P> {
    /// An empty table. Whoever bounds the sessions bounds it.
    #[must_use]
    pub fn new(timers: Timers) -> Self {
        Self {
            timers,
            live: Live::new(),
        }
    }

    /// How many responses wait for their ACK.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether none does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.len() == 0
    }

    /// A 2xx has been sent for the first time, by the transaction.
    pub fn hold(&mut self, now: Instant, key: &AcceptedKey, response: Bytes, peer: P) {
        let repeat = after(now, self.timers.t1);
        let entry = Entry {
            bytes: response,
            peer,
            repeat,
            interval: self.timers.t1,
            give_up: after(now, self.timers.life()),
        };
        let first = entry.next();
        self.live.insert(key.clone(), entry);
        self.live.reschedule(key, Some(first));
    }

    /// An ACK has come. Gives the name of the response that it was waited for with; `None` if it is repeated,
    /// late or of something else.
    pub fn on_ack(&mut self, ack: &Message) -> Option<AcceptedKey> {
        let dialog = DialogId::of_request(ack).ok()?;
        let cseq = CSeq::parse(ack.header("CSeq")?.raw_value()).ok()?;
        let key = AcceptedKey {
            dialog,
            number: cseq.number,
        };
        self.live.remove(&key).map(|_| key)
    }

    /// A session has ended, by a BYE that came or went before the ACK: nothing of its dialog is repeated any more.
    pub fn forget(&mut self, dialog: &DialogId) {
        // There are few: an ACK takes a round trip.
        let keys: Vec<_> = self
            .live
            .keys()
            .filter(|key| key.dialog == *dialog)
            .cloned()
            .collect();
        for key in keys {
            self.live.remove(&key);
        }
    }

    /// Time has passed.
    pub fn on_timers(&mut self, now: Instant) -> Vec<AcceptedEvent<P>> {
        let mut events = Vec::new();
        for key in self.live.take_due(now) {
            let Some(entry) = self.live.get_mut(&key) else {
                continue;
            };
            if entry.give_up <= now {
                self.live.remove(&key);
                events.push(AcceptedEvent::GivenUp(key));
                continue;
            }
            if entry.repeat <= now {
                entry.interval = self.timers.doubled(entry.interval);
                entry.repeat = after(now, entry.interval);
                events.push(AcceptedEvent::Transmit {
                    peer: entry.peer.clone(),
                    bytes: entry.bytes.clone(),
                });
            }
            let next = entry.next();
            self.live.reschedule(&key, Some(next));
        }
        events
    }

    /// When to call [`Accepted::on_timers`] next. Nothing may be due then, nothing is due before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.live.next_deadline()
    }
}

impl<P> Entry<P> {
    fn next(&self) -> Instant {
        self.repeat.min(self.give_up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::transaction::testing::{Clock, message};

    fn ack(call_id: &str, number: u32) -> Message {
        message(&format!(
            "ACK sip:us SIP/2.0\r\nFrom: <sip:a@x>;tag=theirs\r\nTo: <sip:b@x>;tag=ours\r\n\
             Call-ID: {call_id}\r\nCSeq: {number} ACK\r\n\r\n"
        ))
    }

    fn key(call_id: &str, number: u32) -> AcceptedKey {
        AcceptedKey {
            dialog: DialogId::of_request(&ack(call_id, number)).unwrap(),
            number,
        }
    }

    const OK: Bytes = Bytes::from_static(b"SIP/2.0 200 OK\r\n\r\n");

    fn again(peer: u8) -> AcceptedEvent<u8> {
        AcceptedEvent::Transmit { peer, bytes: OK }
    }

    fn held(call_ids: &[&str]) -> (Clock, Accepted<u8>) {
        let clock = Clock::new();
        let mut table = Accepted::new(Timers::default());
        for (peer, call_id) in (0..).zip(call_ids) {
            table.hold(clock.now(), &key(call_id, 1), OK, peer);
        }
        (clock, table)
    }

    #[test]
    fn the_response_is_repeated_until_64_t1_pass() {
        let (mut clock, mut table) = held(&["a"]);
        let mut at = 0;
        for interval in [
            500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000,
        ] {
            at += interval;
            assert_eq!(table.next_deadline(), Some(clock.at(at)));
            clock.advance(interval - 1);
            assert_eq!(table.on_timers(clock.now()), []);
            clock.advance(1);
            assert_eq!(table.on_timers(clock.now()), [again(0)]);
        }
        assert_eq!(table.next_deadline(), Some(clock.at(32_000)));
        let given_up = [AcceptedEvent::GivenUp(key("a", 1))];
        assert_eq!(table.on_timers(clock.at(32_000)), given_up);
        assert!(table.is_empty());
        assert_eq!(table.next_deadline(), None);
        assert_eq!(table.on_ack(&ack("a", 1)), None);
    }

    #[test]
    fn its_own_ack_ends_it_once() {
        let (clock, mut table) = held(&["a", "b"]);
        assert_eq!(table.on_ack(&ack("a", 2)), None);
        assert_eq!(table.on_ack(&ack("c", 1)), None);
        assert_eq!(table.on_ack(&ack("a", 1)), Some(key("a", 1)));
        assert_eq!(table.on_ack(&ack("a", 1)), None);
        assert_eq!(table.on_timers(clock.at(500)), [again(1)]);
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn nothing_of_a_dialog_that_has_ended_is_repeated() {
        let (clock, mut table) = held(&["a", "b"]);
        table.hold(clock.now(), &key("a", 2), OK, 9);
        table.forget(&key("a", 1).dialog);
        assert_eq!(table.on_timers(clock.at(500)), [again(1)]);
        table.forget(&key("b", 1).dialog);
        assert_eq!((table.len(), table.next_deadline()), (0, None));
    }

    #[test]
    fn a_re_invite_is_acknowledged_apart() {
        let (clock, mut table) = held(&["a"]);
        table.hold(clock.at(100), &key("a", 2), OK, 9);
        assert_eq!(table.on_ack(&ack("a", 1)), Some(key("a", 1)));
        assert_eq!(table.on_timers(clock.at(600)), [again(9)]);
    }

    #[test]
    fn hostile_acks_are_of_nothing() {
        let (_, mut table) = held(&["a"]);
        for text in [
            "ACK sip:us SIP/2.0\r\n\r\n",
            "ACK sip:us SIP/2.0\r\nFrom: <sip:a@x>;tag=theirs\r\nTo: <sip:b@x>;tag=ours\r\nCall-ID: a\r\n\r\n",
            "ACK sip:us SIP/2.0\r\nFrom: <\r\nTo: <sip:b@x>;tag=ours\r\nCall-ID: a\r\nCSeq: 1 ACK\r\n\r\n",
        ] {
            assert_eq!(table.on_ack(&message(text)), None);
        }
        assert_eq!(table.len(), 1);
    }
}
