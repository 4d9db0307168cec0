//! `rls-services` (RFC 4826 section 4): addresses at which a resource list server serves lists.
//!
//! The document `global/index` would be the union of the `index` documents of all users (section 4.4.7). It is not served,
//! and nobody writes it.

use roxmltree::Node;

use super::built_in::{BuiltIn, Names, broken};
use super::references::{HttpUri, decoded};
use super::resource_lists::{self, LIST_ATTRIBUTES, LIST_MODEL, check_lists};
use super::simple::Type::{AnyUri, Text};
use super::structure::Attribute::{Foreign, Required};
use super::structure::Content::{self, Children};
use super::structure::Model::{Choice, Many, One, Optional, Other, Sequence};
use super::structure::{Element, Grammar, element};
use super::unique::{Seen, Uniqueness, shortened};
use super::{Candidate, Claim, Tree};
use crate::xcap::conflict::Conflict;

/// The namespace of its elements.
const NAMESPACE: &str = "urn:ietf:params:xml:ns:rls-services";

/// The usage.
pub static USAGE: BuiltIn = BuiltIn {
    auid: "rls-services",
    namespace: NAMESPACE,
    more_namespaces: &[resource_lists::NAMESPACE],
    media_type: "application/rls-services+xml",
    names: Names::Any,
    global: false,
    grammar: &GRAMMAR,
    rules,
    claims,
};

/// RFC 4826 section 4.2.
static GRAMMAR: Grammar = Grammar {
    roots: &[&RLS_SERVICES],
    globals: &[],
    namespaces: &[NAMESPACE, resource_lists::NAMESPACE],
};

static RLS_SERVICES: Element = element(
    NAMESPACE,
    "rls-services",
    &[],
    Children(&Many(&One(&SERVICE))),
);
static SERVICE: Element = element(
    NAMESPACE,
    "service",
    &[Required("uri", AnyUri), Foreign],
    Children(&Sequence(&[
        Choice(&[One(&RESOURCE_LIST), One(&LIST)]),
        Optional(&One(&PACKAGES)),
        Many(&Other(NAMESPACE)),
    ])),
);
static RESOURCE_LIST: Element = element(NAMESPACE, "resource-list", &[], Content::Text(AnyUri));
/// Of this namespace, but what is in it is of that of resource lists.
static LIST: Element = element(NAMESPACE, "list", LIST_ATTRIBUTES, Children(&LIST_MODEL));
static PACKAGES: Element = element(
    NAMESPACE,
    "packages",
    &[],
    Children(&Many(&Sequence(&[One(&PACKAGE), Many(&Other(NAMESPACE))]))),
);
static PACKAGE: Element = element(NAMESPACE, "package", &[], Content::Text(Text));

fn rules(candidate: &Candidate<'_>) -> Result<(), Conflict> {
    let mut uniqueness = Uniqueness::new(NAMESPACE);
    let mut seen = Seen::new();
    for service in services(candidate) {
        uniqueness.note(&mut seen, service, "uri");
    }
    uniqueness.finish()?;
    check_lists(
        candidate.document,
        NAMESPACE,
        &[NAMESPACE, resource_lists::NAMESPACE],
    )?;
    services(candidate).try_for_each(|service| check_service(candidate, service))
}

fn services<'a>(candidate: &Candidate<'a>) -> impl Iterator<Item = Node<'a, 'a>> {
    let root = candidate.document.root_element();
    root.children()
        .filter(|node| node.has_tag_name((NAMESPACE, "service")))
}

fn check_service(candidate: &Candidate<'_>, service: Node<'_, '_>) -> Result<(), Conflict> {
    for node in service.descendants().filter(Node::is_element) {
        let text: String = node.children().filter_map(|child| child.text()).collect();
        let text = text.trim();
        if node.has_tag_name((NAMESPACE, "resource-list")) {
            check_resource_list(candidate, node, text)?;
        } else if node.has_tag_name((NAMESPACE, "package")) && !is_event_package(text) {
            let text = format!(
                "the package \"{}\" is no name of an event package",
                shortened(text)
            );
            return Err(broken(node, &text));
        }
    }
    Ok(())
}

/// RFC 4826 section 4.1 and 4.4.5.
fn check_resource_list(
    candidate: &Candidate<'_>,
    node: Node<'_, '_>,
    text: &str,
) -> Result<(), Conflict> {
    let wrong = |problem: String| Err(broken(node, &format!("the <resource-list> {problem}")));
    let Some(uri) = HttpUri::parse(text) else {
        return wrong("is no absolute HTTP URI, percent-encoded".to_owned());
    };
    let Some(below) = uri.below(candidate.root) else {
        return wrong(format!("is not below {}", candidate.root));
    };
    let mut segments = below.splitn(4, '/');
    let mut segment = || segments.next().and_then(decoded).unwrap_or_default();
    if segment() != resource_lists::USAGE.auid {
        return wrong(format!("is not below {}/resource-lists", candidate.root));
    }
    if segment() != "users" {
        return wrong("names no document of a user".to_owned());
    }
    let user = segment();
    match candidate.tree {
        Tree::Users(xui) if user != xui => wrong(format!(
            "is of the user \"{}\", not of \"{xui}\"",
            shortened(&user)
        )),
        _ if !below.contains("/~~/") => wrong("names no element of a document".to_owned()),
        _ => Ok(()),
    }
}

/// RFC 6665 section 8.4: `event-type`.
fn is_event_package(text: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
    !text.is_empty() && text.bytes().all(token)
}

/// Section 4.4.5: the URI of a service is unique on the server.
fn claims(candidate: &Candidate<'_>) -> Vec<Claim> {
    services(candidate)
        .filter_map(|service| Claim::of(service, "uri", NAMESPACE))
        .collect()
}
