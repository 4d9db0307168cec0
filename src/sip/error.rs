//! Why a SIP message is refused, in words for the operator of the element that sent it, and the status code
//! to answer with (RFC 3261 section 21).

use crate::domain::uri::UriError;
use crate::sip::parse::{MAX_FIELD_LINES, MAX_HEAD, MAX_START_LINE};

/// A fault of a received message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// No octets, or nothing but empty lines.
    #[error("the message is empty")]
    Empty,
    /// The empty line that ends the header fields never came.
    #[error(
        "the message ends inside its header: the empty line after the last header field is missing"
    )]
    HeadTruncated,
    /// The header is longer than [`MAX_HEAD`].
    #[error("the header is longer than {MAX_HEAD} octets")]
    HeadTooLarge,
    /// The first line is longer than [`MAX_START_LINE`].
    #[error("the first line is longer than {MAX_START_LINE} octets")]
    StartLineTooLong,
    /// There are more header lines than [`MAX_FIELD_LINES`].
    #[error("there are more than {MAX_FIELD_LINES} header lines")]
    TooManyFields,
    /// A lone CR or LF. Elements that take it for a line end and elements that do not would see different
    /// header fields, which is how fields are smuggled past a proxy.
    #[error("line {line} has a CR or LF that is not part of a CRLF")]
    BareLineEnd {
        /// Counted from 1, the start line.
        line: usize,
    },
    /// The first line is neither a request line nor a status line.
    #[error("the first line is not a valid SIP request or status line: {0}")]
    StartLine(&'static str),
    /// A SIP version other than 2.0.
    #[error("the SIP version is {0}, only SIP/2.0 is supported")]
    Version(String),
    /// A line of the header that is no header field.
    #[error("line {line} is not a valid header field: {reason}")]
    Field {
        /// Counted from 1, the start line.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Content-Length is not a decimal number, or one too large for this machine.
    #[error("Content-Length is not a valid number")]
    ContentLength,
    /// The body is shorter than Content-Length says.
    #[error("the body has {present} octets, Content-Length says {declared}")]
    BodyTooShort {
        /// Octets that Content-Length promises.
        declared: usize,
        /// Octets that followed the header.
        present: usize,
    },
    /// A header field every message must have is absent.
    #[error("the {0} header field is missing")]
    Missing(&'static str),
    /// A header field that may stand once stands twice.
    #[error("the {0} header field occurs more than once")]
    Repeated(&'static str),
    /// The value of a header field breaks its grammar.
    #[error("the {name} header field is not valid")]
    Value {
        /// The long form of the field's name.
        name: &'static str,
        /// Where and why.
        #[source]
        source: ValueError,
    },
    /// The URI inside a header field breaks the grammar of URIs.
    #[error("the URI in the {name} header field is not valid")]
    FieldUri {
        /// The long form of the field's name.
        name: &'static str,
        /// What is wrong with it.
        #[source]
        source: UriError,
    },
    /// The Request-URI cannot be used.
    #[error("the Request-URI cannot be used")]
    RequestUri(#[source] UriError),
    /// `CSeq` names another method than the request line.
    #[error("CSeq names the method {cseq}, the request line {request}")]
    MethodMismatch {
        /// The method in `CSeq`.
        cseq: String,
        /// The method in the request line.
        request: String,
    },
}

impl ParseError {
    /// The status code of the response to a request with this fault (RFC 3261 section 21).
    #[must_use]
    pub fn sip_status(&self) -> u16 {
        match self {
            Self::Version(_) => 505,
            Self::RequestUri(UriError::UnknownScheme(_)) => 416,
            Self::StartLineTooLong => 414,
            Self::HeadTooLarge | Self::TooManyFields => 513,
            _ => 400,
        }
    }
}

/// Where a header field value breaks its grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at octet {at} of the value: {expected} expected")]
pub struct ValueError {
    /// Counted from 0.
    pub at: usize,
    /// What the grammar asks for there.
    pub expected: &'static str,
}
