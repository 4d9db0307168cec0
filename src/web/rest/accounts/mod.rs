//! Accounts.

pub mod erase;
pub mod export;
pub mod get;
pub mod list;
