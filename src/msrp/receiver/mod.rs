//! The receiving end of a session that takes exactly one message (RFC 4975 section 7.3; OMA SIMPLE IM large
//! message mode).
//!
//! Sans-IO: the owner of the connection finds the session by the To-Path of each head and gives the events of
//! that frame to its receiver, then does what [`Receiver::next_action`] says, in order. What belongs to no
//! session is answered with [`crate::msrp::write::refuse`].
//!
//! The answer to the chunk that completes the message, and the success report, are held back until the owner
//! says with [`Receiver::committed`] that the message is durable: a peer that has its 200 may forget the
//! message. As the peer waits 30 seconds for an answer, that is how long the commit may take.

use bytes::Bytes;

use crate::msrp::accept::AcceptTypes;
use crate::msrp::frame::Head;
use crate::msrp::ident::Ident;
use crate::msrp::reassembly::{ReassemblyError, Write};
use crate::msrp::uri::{Path, Uri};

#[cfg(test)]
mod harness;
mod session;

pub use session::Receiver;

/// What a session was set up with.
#[derive(Debug, Clone)]
pub struct ReceiverConfig {
    /// Our URI in the session.
    pub ours: Uri,
    /// The peer's path as negotiated.
    pub peer: Path,
    /// The media types we take.
    pub accept: AcceptTypes,
    /// The longest message we take, in octets.
    pub max_octets: u64,
    /// For the success report. As reports are never answered, one transaction at a time exists with it.
    pub report_transaction: Ident,
}

/// What the owner is to do.
#[derive(Debug, Clone)]
pub enum Action {
    /// Write this to the connection the events came from.
    Transmit(Bytes),
    /// The message begins: open a place for its content.
    Begun {
        /// The name the sender has for it.
        message_id: Ident,
        /// Its media type, as received.
        content_type: String,
        /// The head of the SEND that brought its first octets to come, which need not be those it begins
        /// with.
        head: Box<Head>,
    },
    /// Put these octets at their place, over what may be there.
    Write(Write),
    /// All octets have been given out. Make the message durable, then call [`Receiver::committed`] or
    /// [`Receiver::failed`].
    Complete {
        /// The length of the message.
        octets: u64,
        /// The length the sender announced in Byte-Range. The true one is the other.
        announced: Option<u64>,
    },
    /// The message will not come: discard what was written of it.
    Abandoned(Abandon),
    /// The answer to a request of ours.
    Response(Box<Head>),
    /// A report on a message of ours.
    Report(Box<Head>),
}

/// Why a message that had begun was abandoned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Abandon {
    /// The sender gave it up.
    #[error("the sender gave the message up")]
    BySender,
    /// Its chunks do not make a message that is acceptable.
    #[error(transparent)]
    Unusable(#[from] ReassemblyError),
    /// A further chunk does not say where it belongs (RFC 4975 section 7.1.1).
    #[error("a further chunk of the message has no Byte-Range")]
    NoByteRange,
}

/// How far the session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// No message has begun.
    Waiting,
    /// Some octets are missing.
    Receiving,
    /// All octets are there, and the owner makes them durable.
    Committing,
    /// The message is durable; no other is taken.
    Stored,
}
