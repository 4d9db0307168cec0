//! Everything that is kept: the only folder that knows sea-orm, SQL and dialects.
//!
//! Each function takes a connection or an open transaction, so that a procedure in
//! [`crate::mailbox`] can join several into one. Functions that answer a caller take the caller's
//! [`Scope`](crate::domain::access::Scope): what lies outside it does not exist for them.

pub mod accounts;
pub mod audit;
pub mod audit_chain;
pub mod batch;
mod bounds;
pub mod db;
pub mod documents;
mod entity;
pub mod erasure;
pub mod events;
mod full_text;
pub mod idempotency;
pub mod identity;
pub mod joined;
pub mod large;
pub mod links;
pub mod listing;
pub mod messages;
mod migrate;
pub mod objects;
#[cfg(test)]
mod plans;
pub mod removal;
pub mod reports;
pub mod retry;
pub mod second_factors;
pub mod secrets;
pub mod sessions;
pub mod signals;
pub mod tokens;
pub mod users;
pub mod watermarks;
mod within;
pub mod xcap_logins;

pub use db::{Db, StoreError, WriteTx};
