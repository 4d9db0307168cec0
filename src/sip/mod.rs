//! SIP (RFC 3261): messages, transactions, the listener. All but [`transport`], [`endpoint`] and [`client`] is sans-IO: bytes in,
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
//! | [`response`], [`status`] | the answer to a request, where it goes, and the phrases of status codes |
//! | [`inspect`] | what a user agent server checks before it acts on a request |
//! | [`transaction`] | the transaction layer: retransmissions and timeouts |
//! | [`dialog`], [`hop`] | what two parties of a session know of each other, and where their requests go |
//! | [`locate`] | what DNS is asked for to find the server of a URI |
//! | [`session_timer`] | whether a session is still alive |
//! | [`event`], [`subscription`] | what a SUBSCRIBE asks for; who is to be notified of what, and how long still |
//! | [`accepted`] | the 2xx of an INVITE, repeated until its ACK comes |
//! | [`transport`], [`endpoint`] | the sockets, and the listener made of all of this |
//! | [`trust`], [`digest`], [`nonce_counts`] | where a request comes from, and how its sender proves who it is |
//! | [`places`] | bounds that no peer uses up |
//! | [`client`] | one request sent, and its final answer; or a call |
//! | [`error`] | why a message is refused, and with which status |
//!
//! The octets received are never changed: a stored message must come back byte for byte (OMA SIMPLE IM
//! 12.4.2.3), so everything here is a view on [`message::Message::raw`].

pub mod accepted;
pub mod basics;
pub mod client;
pub mod date;
pub mod dialog;
pub mod digest;
pub mod endpoint;
pub mod error;
pub mod event;
pub mod framer;
pub mod header;
pub mod hop;
pub mod inspect;
pub mod locate;
pub mod media_type;
pub mod message;
pub mod nonce_counts;
pub mod parse;
pub mod places;
pub mod response;
mod scan;
pub mod session_timer;
pub mod status;
pub mod subscription;
#[cfg(test)]
mod torture_tests;
pub mod transaction;
pub mod transport;
pub mod trust;
pub mod via;
pub mod write;

pub use error::ParseError;
pub use message::{Message, StartLine, display_text};
