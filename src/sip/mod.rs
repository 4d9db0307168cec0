//! SIP messages (RFC 3261): reading, framing, typed header fields, writing. All of it is sans-IO: bytes in,
//! values out; no socket and no clock.
//!
//! | module | what |
//! | --- | --- |
//! | [`message`] | one message: the received octets and spans into them |
//! | [`parse`] | the head: start line, header fields, Content-Length |
//! | [`framer`] | messages out of a TCP or TLS stream |
//! | [`header`], [`media_type`], [`via`], [`date`] | values of single header fields |
//! | [`basics`] | the header fields every message has, and shortcuts to those we use |
//! | [`mod@write`] | building messages |
//! | [`error`] | why a message is refused, and with which status |
//!
//! The octets received are never changed: a stored message must come back byte for byte (OMA SIMPLE IM
//! 12.4.2.3), so everything here is a view on [`message::Message::raw`].

pub mod basics;
pub mod date;
pub mod error;
pub mod framer;
pub mod header;
pub mod media_type;
pub mod message;
pub mod parse;
mod scan;
pub mod via;
pub mod write;

pub use error::ParseError;
pub use message::{Message, StartLine, display_text};
