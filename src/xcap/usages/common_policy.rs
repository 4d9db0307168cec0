//! Common policy (RFC 4745): rule sets, which the usages for authorization share, with the conditions that OMA adds.

use super::simple::Type::{AnyUri, DateTime, Id, Text};
use super::structure::Attribute::{Foreign, Optional as May, Required};
use super::structure::Content::{Children, Empty};
use super::structure::Model::{
    Anything, Choice, Many, One, Optional, Other, Sequence, Some as AtLeastOne,
};
use super::structure::{Content, Element, Grammar, element};

/// The namespace of rule sets.
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:common-policy";
/// The namespace of the conditions that OMA adds.
pub const OMA: &str = "urn:oma:xml:xdm:common-policy";

/// Rule sets with the extensions of OMA, whose actions and transformations are whatever enablers define.
pub static GRAMMAR: Grammar = Grammar {
    roots: &[&RULESET],
    globals: &[CONDITIONS_OF_OMA],
    namespaces: &[NAMESPACE],
};

/// Conditions that rule sets of all usages may have.
pub const CONDITIONS_OF_OMA: &[&Element] = &[&EXTERNAL_LIST, &OTHER_IDENTITY, &ANONYMOUS_REQUEST];

/// The root (RFC 4745 section 13).
pub static RULESET: Element = element(NAMESPACE, "ruleset", &[], Children(&Many(&One(&RULE))));

static RULE: Element = element(
    NAMESPACE,
    "rule",
    &[Required("id", Id)],
    Children(&Sequence(&[
        Optional(&One(&CONDITIONS)),
        Optional(&One(&ACTIONS)),
        Optional(&One(&TRANSFORMATIONS)),
    ])),
);
static CONDITIONS: Element = element(
    NAMESPACE,
    "conditions",
    &[],
    Children(&Many(&Choice(&[
        One(&IDENTITY),
        One(&SPHERE),
        One(&VALIDITY),
        Other(NAMESPACE),
    ]))),
);
static ACTIONS: Element = element(
    NAMESPACE,
    "actions",
    &[],
    Children(&Many(&Other(NAMESPACE))),
);
static TRANSFORMATIONS: Element = element(
    NAMESPACE,
    "transformations",
    &[],
    Children(&Many(&Other(NAMESPACE))),
);
static IDENTITY: Element = element(
    NAMESPACE,
    "identity",
    &[],
    Children(&AtLeastOne(&Choice(&[
        One(&ONE),
        One(&MANY),
        Other(NAMESPACE),
    ]))),
);
static ONE: Element = element(
    NAMESPACE,
    "one",
    &[Required("id", AnyUri)],
    Children(&Optional(&Other(NAMESPACE))),
);
static MANY: Element = element(
    NAMESPACE,
    "many",
    &[May("domain", Text)],
    Children(&Many(&Choice(&[One(&EXCEPT), Other(NAMESPACE)]))),
);
static EXCEPT: Element = element(
    NAMESPACE,
    "except",
    &[May("domain", Text), May("id", AnyUri)],
    Empty,
);
static SPHERE: Element = element(NAMESPACE, "sphere", &[Required("value", Text)], Empty);
static VALIDITY: Element = element(
    NAMESPACE,
    "validity",
    &[],
    Children(&AtLeastOne(&Sequence(&[One(&FROM), One(&UNTIL)]))),
);
static FROM: Element = element(NAMESPACE, "from", &[], Content::Text(DateTime));
static UNTIL: Element = element(NAMESPACE, "until", &[], Content::Text(DateTime));

/// Members of lists of resource-lists documents. Reconstructed, as are the two below, from what clients send.
static EXTERNAL_LIST: Element = element(
    OMA,
    "external-list",
    &[Foreign],
    Children(&Many(&Choice(&[One(&ENTRY), Anything]))),
);
static ENTRY: Element = element(
    OMA,
    "entry",
    &[May("anc", AnyUri), Foreign],
    Children(&Many(&Other(OMA))),
);
/// Everybody whom no other rule names.
static OTHER_IDENTITY: Element = element(OMA, "other-identity", &[], Empty);
/// Those who do not say who they are.
static ANONYMOUS_REQUEST: Element = element(OMA, "anonymous-request", &[], Empty);
