//! Our 2xx to INVITEs until their ACKs come (RFC 3261 section 13.3.1.4): sent again over every transport, because
//! the ACK travels from end to end and no transaction sees to it. Sans-IO.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::sip::transaction::Timers;

/// The 2xx that wait for an ACK, by the tag in their To, which is ours.
#[derive(Debug)]
pub(super) struct Accepted<P> {
    timers: Timers,
    waiting: HashMap<String, Waiting<P>>,
}

#[derive(Debug)]
struct Waiting<P> {
    response: Bytes,
    peer: P,
    again_at: Instant,
    interval: Duration,
    until: Instant,
}

/// What time brings.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due<P> {
    /// Send this again.
    Again(P, Bytes),
    /// No ACK has come for the 2xx with this tag: the session is to be ended.
    GivenUp(String),
}

impl<P: Clone> Accepted<P> {
    pub(super) fn new(timers: Timers) -> Self {
        Self {
            timers,
            waiting: HashMap::new(),
        }
    }

    /// A 2xx has been sent.
    pub(super) fn sent(&mut self, now: Instant, tag: &str, response: Bytes, peer: P) {
        let waiting = Waiting {
            response,
            peer,
            again_at: now + self.timers.t1,
            interval: self.timers.t1,
            until: now + self.timers.life(),
        };
        self.waiting.insert(tag.to_owned(), waiting);
    }

    /// An ACK has come; whether it was awaited.
    pub(super) fn acknowledged(&mut self, tag: &str) -> bool {
        self.waiting.remove(tag).is_some()
    }

    /// When to call [`Accepted::on_timers`] next. There are no more of them than sessions, which are few.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let deadlines = self.waiting.values();
        deadlines
            .map(|waiting| waiting.again_at.min(waiting.until))
            .min()
    }

    pub(super) fn on_timers(&mut self, now: Instant) -> Vec<Due<P>> {
        let mut due = Vec::new();
        for (tag, waiting) in &mut self.waiting {
            if waiting.until <= now {
                due.push(Due::GivenUp(tag.clone()));
            } else if waiting.again_at <= now {
                waiting.interval = self.timers.doubled(waiting.interval);
                waiting.again_at = now + waiting.interval;
                due.push(Due::Again(waiting.peer.clone(), waiting.response.clone()));
            }
        }
        self.waiting.retain(|_, waiting| waiting.until > now);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_2xx_is_repeated_until_its_ack_or_for_32_seconds() {
        let begin = Instant::now();
        let at = |millis| begin + Duration::from_millis(millis);
        let mut accepted = Accepted::new(Timers::default());
        accepted.sent(begin, "one", Bytes::from_static(b"200"), 7);
        accepted.sent(begin, "other", Bytes::from_static(b"200"), 8);
        assert!(accepted.acknowledged("other"));
        assert!(!accepted.acknowledged("other"), "once is enough");
        let mut sent = Vec::new();
        let mut given_up = None;
        while let Some(deadline) = accepted.next_deadline() {
            for due in accepted.on_timers(deadline) {
                match due {
                    Due::Again(peer, bytes) => {
                        assert_eq!((peer, bytes.as_ref()), (7, &b"200"[..]));
                        sent.push((deadline - begin).as_millis());
                    }
                    Due::GivenUp(tag) => given_up = Some((deadline, tag)),
                }
            }
        }
        // T1, doubled up to T2.
        assert_eq!(&sent[..6], [500, 1500, 3500, 7500, 11_500, 15_500]);
        assert_eq!(given_up, Some((at(32_000), "one".to_owned())));
        assert_eq!(accepted.on_timers(at(40_000)), []);
    }
}
