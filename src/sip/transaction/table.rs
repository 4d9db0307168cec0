//! The transactions we answer, together: [`ServerTransactions`]. Those we began are in
//! [`crate::sip::transaction::client_table`].

use std::collections::HashSet;
use std::time::Instant;

use bytes::Bytes;

use crate::sip::message::Message;
use crate::sip::response::Response;
use crate::sip::transaction::invite_server::InviteServer;
use crate::sip::transaction::key::MergeKey;
use crate::sip::transaction::live::Live;
use crate::sip::transaction::server::NonInviteServer;
use crate::sip::transaction::{
    Action, Actions, KeyError, Timers, TransactionKey, Transmit, Transport,
};

/// A bounded table of server transactions. `P` is how the endpoint names the way back to the client: an
/// address and a socket, or a connection.
#[derive(Debug)]
pub struct ServerTransactions<P> {
    timers: Timers,
    limit: usize,
    live: Live<TransactionKey, Entry<P>>,
    merges: HashSet<MergeKey>,
}

#[derive(Debug)]
struct Entry<P> {
    machine: Machine,
    peer: P,
    /// The request, until it is answered: a 100 that falls due is made from it.
    request: Option<Bytes>,
    /// Set while the transaction stands in the table of merges.
    merge: Option<MergeKey>,
}

#[derive(Debug)]
enum Machine {
    Invite(InviteServer),
    Other(NonInviteServer),
}

/// What a received request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A new one: process it and answer with [`ServerTransactions::respond`].
    New {
        /// Its transaction.
        key: TransactionKey,
        /// Another live transaction has the same From tag, Call-ID and `CSeq`: the request has forked on its
        /// way and came twice (RFC 3261 section 8.2.2.2). One that was refused does not count: it may come
        /// again on another way.
        merged: bool,
    },
    /// A repeated one: send these octets to where it came from.
    Answer(Bytes),
    /// A repeated one that has no answer yet, or the ACK of a refusal: nothing to do.
    Absorbed,
    /// An ACK for the user: of a 2xx, or of nothing we know.
    Ack {
        /// The INVITE, if it has the same branch. An RFC 3261 client gives the ACK of a 2xx a branch of its
        /// own, and the user finds its dialog.
        invite: Option<TransactionKey>,
    },
    /// A new one for which there is no room: answer 503 without a transaction.
    Full,
}

/// What time brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerEvent<P> {
    /// Send: a refusal of an INVITE has had no ACK.
    Transmit(Transmit<P>),
    /// Answer 100 (Trying) now, if the final response is not at hand: to an INVITE after 200 ms, to other
    /// requests after 3.5 s (RFC 4320).
    TryingDue {
        /// The transaction to answer in.
        key: TransactionKey,
        /// As it was passed in with the request.
        peer: P,
        /// The request as received.
        request: Bytes,
    },
    /// The transaction has ended, because the user gave no answer or the client gave no ACK.
    Timeout(TransactionKey),
}

impl<P: Clone> ServerTransactions<P> {
    /// A table for at most `limit` transactions.
    #[must_use]
    pub fn new(timers: Timers, limit: usize) -> Self {
        Self {
            timers,
            limit,
            live: Live::new(),
            merges: HashSet::new(),
        }
    }

