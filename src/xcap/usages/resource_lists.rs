//! `resource-lists` (RFC 4826 section 3): lists of addresses, such as a buddy list.
//!
//! Known names of lists at the top, by which OMA enablers find theirs: `oma_buddylist`, `oma_grantedcontacts`,
//! `oma_blockedcontacts`, `oma_allcontacts`. They are names like others to the server.

use roxmltree::{Document, Node};

use super::Candidate;
use super::built_in::{BuiltIn, Names, broken, no_claims};
use super::references::{HttpUri, is_relative_path};
use super::simple::Type::{AnyUri, Text};
use super::structure::Attribute::{Foreign, Language, Optional as May, Required};
use super::structure::Content::{self, Children};
use super::structure::Model::{Choice, Many, One, Optional, Other, Sequence};
use super::structure::{Element, Grammar, Model, element};
use super::unique::{Seen, Uniqueness, attribute_of, shortened};
use crate::xcap::conflict::Conflict;

/// The namespace of its elements.
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:resource-lists";

/// The usage.
pub static USAGE: BuiltIn = BuiltIn {
    auid: "resource-lists",
    namespace: NAMESPACE,
    more_namespaces: &[],
    media_type: "application/resource-lists+xml",
    names: Names::Any,
    global: true,
    grammar: &GRAMMAR,
    rules,
    claims: no_claims,
};

/// RFC 4826 section 3.2.
pub static GRAMMAR: Grammar = Grammar {
    roots: &[&RESOURCE_LISTS],
    globals: &[],
    namespaces: &[NAMESPACE],
};

static RESOURCE_LISTS: Element = element(
    NAMESPACE,
    "resource-lists",
    &[],
    Children(&Many(&One(&LIST))),
);

static LIST: Element = element(NAMESPACE, "list", LIST_ATTRIBUTES, Children(&LIST_MODEL));
/// The attributes of `listType`, which other schemas use too.
pub const LIST_ATTRIBUTES: &[super::structure::Attribute] = &[May("name", Text), Foreign];
/// The content of `listType`.
pub static LIST_MODEL: Model = Sequence(&[
    Optional(&One(&DISPLAY_NAME)),
    Many(&Choice(&[
        One(&LIST),
        One(&EXTERNAL),
        One(&ENTRY),
        One(&ENTRY_REF),
    ])),
    Many(&Other(NAMESPACE)),
]);

/// `entryType`.
pub static ENTRY: Element = element(
    NAMESPACE,
    "entry",
    &[Required("uri", AnyUri), Foreign],
    Children(&NAMED),
);
static ENTRY_REF: Element = element(
    NAMESPACE,
    "entry-ref",
    &[Required("ref", AnyUri), Foreign],
    Children(&NAMED),
);
static EXTERNAL: Element = element(
    NAMESPACE,
    "external",
    &[May("anchor", AnyUri), Foreign],
    Children(&NAMED),
);
/// A display name perhaps, and what extensions add.
pub static NAMED: Model = Sequence(&[Optional(&One(&DISPLAY_NAME)), Many(&Other(NAMESPACE))]);
/// `display-nameType`.
pub static DISPLAY_NAME: Element =
    element(NAMESPACE, "display-name", &[Language], Content::Text(Text));

fn rules(candidate: &Candidate<'_>) -> Result<(), Conflict> {
    check_lists(candidate.document, NAMESPACE, &[NAMESPACE])
}

/// The rules of RFC 4826 section 3.4.5 for all lists of a document, whose `<list>` elements are in one of
/// `list_namespaces`.
///
/// # Errors
/// `uniqueness-failure` and `constraint-failure`.
pub fn check_lists<'a>(
    document: &'a Document<'a>,
    default_namespace: &'a str,
    list_namespaces: &[&str],
) -> Result<(), Conflict> {
    let mut uniqueness = Uniqueness::new(default_namespace);
    let is_list = |node: &Node<'_, '_>| {
        let name = node.tag_name();
        name.name() == "list" && list_namespaces.contains(&name.namespace().unwrap_or_default())
    };
    let holds_lists = |node: &Node<'_, '_>| is_list(node) || node.parent_element().is_none();
    for parent in document
        .descendants()
        .filter(Node::is_element)
        .filter(holds_lists)
    {
        let mut seen: [Seen<'a>; 4] = Default::default();
        for child in parent.children().filter(Node::is_element) {
            match child.tag_name().name() {
                "list" if is_list(&child) => uniqueness.note(&mut seen[0], child, "name"),
                _ if child.tag_name().namespace() != Some(NAMESPACE) => {}
                "entry" => uniqueness.note(&mut seen[1], child, "uri"),
                "entry-ref" => uniqueness.note(&mut seen[2], child, "ref"),
                "external" => uniqueness.note(&mut seen[3], child, "anchor"),
                _ => {}
            }
        }
    }
    uniqueness.finish()?;
    document
        .descendants()
        .filter(Node::is_element)
        .try_for_each(check_reference)
}

fn check_reference(node: Node<'_, '_>) -> Result<(), Conflict> {
    if node.tag_name().namespace() != Some(NAMESPACE) {
        return Ok(());
    }
    match node.tag_name().name() {
        "entry-ref" => {
            let reference = attribute_of(node, "ref").unwrap_or_default().trim();
            if !is_relative_path(reference) {
                let text = format!(
                    "the ref \"{}\" is no relative path, percent-encoded, as in \
                     resource-lists/users/sip:a@example.org/index/~~/resource-lists/list%5B1%5D/entry%5B1%5D",
                    shortened(reference)
                );
                return Err(broken(node, &text));
            }
        }
        "external" => {
            let Some(anchor) = attribute_of(node, "anchor") else {
                return Err(broken(node, "<external> needs the attribute \"anchor\""));
            };
            if HttpUri::parse(anchor.trim()).is_none() {
                let text = format!(
                    "the anchor \"{}\" is no absolute HTTP URI, percent-encoded",
                    shortened(anchor)
                );
                return Err(broken(node, &text));
            }
        }
        _ => {}
    }
    Ok(())
}
