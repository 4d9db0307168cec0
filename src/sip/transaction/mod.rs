//! The transaction layer (RFC 3261 section 17, RFC 6026, RFC 4320): who repeats what over a transport that
//! loses datagrams, and when to give up. Sans-IO: the current time goes in with each event, what is to be
//! done comes out; no socket, no clock, no task.
//!
//! | module | what | figure |
//! | --- | --- | --- |
//! | [`server`] | we answer a request other than INVITE | RFC 3261, 8 |
//! | [`invite_server`] | we answer an INVITE | RFC 6026, 7 |
//! | [`client`] | we send a request other than INVITE | RFC 3261, 6 |
//! | [`invite_client`] | we send an INVITE | RFC 6026, 5 |
//! | [`key`] | which transaction a message belongs to | |
//! | [`table`] | all transactions we answer | |
//! | [`client_table`] | all transactions we began | |
//!
//! The endpoint around it gives each request to [`table::ServerTransactions::on_request`] and each response
//! to [`client_table::ClientTransactions::on_response`], sleeps until the earlier `next_deadline`, then calls
//! `on_timers`. "The user" below is RFC 3261's transaction user: the code that decides what to answer.
//!
//! A request is processed once however often it arrives: this is what makes a repeated MESSAGE over UDP one
//! stored message (RFC 3428 section 8).

pub mod client;
pub mod client_table;
pub mod invite_client;
pub mod invite_server;
pub mod key;
pub(in crate::sip) mod live;
pub mod server;
pub mod table;

#[cfg(test)]
pub(in crate::sip) mod testing;

use std::array;
use std::iter::Flatten;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::sip::message::Message;

pub use key::{KeyError, TransactionKey};

/// Whether the transport repeats what is lost, so that we need not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP, TLS, SCTP, `WebSocket`.
    Reliable,
    /// UDP.
    Unreliable,
}

impl Transport {
    /// The time for a wait that exists only because datagrams are lost and come late: `None` over a reliable
    /// transport, where RFC 3261 sets such a timer to zero seconds.
    fn if_unreliable(self, time: Duration) -> Option<Duration> {
        match self {
            Self::Reliable => None,
            Self::Unreliable => Some(time),
        }
    }
}

/// The durations that all timers follow from (RFC 3261 section 17.1.1.1 and table 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// T1, the estimate of the round-trip time; the first retransmission comes after it. 500 ms.
    pub t1: Duration,
    /// T2, the longest interval between retransmissions of a non-INVITE request and of a response to INVITE.
    /// 4 s.
    pub t2: Duration,
    /// T4, how long a datagram can stay in the network. 5 s.
    pub t4: Duration,
    /// The least that timer D lasts, for servers whose T1 is longer than ours. 32 s.
    pub d_min: Duration,
    /// How long we may think about an INVITE before 100 (Trying) is due (section 17.2.1). 200 ms.
    pub trying: Duration,
    /// How long an INVITE may wait for the next response of the user before it is given up. RFC 3261 names
    /// no end; without one an answer that is never given would hold its entry for ever. Its proxies give up
    /// after three minutes (timer C), so nobody waits longer. 200 s.
    pub ringing: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            d_min: Duration::from_secs(32),
            trying: Duration::from_millis(200),
            ringing: Duration::from_secs(200),
        }
    }
}

