//! Which transaction a message belongs to (RFC 3261 sections 17.1.3 and 17.2.3), and whether two requests are
//! one that came on two ways (section 8.2.2.2).

use std::sync::Arc;

use crate::sip::error::{ParseError, ValueError};
use crate::sip::header::{CSeq, NameAddr};
use crate::sip::message::{Message, StartLine};
use crate::sip::via::Via;

/// What the branch of an RFC 3261 element begins with; branches of older elements are not unique.
pub const MAGIC_COOKIE: &str = "z9hG4bK";

/// Names a transaction within a table. Cheap to clone.
///
/// The branch is compared octet by octet. RFC 3261 section 7.3.1 would have tokens compared without regard to
/// case; but no element changes the case of a branch, while one that counts in base 64 makes branches that
/// differ in case alone, and to take two messages for one is to lose one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TransactionKey(
    /// Lines: the method, then the branch and the rest. None of the parts can hold a line end.
    Arc<str>,
);

/// Why a message can belong to no transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A response where a request belongs.
    #[error("the message is a response, not a request")]
    NotARequest,
    /// A header field that identifies the transaction is missing or malformed.
    #[error("the message cannot be matched to a transaction")]
    Head(#[from] ParseError),
}

impl TransactionKey {
    /// The key of the server transaction of a received request. An ACK has the key of its INVITE, if that was
    /// refused; the ACK of a 2xx has a key of its own.
    ///
    /// Without the magic cookie, or with nothing after it (RFC 4475 section 3.2.1), the rules for RFC 2543
    /// elements hold. Left out of them is the To tag of INVITE, ACK and CANCEL: it serves proxies that
    /// forwarded several final responses, and we give one.
    ///
    /// # Errors
    /// [`KeyError`]: the request is answered without a transaction, if at all.
    pub fn server(request: &Message) -> Result<Self, KeyError> {
        let StartLine::Request { method, uri } = request.start() else {
            return Err(KeyError::NotARequest);
        };
        let via = top_via(request)?;
        let matched = match method.as_str() {
            "ACK" => "INVITE",
            other => other,
        };
        let port = via.port.unwrap_or_default();
        let host = via.host.to_ascii_lowercase();
        if let Some(branch) = via.branch().filter(|branch| is_unique(branch)) {
            let key = format!("{matched}\n{branch}\n{host}\n{port}");
            return Ok(Self(key.into()));
        }
        let cseq = cseq(request)?.number;
        let call_id = text(request, "Call-ID")?;
        let from_tag = tag(request, "From")?.unwrap_or_default();
        let to_tag = match method.as_str() {
            "INVITE" | "ACK" | "CANCEL" => String::new(),
            _ => tag(request, "To")?.unwrap_or_default(),
        };
        let mut key = format!(
            "{matched}\n\n{uri}\n{to_tag}\n{from_tag}\n{call_id}\n{cseq}\n{}\n{host}\n{port}",
            via.transport
        );
        for (name, value) in &via.params {
            key.push('\n');
            key.push_str(name);
            if let Some(value) = value {
                key.push('=');
                key.push_str(value);
            }
        }
        Ok(Self(key.into()))
    }

    /// The key of the client transaction of a request we send, and of each response to it: the branch of the
    /// top Via and the method in `CSeq`.
    ///
    /// # Errors
    /// [`KeyError`]: a response is dropped, a request of ours must not be sent.
    pub fn client(message: &Message) -> Result<Self, KeyError> {
        let via = top_via(message)?;
        let branch = via
            .branch()
            .filter(|branch| is_unique(branch))
            .ok_or_else(|| invalid("Via", "a branch that begins with z9hG4bK"))?;
        let method = cseq(message)?.method;
        Ok(Self(format!("{method}\n{branch}").into()))
    }

    /// The key of the transaction with another method and else the same: of the INVITE that a CANCEL is
    /// about (section 9.2).
    #[must_use]
    pub fn for_method(&self, method: &str) -> Self {
        let rest = self.0.split_once('\n').map_or("", |(_, rest)| rest);
        Self(format!("{method}\n{rest}").into())
    }

    /// The method of the request that began the transaction.
    #[must_use]
    pub fn method(&self) -> &str {
        self.0.split_once('\n').map_or("", |(method, _)| method)
    }
}

/// What requests have in common that are one request on several ways (section 8.2.2.2): From tag, Call-ID and
/// `CSeq`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct MergeKey(Arc<str>);

impl MergeKey {
    /// `None` inside a dialog, where a request cannot have forked on its way, and of a request that does not
    /// name itself well enough.
    pub(super) fn new(request: &Message) -> Option<Self> {
        if tag(request, "To").ok()?.is_some() {
            return None;
        }
        let from_tag = tag(request, "From").ok()??;
        let call_id = text(request, "Call-ID").ok()?;
        let CSeq { number, method } = cseq(request).ok()?;
        Some(Self(
            format!("{method}\n{number}\n{from_tag}\n{call_id}").into(),
        ))
    }
}

/// Whether a branch identifies a transaction by itself.
fn is_unique(branch: &str) -> bool {
    branch
        .strip_prefix(MAGIC_COOKIE)
        .is_some_and(|rest| !rest.is_empty())
}

/// The nearest hop.
fn top_via(message: &Message) -> Result<Via, ParseError> {
    let field = message.header("Via").ok_or(ParseError::Missing("Via"))?;
    let hops = Via::parse_list(field.raw_value()).map_err(|source| ParseError::Value {
        name: "Via",
        source,
    })?;
    hops.into_iter().next().ok_or(ParseError::Missing("Via"))
}

