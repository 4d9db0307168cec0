//! Who is calling: sessions of people, tokens of programs, and proof that a form is ours.

pub mod caller;
pub mod origin;
pub mod session;

pub use caller::Caller;
