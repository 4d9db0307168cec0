//! Answers as those who give them see them, and the responses made of them (RFC 3261 section 8.2.6).

use std::net::SocketAddr;

use sha2::{Digest, Sha256};

use crate::domain::hex::hex;
use crate::sip::inspect::warning;
use crate::sip::message::Message;
use crate::sip::response::Response;

/// Seconds after which a refused client may come again.
const RETRY_AFTER: &str = "5";

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header fields beyond those every response has.
    pub headers: Vec<(&'static str, String)>,
    /// Its type is a header field.
    pub body: String,
}

impl Answer {
    /// An answer of this status.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: String::new(),
        }
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
) -> Option<Response> {
    let built = Response::to(message, answer.status, tag)
        .received_from(source)
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
    for name in ["Via", "From", "Call-ID", "CSeq"] {
        if let Some(field) = message.header(name) {
            hash.update(field.raw_value());
        }
        hash.update([0]);
    }
    // A second time, so that what is hashed cannot be drawn out.
    let mut tag = hex(&Sha256::digest(hash.finalize()));
    tag.truncate(OCTETS * 2);
    tag
}
