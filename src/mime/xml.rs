//! XML from outside, bounded before it is parsed: no document type declaration, few namespaces, attributes
//! and levels, so that a hostile document takes no longer than an honest one of its length.
//!
//! roxmltree compares every attribute of an element with every other and copies what is in scope to every
//! element that declares a namespace; `quick-xml` goes once through the text and counts before it gets there.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// What a document may have. Its length is bounded by who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XmlLimits {
    /// Elements, texts, comments and processing instructions.
    pub nodes: u32,
    /// Elements within each other.
    pub depth: usize,
    /// Attributes of one element, namespace declarations included.
    pub attributes: usize,
    /// Namespace declarations that an element and those around it have together.
    pub namespaces: usize,
    /// Namespace declarations of the whole document.
    pub declarations: usize,
}

impl XmlLimits {
    /// For bodies of messages.
    pub const BODY: Self = Self {
        nodes: 20_000,
        depth: 256,
        attributes: 64,
        namespaces: 64,
        declarations: 1_024,
    };
}

/// Why a body is not the XML we read.
#[derive(Debug, thiserror::Error)]
pub enum XmlError {
    /// Not UTF-8.
    #[error("the document is not UTF-8")]
    Encoding(#[from] std::str::Utf8Error),
    /// More namespace declarations than [`XmlLimits`] has.
    #[error("the document has too many namespace declarations")]
    TooManyNamespaces,
    /// An element has more attributes than [`XmlLimits`] has.
    #[error("the document has an element with more than {0} attributes")]
    TooManyAttributes(usize),
    /// Elements lie deeper within each other than [`XmlLimits`] has.
    #[error("the document has more than {0} elements within each other")]
    TooDeep(usize),
    /// More nodes than [`XmlLimits`] has.
    #[error("the document has more than {0} elements and texts")]
    TooManyNodes(u32),
    /// It has a document type declaration, which can multiply entities.
    #[error("document type declarations are not accepted")]
    Dtd,
    /// Not well formed.
    #[error("the document is not well-formed XML")]
    Markup(#[from] quick_xml::Error),
    /// Not well formed.
    #[error("the document is not well-formed XML")]
    Syntax(#[from] roxmltree::Error),
    /// Against Namespaces in XML, in a way the parser does not see.
    #[error("the document is not well-formed XML: {0}")]
    Name(&'static str),
}

impl XmlError {
    /// Whether the document is well formed and merely more than we take.
    #[must_use]
    pub fn is_limit(&self) -> bool {
        match self {
            Self::TooManyNamespaces
            | Self::TooManyAttributes(_)
            | Self::TooDeep(_)
            | Self::TooManyNodes(_)
            | Self::Dtd => true,
            Self::Encoding(_) | Self::Markup(_) | Self::Syntax(_) | Self::Name(_) => false,
        }
    }
}

/// Parses an XML body within the limits. The caller bounds its length.
///
/// # Errors
/// [`XmlError`].
pub fn parse_xml<'a>(
    octets: &'a [u8],
    limits: &XmlLimits,
) -> Result<roxmltree::Document<'a>, XmlError> {
    let text = std::str::from_utf8(octets)?;
    check(text.strip_prefix('\u{FEFF}').unwrap_or(text), limits)?;
    let options = roxmltree::ParsingOptions {
        allow_dtd: false,
        nodes_limit: limits.nodes,
        ..Default::default()
    };
    roxmltree::Document::parse_with_options(text, options).map_err(|fault| match fault {
        roxmltree::Error::NodesLimitReached => XmlError::TooManyNodes(limits.nodes),
        roxmltree::Error::DtdDetected => XmlError::Dtd,
        fault => XmlError::Syntax(fault),
    })
}

/// Goes once through the markup.
fn check(text: &str, limits: &XmlLimits) -> Result<(), XmlError> {
    let mut reader = Reader::from_str(text);
    // The namespace declarations in scope, for each open element.
    let mut open: Vec<usize> = Vec::new();
    let mut declarations = 0;
    let mut first = true;
    loop {
        match reader.read_event()? {
            Event::Start(tag) => {
                let own = check_tag(&tag, limits)?;
                declarations += own;
                let scope = in_scope(&open, own, limits)?;
                open.push(scope);
            }
            Event::Empty(tag) => {
                let own = check_tag(&tag, limits)?;
                declarations += own;
                in_scope(&open, own, limits)?;
            }
            Event::End(_) => drop(open.pop()),
            Event::DocType(_) => return Err(XmlError::Dtd),
            Event::Decl(_) if !first => {
                return Err(XmlError::Name("it has an XML declaration inside"));
            }
            Event::PI(target) if target.target().eq_ignore_ascii_case("xml") => {
                return Err(XmlError::Name("it has an XML declaration inside"));
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
        if declarations > limits.declarations {
            return Err(XmlError::TooManyNamespaces);
        }
        first = false;
    }
}

/// How many declarations are in scope in an element with `own` ones, within the open elements.
fn in_scope(open: &[usize], own: usize, limits: &XmlLimits) -> Result<usize, XmlError> {
    if open.len() >= limits.depth {
        return Err(XmlError::TooDeep(limits.depth));
    }
    let scope = open.last().copied().unwrap_or(0) + own;
    if scope > limits.namespaces {
        return Err(XmlError::TooManyNamespaces);
    }
    Ok(scope)
}

/// Checks the attributes of a tag and counts its namespace declarations.
fn check_tag(tag: &BytesStart<'_>, limits: &XmlLimits) -> Result<usize, XmlError> {
    let mut own = 0;
    let mut default = false;
    for (i, attribute) in tag.attributes().with_checks(false).enumerate() {
        let attribute = attribute.map_err(quick_xml::Error::from)?;
        if i >= limits.attributes {
            return Err(XmlError::TooManyAttributes(limits.attributes));
        }
        match attribute.key.0.split_once(':') {
            None if attribute.key.0 == "xmlns" => {
                if std::mem::replace(&mut default, true) {
                    return Err(XmlError::Name(
                        "an element declares its default namespace twice",
                    ));
                }
                own += 1;
            }
            Some(("xmlns", _)) => {
                if attribute.value.is_empty() {
                    return Err(XmlError::Name("a prefix is declared for no namespace"));
                }
                own += 1;
            }
            // The parser takes it for a declaration of the default namespace.
            Some((_, "xmlns")) => return Err(XmlError::Name("an attribute may not be called so")),
            _ => {}
        }
    }
    Ok(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text` for every number below `n`, with the number in place of `#`.
    fn numbered(text: &str, n: usize) -> String {
        (0..n).map(|i| text.replace('#', &i.to_string())).collect()
    }

    fn parse(text: &str) -> Result<(), XmlError> {
        parse_xml(text.as_bytes(), &XmlLimits::BODY).map(drop)
    }

    #[test]
    fn namespaces_attributes_and_levels_are_bounded() {
        let limits = XmlLimits::BODY;
        let nested = |text: &str, n: usize| numbered(text, n) + &"</a>".repeat(n);
        assert!(parse(&nested("<a xmlns:p#='u#'>", limits.namespaces)).is_ok());
        assert!(matches!(
            parse(&nested("<a xmlns:p#='u#'>", 9_000)),
            Err(XmlError::TooManyNamespaces)
        ));
        let siblings = |n: usize| format!("<a>{}</a>", numbered("<b xmlns='u#'/>", n));
        assert!(parse(&siblings(limits.declarations)).is_ok());
        assert!(matches!(
            parse(&siblings(limits.declarations + 1)),
            Err(XmlError::TooManyNamespaces)
        ));
        let wide = |n: usize| format!("<a{}/>", numbered(" a#=''", n));
        assert!(parse(&wide(limits.attributes)).is_ok());
        assert!(matches!(
            parse(&wide(9_000)),
            Err(XmlError::TooManyAttributes(64))
        ));
        assert!(parse(&nested("<a>", limits.depth)).is_ok());
        assert!(matches!(
            parse(&nested("<a>", limits.depth + 1)),
            Err(XmlError::TooDeep(256))
        ));
    }

    #[test]
    fn equals_signs_and_the_word_xmlns_in_texts_do_not_count() {
        let text = "a=b xmlns ".repeat(1_000);
        assert!(parse(&format!("<a b='{text}'>{text}<!--{text}--></a>")).is_ok());
    }

    #[test]
    fn closing_tags_in_comments_and_cdata_do_not_hide_depth() {
        let hidden = "<a><!--</a></a>--><![CDATA[</a></a>]]><?p </a></a>?>".repeat(300);
        assert!(matches!(
            parse(&(hidden + &"</a>".repeat(300))),
            Err(XmlError::TooDeep(256))
        ));
    }

    #[test]
    fn what_the_parser_would_let_pass_is_refused() {
        for text in [
            "<a xmlns='u' xmlns='v'/>",
            "<a xmlns:p=''/>",
            "<a xmlns:p='u' p:xmlns='v'/>",
            "<a><?xml version='1.0'?></a>",
            "<a><?XML\tx?></a>",
            "<?xml version='1.0'?><?xml version='1.0'?><a/>",
        ] {
            let fault = parse(text).unwrap_err();
            assert!(!fault.is_limit(), "{text}: {fault}");
        }
        for text in [
            "<!DOCTYPE a><a/>",
            "<!DOCTYPE a [<!ENTITY b 'c'><!ENTITY d '&b;&b;&b;'>]><a>&d;</a>",
            "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        ] {
            assert!(matches!(parse(text), Err(XmlError::Dtd)), "{text}");
        }
    }
}
