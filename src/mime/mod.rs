//! What the body of a message contains: MIME parts, message/cpim, IMDN, recipient lists.
//!
//! | module | what | specification |
//! | --- | --- | --- |
//! | [`content`] | a body taken apart into its leaves | RFC 2045, 2046; RFC 3261 section 7.4 |
//! | `multipart` | one level of a multipart body | RFC 2046 section 5.1 |
//! | [`cpim`] | the message/cpim envelope | RFC 3862 |
//! | [`imdn`] | disposition notifications, asked for and given | RFC 5438 |
//! | [`resource_lists`] | recipient lists | RFC 5365, RFC 4826 |
//!
//! Everything here is for showing and for metadata. The stored octets stay those of [`crate::sip::message`];
//! a body that cannot be understood is an opaque part, never a reason to refuse a message.

pub mod content;
pub mod cpim;
pub mod imdn;
mod multipart;
pub mod resource_lists;

pub use content::{Content, Part};

/// The most elements, attributes and texts in an XML body; more is refused by the parser.
const MAX_XML_NODES: u32 = 20_000;

/// Parses an XML body: UTF-8, no document type declaration (it can multiply entities), bounded nodes.
fn parse_xml(text: &str) -> Result<roxmltree::Document<'_>, roxmltree::Error> {
    let options = roxmltree::ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_XML_NODES,
        ..Default::default()
    };
    roxmltree::Document::parse_with_options(text, options)
}
