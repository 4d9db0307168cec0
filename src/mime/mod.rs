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

pub use content::{Content, Part};

/// The most elements, attributes and texts in an XML body; more is refused by the parser.
const MAX_XML_NODES: u32 = 20_000;

/// The most namespace declarations in an XML body. Honest ones have a handful; the parser's time grows with
/// their number times the number of elements: 9,000 in 190 kB kept it busy for four minutes.
const MAX_XML_NAMESPACES: usize = 64;

/// The most equals signs between two `<`, and so the most attributes of an element: the parser compares
/// every attribute of an element with every other.
const MAX_XML_ATTRIBUTES: usize = 64;

/// Why a body is not the XML we read.
#[derive(Debug, thiserror::Error)]
pub enum XmlError {
    /// Not UTF-8.
    #[error("the document is not UTF-8")]
    Encoding(#[from] std::str::Utf8Error),
    /// More than 64 namespace declarations.
    #[error("the document has more than {MAX_XML_NAMESPACES} namespace declarations")]
    TooManyNamespaces,
    /// More than 64 attributes in one element.
    #[error("the document has an element with more than {MAX_XML_ATTRIBUTES} attributes")]
    TooManyAttributes,
    /// Not well formed, or with a document type declaration, or with too many nodes.
    #[error("the document is not well-formed XML")]
    Syntax(#[from] roxmltree::Error),
}

/// Parses an XML body: UTF-8, no document type declaration (it can multiply entities), bounded in nodes,
/// namespaces and attributes, so that the time is linear. The caller bounds its length.
fn parse_xml(octets: &[u8]) -> Result<roxmltree::Document<'_>, XmlError> {
    let text = std::str::from_utf8(octets)?;
    // Counts the word wherever it stands, which is never too few.
    if text.matches("xmlns").nth(MAX_XML_NAMESPACES).is_some() {
        return Err(XmlError::TooManyNamespaces);
    }
    if text
        .split('<')
        .any(|tag| tag.matches('=').nth(MAX_XML_ATTRIBUTES).is_some())
    {
        return Err(XmlError::TooManyAttributes);
    }
    let options = roxmltree::ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_XML_NODES,
        ..Default::default()
    };
    Ok(roxmltree::Document::parse_with_options(text, options)?)
}

/// Replaces the characters that no XML 1.0 document may hold, even escaped.
#[must_use]
pub fn xml_text(text: &str) -> String {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
    text.chars()
        .map(|c| if allowed(c) { c } else { '\u{FFFD}' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text` for every number below `n`, with the number in place of `#`.
    fn numbered(text: &str, n: usize) -> String {
        (0..n).map(|i| text.replace('#', &i.to_string())).collect()
    }

    #[test]
    fn namespaces_and_attributes_are_bounded() {
        let nested = |n: usize| numbered("<a xmlns:p#='u#'>", n) + &"</a>".repeat(n);
        assert!(parse_xml(nested(MAX_XML_NAMESPACES).as_bytes()).is_ok());
        let fault = parse_xml(nested(9_000).as_bytes()).err();
        assert!(matches!(fault, Some(XmlError::TooManyNamespaces)));
        let wide = |n: usize| format!("<a{}/>", numbered(" a#=''", n));
        assert!(parse_xml(wide(MAX_XML_ATTRIBUTES).as_bytes()).is_ok());
        let fault = parse_xml(wide(9_000).as_bytes()).err();
        assert!(matches!(fault, Some(XmlError::TooManyAttributes)));
    }
}
