//! Messages of an account.

pub mod content;
pub mod criteria;
pub mod delete;
pub mod delete_many;
pub mod get;
pub mod list;
pub mod listed;
pub mod part;
pub mod preview;
pub mod raw;
pub mod session;
pub mod timeline;
pub mod update;
pub mod wait;
