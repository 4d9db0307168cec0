//! Transactions over a wire, in both directions: requests of ours and of the peer, repeated and answered as
//! [`crate::sip::transaction`] and [`crate::sip::accepted`] want it.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;

use super::wire::Wire;
use super::{AskError, CallError, Client, passing};
use crate::sip::accepted::{Accepted, AcceptedEvent, AcceptedKey};
use crate::sip::message::Message;
use crate::sip::response::Response;
use crate::sip::transaction::client_table::{ClientEvent, ClientTransactions};
use crate::sip::transaction::table::{Received, ServerEvent, ServerTransactions};
use crate::sip::transaction::{TransactionKey, Transport, earlier};

/// Transactions alive at once, in each direction.
const MAX_TRANSACTIONS: usize = 64;

/// One connection, or one pair of UDP addresses. Answers go back over it whatever their Via says: it is
/// connected, and receives from nobody else.
pub(super) struct Line {
    wire: Wire,
    transport: Transport,
    peer: SocketAddr,
    requests: ClientTransactions<()>,
    answers: ServerTransactions<()>,
    accepted: Accepted<()>,
}

/// What comes of waiting.
pub(super) enum Happening {
    /// A response to a request of ours, provisional or final.
    Response(TransactionKey, Message),
    /// No final response comes to it.
    Unanswered(TransactionKey),
    /// A request of the peer, to be answered.
    Request(TransactionKey, Message),
    /// The peer has not acknowledged our 2xx.
    Unacknowledged,
}

impl Line {
    pub(super) fn new(client: Client) -> Self {
        Self {
            wire: client.wire,
            transport: client.transport,
            peer: client.target,
            requests: ClientTransactions::new(client.timers, MAX_TRANSACTIONS),
            answers: ServerTransactions::new(client.timers, MAX_TRANSACTIONS),
            accepted: Accepted::new(client.timers),
        }
    }

    /// Where the requests of the peer come from.
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Begins a request.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        request: Message,
    ) -> Result<TransactionKey, CallError> {
        let transmit = self.requests.send(now, request, self.transport, ())?;
        self.wire.queue(transmit.bytes);
        Ok(transmit.key)
    }

    /// Sends an ACK, which has no transaction.
    pub(super) fn acknowledge(&mut self, ack: Bytes) {
        self.wire.queue(ack);
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, now: Instant, key: &TransactionKey, response: &Response) {
        if let Some(transmit) = self.answers.respond(now, key, response) {
            self.wire.queue(transmit.bytes);
        }
    }

    /// Sees to it that the 2xx of an INVITE is repeated until its ACK comes.
    pub(super) fn hold(&mut self, now: Instant, key: &AcceptedKey, response: &Response) {
        self.accepted.hold(now, key, response.bytes().clone(), ());
    }

    /// Whether the peer's INVITE that a CANCEL is about is known.
    pub(super) fn knows_invite_of(&self, cancel: &TransactionKey) -> bool {
        self.answers.contains(&cancel.for_method("INVITE"))
    }

    /// Sends what is to be sent.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        self.wire.flush().await
    }

    /// Waits for something to happen, `until` then; gives nothing if something happened that is of no interest.
    /// May be dropped and called again.
    pub(super) async fn next(
        &mut self,
        until: Option<Instant>,
    ) -> Result<Vec<Happening>, AskError> {
        let ours = earlier(self.requests.next_deadline(), self.answers.next_deadline());
        let deadline = earlier(earlier(ours, self.accepted.next_deadline()), until);
        tokio::select! {
            message = self.wire.receive() => {
                let message = message?;
                Ok(self.take(Instant::now(), message))
            }
            () = passing(deadline) => Ok(self.on_timers(Instant::now())),
        }
    }

    fn take(&mut self, now: Instant, message: Message) -> Vec<Happening> {
        if message.method().is_none() {
            let events = self.requests.on_response(now, message);
            return self.happenings(events);
        }
        match self.answers.on_request(now, &message, self.transport, ()) {
            Ok(Received::New { key, .. }) => return vec![Happening::Request(key, message)],
            Ok(Received::Answer(bytes)) => self.wire.queue(bytes),
            Ok(Received::Ack { .. }) => {
                self.accepted.on_ack(&message);
            }
            // A peer that asks so much, or what nobody can answer, is not worth an answer.
            Ok(Received::Absorbed | Received::Full) | Err(_) => {}
        }
        Vec::new()
    }

    fn on_timers(&mut self, now: Instant) -> Vec<Happening> {
        let events = self.requests.on_timers(now);
        let mut happenings = self.happenings(events);
        for event in self.answers.on_timers(now) {
            if let ServerEvent::Transmit(transmit) = event {
                self.wire.queue(transmit.bytes);
            }
        }
        for event in self.accepted.on_timers(now) {
            match event {
                AcceptedEvent::Transmit { bytes, .. } => self.wire.queue(bytes),
                AcceptedEvent::GivenUp(_) => happenings.push(Happening::Unacknowledged),
            }
        }
        happenings
    }

    fn happenings(&mut self, events: Vec<ClientEvent<()>>) -> Vec<Happening> {
        let mut happenings = Vec::new();
        for event in events {
            match event {
                ClientEvent::Transmit(transmit) => self.wire.queue(transmit.bytes),
                ClientEvent::Response { key, response } => {
                    happenings.push(Happening::Response(key, response));
                }
                ClientEvent::Timeout(key) | ClientEvent::TransportError(key) => {
                    happenings.push(Happening::Unanswered(key));
                }
            }
        }
        happenings
    }
}
