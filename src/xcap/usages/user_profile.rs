//! `org.openmobilealliance.user-profile`: what a user tells of themselves (OMA XDM 2.0, Shared Profile).
//!
//! Reconstructed from what other servers check: the root `<user-profiles>` holds `<user-profile uri="…">`, whose URI is
//! the user's own. What stands in a profile is not checked.

use roxmltree::Node;

use super::built_in::{BuiltIn, Names, broken, no_claims};
use super::simple::Type::AnyUri;
use super::structure::Attribute::{Foreign, Language, Required};
use super::structure::Content::Children;
use super::structure::Model::{Anything, Many, One, Other, Sequence};
use super::structure::{Element, Grammar, element};
use super::unique::{Seen, Uniqueness, attribute_of};
use super::{Candidate, Tree};
use crate::xcap::conflict::Conflict;

/// The namespace of its elements.
const NAMESPACE: &str = "urn:oma:xml:xdm:user-profile";

/// The usage.
pub static USAGE: BuiltIn = BuiltIn {
    auid: "org.openmobilealliance.user-profile",
    namespace: NAMESPACE,
    more_namespaces: &[],
    media_type: "application/vnd.oma.user-profile+xml",
    names: Names::Any,
    global: false,
    grammar: &GRAMMAR,
    rules,
    claims: no_claims,
};

static GRAMMAR: Grammar = Grammar {
    roots: &[&USER_PROFILES],
    globals: &[],
    namespaces: &[],
};

static USER_PROFILES: Element = element(
    NAMESPACE,
    "user-profiles",
    &[Foreign],
    Children(&Sequence(&[
        Many(&One(&USER_PROFILE)),
        Many(&Other(NAMESPACE)),
    ])),
);
static USER_PROFILE: Element = element(
    NAMESPACE,
    "user-profile",
    &[Required("uri", AnyUri), Language, Foreign],
    Children(&Many(&Anything)),
);

fn rules(candidate: &Candidate<'_>) -> Result<(), Conflict> {
    let mut uniqueness = Uniqueness::new(NAMESPACE);
    let mut seen = Seen::new();
    let profile = |node: &Node<'_, '_>| node.has_tag_name((NAMESPACE, "user-profile"));
    for node in candidate.document.root_element().children().filter(profile) {
        if let Tree::Users(xui) = candidate.tree
            && attribute_of(node, "uri").map(str::trim) != Some(xui)
        {
            return Err(broken(
                node,
                &format!("Wrong User Profile URI: it is not \"{xui}\""),
            ));
        }
        uniqueness.note(&mut seen, node, "uri");
    }
    uniqueness.finish()
}
