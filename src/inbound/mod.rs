//! What comes in from the SIP network: read, checked and handed to [`crate::mailbox`].
//!
//! A message reaches [`pager`] whatever way it came, so that all ways store the same.

pub mod pager;
pub mod sip;
pub mod trust;