impl Timers {
    /// 64 * T1: timers B, F, H, J, L and M, the life of a transaction. 32 s.
    #[must_use]
    pub fn life(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// Timer D over an unreliable transport.
    #[must_use]
    pub fn d(&self) -> Duration {
        self.life().max(self.d_min)
    }

    /// The interval after this one, when intervals double up to T2 (timers E and G).
    #[must_use]
    pub fn doubled(&self, interval: Duration) -> Duration {
        interval.saturating_mul(2).min(self.t2)
    }

    /// How long we may think about a request other than INVITE before 100 (Trying) is due, and before which
    /// it must not be sent over UDP: the time a client's timer E takes to be set to T2 (RFC 4320 section
    /// 4.1). 3.5 s.
    #[must_use]
    pub fn trying_other(&self) -> Duration {
        let mut interval = self.t1.max(Duration::from_millis(1));
        let mut total = Duration::ZERO;
        while interval < self.t2 {
            total = total.saturating_add(interval);
            interval = interval.saturating_mul(2);
        }
        total
    }
}

/// When a timer set now fires. A millisecond is the least, lest timers configured as zero spin.
pub(in crate::sip) fn after(now: Instant, time: Duration) -> Instant {
    const FOR_EVER: Duration = Duration::from_hours(24 * 365);
    let time = time.max(Duration::from_millis(1));
    now.checked_add(time)
        .or_else(|| now.checked_add(FOR_EVER))
        .unwrap_or(now)
}

/// The earlier of two deadlines that may be unset.
pub(in crate::sip) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Whether a deadline is there and has come.
fn is_due(deadline: Option<Instant>, now: Instant) -> bool {
    deadline.is_some_and(|deadline| deadline <= now)
}

/// What a machine wants done.
#[derive(Debug, Clone)]
pub enum Action {
    /// Give these octets to the transport.
    Send(Bytes),
    /// Hand the request just received (an ACK) to the user.
    DeliverRequest,
    /// Hand this response to the user.
    DeliverResponse(Message),
    /// The user has not answered so long that 100 (Trying) is due.
    TryingDue,
    /// Nothing came in time: no response to what we sent, no ACK for what we answered, or no answer by our
    /// own user.
    Timeout,
    /// The transport could not send.
    TransportError,
    /// The transaction has ended: forget it. Nothing comes after this.
    Terminated,
}

/// A few actions, in the order to do them.
#[derive(Debug, Clone, Default)]
pub struct Actions([Option<Action>; MOST_ACTIONS]);

/// The most that one event causes: an INVITE that failed over TCP sends its ACK, delivers, terminates.
const MOST_ACTIONS: usize = 3;

impl Actions {
    /// Nothing to do.
    fn none() -> Self {
        Self::default()
    }

    /// These, in this order.
    fn of<const N: usize>(actions: [Action; N]) -> Self {
        const { assert!(N <= MOST_ACTIONS) }
        let mut list = Self::default();
        for (slot, action) in list.0.iter_mut().zip(actions) {
            *slot = Some(action);
        }
        list
    }
}

impl IntoIterator for Actions {
    type Item = Action;
    type IntoIter = Flatten<array::IntoIter<Option<Action>, MOST_ACTIONS>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().flatten()
    }
}

/// Octets for the transport, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit<P> {
    /// The transaction to name should sending fail.
    pub key: TransactionKey,
    /// The handle that came in with the request, or was given with it.
    pub peer: P,
    /// One message.
    pub bytes: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_rfcs() {
        let timers = Timers::default();
        assert_eq!(timers.life(), Duration::from_secs(32));
        assert_eq!(timers.d(), Duration::from_secs(32));
        assert_eq!(timers.trying_other(), Duration::from_millis(3500));
        let slow = Timers {
            t1: Duration::from_secs(1),
            ..timers
        };
        assert_eq!(slow.d(), Duration::from_secs(64));
        let fast = Timers {
            t1: Duration::from_millis(100),
            ..timers
        };
        assert_eq!(fast.d(), Duration::from_secs(32));
    }

    #[test]
    fn absurd_durations_do_no_harm() {
        let zero = Timers {
            t1: Duration::ZERO,
            t2: Duration::ZERO,
            ..Timers::default()
        };
        assert_eq!(zero.trying_other(), Duration::ZERO);
        let endless = Timers {
            t1: Duration::MAX,
            t2: Duration::MAX,
            ..Timers::default()
        };
        assert_eq!(endless.life(), Duration::MAX);
        assert_eq!(endless.trying_other(), Duration::ZERO);
        let now = Instant::now();
        assert!(after(now, Duration::MAX) > now);
        assert!(after(now, Duration::ZERO) > now);
    }
}
