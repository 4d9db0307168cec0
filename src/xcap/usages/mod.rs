//! Application usages: what documents there are, and what is in them.

pub mod deferred_list;
