//! XCAP (RFC 4825) without sockets: what a request points at, documents, and edits that keep their octets.
//!
//! | module | what | RFC 4825 |
//! | --- | --- | --- |
//! | [`uri`] | path and query below an XCAP root | section 6 |
//! | [`selector`] | a node selector, and the node it selects | section 6.3, 6.4 |
//! | [`document`] | a document that may be stored | section 8.2.2 |
//! | [`edit`] | GET, PUT and DELETE of a node | section 8.2 to 8.4, 10 |
//! | [`conditions`] | If-Match and If-None-Match | section 7.11, 8.2.6 |
//! | [`conflict`], [`error`] | why not, and the body that says so | section 11 |
//! | [`usages`] | the kinds of documents | section 5 |
//! | [`diff`] | what has changed, for subscribers | RFC 5874 |
//!
//! An edit is a splice of the source text, which is parsed again: nothing is ever written from a tree.

pub mod conditions;
pub mod conflict;
pub mod diff;
pub mod document;
pub mod edit;
pub mod error;
pub mod selector;
pub mod uri;
pub mod usages;
