//! `org.openmobilealliance.groups`: groups, and who may do what in them (OMA XDM Group; before it, XDM of Push to Talk 1.0).
//!
//! Reconstructed from what clients and servers send. Elements may come in any order, since real documents differ.

use roxmltree::Node;

use super::built_in::{BuiltIn, Names};
use super::common_policy::{self, CONDITIONS_OF_OMA, RULESET};
use super::resource_lists::NAMED;
use super::simple::Type::{AnyUri, Boolean, NonNegativeInteger, Text};
use super::structure::Attribute::{Foreign, Language, Required};
use super::structure::Content::{self, Children, Empty};
use super::structure::Model::{Choice, Interleave, Many, One, Optional, Other, Sequence};
use super::structure::{Element, Grammar, element};
use super::unique::{Seen, Uniqueness};
use super::{Candidate, Claim};
use crate::xcap::conflict::Conflict;

/// The namespace of its elements.
const NAMESPACE: &str = "urn:oma:xml:poc:list-service";

/// The usage.
pub static USAGE: BuiltIn = BuiltIn {
    auid: "org.openmobilealliance.groups",
    namespace: NAMESPACE,
    more_namespaces: &[common_policy::NAMESPACE],
    media_type: "application/vnd.oma.poc.groups+xml",
    names: Names::Any,
    global: true,
    grammar: &GRAMMAR,
    rules,
    claims,
};

static GRAMMAR: Grammar = Grammar {
    roots: &[&GROUP],
    globals: &[&[&RULESET], CONDITIONS_OF_OMA, POLICY],
    namespaces: &[common_policy::NAMESPACE],
};

static GROUP: Element = element(
    NAMESPACE,
    "group",
    &[Foreign],
    Children(&Sequence(&[
        Many(&One(&LIST_SERVICE)),
        Many(&Other(NAMESPACE)),
    ])),
);
static LIST_SERVICE: Element = element(
    NAMESPACE,
    "list-service",
    &[Required("uri", AnyUri), Foreign],
    Children(&Interleave(&[
        Optional(&One(&DISPLAY_NAME)),
        Optional(&One(&LIST)),
        Optional(&One(&INVITE_MEMBERS)),
        Optional(&One(&MAX_PARTICIPANT_COUNT)),
        Optional(&One(&RULESET)),
        Many(&Other(NAMESPACE)),
    ])),
);
static DISPLAY_NAME: Element = element(NAMESPACE, "display-name", &[Language], Content::Text(Text));
static INVITE_MEMBERS: Element = element(NAMESPACE, "invite-members", &[], Content::Text(Boolean));
static MAX_PARTICIPANT_COUNT: Element = element(
    NAMESPACE,
    "max-participant-count",
    &[],
    Content::Text(NonNegativeInteger),
);
static LIST: Element = element(
    NAMESPACE,
    "list",
    &[Foreign],
    Children(&Many(&Choice(&[
        One(&ENTRY),
        One(&EXTERNAL),
        Other(NAMESPACE),
    ]))),
);
static ENTRY: Element = element(
    NAMESPACE,
    "entry",
    &[Required("uri", AnyUri), Foreign],
    Children(&NAMED),
);
static EXTERNAL: Element = element(
    NAMESPACE,
    "external",
    &[Required("anchor", AnyUri), Foreign],
    Children(&NAMED),
);

/// What stands in conditions and actions of rules.
const POLICY: &[&Element] = &[
    &IS_LIST_MEMBER,
    &ALLOW_CONFERENCE_STATE,
    &ALLOW_INVITE_USERS_DYNAMICALLY,
    &JOIN_HANDLING,
    &ALLOW_INITIATE_CONFERENCE,
    &ALLOW_ANONYMITY,
];

const fn permission(name: &'static str) -> Element {
    element(NAMESPACE, name, &[], Content::Text(Boolean))
}

static IS_LIST_MEMBER: Element = element(NAMESPACE, "is-list-member", &[], Empty);
static ALLOW_CONFERENCE_STATE: Element = permission("allow-conference-state");
static ALLOW_INVITE_USERS_DYNAMICALLY: Element = permission("allow-invite-users-dynamically");
static JOIN_HANDLING: Element = permission("join-handling");
static ALLOW_INITIATE_CONFERENCE: Element = permission("allow-initiate-conference");
static ALLOW_ANONYMITY: Element = permission("allow-anonymity");

fn services<'a>(candidate: &Candidate<'a>) -> impl Iterator<Item = Node<'a, 'a>> {
    let root = candidate.document.root_element();
    root.children()
        .filter(|node| node.has_tag_name((NAMESPACE, "list-service")))
}

fn rules(candidate: &Candidate<'_>) -> Result<(), Conflict> {
    let mut uniqueness = Uniqueness::new(NAMESPACE);
    let mut uris = Seen::new();
    for service in services(candidate) {
        uniqueness.note(&mut uris, service, "uri");
        for list in service
            .children()
            .filter(|node| node.has_tag_name((NAMESPACE, "list")))
        {
            let (mut entries, mut anchors) = (Seen::new(), Seen::new());
            for member in list.children().filter(Node::is_element) {
                if member.has_tag_name((NAMESPACE, "entry")) {
                    uniqueness.note(&mut entries, member, "uri");
                } else if member.has_tag_name((NAMESPACE, "external")) {
                    uniqueness.note(&mut anchors, member, "anchor");
                }
            }
        }
    }
    uniqueness.finish()
}

/// A group has an address, which no other group has.
fn claims(candidate: &Candidate<'_>) -> Vec<Claim> {
    services(candidate)
        .filter_map(|service| Claim::of(service, "uri", NAMESPACE))
        .collect()
}
