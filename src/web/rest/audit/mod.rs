//! The audit, for operators.

pub mod export;
pub mod filter;
pub mod list;
pub mod verification;
