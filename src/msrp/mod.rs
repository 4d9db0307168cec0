//! MSRP (RFC 4975), with the connection negotiation of RFC 6135 and paths through relays (RFC 4976). All but
//! [`server`] and [`client`] is sans-IO: bytes in, values out; no socket, no clock, no randomness.
//!
//! | module | what |
//! | --- | --- |
//! | [`uri`] | MSRP URIs and paths of them |
//! | [`ident`], [`code`], [`fields`] | identifiers, response codes, values of header fields |
//! | [`frame`] | the head of a request or response: the received octets and what they mean |
//! | [`boundary`] | the end-line of a chunk |
//! | [`stream`] | frames out of a TCP or TLS stream, content passed on as it comes |
//! | [`mod@write`] | building requests and responses |
//! | [`intervals`], [`reassembly`] | one message out of its chunks |
//! | [`receiver`] | the receiving end of a session that takes one message |
//! | [`sender`] | the sending end of one message |
//! | [`accept`], [`sdp`] | acceptable media types, offer and answer |
//! | [`server`] | connections, and which session each frame is for |
//! | [`client`] | one message sent over a connection |
//! | [`tls`] | peers known by their fingerprint |
//!
//! A message passes through here in pieces: [`stream::Decoder`] to [`receiver::Receiver`] to the owner's sink.
//! None of them holds more of the content than was read from the connection at once.

pub mod accept;
pub mod boundary;
pub mod client;
pub mod code;
pub mod fields;
pub mod frame;
pub mod ident;
pub mod intervals;
pub mod reassembly;
pub mod receiver;
pub mod sdp;
pub mod sender;
pub mod server;
pub mod stream;
pub mod tls;
pub mod uri;
pub mod write;
