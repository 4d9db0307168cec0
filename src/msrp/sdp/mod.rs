//! The part of SDP that sets up MSRP sessions (RFC 4566, RFC 3264, RFC 4975 section 8, RFC 6135).
//!
//! | module | what |
//! | --- | --- |
//! | [`parse`] | a session description, as far as it matters here |
//! | [`values`] | who connects, which way content flows, certificate fingerprints |
//! | [`negotiate`] | our answer to an offer, our own offer, the peer's answer to it |
//! | [`error`] | why nothing was agreed, with status code and warning for SIP |
//!
//! Attributes of file transfer (RFC 5547) and of middleboxes are left alone: they are ignored, as those who
//! send them have to expect.

pub mod error;
pub mod negotiate;
pub mod parse;
pub mod values;

pub use error::Unacceptable;
pub use negotiate::{Answer, Local, Negotiated, Offer};
pub use parse::Description;
