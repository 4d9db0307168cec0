//! Delivery reports in the outbox, for operators.

pub mod delete;
pub mod list;
pub mod retry;
pub mod view;
