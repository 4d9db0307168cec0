//! Why two descriptions do not make a session, in the words of SIP (RFC 3261 sections 20.43 and 21.4.26).

use crate::msrp::sdp::parse::SdpError;
use crate::msrp::uri::UriError;

/// No session comes of it. The text fits into a Warning header field: it has no quotes and no line ends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unacceptable {
    /// It cannot be read.
    #[error("the session description cannot be read: {0}")]
    Malformed(#[from] SdpError),
    /// It has no `m=message` line, or only ones with port 0.
    #[error("only message media (MSRP) can be accepted")]
    NoMessageMedia,
    /// The protocol of the media line is not one we have.
    #[error("the offered transport cannot be accepted: {0}")]
    Transport(&'static str),
    /// The `path` attribute is missing or no path.
    #[error("the path attribute is missing or not valid: {0}")]
    Path(UriError),
    /// Its first URI is not one the session could use.
    #[error("the first URI of the path does not fit: {0}")]
    PathUnusable(&'static str),
    /// None of the offered media types is accepted here.
    #[error("none of the offered media types can be accepted")]
    Types,
    /// The directions leave nobody to send, or nobody to receive.
    #[error("the offered direction leaves no way for a message")]
    Direction,
    /// Our own data does not make a URI, which is a matter of configuration.
    #[error("the local MSRP address is not valid: {0}")]
    Local(UriError),
}

impl Unacceptable {
    /// The status code of the answer to the INVITE.
    #[must_use]
    pub fn sip_status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::Local(_) => 500,
            _ => 488,
        }
    }

    /// The code in front of the text in a Warning header field.
    #[must_use]
    pub fn warn_code(&self) -> u16 {
        match self {
            Self::NoMessageMedia => 304,
            Self::Transport(_) => 302,
            Self::Types => 305,
            _ => 399,
        }
    }
}
