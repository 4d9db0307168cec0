//! The rules of deferred messaging, without input or output: addresses, Message-IDs, expiry,
//! access, policy. This folder imports nothing of the rest.

pub mod access;
pub mod address;
pub mod audit;
pub mod audit_chain;
pub mod domain_name;
pub mod event;
pub mod expiry;
pub mod hex;
pub mod listing;
pub mod message;
pub mod message_id;
pub mod policy;
pub mod report;
pub mod search;
pub mod uri;
pub mod words;
