//! What the body of a message contains: MIME parts, message/cpim, IMDN, recipient lists.
//!
//! | module | what | specification |
//! | --- | --- | --- |
//! | [`content`] | a body taken apart into its leaves | RFC 2045, 2046; RFC 3261 section 7.4 |
//! | `multipart` | one level of a multipart body | RFC 2046 section 5.1 |
//! | [`parts_stream`] | the parts of a multipart body as it comes | RFC 2046 section 5.1 |
//! | [`cpim`] | the message/cpim envelope | RFC 3862 |
//! | [`imdn`] | disposition notifications, asked for and given | RFC 5438 |
//! | [`imdn_write`] | a delivery report to be sent | RFC 5438 |
//! | [`original`] | what a report needs of the message it is about | RFC 5438 |
//! | [`resource_lists`] | recipient lists | RFC 5365, RFC 4826 |
//! | [`xml`] | XML from outside, bounded | |
//!
//! Everything here is for showing and for metadata. The stored octets stay those of [`crate::sip::message`];
//! a body that cannot be understood is an opaque part, never a reason to refuse a message.

pub mod content;
pub mod cpim;
pub mod imdn;
pub mod imdn_write;
mod multipart;
pub mod original;
pub mod parts_stream;
pub mod resource_lists;
pub mod xml;

pub use content::{Content, Part};

/// Replaces the characters that no XML 1.0 document may hold, even escaped.
#[must_use]
pub fn xml_text(text: &str) -> String {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
    text.chars()
        .map(|c| if allowed(c) { c } else { '\u{FFFD}' })
        .collect()
}
