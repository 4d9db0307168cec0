//! A call that has been answered: the session that the 2xx makes, until its BYE (RFC 3261 sections 13.2.2.4, 14
//! and 15).
//!
//! Everything goes over the connection that the INVITE went over: to the peer itself, or to the proxy that
//! keeps to the route.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::dial::Offer;
use super::line::{Happening, Line};
use super::session::{Reply, Session};
use super::{AskError, CallError, is_final};
use crate::sip::accepted::AcceptedKey;
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::header::CSeq;
use crate::sip::message::{Message, StartLine};
use crate::sip::response::Response;
use crate::sip::session_timer::Due;
use crate::sip::transaction::TransactionKey;

/// Sessions that one INVITE makes, when it has forked, and re-INVITEs; more are not acknowledged.
const MAX_ACKS: usize = 16;

/// What happens in a session.
#[derive(Debug, Clone)]
pub enum Event {
    /// The peer has ended it with this BYE, which has been answered.
    HungUp(Message),
    /// A sign of life is due: [`Call::refresh`].
    RefreshDue,
    /// The peer gives no sign of life: [`Call::hang_up`].
    Lost,
}

/// A session.
pub struct Call {
    line: Line,
    session: Session,
    offer: Offer,
    response: Message,
    /// The ACKs, for 2xx that come again.
    acks: Vec<Ack>,
    waiting: Option<TransactionKey>,
    outcome: Option<Result<Message, AskError>>,
    events: VecDeque<Event>,
}

struct Ack {
    invite: TransactionKey,
    dialog: DialogId,
    bytes: Bytes,
}

impl Call {
    /// The session that a 2xx to the INVITE `key` makes, acknowledged.
    pub(super) async fn begin(
        line: Line,
        offer: Offer,
        key: &TransactionKey,
        response: Message,
    ) -> Result<Self, CallError> {
        let dialog =
            Dialog::called(&offer.invite, &response, offer.over_tls).map_err(CallError::Answer)?;
        let session = Session::new(Instant::now(), dialog, &offer.invite, &response);
        let mut call = Self {
            line,
            session,
            offer,
            response,
            acks: Vec::new(),
            waiting: None,
            outcome: None,
            events: VecDeque::new(),
        };
        call.acknowledge(key)?;
        call.line.flush().await?;
        Ok(call)
    }

    /// The 2xx, with the peer's answer to the offer.
    #[must_use]
    pub fn response(&self) -> &Message {
        &self.response
    }

    /// What we and the peer know of each other.
    #[must_use]
    pub fn dialog(&self) -> &Dialog {
        &self.session.dialog
    }

    /// Waits for the next event, and meanwhile answers what the peer asks: a BYE with 200, a re-INVITE or UPDATE that
    /// leaves the session what it is with 200, one that changes it with 488, methods we do not know with 405.
    /// May be dropped and called again; while nobody waits, nobody is answered. After [`Event::HungUp`] it waits for
    /// repeats of that BYE.
    ///
    /// # Errors
    /// [`CallError`] when the connection is lost.
    pub async fn next_event(&mut self) -> Result<Event, CallError> {
        loop {
            if !self.events.is_empty() {
                // An answer goes out before it is told what was answered.
                self.line.flush().await?;
            }
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            self.step().await?;
        }
    }

    /// Gives a sign of life: an UPDATE if the peer knows that, else a re-INVITE (RFC 4028 section 10). Gives its
    /// final response. After 422 it may be tried again; after 408 and 481 nothing is left but to hang up.
    ///
    /// # Errors
    /// [`CallError`] when there is no final response.
    pub async fn refresh(&mut self) -> Result<Message, CallError> {
        let (method, headers, body) = self.session.refresh();
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let answer = self.ask(method, &headers, &body).await?;
        // The ACK of a 2xx.
        self.line.flush().await?;
        Ok(answer)
    }

    /// Ends the session with a BYE that has these further header fields, and gives its final response; `None` if
    /// the session has ended already.
    ///
    /// # Errors
    /// [`CallError`] when there is no final response. The session has ended all the same.
    pub async fn hang_up(
        &mut self,
        headers: &[(&str, &str)],
    ) -> Result<Option<Message>, CallError> {
        if self.session.ended {
            return Ok(None);
        }
        self.session.ended = true;
        self.ask("BYE", headers, b"").await.map(Some)
    }

