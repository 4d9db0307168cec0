//! Response codes (RFC 4975 section 10), used in responses and in the Status field of reports.

use std::fmt;

/// A code this implementation sends. Codes received are plain numbers, for a peer may know more of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// 200: done.
    Ok,
    /// 400: the request cannot be understood.
    BadRequest,
    /// 403: not allowed; not to be tried again.
    Forbidden,
    /// 408: something behind this element did not answer in time; the sender treats it as its own timeout,
    /// so it is the honest code for content that could not be made durable now but may be later.
    Timeout,
    /// 413: stop sending this message.
    Stop,
    /// 415: a media type that is not accepted here.
    UnsupportedMedia,
    /// 423: a parameter is out of bounds (RFC 4976).
    OutOfBounds,
    /// 481: there is no such session.
    NoSession,
    /// 501: the method is not known.
    UnknownMethod,
    /// 506: the session is bound to another connection.
    BoundElsewhere,
}

impl Code {
    /// The three digits.
    #[must_use]
    pub fn value(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::BadRequest => 400,
            Self::Forbidden => 403,
            Self::Timeout => 408,
            Self::Stop => 413,
            Self::UnsupportedMedia => 415,
            Self::OutOfBounds => 423,
            Self::NoSession => 481,
            Self::UnknownMethod => 501,
            Self::BoundElsewhere => 506,
        }
    }

    /// The comment for people. Only that of 200 is in the RFC; the others are ours.
    #[must_use]
    pub fn comment(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::BadRequest => "Bad Request",
            Self::Forbidden => "Forbidden",
            Self::Timeout => "Request Timeout",
            Self::Stop => "Stop Sending Message",
            Self::UnsupportedMedia => "Unsupported Media Type",
            Self::OutOfBounds => "Parameter Out of Bounds",
            Self::NoSession => "Session Does Not Exist",
            Self::UnknownMethod => "Unknown Method",
            Self::BoundElsewhere => "Session Bound to Another Connection",
        }
    }
}

/// `413 Stop Sending Message`.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.value(), self.comment())
    }
}
