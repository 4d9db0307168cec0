//! What happens by itself, without anybody asking.
//!
//! | module | what |
//! | --- | --- |
//! | [`chainer`] | chains the audit |
//! | [`sweeper`] | removes what has expired |
//! | [`reports`] | sends delivery reports: claims, bounds, and writes down what came of it |
//! | [`courier`] | one attempt at one report: to whom, by which way, and what the answer means |
//! | [`dns`] | asks DNS for the server of a SIP URI |

pub mod chainer;
pub mod courier;
pub mod dns;
mod imdn_request;
pub mod reports;
pub mod sweeper;
