//! What happens by itself, without anybody asking.

pub mod sweeper;
