//! Calling: from the INVITE to its final response (RFC 3261 sections 9.1 and 13.2).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::call::{respond, status};
use super::line::{Happening, Line};
use super::session::Session;
use super::vias::Vias;
use super::{AskError, Call, CallError, Client};
use crate::sip::error::{ParseError, ValueError};
use crate::sip::message::Message;
use crate::sip::transaction::TransactionKey;
use crate::sip::transaction::invite_client::cancel;

/// What became of an INVITE.
pub enum Outcome {
    /// A 2xx, which has been acknowledged.
    Answered(Box<Call>),
    /// Any other final response.
    Refused(Message),
}

impl Client {
    /// Sends an INVITE and waits for its final response. After `patience` without one it is cancelled; if the peer
    /// answers at the same moment, it is hung up on.
    ///
    /// The INVITE carries the offer, a Contact, a From tag, and a Via with a branch, which those of the requests
    /// that follow are made of. It may list `timer` in Supported. Whoever drops the future leaves the peer ringing.
    ///
    /// # Errors
    /// [`CallError`] when there is no final response, or one that cannot be used.
    pub async fn call(self, invite: Bytes, patience: Duration) -> Result<Outcome, CallError> {
        let over_tls = self.tls;
        let patience_cancelled = self.timers.life();
        let invite = Message::parse(invite).map_err(CallError::Invite)?;
        let tag = from_tag(&invite).map_err(CallError::Invite)?;
        let vias = Vias::after(&invite).map_err(CallError::Invite)?;
        let mut line = Line::new(self);
        let begun = Instant::now();
        let key = line.ask(begun, invite.clone())?;
        let dialing = Dialing {
            line,
            key,
            offer: Offer {
                invite,
                vias,
                tag,
                over_tls,
            },
            end: begun.checked_add(patience),
            heard: false,
            cancelled: false,
            patience_cancelled,
        };
        dialing.wait().await
    }
}

/// What a call is made of before it is answered.
pub(super) struct Offer {
    pub(super) invite: Message,
    pub(super) vias: Vias,
    /// Our tag.
    pub(super) tag: String,
    pub(super) over_tls: bool,
}

/// An INVITE without final response.
struct Dialing {
    line: Line,
    key: TransactionKey,
    offer: Offer,
    /// When patience ends.
    end: Option<Instant>,
    /// Whether a provisional response has come. Before that nothing may be cancelled, and timer B runs.
    heard: bool,
    cancelled: bool,
    /// How long the final response may take after the CANCEL.
    patience_cancelled: Duration,
}

impl Dialing {
    async fn wait(mut self) -> Result<Outcome, CallError> {
        loop {
            let until = self.end.filter(|_| self.heard);
            for happening in self.line.next(until).await? {
                match happening {
                    Happening::Response(of, response) if of == self.key => {
                        if status(&response) >= 200 {
                            return self.finish(response).await;
                        }
                        self.heard = true;
                    }
                    Happening::Unanswered(of) if of == self.key => {
                        return Err(AskError::Timeout.into());
                    }
                    Happening::Request(of, request) => {
                        let reply = Session::answer_stranger(&request);
                        respond(&mut self.line, &of, &request, &reply, &self.offer.tag)?;
                    }
                    _ => {}
                }
            }
            let now = Instant::now();
            if self.heard && self.end.is_some_and(|end| end <= now) {
                if self.cancelled {
                    return Err(CallError::Cancelled);
                }
                self.cancel(now)?;
            }
        }
    }

    fn cancel(&mut self, now: Instant) -> Result<(), CallError> {
        let cancel = cancel(&self.offer.invite).and_then(|cancel| Message::parse(cancel).ok());
        if let Some(cancel) = cancel {
            self.line.ask(now, cancel)?;
        }
        self.cancelled = true;
        self.end = now.checked_add(self.patience_cancelled);
        Ok(())
    }

    async fn finish(mut self, response: Message) -> Result<Outcome, CallError> {
        if status(&response) >= 300 {
            // Its ACK.
            self.line.flush().await?;
            if self.cancelled && status(&response) == 487 {
                return Err(CallError::Cancelled);
            }
            return Ok(Outcome::Refused(response));
        }
        let mut call = Call::begin(self.line, self.offer, &self.key, response).await?;
        if self.cancelled {
            call.hang_up(&[]).await?;
            return Err(CallError::Cancelled);
        }
        Ok(Outcome::Answered(Box::new(call)))
    }
}

fn from_tag(invite: &Message) -> Result<String, ParseError> {
    let from = invite.basics()?.from;
    from.tag().map(str::to_owned).ok_or(ParseError::Value {
        name: "From",
        source: ValueError {
            at: 0,
            expected: "a tag",
        },
    })
}
