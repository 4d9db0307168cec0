//! What comes in from the SIP network: read, checked and handed to [`crate::mailbox`].
//!
//! A message reaches [`pager`] or [`large_message`] whatever way it came, so that all ways store the same. [`refer`] deletes by SIP,
//! [`subscribe`] tells of changes.

mod facts;
pub mod handed_over;
pub mod in_dialog;
pub mod large;
pub mod large_message;
pub mod pager;
pub mod refer;
pub mod sip;
pub mod subscribe;
pub mod trust;
