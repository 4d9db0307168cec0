//! Who is calling: sessions of people, tokens of programs, and proof that a form is ours.

mod asserted;
pub mod caller;
mod certificate;
pub mod origin;
pub mod reason;
pub mod session;
mod target;
pub mod visit;
pub mod xcap_caller;

pub use caller::Caller;
pub use xcap_caller::{XcapAuth, XcapCaller};