fn cseq(message: &Message) -> Result<CSeq, ParseError> {
    let field = message.header("CSeq").ok_or(ParseError::Missing("CSeq"))?;
    CSeq::parse(field.raw_value()).map_err(|source| ParseError::Value {
        name: "CSeq",
        source,
    })
}

fn tag(message: &Message, name: &'static str) -> Result<Option<String>, ParseError> {
    let field = message.header(name).ok_or(ParseError::Missing(name))?;
    let party =
        NameAddr::parse(field.raw_value()).map_err(|source| ParseError::Value { name, source })?;
    Ok(party.tag().map(str::to_owned))
}

/// A value as text without line ends.
fn text(message: &Message, name: &'static str) -> Result<String, ParseError> {
    let field = message.header(name).ok_or(ParseError::Missing(name))?;
    Ok(field.text())
}

fn invalid(name: &'static str, expected: &'static str) -> ParseError {
    ParseError::Value {
        name,
        source: ValueError { at: 0, expected },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::transaction::testing::message;

    fn request(method: &str, via: &str, to: &str) -> Message {
        message(&format!(
            "{method} sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP {via}\r\nVia: SIP/2.0/UDP far;branch=z9hG4bKfar\r\n\
             From: <sip:a@x>;tag=f\r\nTo: {to}\r\nCall-ID: c\r\nCSeq: 7 {method}\r\n\r\n"
        ))
    }

    fn key(method: &str, via: &str, to: &str) -> TransactionKey {
        TransactionKey::server(&request(method, via, to)).unwrap()
    }

    #[test]
    fn branch_sent_by_and_method_make_the_key() {
        let via = "Host.example:5070;branch=z9hG4bKx";
        let first = key("MESSAGE", via, "sip:b@x");
        assert_eq!(first.method(), "MESSAGE");
        assert_eq!(
            first,
            key(
                "MESSAGE",
                "host.EXAMPLE:5070;rport;branch=z9hG4bKx",
                "sip:other@x"
            )
        );
        for other in [
            "host.example;branch=z9hG4bKx",
            "other.example:5070;branch=z9hG4bKx",
            "host.example:5070;branch=z9hG4bKX",
        ] {
            assert_ne!(first, key("MESSAGE", other, "sip:b@x"), "{other}");
        }
        assert_ne!(first, key("OPTIONS", via, "sip:b@x"));
    }

    #[test]
    fn ack_and_cancel_find_their_invite() {
        for via in ["h;branch=z9hG4bKx", "h", "h;branch=old"] {
            let invite = key("INVITE", via, "sip:b@x");
            assert_eq!(key("ACK", via, "sip:b@x;tag=ours"), invite);
            let cancel = key("CANCEL", via, "sip:b@x");
            assert_ne!(cancel, invite);
            assert_eq!(cancel.for_method("INVITE"), invite);
        }
    }

    #[test]
    fn without_the_cookie_the_rest_of_the_request_counts() {
        for via in ["h;branch=old", "h", "h;branch=z9hG4bK", "h;branch=Z9HG4BKx"] {
            let first = key("MESSAGE", via, "sip:b@x");
            assert_eq!(first, key("MESSAGE", via, "B <sip:b@x>"));
            assert_ne!(first, key("MESSAGE", via, "sip:b@x;tag=1"));
            assert_ne!(first, key("MESSAGE", &format!("{via};x"), "sip:b@x"));
            let other = message(
                &String::from_utf8(request("MESSAGE", via, "sip:b@x").raw().to_vec())
                    .unwrap()
                    .replace("CSeq: 7", "CSeq: 8"),
            );
            assert_ne!(first, TransactionKey::server(&other).unwrap());
        }
    }

    #[test]
    fn responses_find_our_request() {
        let sent = request("MESSAGE", "us;branch=z9hG4bKx", "sip:b@x");
        let answer = message(
            "SIP/2.0 202 OK\r\nv: SIP/2.0/UDP us;branch=z9hG4bKx;received=1.2.3.4\r\nCSeq: 7 MESSAGE\r\n\r\n",
        );
        assert_eq!(
            TransactionKey::client(&sent).unwrap(),
            TransactionKey::client(&answer).unwrap()
        );
        let old = request("MESSAGE", "us;branch=x", "sip:b@x");
        assert!(TransactionKey::client(&old).is_err());
        assert_eq!(TransactionKey::server(&answer), Err(KeyError::NotARequest));
    }

    #[test]
    fn what_has_no_via_has_no_key() {
        let bare = message("MESSAGE sip:b@x SIP/2.0\r\n\r\n");
        assert_eq!(
            TransactionKey::server(&bare),
            Err(KeyError::Head(ParseError::Missing("Via")))
        );
        assert_eq!(MergeKey::new(&bare), None);
    }

    #[test]
    fn merged_requests_share_tag_call_id_and_cseq() {
        let merge = |via, to| MergeKey::new(&request("MESSAGE", via, to));
        let first = merge("h;branch=z9hG4bK1", "sip:b@x");
        assert!(first.is_some());
        assert_eq!(first, merge("g;branch=z9hG4bK2", "sip:b@x"));
        assert_eq!(merge("h;branch=z9hG4bK1", "sip:b@x;tag=1"), None);
        assert_ne!(first, MergeKey::new(&request("OPTIONS", "h", "sip:b@x")));
    }
}
