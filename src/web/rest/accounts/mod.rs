//! Accounts.

pub mod erase;
pub mod get;
pub mod list;
