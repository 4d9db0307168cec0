//! A large message handed over in pieces by a gateway that has received it: the INVITE, the 200, the MSRP SEND requests
//! and the BYE, each as received and in any order.
//!
//! The SEND requests may be split anywhere; their content goes on to the [`Spool`] at once.

use std::io;

use bytes::Bytes;

use super::large_message::LargeMessage;
use super::pager::{HandOver, Refusal, addressee};
use crate::mailbox::Mailbox;
use crate::mailbox::spool::Spool;
use crate::msrp::fields::Continuation;
use crate::msrp::frame::{FieldError, Head, Method};
use crate::msrp::ident::Ident;
use crate::msrp::reassembly::{Progress, Reassembly, ReassemblyError};
use crate::msrp::stream::{Decoder, Event, StreamError};
use crate::sip::message::StartLine;
use crate::sip::{Message, ParseError};

/// Why pieces make up no large message.
#[derive(Debug, thiserror::Error)]
pub enum PiecesError {
    /// A piece that there is one of came twice.
    #[error("there are two parts {0}")]
    Twice(&'static str),
    /// A piece did not come.
    #[error("there is no part {0}")]
    Missing(&'static str),
    /// A piece is no SIP message.
    #[error("the part {part} cannot be read: {error}")]
    Sip {
        /// Which piece.
        part: &'static str,
        /// What is wrong with it.
        error: ParseError,
    },
    /// A piece is another SIP message than it should be, or of another session.
    #[error("the part {part} is not {expected}")]
    Other {
        /// Which piece.
        part: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// The SEND requests are no MSRP.
    #[error("a part send cannot be read: {0}")]
    Msrp(#[from] StreamError),
    /// A SEND request has an unreadable header field.
    #[error("a part send cannot be read: {0}")]
    MsrpField(FieldError),
    /// A piece is another MSRP request or response.
    #[error("a part send is no SEND request")]
    NotSend,
    /// A SEND request does not say which message it belongs to.
    #[error("a SEND request has no Message-ID")]
    NoMessageId,
    /// A further SEND request does not say where it belongs (RFC 4975 section 7.1.1).
    #[error("a further SEND request has no Byte-Range")]
    NoByteRange,
    /// SEND requests belong to different messages.
    #[error("there are SEND requests of two messages, {0} and {1}")]
    TwoMessages(Ident, Ident),
    /// The chunks contradict each other, or are too many or too large.
    #[error(transparent)]
    Chunks(#[from] ReassemblyError),
    /// The sender gave the message up.
    #[error("the sender has given the message up")]
    Abandoned,
    /// Chunks are missing.
    #[error("the message is not complete: {received} octets have come{}", of_total(*total))]
    Incomplete {
        /// Octets that have come.
        received: u64,
        /// How many the sender has announced.
        total: Option<u64>,
    },
    /// The content could not be written down.
    #[error("the content could not be written down")]
    Spool(#[source] io::Error),
}

fn of_total(total: Option<u64>) -> String {
    total.map_or_else(String::new, |total| format!(" of {total}"))
}

/// The pieces of one large message as far as they have come.
#[derive(Debug)]
pub struct Pieces {
    invite: Option<Message>,
    ok: Option<Message>,
    bye: Option<Message>,
    /// The first SEND request with content.
    send: Option<Head>,
    decoder: Decoder,
    reassembly: Reassembly,
    spool: Spool,
    /// Whether the current chunk brings content.
    in_content: bool,
    progress: Progress,
}

impl Pieces {
    /// Nothing yet.
    #[must_use]
    pub fn new(mailbox: &Mailbox) -> Self {
        Self {
            invite: None,
            ok: None,
            bye: None,
            send: None,
            decoder: Decoder::new(),
            reassembly: Reassembly::new(mailbox.policy.max_large_bytes),
            spool: mailbox.contents.spools.spool(),
            in_content: false,
            progress: Progress::Incomplete,
        }
    }

    /// Takes the INVITE.
    ///
    /// # Errors
    /// When it is none, or the second.
    pub fn invite(&mut self, raw: Bytes) -> Result<(), PiecesError> {
        let message = sip("invite", raw)?;
        if message.method() != Some("INVITE") {
            let expected = "an INVITE request";
            return Err(PiecesError::Other {
                part: "invite",
                expected,
            });
        }
        set("invite", &mut self.invite, message)
    }

    /// Takes the 200 response.
    ///
    /// # Errors
    /// When it is none, or the second.
    pub fn ok(&mut self, raw: Bytes) -> Result<(), PiecesError> {
        let message = sip("ok", raw)?;
        if !matches!(message.start(), StartLine::Status { code, .. } if (200..300).contains(code)) {
            let expected = "a 2xx response";
            return Err(PiecesError::Other {
                part: "ok",
                expected,
            });
        }
        set("ok", &mut self.ok, message)
    }

    /// Takes the BYE.
    ///
    /// # Errors
    /// When it is none, or the second.
    pub fn bye(&mut self, raw: Bytes) -> Result<(), PiecesError> {
        let message = sip("bye", raw)?;
        if message.method() != Some("BYE") {
            let expected = "a BYE request";
            return Err(PiecesError::Other {
                part: "bye",
                expected,
            });
        }
        set("bye", &mut self.bye, message)
    }

    /// Takes the next octets of a SEND request.
    ///
    /// # Errors
    /// When they are none, do not fit what came before, or cannot be written down.
    pub async fn send(&mut self, octets: &[u8]) -> Result<(), PiecesError> {
        self.decoder.push(octets);
        while let Some(event) = self.decoder.next() {
            match event? {
                Event::Head(head) => self.chunk_begins(*head)?,
                Event::BadHead(bad) => return Err(PiecesError::MsrpField(bad.error)),
                Event::Body(_) if !self.in_content => {}
                Event::Body(octets) => {
                    let write = self.reassembly.octets(octets)?;
                    let written = self.spool.write_at(write.offset, write.octets).await;
                    written.map_err(PiecesError::Spool)?;
                }
                Event::End(flag) => self.chunk_ends(flag)?,
            }
        }
        Ok(())
    }

    /// A SEND request is over. The line end after it may have been taken for that of the part.
    ///
    /// # Errors
    /// When it was not whole.
    pub async fn send_ends(&mut self) -> Result<(), PiecesError> {
        self.send(b"\r\n").await?;
        if self.decoder.is_between() {
            return Ok(());
        }
        Err(self.incomplete())
    }

    fn chunk_begins(&mut self, head: Head) -> Result<(), PiecesError> {
        if head.method() != Some(&Method::Send) {
            return Err(PiecesError::NotSend);
        }
        // One without a body only shows that the connection works (RFC 4975 section 7.1).
        self.in_content = head.has_body;
        if !head.has_body {
            return Ok(());
        }
        let message_id = head.message_id.as_ref().ok_or(PiecesError::NoMessageId)?;
        if self.send.is_some() && head.byte_range.is_none() {
            return Err(PiecesError::NoByteRange);
        }
        // What comes after the message is whole repeats it.
        self.in_content = self.progress == Progress::Incomplete;
        if self.in_content {
            self.reassembly.begin(head.byte_range)?;
        }
        match self
            .send
            .as_ref()
            .and_then(|first| first.message_id.as_ref())
        {
            Some(first) if first != message_id => {
                Err(PiecesError::TwoMessages(first.clone(), message_id.clone()))
            }
            Some(_) => Ok(()),
            None => {
                self.send = Some(head);
                Ok(())
            }
        }
    }

    fn chunk_ends(&mut self, flag: Continuation) -> Result<(), PiecesError> {
        if !self.in_content {
            return Ok(());
        }
        self.progress = self.reassembly.end(flag)?;
        if self.progress == Progress::Abandoned {
            return Err(PiecesError::Abandoned);
        }
        Ok(())
    }

    fn incomplete(&self) -> PiecesError {
        PiecesError::Incomplete {
            received: self.reassembly.received(),
            total: self.reassembly.total(),
        }
    }

    /// The message, if all of it has come, for the user whom the INVITE or the peer names.
    ///
    /// # Errors
    /// When something is missing or does not belong together, or the peer may not store for that user.
    pub fn message(
        self,
        mailbox: &Mailbox,
        hand_over: HandOver<'_>,
    ) -> Result<Result<LargeMessage, Refusal>, PiecesError> {
        let incomplete = self.incomplete();
        let invite = self.invite.ok_or(PiecesError::Missing("invite"))?;
        let ok = self.ok.ok_or(PiecesError::Missing("ok"))?;
        let send = self.send.ok_or(PiecesError::Missing("send"))?;
        let Progress::Complete { octets } = self.progress else {
            return Err(incomplete);
        };
        let call = invite.header("Call-ID").map(|field| field.raw_value());
        for (part, message) in [("ok", Some(&ok)), ("bye", self.bye.as_ref())] {
            let other = |message: &Message| {
                message.header("Call-ID").map(|field| field.raw_value()) != call
            };
            if message.is_some_and(other) {
                let expected = "of the session that the part invite opens";
                return Err(PiecesError::Other { part, expected });
            }
        }
        let basics = match invite.basics() {
            Ok(basics) => basics,
            Err(error) => return Ok(Err(error.into())),
        };
        Ok(
            addressee(&invite, &basics, hand_over).map(|aor| LargeMessage {
                aor,
                ok: ok.raw().clone(),
                send_head: send.raw().clone(),
                content_type: send.content_type.unwrap_or_default(),
                msrp_message_id: send.message_id.map(|id| id.to_string()).unwrap_or_default(),
                spool: self.spool,
                octets,
                bye: self.bye.map(|bye| bye.raw().clone()),
                completed_at: mailbox.clock.now(),
                trusted: hand_over.trusted,
                invite,
            }),
        )
    }
}

fn sip(part: &'static str, raw: Bytes) -> Result<Message, PiecesError> {
    Message::parse(raw).map_err(|error| PiecesError::Sip { part, error })
}

fn set(
    part: &'static str,
    place: &mut Option<Message>,
    message: Message,
) -> Result<(), PiecesError> {
    if place.replace(message).is_some() {
        return Err(PiecesError::Twice(part));
    }
    Ok(())
}
