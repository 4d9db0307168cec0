//! XCAP (RFC 4825) without sockets: paths into a root, and the documents of application usages.

pub mod conflict;
pub mod path;
pub mod usages;
