//! A document that may be stored: UTF-8, well-formed, without a document type declaration, within limits
//! (RFC 4825 section 8.2.2).

use super::conflict::{Condition, Conflict};
use crate::mime::xml::{XmlError, XmlLimits, parse_xml};

/// What a document may have beside its length. A thousand elements that each declare their namespace are
/// no rarity: clients write every element they PUT as if it stood alone.
pub const LIMITS: XmlLimits = XmlLimits {
    nodes: 200_000,
    depth: 100,
    attributes: 128,
    namespaces: 64,
    declarations: 8_192,
};

/// Parsed, with its text.
#[derive(Debug)]
pub struct Document<'a> {
    text: &'a str,
    tree: roxmltree::Document<'a>,
    max_bytes: usize,
}

/// Why octets are no document that may be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Longer than the limit, which is given in octets: 413.
    #[error("the document would be longer than {0} octets")]
    TooLarge(usize),
    /// 409.
    #[error(transparent)]
    Conflict(#[from] Conflict),
}

impl<'a> Document<'a> {
    /// Parses a document of at most `max_bytes`.
    ///
    /// A byte order mark is taken, and kept: XML 1.0 section 4.3.3 makes it no part of the document.
    ///
    /// # Errors
    /// [`DocumentError::TooLarge`]; [`Condition::NotUtf8`] also for a declaration of another encoding;
    /// [`Condition::NotWellFormed`]; [`Condition::ConstraintFailure`] for what is well-formed and more than
    /// [`LIMITS`], or has a document type declaration.
    pub fn parse(octets: &'a [u8], max_bytes: usize) -> Result<Self, DocumentError> {
        if octets.len() > max_bytes {
            return Err(DocumentError::TooLarge(max_bytes));
        }
        let tree = parse_xml(octets, &LIMITS).map_err(|fault| conflict(&fault))?;
        let text = tree.input_text();
        if let Some(encoding) = declared_encoding(text).filter(|e| !e.eq_ignore_ascii_case("UTF-8"))
        {
            let phrase = format!("The document declares the encoding {encoding}; UTF-8 is needed.");
            return Err(Condition::NotUtf8.because(phrase).into());
        }
        Ok(Self {
            text,
            tree,
            max_bytes,
        })
    }

    /// The text, exactly as it came.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The tree, for a usage to look at. Positions in it are those in the text.
    #[must_use]
    pub fn tree(&self) -> &roxmltree::Document<'a> {
        &self.tree
    }

    /// The most octets it may have.
    #[must_use]
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }
}

fn conflict(fault: &XmlError) -> Conflict {
    let condition = match fault {
        XmlError::Encoding(_) => Condition::NotUtf8,
        fault if fault.is_limit() => Condition::ConstraintFailure,
        _ => Condition::NotWellFormed,
    };
    let detail = match fault {
        XmlError::Syntax(at) => format!(": {at}"),
        XmlError::Markup(at) => format!(": {at}"),
        _ => String::new(),
    };
    condition.because(format!("{fault}{detail}"))
}

/// The encoding that the XML declaration names.
fn declared_encoding(text: &str) -> Option<&str> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    // Not of `<?xml-stylesheet`.
    let declaration = text.strip_prefix("<?xml")?;
    declaration.starts_with(char::is_whitespace).then_some(())?;
    let (declaration, _) = declaration.split_once("?>")?;
    let (_, after) = declaration.split_once("encoding")?;
    let value = after.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value[1..].split(quote).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 1 << 20;

    /// `text` for every number below `n`, with the number in place of `#`.
    fn numbered(text: &str, n: usize) -> String {
        (0..n).map(|i| text.replace('#', &i.to_string())).collect()
    }

    fn condition(octets: &[u8]) -> Condition {
        match Document::parse(octets, MAX) {
            Err(DocumentError::Conflict(conflict)) => conflict.condition,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_utf8() {
        for fine in [
            "<a>ä</a>",
            "<?xml version=\"1.0\"?><a/>",
            "<?xml-stylesheet href='x' encoding='latin1'?><a/>",
            "<?xml version='1.0' encoding='utf-8' standalone='yes'?><a/>",
            "\u{FEFF}<?xml version=\"1.0\" encoding = \"UTF-8\"?>\n<a>encoding='x'</a>",
        ] {
            let document = Document::parse(fine.as_bytes(), MAX).unwrap();
            assert_eq!(document.text(), fine);
        }
        assert_eq!(condition(b"<a>\xE4</a>"), Condition::NotUtf8);
        for other in [
            "<?xml version='1.0' encoding='ISO-8859-1'?><a/>",
            "<?xml\n version='1.0'\n encoding\n=\"us-ascii\"?><a/>",
            "\u{FEFF}<?xml version='1.0' encoding='UTF-16'?><a/>",
        ] {
            assert_eq!(condition(other.as_bytes()), Condition::NotUtf8, "{other}");
        }
        let utf16: Vec<u8> = "\u{FEFF}<a/>"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        assert_eq!(condition(&utf16), Condition::NotUtf8);
    }

    #[test]
    fn what_is_not_well_formed() {
        for text in [
            "",
            " ",
            "a",
            "<a>",
            "<a/><b/>",
            "<a/>text",
            "<a><b></a></b>",
            "<p:a/>",
            "<a b='1' b='2'/>",
            "<a>&unknown;</a>",
            "<a b='<'/>",
            "<a>\u{1}</a>",
            "<a>]]></a>",
            " <?xml version='1.0'?><a/>",
        ] {
            assert_eq!(
                condition(text.as_bytes()),
                Condition::NotWellFormed,
                "{text}"
            );
        }
    }

    #[test]
    fn bombs_are_refused_at_once() {
        let levels = numbered("<!ENTITY l# '&k#;&k#;&k#;'><!ENTITY k1# '&l#;'>", 20);
        let laughs = format!("<!DOCTYPE a [<!ENTITY k0 'ha'>{levels}]><a>&l19;</a>");
        assert_eq!(condition(laughs.as_bytes()), Condition::ConstraintFailure);
        assert_eq!(
            condition(b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>"),
            Condition::ConstraintFailure
        );
        let deep = "<a>".repeat(50_000) + &"</a>".repeat(50_000);
        assert_eq!(condition(deep.as_bytes()), Condition::ConstraintFailure);
        let namespaces = numbered("<a xmlns:p#='u#'>", 9_000) + &"</a>".repeat(9_000);
        assert_eq!(
            condition(namespaces.as_bytes()),
            Condition::ConstraintFailure
        );
        let wide = numbered(" a#=''", 20_000);
        assert_eq!(
            condition(format!("<a{wide}/>").as_bytes()),
            Condition::ConstraintFailure
        );
        assert_eq!(
            Document::parse(&[b' '; 100], 99).unwrap_err(),
            DocumentError::TooLarge(99)
        );
    }

    #[test]
    fn a_thousand_elements_may_declare_their_namespace() {
        let entry = "<entry xmlns='urn:e' uri='sip:a@b'><name xmlns='urn:n'>a = b</name></entry>";
        let text = format!("<list>{}</list>", entry.repeat(4_000));
        assert!(text.len() > 64 * 1024 * 4);
        let document = Document::parse(text.as_bytes(), MAX).unwrap();
        assert_eq!(document.tree().root_element().children().count(), 4_000);
    }
}
