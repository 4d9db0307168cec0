//! Recipient lists: application/resource-lists+xml (RFC 4826 section 3) as the list of recipients of a
//! MESSAGE (RFC 5365), with the copy control of RFC 5364.

use crate::mime::xml::{XmlError, XmlLimits, parse_xml};

/// The namespace of the document.
pub const RESOURCE_LISTS_NAMESPACE: &str = "urn:ietf:params:xml:ns:resource-lists";

/// The namespace of the attributes `copyControl`, `anonymize` and `count`.
pub const COPY_CONTROL_NAMESPACE: &str = "urn:ietf:params:xml:ns:copycontrol";

/// The most entries that are read; [`RecipientList::truncated`] says whether there were more.
pub const MAX_RECIPIENTS: usize = 500;

/// The longest document, in octets.
pub const MAX_LIST: usize = 256 * 1024;

/// The recipients of a message, in document order, sub-lists flattened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientList {
    /// At most [`MAX_RECIPIENTS`].
    pub recipients: Vec<Recipient>,
    /// There were more.
    pub truncated: bool,
    /// The list tells a recipient who else got the message (`recipient-list-history`); it does not ask for
    /// sending (`recipient-list`).
    pub history: bool,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The URI as received, white space around it removed.
    pub uri: String,
    /// The name for people.
    pub display_name: Option<String>,
    /// How the recipient is addressed; `None` if not said, or in a word we do not know.
    pub copy_control: Option<CopyControl>,
    /// The recipient wishes not to be named to the others.
    pub anonymize: bool,
    /// How many recipients an anonymous entry stands for.
    pub count: Option<u32>,
}

/// How a recipient is addressed (RFC 5364 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyControl {
    /// A main recipient.
    To,
    /// Gets a copy.
    Cc,
    /// Gets a copy the others do not see.
    Bcc,
}

/// Why a document is no recipient list.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// Longer than [`MAX_LIST`].
    #[error("the recipient list is longer than {MAX_LIST} octets")]
    TooLong,
    /// Not XML we read.
    #[error("the recipient list cannot be read")]
    Xml(#[from] XmlError),
    /// Another document.
    #[error("the recipient list is not a resource-lists document")]
    Root,
}

impl RecipientList {
    /// Reads a resource-lists document. Entries without a URI are left out, and so are references to lists
    /// kept elsewhere (`entry-ref`, `external`): they are not followed.
    ///
    /// # Errors
    /// [`ListError`].
    pub fn parse(octets: &[u8], history: bool) -> Result<Self, ListError> {
        if octets.len() > MAX_LIST {
            return Err(ListError::TooLong);
        }
        let document = parse_xml(octets, &XmlLimits::BODY)?;
        let root = document.root_element();
        if !root.has_tag_name((RESOURCE_LISTS_NAMESPACE, "resource-lists")) {
            return Err(ListError::Root);
        }
        let mut entries = root
            .descendants()
            .filter(|node| node.has_tag_name((RESOURCE_LISTS_NAMESPACE, "entry")))
            .filter_map(Recipient::read);
        let recipients = entries.by_ref().take(MAX_RECIPIENTS).collect();
        Ok(Self {
            recipients,
            truncated: entries.next().is_some(),
            history,
        })
    }
}

impl Recipient {
    fn read(entry: roxmltree::Node<'_, '_>) -> Option<Self> {
        let uri = entry
            .attribute("uri")
            .map(str::trim)
            .filter(|uri| !uri.is_empty())?
            .to_owned();
        let control = |name: &str| {
            entry
                .attribute((COPY_CONTROL_NAMESPACE, name))
                .map(str::trim)
        };
        let copy_control = match control("copyControl") {
            Some("to") => Some(CopyControl::To),
            Some("cc") => Some(CopyControl::Cc),
            Some("bcc") => Some(CopyControl::Bcc),
            _ => None,
        };
        let display_name = entry
            .children()
            .find(|node| node.has_tag_name((RESOURCE_LISTS_NAMESPACE, "display-name")))
            .and_then(|node| node.text())
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty());
        Some(Self {
            uri,
            display_name,
            copy_control,
            anonymize: matches!(control("anonymize"), Some("true" | "1")),
            count: control("count").and_then(|count| count.parse().ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><resource-lists xmlns=\"{RESOURCE_LISTS_NAMESPACE}\" xmlns:cp=\"{COPY_CONTROL_NAMESPACE}\"><list>{entries}</list></resource-lists>"
        )
    }

    #[test]
    fn reads_entries_and_their_copy_control() {
        let text = list(
            "<entry uri=\"sip:bill@example.com\" cp:copyControl=\"to\"><display-name>Bill &amp; Co</display-name></entry>\
             <list><entry uri=\" sip:ted@example.net \" cp:copyControl=\"bcc\" cp:anonymize=\"true\"/></list>\
             <entry uri=\"sip:anonymous@anonymous.invalid\" cp:copyControl=\"cc\" cp:count=\"2\"/><entry/><entry-ref ref=\"x\"/>",
        );
        let found = RecipientList::parse(text.as_bytes(), true).unwrap();
        assert_eq!(found.recipients.len(), 3);
        assert_eq!(
            found.recipients[0].display_name.as_deref(),
            Some("Bill & Co")
        );
        assert_eq!(found.recipients[0].copy_control, Some(CopyControl::To));
        assert_eq!(
            (
                found.recipients[1].uri.as_str(),
                found.recipients[1].anonymize
            ),
            ("sip:ted@example.net", true)
        );
        assert_eq!(found.recipients[2].count, Some(2));
        assert!(found.history && !found.truncated);
    }

    #[test]
    fn is_bounded() {
        let many = list(&"<entry uri=\"sip:a@b\"/>".repeat(MAX_RECIPIENTS + 1));
        let found = RecipientList::parse(many.as_bytes(), false).unwrap();
        assert_eq!(
            (found.recipients.len(), found.truncated),
            (MAX_RECIPIENTS, true)
        );
        assert!(matches!(
            RecipientList::parse(&vec![b' '; MAX_LIST + 1], false),
            Err(ListError::TooLong)
        ));
        let deep = list(&"<list>".repeat(40_000));
        assert!(matches!(
            RecipientList::parse(deep.as_bytes(), false),
            Err(ListError::Xml(_))
        ));
        assert!(matches!(
            RecipientList::parse(b"<resource-lists/>", false),
            Err(ListError::Root)
        ));
    }
}
