//! Values that may stand only once, and selectors that tell where one stands twice (RFC 4825 section 11.1).

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use roxmltree::{Attribute, Node};

use crate::xcap::conflict::{Condition, Conflict, Exists};

/// The most values that one conflict names.
const MOST: usize = 10;
/// The most characters of a value in a phrase.
const LONGEST: usize = 60;
/// What a path segment of a URI must not hold as it is (RFC 3986 section 3.3), and a slash.
const IN_SELECTOR: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
/// Attributes by which a selector names an element, rather than by its place.
const INDEXES: [&str; 6] = ["name", "uri", "ref", "anchor", "id", "history-reference"];

/// The first element with each value.
pub type Seen<'a> = HashMap<&'a str, Node<'a, 'a>>;

/// Gathers what stands twice in a document.
#[derive(Debug)]
pub struct Uniqueness<'a> {
    default_namespace: &'a str,
    exists: Vec<Exists>,
    phrase: Option<String>,
}

impl<'a> Uniqueness<'a> {
    /// Nothing yet; names of `default_namespace` need no prefix in selectors.
    #[must_use]
    pub fn new(default_namespace: &'a str) -> Self {
        Self {
            default_namespace,
            exists: Vec::new(),
            phrase: None,
        }
    }

    /// Notes the value of `attribute` of `node` among those `seen` before.
    pub fn note(&mut self, seen: &mut Seen<'a>, node: Node<'a, 'a>, attribute: &str) {
        let Some(value) = attribute_of(node, attribute) else {
            return;
        };
        let Some(first) = seen.get(value) else {
            seen.insert(value, node);
            return;
        };
        if self.exists.len() == MOST {
            return;
        }
        if self.phrase.is_none() {
            let line = |node: Node<'_, '_>| node.document().text_pos_at(node.range().start).row;
            self.phrase = Some(format!(
                "line {}: the {attribute} \"{}\" of <{}> stands in line {} already",
                line(node),
                shortened(value),
                node.tag_name().name(),
                line(*first),
            ));
        }
        self.exists.push(Exists {
            field: selector(node, attribute, self.default_namespace),
            alt_values: match attribute {
                "name" | "id" => free(node, attribute, value),
                _ => Vec::new(),
            },
        });
    }

    /// What was found.
    ///
    /// # Errors
    /// `uniqueness-failure` with each value that stands twice, ten at most.
    pub fn finish(self) -> Result<(), Conflict> {
        match self.phrase {
            Some(phrase) => Err(Condition::UniquenessFailure(self.exists).because(phrase)),
            None => Ok(()),
        }
    }
}

/// Three values that neither the siblings nor, for IDs, the whole document have.
fn free(node: Node<'_, '_>, attribute: &str, value: &str) -> Vec<String> {
    let taken: HashSet<&str> = match node.parent() {
        Some(parent) if attribute != "id" => parent
            .children()
            .filter_map(|node| attribute_of(node, attribute))
            .collect(),
        _ => node
            .document()
            .descendants()
            .filter_map(|node| attribute_of(node, attribute))
            .collect(),
    };
    alternatives(value)
        .filter(|value| !taken.contains(value.as_str()))
        .take(3)
        .collect()
}

/// Values like `value`, one after the other: `sip:friends@example.com` gives `sip:friends-2@example.com`, and so
/// on. Whoever suggests them leaves out those that are taken.
pub fn alternatives(value: &str) -> impl Iterator<Item = String> {
    let (head, tail) = match value.find('@') {
        Some(at) if value.contains(':') => value.split_at(at),
        _ => (value, ""),
    };
    (2..1000).map(move |number| format!("{head}-{number}{tail}"))
}

/// The node selector of an attribute of `node`, relative to the document, percent-encoded, with the namespaces of
/// its prefixes in a query (RFC 4825 section 6.3, 6.4 and 11.1).
#[must_use]
pub fn selector(node: Node<'_, '_>, attribute: &str, default_namespace: &str) -> String {
    let mut ancestors: Vec<Node<'_, '_>> = node.ancestors().filter(Node::is_element).collect();
    ancestors.reverse();
    let mut namespaces: Vec<&str> = Vec::new();
    let mut path = String::new();
    for step in &ancestors {
        let name = step.tag_name();
        let namespace = name.namespace().unwrap_or_default();
        if namespace != default_namespace && !namespace.is_empty() {
            let known = namespaces.iter().position(|known| *known == namespace);
            let number = known.unwrap_or_else(|| {
                namespaces.push(namespace);
                namespaces.len() - 1
            });
            let _ = write!(path, "n{number}:");
        }
        let test = format!("{}{}", name.name(), predicate(*step));
        let _ = write!(path, "{}/", utf8_percent_encode(&test, IN_SELECTOR));
    }
    let _ = write!(path, "@{attribute}");
    for (number, namespace) in namespaces.iter().enumerate() {
        path.push_str(if number == 0 { "?" } else { "" });
        let escaped = namespace
            .replace('^', "^^")
            .replace('(', "^(")
            .replace(')', "^)");
        let escaped = utf8_percent_encode(&escaped, IN_SELECTOR).to_string();
        let _ = write!(path, "xmlns(n{number}={})", escaped.replace("%2F", "/"));
    }
    path
}

/// What tells an element from its siblings of the same name.
fn predicate(node: Node<'_, '_>) -> String {
    let Some(parent) = node.parent_element() else {
        return String::new();
    };
    for index in INDEXES {
        if let Some(value) = attribute_of(node, index) {
            let value = value
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('"', "&quot;");
            return format!("[@{index}=\"{value}\"]");
        }
    }
    let alike = |other: &Node<'_, '_>| other.is_element() && other.tag_name() == node.tag_name();
    let mut siblings = parent.children().filter(alike);
    match siblings.position(|other| other == node) {
        Some(0) if siblings.next().is_none() => String::new(),
        Some(before) => format!("[{}]", before + 1),
        None => String::new(),
    }
}

/// The value of an attribute of no namespace. The parser's own look-up by name would take `x:uri` for `uri`.
pub(super) fn attribute_of<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let own =
        |attribute: &Attribute<'a, '_>| attribute.name() == name && attribute.namespace().is_none();
    node.attributes()
        .find(own)
        .map(|attribute| attribute.value())
}

/// The beginning of a text that clients sent, for a phrase.
pub(super) fn shortened(text: &str) -> String {
    if text.chars().nth(LONGEST).is_none() {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use roxmltree::Document;

    #[test]
    fn a_selector_names_the_attribute_and_its_namespaces() {
        let text = "<a xmlns='urn:a' xmlns:b='http://b/(x)'><b:c/><b:c><d name='&quot;ü/&amp;\"'/></b:c></a>";
        let text = text.replace("&quot;ü/&amp;\"", "&quot;ü/&amp;");
        let document = Document::parse(&text).unwrap();
        let node = document
            .descendants()
            .find(|n| n.has_tag_name(("urn:a", "d")))
            .unwrap();
        assert_eq!(
            selector(node, "name", "urn:a"),
            "a/n0:c%5B2%5D/d%5B@name=%22&quot;%C3%BC%2F&amp;%22%5D/@name?xmlns(n0=http://b/%5E(x%5E))"
        );
    }

    #[test]
    fn alternatives_keep_the_domain() {
        let mut uris = alternatives("sip:friends@example.com");
        assert_eq!(uris.next().unwrap(), "sip:friends-2@example.com");
        assert_eq!(alternatives("work").nth(1).unwrap(), "work-3");
        assert_eq!(alternatives("a@b").next().unwrap(), "a@b-2");
    }
}
