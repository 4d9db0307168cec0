//! XCAP diff documents (RFC 5874): what there is of some resources, and what of it has changed since.
//!
//! Documents are told by their entity tags alone (`no-patching` of RFC 5875); elements and attributes by what is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use quick_xml::Writer;
use quick_xml::escape::escape;
use quick_xml::events::{BytesDecl, BytesText, Event};
use sha2::{Digest as _, Sha256};

use super::document::Document;
use super::selector::{NodeSelector, Selected};
use crate::mime::xml_text;

/// The media type of the document.
pub const MEDIA_TYPE: &str = "application/xcap-diff+xml";
/// The namespace of its elements.
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:xcap-diff";

/// Elements and attributes that are longer, in octets, are told without what is in them (RFC 5875 section 4.7).
const MAX_CONTENT: usize = 16 * 1024;

/// What was found of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A document, by its entity tag without the quotation marks.
    Document(String),
    /// An element.
    Element {
        /// As it stands in its document.
        content: Content,
        /// The namespaces that are in scope around it, by prefix.
        namespaces: BTreeMap<Option<String>, String>,
    },
    /// The value of an attribute.
    Attribute(Content),
}

/// What is in an element or an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The text.
    Text(String),
    /// The hash of one that is too long to be told.
    Hash([u8; 32]),
}

impl Content {
    fn of(text: &str) -> Self {
        if text.len() > MAX_CONTENT {
            Self::Hash(Sha256::digest(text).into())
        } else {
            Self::Text(text.to_owned())
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Hash(_) => None,
        }
    }
}

impl Found {
    /// A document; its entity tag as in the header field.
    #[must_use]
    pub fn document(etag: &str) -> Self {
        Self::Document(etag.trim_matches('"').to_owned())
    }

    /// The node that a selector selects, if there is exactly one. Namespace bindings cannot be subscribed to.
    #[must_use]
    pub fn node(document: &Document<'_>, selector: &NodeSelector) -> Option<Self> {
        match selector.find(document.tree()).ok()? {
            Selected::Attribute(found) => Some(Self::Attribute(Content::of(found.value()))),
            Selected::Element(node) => {
                let around = node.parent_element();
                let scope = around.into_iter().flat_map(|around| around.namespaces());
                let scope = scope.filter(|namespace| namespace.name() != Some("xml"));
                let binding = |namespace: &roxmltree::Namespace<'_>| {
                    let prefix = namespace.name().map(str::to_owned);
                    (prefix, namespace.uri().to_owned())
                };
                Some(Self::Element {
                    content: Content::of(document.text().get(node.range())?),
                    namespaces: scope.map(binding).collect(),
                })
            }
            Selected::Namespaces(_) => None,
        }
    }
}

/// What there is, by the selectors relative to the XCAP root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State(BTreeMap<String, Found>);

impl State {
    /// Takes up what a selector selects.
    pub fn insert(&mut self, sel: &str, found: Found) {
        self.0.insert(sel.to_owned(), found);
    }

    /// Writes the document that tells somebody who knows of `told` what is so now: all of it without `told`. Nothing if
    /// nothing has changed. `root` is the absolute URI of the XCAP root; with `is_short` elements and attributes are told
    /// without what is in them.
    ///
    /// # Errors
    /// None in practice: memory takes every write.
    pub fn since(
        &self,
        told: Option<&Self>,
        root: &str,
        is_short: bool,
    ) -> io::Result<Option<String>> {
        let nothing = Self::default();
        let before = &told.unwrap_or(&nothing).0;
        let selectors: BTreeSet<&String> = before.keys().chain(self.0.keys()).collect();
        let changes = selectors
            .into_iter()
            .map(|sel| (sel.as_str(), before.get(sel), self.0.get(sel)));
        let changes: Vec<_> = changes.filter(|(_, was, is)| was != is).collect();
        if changes.is_empty() && told.is_some() {
            return Ok(None);
        }
        let prefix = self.free_prefix();
        let mut writer = Writer::new(Vec::with_capacity(256 + changes.len() * 128));
        writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let declaration = format!("xmlns:{prefix}");
        let element = writer
            .create_element(format!("{prefix}:xcap-diff"))
            .with_attribute((declaration.as_str(), NAMESPACE))
            .with_attribute(("xcap-root", root));
        if changes.is_empty() {
            element.write_empty()?;
        } else {
            element.write_inner_content(|writer| {
                changes.iter().try_for_each(|(sel, was, is)| {
                    write_change(writer, &prefix, sel, (*was, *is), is_short)
                })
            })?;
        }
        let document = String::from_utf8(writer.into_inner());
        document.map(Some).map_err(io::Error::other)
    }

    /// A prefix that the elements told do not use themselves.
    fn free_prefix(&self) -> String {
        let is_used = |prefix: &str| {
            self.0.values().any(|found| match found {
                Found::Element { namespaces, .. } => namespaces
                    .keys()
                    .any(|used| used.as_deref() == Some(prefix)),
                Found::Document(_) | Found::Attribute(_) => false,
            })
        };
        let mut prefix = String::from("d");
        while is_used(&prefix) {
            prefix.push('d');
        }
        prefix
    }
}

/// Writes what was and what is (RFC 5874 figure 1).
fn write_change(
    writer: &mut Writer<Vec<u8>>,
    prefix: &str,
    sel: &str,
    (was, is): (Option<&Found>, Option<&Found>),
    is_short: bool,
) -> io::Result<()> {
    let Some(found) = is.or(was) else {
        return Ok(());
    };
    let sel = xml_text(sel);
    let name = match found {
        Found::Document(_) => "document",
        Found::Element { .. } => "element",
        Found::Attribute(_) => "attribute",
    };
    let mut element = writer
        .create_element(format!("{prefix}:{name}"))
        .with_attribute(("sel", sel.as_str()));
    if let Found::Document(_) = found {
        for (name, found) in [("previous-etag", was), ("new-etag", is)] {
            if let Some(Found::Document(etag)) = found {
                element = element.with_attribute((name, xml_text(etag).as_str()));
            }
        }
        element.write_empty()?;
        return Ok(());
    }
    let content = match is {
        None => {
            element = element.with_attribute(("exists", "false"));
            None
        }
        Some(Found::Element {
            content,
            namespaces,
        }) => {
            for (prefix, uri) in namespaces {
                let name = match prefix {
                    Some(prefix) => format!("xmlns:{prefix}"),
                    None => "xmlns".to_owned(),
                };
                element = element.with_attribute((name.as_str(), uri.as_str()));
            }
            content.text().map(str::to_owned)
        }
        Some(Found::Attribute(content)) => content.text().map(escaped),
        Some(Found::Document(_)) => None,
    };
    match content.filter(|_| !is_short) {
        Some(xml) => element.write_text_content(BytesText::from_escaped(xml))?,
        None => element.write_empty()?,
    };
    Ok(())
}

/// A text that is read as it is: a carriage return would be read as a line feed.
fn escaped(text: &str) -> String {
    escape(xml_text(text)).replace('\r', "&#13;")
}

#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