    /// Sends a request and waits for its final response.
    async fn ask(
        &mut self,
        method: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Message, CallError> {
        let via = self.offer.vias.next();
        let request = self.session.dialog.request(method, &via, headers, body)?;
        let request = Message::parse(request).map_err(CallError::Invite)?;
        self.waiting = Some(self.line.ask(Instant::now(), request)?);
        self.outcome = None;
        loop {
            if let Some(outcome) = self.outcome.take() {
                return Ok(outcome?);
            }
            self.step().await?;
        }
    }

    /// Waits for one thing to happen and does what follows from it.
    async fn step(&mut self) -> Result<(), CallError> {
        let happenings = self.line.next(self.session.next_deadline()).await?;
        let now = Instant::now();
        for happening in happenings {
            match happening {
                Happening::Response(key, response) => self.on_response(&key, response)?,
                Happening::Unanswered(key) if self.waiting.as_ref() == Some(&key) => {
                    self.waiting = None;
                    self.outcome = Some(Err(AskError::Timeout));
                }
                Happening::Request(key, request) => self.on_request(now, &key, &request)?,
                Happening::Unacknowledged if !self.session.ended => {
                    self.events.push_back(Event::Lost);
                }
                Happening::Unanswered(_) | Happening::Unacknowledged => {}
            }
        }
        match self.session.on_timer(now) {
            Some(Due::Refresh) => self.events.push_back(Event::RefreshDue),
            Some(Due::End) => self.events.push_back(Event::Lost),
            None => {}
        }
        Ok(())
    }

    fn on_response(&mut self, key: &TransactionKey, response: Message) -> Result<(), CallError> {
        if !is_final(&response) {
            return Ok(());
        }
        if key.method() == "INVITE" && (200..300).contains(&status(&response)) {
            self.on_accepted(key, &response)?;
        }
        if self.waiting.as_ref() == Some(key) {
            self.waiting = None;
            if matches!(key.method(), "INVITE" | "UPDATE") {
                self.session
                    .refreshed(Instant::now(), status(&response), &response);
            }
            self.outcome = Some(Ok(response));
        }
        Ok(())
    }

    /// A 2xx to an INVITE of ours: a new one, the same again, or that of somebody else to whom it has forked
    /// (section 13.2.2.4).
    fn on_accepted(&mut self, key: &TransactionKey, response: &Message) -> Result<(), CallError> {
        let Ok(dialog) = DialogId::of_response(response) else {
            return Ok(());
        };
        let known = |ack: &&Ack| ack.invite == *key && ack.dialog == dialog;
        if let Some(ack) = self.acks.iter().find(known) {
            self.line.acknowledge(ack.bytes.clone());
            return Ok(());
        }
        if dialog == *self.session.dialog.id() {
            return self.acknowledge(key);
        }
        let Ok(mut other) = Dialog::called(&self.offer.invite, response, self.offer.over_tls)
        else {
            return Ok(());
        };
        if self.acks.len() >= MAX_ACKS {
            return Ok(());
        }
        let ack = other.request("ACK", &self.offer.vias.next(), &[], b"")?;
        let bye = other.request("BYE", &self.offer.vias.next(), &[], b"")?;
        self.remember(key, dialog, ack);
        let bye = Message::parse(bye).map_err(CallError::Invite)?;
        self.line.ask(Instant::now(), bye)?;
        Ok(())
    }

    /// Acknowledges the 2xx to an INVITE in our dialog.
    fn acknowledge(&mut self, key: &TransactionKey) -> Result<(), CallError> {
        let dialog = self.session.dialog.id().clone();
        // The ACKs of earlier INVITEs in it have arrived.
        self.acks.retain(|ack| ack.dialog != dialog);
        let via = self.offer.vias.next();
        let ack = self.session.dialog.request("ACK", &via, &[], b"")?;
        self.remember(key, dialog, ack);
        Ok(())
    }

    fn remember(&mut self, key: &TransactionKey, dialog: DialogId, bytes: Bytes) {
        self.line.acknowledge(bytes.clone());
        self.acks.push(Ack {
            invite: key.clone(),
            dialog,
            bytes,
        });
    }

    fn on_request(
        &mut self,
        now: Instant,
        key: &TransactionKey,
        request: &Message,
    ) -> Result<(), CallError> {
        let reply = match request.method() {
            // Each INVITE has been answered at once: a CANCEL of one comes too late to have an effect.
            Some("CANCEL") if self.line.knows_invite_of(key) => Reply::new(200),
            Some("CANCEL") => Reply::new(481),
            _ => {
                let had_ended = self.session.ended;
                let inviting = self
                    .waiting
                    .as_ref()
                    .is_some_and(|key| key.method() == "INVITE");
                let reply = self.session.answer(now, request, inviting);
                if self.session.ended && !had_ended {
                    self.events.push_back(Event::HungUp(request.clone()));
                }
                reply
            }
        };
        let response = respond(&mut self.line, key, request, &reply, &self.offer.tag)?;
        if request.method() == Some("INVITE")
            && reply.status < 300
            && let Some(number) = number(request)
        {
            let dialog = self.session.dialog.id().clone();
            self.line
                .hold(now, &AcceptedKey { dialog, number }, &response);
        }
        Ok(())
    }
}

pub(super) fn respond(
    line: &mut Line,
    key: &TransactionKey,
    request: &Message,
    reply: &Reply,
    tag: &str,
) -> Result<Response, CallError> {
    let response = Response::to(request, reply.status, tag)
        .received_from(line.peer())
        .headers(reply.headers.iter().cloned())
        .body(&reply.body)
        .build()?;
    line.answer(Instant::now(), key, &response);
    Ok(response)
}

/// The status code of a response.
pub(super) fn status(response: &Message) -> u16 {
    match response.start() {
        StartLine::Status { code, .. } => *code,
        StartLine::Request { .. } => 0,
    }
}

fn number(request: &Message) -> Option<u32> {
    let cseq = CSeq::parse(request.header("CSeq")?.raw_value()).ok()?;
    Some(cseq.number)
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
