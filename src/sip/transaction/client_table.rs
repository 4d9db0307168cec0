//! The transactions we began, together: [`ClientTransactions`].

use std::time::Instant;

use crate::sip::message::Message;
use crate::sip::transaction::client::NonInviteClient;
use crate::sip::transaction::invite_client::InviteClient;
use crate::sip::transaction::live::Live;
use crate::sip::transaction::{
    Action, Actions, KeyError, Timers, TransactionKey, Transmit, Transport,
};

/// A bounded table of client transactions. `P` is how the endpoint names the next hop.
#[derive(Debug)]
pub struct ClientTransactions<P> {
    timers: Timers,
    limit: usize,
    live: Live<TransactionKey, Entry<P>>,
}

#[derive(Debug)]
struct Entry<P> {
    machine: Machine,
    peer: P,
}

#[derive(Debug)]
enum Machine {
    Invite(Box<InviteClient>),
    Other(NonInviteClient),
}

/// Why a request is not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// There are as many transactions as the table may hold.
    #[error("too many requests wait for their answers")]
    Full,
    /// A live transaction has this branch and method.
    #[error("a request with the same branch is under way")]
    Repeated,
    /// An ACK has no transaction: give it to the transport.
    #[error("an ACK is not sent through a transaction")]
    Ack,
    /// The request has no usable branch or `CSeq`.
    #[error("the request cannot be sent")]
    Key(#[from] KeyError),
}

/// What is to be done.
#[derive(Debug, Clone)]
pub enum ClientEvent<P> {
    /// Send: the request again, or an ACK.
    Transmit(Transmit<P>),
    /// A response for the user.
    Response {
        /// The transaction it belongs to.
        key: TransactionKey,
        /// As received.
        response: Message,
    },
    /// No response came; counts as 408 (RFC 3261 section 8.1.3.1).
    Timeout(TransactionKey),
    /// The request could not be sent; counts as 503.
    TransportError(TransactionKey),
}

impl<P: Clone> ClientTransactions<P> {
    /// A table for at most `limit` transactions.
    #[must_use]
    pub fn new(timers: Timers, limit: usize) -> Self {
        Self {
            timers,
            limit,
            live: Live::new(),
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

    /// Begins a transaction. What comes back is to be sent.
    ///
    /// # Errors
    /// [`SendError`]; nothing has been begun.
    pub fn send(
        &mut self,
        now: Instant,
        request: Message,
        transport: Transport,
        peer: P,
    ) -> Result<Transmit<P>, SendError> {
        let method = request.method().ok_or(KeyError::NotARequest)?;
        if method == "ACK" {
            return Err(SendError::Ack);
        }
        let key = TransactionKey::client(&request)?;
        if self.live.contains(&key) {
            return Err(SendError::Repeated);
        }
        if self.live.len() >= self.limit {
            return Err(SendError::Full);
        }
        // The first action of a machine is to send the request.
        let bytes = request.raw().clone();
        let machine = if method == "INVITE" {
            let (machine, _) = InviteClient::send(now, self.timers, transport, request);
            Machine::Invite(Box::new(machine))
        } else {
            let (machine, _) = NonInviteClient::send(now, self.timers, transport, bytes.clone());
            Machine::Other(machine)
        };
        let entry = Entry {
            machine,
            peer: peer.clone(),
        };
        self.live.insert(key.clone(), entry);
        self.settle(&key, false);
        Ok(Transmit { key, peer, bytes })
    }

    /// A response has come. One that belongs to no transaction is dropped (RFC 6026 section 7.2), and so is
    /// one with a second Via: it was for somebody else (RFC 3261 section 8.1.3.3).
    pub fn on_response(&mut self, now: Instant, response: Message) -> Vec<ClientEvent<P>> {
        if response.via().is_ok_and(|hops| hops.len() == 1)
            && let Ok(key) = TransactionKey::client(&response)
        {
            self.event(&key, |machine| match machine {
                Machine::Invite(machine) => machine.on_response(now, response),
                Machine::Other(machine) => machine.on_response(now, response),
            })
        } else {
            Vec::new()
        }
    }

    /// What was to be sent could not be.
    pub fn on_transport_error(&mut self, key: &TransactionKey) -> Vec<ClientEvent<P>> {
        self.event(key, |machine| match machine {
            Machine::Invite(machine) => machine.on_transport_error(),
            Machine::Other(machine) => machine.on_transport_error(),
        })
    }

    /// Time has passed.
    pub fn on_timers(&mut self, now: Instant) -> Vec<ClientEvent<P>> {
        let mut events = Vec::new();
        for key in self.live.take_due(now) {
            events.extend(self.event(&key, |machine| match machine {
                Machine::Invite(machine) => machine.on_timer(now),
                Machine::Other(machine) => machine.on_timer(now),
            }));
        }
        events
    }

    /// When to call [`ClientTransactions::on_timers`] next. Nothing may be due then, nothing is due before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.live.next_deadline()
    }

    /// Ends a transaction whose outcome nobody waits for any more, such as an INVITE that was cancelled and
    /// still gets no final response (RFC 3261 section 9.1).
    pub fn forget(&mut self, key: &TransactionKey) {
        self.live.remove(key);
    }

    fn event(
        &mut self,
        key: &TransactionKey,
        happen: impl FnOnce(&mut Machine) -> Actions,
    ) -> Vec<ClientEvent<P>> {
        let Some(entry) = self.live.get_mut(key) else {
            return Vec::new();
        };
        let mut events = Vec::new();
        let mut ended = false;
        for action in happen(&mut entry.machine) {
            let key = key.clone();
            match action {
                Action::Send(bytes) => {
                    let peer = entry.peer.clone();
                    events.push(ClientEvent::Transmit(Transmit { key, peer, bytes }));
                }
                Action::DeliverResponse(response) => {
                    events.push(ClientEvent::Response { key, response });
                }
                Action::Timeout => events.push(ClientEvent::Timeout(key)),
                Action::TransportError => events.push(ClientEvent::TransportError(key)),
                Action::Terminated => ended = true,
                Action::DeliverRequest | Action::TryingDue => {}
            }
        }
        self.settle(key, ended);
        events
    }

    /// After each event: forgets an ended transaction, sets the deadline of a live one.
    fn settle(&mut self, key: &TransactionKey, ended: bool) {
        if ended {
            self.live.remove(key);
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
#[path = "client_table_tests.rs"]
mod tests;