    /// How many transactions are live.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.len() == 0
    }

    /// Whether this one is; the INVITE that a CANCEL is about, say.
    #[must_use]
    pub fn contains(&self, key: &TransactionKey) -> bool {
        self.live.contains(key)
    }

    /// The way back to the client of a transaction.
    #[must_use]
    pub fn peer(&mut self, key: &TransactionKey) -> Option<&P> {
        self.live.get_mut(key).map(|entry| &entry.peer)
    }

    /// The request of a transaction that has no final response yet.
    #[must_use]
    pub fn request(&mut self, key: &TransactionKey) -> Option<Bytes> {
        self.live.get_mut(key)?.request.clone()
    }

    /// A request has come. A repeated one that came another way takes its answer that way, too: `peer` counts
    /// from now on.
    ///
    /// # Errors
    /// [`KeyError`] if the request cannot be matched: answer 400 without a transaction, or drop it.
    pub fn on_request(
        &mut self,
        now: Instant,
        request: &Message,
        transport: Transport,
        peer: P,
    ) -> Result<Received, KeyError> {
        let key = TransactionKey::server(request)?;
        let is_ack = request.method() == Some("ACK");
        if let Some(entry) = self.live.get_mut(&key) {
            let actions = match &mut entry.machine {
                Machine::Invite(machine) if is_ack => machine.on_ack(now),
                Machine::Invite(machine) => machine.on_request(),
                Machine::Other(machine) => machine.on_request(),
            };
            if !is_ack {
                entry.peer = peer;
            }
            return Ok(self.repeated(&key, actions));
        }
        if is_ack {
            return Ok(Received::Ack { invite: None });
        }
        if self.live.len() >= self.limit {
            return Ok(Received::Full);
        }
        Ok(self.begin(now, key, request, transport, peer))
    }

    /// The user answers. What comes back is to be sent; `None` if the response is discarded, because the
    /// transaction has ended or has had its final response.
    pub fn respond(
        &mut self,
        now: Instant,
        key: &TransactionKey,
        response: &Response,
    ) -> Option<Transmit<P>> {
        let entry = self.live.get_mut(key)?;
        let actions = match &mut entry.machine {
            Machine::Invite(machine) => machine.respond(now, response),
            Machine::Other(machine) => machine.respond(now, response),
        };
        let peer = entry.peer.clone();
        let mut transmit = None;
        let mut ended = false;
        for action in actions {
            match action {
                Action::Send(bytes) => transmit = Some(bytes),
                Action::Terminated => ended = true,
                _ => {}
            }
        }
        if transmit.is_some() && response.status() >= 200 {
            entry.request = None;
            if response.status() >= 300
                && let Some(merge) = entry.merge.take()
            {
                self.merges.remove(&merge);
            }
        }
        self.settle(key, ended);
        let key = key.clone();
        transmit.map(|bytes| Transmit { key, peer, bytes })
    }

    /// A response could not be sent. The transaction stays, so that the request is not processed twice; says
    /// whether there is one that had sent something.
    pub fn on_transport_error(&mut self, key: &TransactionKey) -> bool {
        let Some(entry) = self.live.get_mut(key) else {
            return false;
        };
        let actions = match &mut entry.machine {
            Machine::Invite(machine) => machine.on_transport_error(),
            Machine::Other(machine) => machine.on_transport_error(),
        };
        actions
            .into_iter()
            .any(|action| matches!(action, Action::TransportError))
    }

    /// Time has passed.
    pub fn on_timers(&mut self, now: Instant) -> Vec<ServerEvent<P>> {
        let mut events = Vec::new();
        for key in self.live.take_due(now) {
            let Some(entry) = self.live.get_mut(&key) else {
                continue;
            };
            let actions = match &mut entry.machine {
                Machine::Invite(machine) => machine.on_timer(now),
                Machine::Other(machine) => machine.on_timer(now),
            };
            let mut ended = false;
            for action in actions {
                let key = key.clone();
                let peer = entry.peer.clone();
                match action {
                    Action::Send(bytes) => {
                        events.push(ServerEvent::Transmit(Transmit { key, peer, bytes }));
                    }
                    Action::TryingDue => {
                        if let Some(request) = entry.request.clone() {
                            events.push(ServerEvent::TryingDue { key, peer, request });
                        }
                    }
                    Action::Timeout => events.push(ServerEvent::Timeout(key)),
                    Action::Terminated => ended = true,
                    _ => {}
                }
            }
            self.settle(&key, ended);
        }
        events
    }

    /// When to call [`ServerTransactions::on_timers`] next. Nothing may be due then, nothing is due before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.live.next_deadline()
    }

    fn begin(
        &mut self,
        now: Instant,
        key: TransactionKey,
        request: &Message,
        transport: Transport,
        peer: P,
    ) -> Received {
        let merge = MergeKey::new(request);
        let merged = merge
            .as_ref()
            .is_some_and(|merge| self.merges.contains(merge));
        let merge = merge.filter(|_| !merged);
        if let Some(merge) = &merge {
            self.merges.insert(merge.clone());
        }
        let machine = if request.method() == Some("INVITE") {
            Machine::Invite(InviteServer::new(now, self.timers, transport))
        } else {
            Machine::Other(NonInviteServer::new(now, self.timers, transport))
        };
        let entry = Entry {
            machine,
            peer,
            request: Some(request.raw().clone()),
            merge,
        };
        self.live.insert(key.clone(), entry);
        self.settle(&key, false);
        Received::New { key, merged }
    }

    fn repeated(&mut self, key: &TransactionKey, actions: Actions) -> Received {
        let mut received = Received::Absorbed;
        let mut ended = false;
        for action in actions {
            match action {
                Action::Send(bytes) => received = Received::Answer(bytes),
                Action::DeliverRequest => {
                    let invite = Some(key.clone());
                    received = Received::Ack { invite };
                }
                Action::Terminated => ended = true,
                _ => {}
            }
        }
        self.settle(key, ended);
        received
    }

    /// After each event: forgets an ended transaction, sets the deadline of a live one.
    fn settle(&mut self, key: &TransactionKey, ended: bool) {
        if ended {
            if let Some(merge) = self.live.remove(key).and_then(|entry| entry.merge) {
                self.merges.remove(&merge);
            }
            return;
        }
        let deadline = self
            .live
            .get_mut(key)
            .and_then(|entry| match &entry.machine {
                Machine::Invite(machine) => machine.next_deadline(),
                Machine::Other(machine) => machine.next_deadline(),
            });
        self.live.reschedule(key, deadline);
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
