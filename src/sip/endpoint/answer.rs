//! Answers as those who give them see them, and the responses made of them (RFC 3261 section 8.2.6).

use std::net::SocketAddr;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use crate::domain::hex::hex;
use crate::sip::accepted::AcceptedKey;
use crate::sip::date;
use crate::sip::dialog::DialogId;
use crate::sip::inspect::warning;
use crate::sip::message::Message;
use crate::sip::response::{Response, first_hop};
use crate::sip::transaction::TransactionKey;

/// Seconds after which a refused client may come again.
const RETRY_AFTER: &str = "5";

/// What to answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header fields beyond those every response has.
    pub headers: Vec<(&'static str, String)>,
    /// Its type is a header field.
    pub body: String,
    /// Used once it has been sent; dropped if it is not.
    pub sent: Option<oneshot::Sender<()>>,
}

impl Answer {
    /// An answer of this status.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: String::new(),
            sent: None,
        }
    }

    /// Tells somebody that it has been sent, such as whoever sends the NOTIFY that follows it.
    #[must_use]
    pub fn telling(mut self, sent: oneshot::Sender<()>) -> Self {
        self.sent = Some(sent);
        self
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Gives it a body of this type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: String) -> Self {
        self.body = body;
        self.header("Content-Type", content_type)
    }

    /// Says why, in a Warning that people can act on (RFC 3261 section 20.43, code 399).
    #[must_use]
    pub fn warning(self, host: &str, text: &str) -> Self {
        self.header("Warning", warning(host, text))
    }
}

pub(super) fn overloaded() -> Answer {
    Answer::new(503).header("Retry-After", RETRY_AFTER)
}

/// The response to a request; `None` if it cannot be written, which only a request that could not
/// be read leads to.
pub(super) fn response(
    message: &Message,
    source: SocketAddr,
    answer: &Answer,
    tag: &str,
    now: DateTime<Utc>,
) -> Option<Response> {
    let is_final = answer.status >= 200;
    let built = Response::to(message, answer.status, tag)
        .received_from(source)
        .headers(is_final.then(|| ("Date", date::format(now))))
        .headers(
            answer
                .headers
                .iter()
                .map(|(name, value)| (*name, value.clone())),
        )
        .body(answer.body.as_bytes())
        .build();
    built
        .inspect_err(|error| tracing::debug!("no answer can be written: {error}"))
        .ok()
}

/// The tag of our answers to a request: the same for the same request, so that it needs no memory (RFC 3261 section
/// 8.2.7), and nobody can guess it who has not our secret (section 19.3).
pub(super) fn to_tag(message: &Message, secret: [u8; 16]) -> String {
    const OCTETS: usize = 8;
    let mut hash = Sha256::new();
    hash.update(secret);
    let value = |name| message.header(name).map(|field| field.raw_value());
    // The last hop alone and the number alone: a CANCEL has these of its INVITE, and gets its tag (section 9.2).
    let hop = value("Via").map(|via| first_hop(via).trim_ascii());
    let number = value("CSeq").and_then(|cseq| {
        cseq.trim_ascii_start()
            .split(u8::is_ascii_whitespace)
            .next()
    });
    for part in [hop, value("From"), value("Call-ID"), number] {
        hash.update(part.unwrap_or_default());
        hash.update([0]);
    }
    // A second time, so that what is hashed cannot be drawn out.
    let mut tag = hex(&Sha256::digest(hash.finalize()));
    tag.truncate(OCTETS * 2);
    tag
}

/// An answer that has been worked out, for the transaction it belongs to.
pub(super) struct Answered {
    pub(super) key: TransactionKey,
    pub(super) response: Response,
    /// Set if this accepts an INVITE.
    pub(super) accepts: Option<AcceptedKey>,
    /// Set if this accepts a BYE.
    pub(super) ends: Option<DialogId>,
    /// Whoever wants to know that it was sent.
    pub(super) sent: Option<oneshot::Sender<()>>,
}

impl Answered {
    /// An answer after which there is nothing to wait for.
    pub(super) fn plain(key: TransactionKey, response: Response) -> Self {
        Self {
            key,
            response,
            accepts: None,
            ends: None,
            sent: None,
        }
    }

    /// What an agent has to say to a request.
    pub(super) fn to(
        key: TransactionKey,
        request: &Message,
        response: Response,
        sent: Option<oneshot::Sender<()>>,
    ) -> Self {
        let is_accepted = (200..300).contains(&response.status());
        let (accepts, ends) = match request.method().filter(|_| is_accepted) {
            Some("INVITE") => (accepted_by(&response), None),
            Some("BYE") => (None, DialogId::of_request(request).ok()),
            _ => (None, None),
        };
        Self {
            key,
            response,
            accepts,
            ends,
            sent,
        }
    }
}

/// The name of a 2xx to an INVITE, which waits for its ACK.
fn accepted_by(response: &Response) -> Option<AcceptedKey> {
    // The response has the tag that makes the dialog.
    let response = Message::parse(response.bytes().clone()).ok()?;
    Some(AcceptedKey {
        dialog: DialogId::of_request(&response).ok()?,
        number: response.basics().ok()?.cseq.number,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(method: &str, via: &str, number: u32) -> String {
        let text = format!(
            "{method} sip:alice@example.org SIP/2.0\r\n{via}From: <sip:carol@example.org>;tag=1\r\n\
             To: <sip:alice@example.org>\r\nCall-ID: c1\r\nCSeq: {number}  {method}\r\nContent-Length: 0\r\n\r\n"
        );
        to_tag(&Message::parse(text.into()).unwrap(), [7; 16])
    }

    /// RFC 3261 section 9.2: the answer to a CANCEL has the tag of the answers to what it cancels. It has the last hop alone
    /// of its Via (section 9.1).
    #[test]
    fn a_cancel_has_the_tag_of_its_invite() {
        let own = "Via: SIP/2.0/UDP proxy.example.org;branch=z9hG4bK1\r\n";
        let one = "Via: SIP/2.0/UDP proxy.example.org;branch=z9hG4bK1, SIP/2.0/UDP phone.example.org;branch=z9hG4bK9\r\n";
        let cancel = tag("CANCEL", own, 1);
        assert_eq!(tag("INVITE", own, 1), cancel);
        assert_eq!(tag("INVITE", one, 1), cancel);
        assert_ne!(tag("INVITE", own, 2), cancel);
        let other = own.replace("z9hG4bK1", "z9hG4bK2");
        assert_ne!(tag("INVITE", &other, 1), cancel);
    }
}
