//! `pres-rules` (RFC 5025): who may see which of a user's presence.
//!
//! The root is a rule set of common policy (RFC 4745), but the default document namespace is that of presence rules
//! (RFC 5025 section 9.3): a selector writes `cp:ruleset` and binds `cp` in its query.

use super::built_in::{BuiltIn, Names, no_claims, no_rules};
use super::common_policy::{self, CONDITIONS_OF_OMA, RULESET};
use super::simple::Type::{AnyUri, Boolean, OneOf, Text};
use super::structure::Attribute::Required;
use super::structure::Content::{self, Children, Empty};
use super::structure::Model::{Choice, Many, One, Other};
use super::structure::{Element, Grammar, element};

/// The namespace of actions and transformations.
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:pres-rules";

/// The usage.
pub static USAGE: BuiltIn = BuiltIn {
    auid: "pres-rules",
    namespace: NAMESPACE,
    more_namespaces: &[common_policy::NAMESPACE],
    media_type: "application/auth-policy+xml",
    names: Names::Any,
    global: false,
    grammar: &GRAMMAR,
    rules: no_rules,
    claims: no_claims,
};

static GRAMMAR: Grammar = Grammar {
    roots: &[&RULESET],
    // OMA's conditions are there because clients put them in these documents too.
    globals: &[GLOBALS, CONDITIONS_OF_OMA],
    namespaces: &[NAMESPACE, common_policy::NAMESPACE],
};

/// What may stand in actions and transformations (RFC 5025 section 7).
pub const GLOBALS: &[&Element] = &[
    &SUB_HANDLING,
    &PROVIDE_SERVICES,
    &PROVIDE_DEVICES,
    &PROVIDE_PERSONS,
    &PROVIDE_ACTIVITIES,
    &PROVIDE_CLASS,
    &PROVIDE_DEVICE_ID,
    &PROVIDE_MOOD,
    &PROVIDE_PLACE_IS,
    &PROVIDE_PLACE_TYPE,
    &PROVIDE_PRIVACY,
    &PROVIDE_RELATIONSHIP,
    &PROVIDE_STATUS_ICON,
    &PROVIDE_SPHERE,
    &PROVIDE_TIME_OFFSET,
    &PROVIDE_USER_INPUT,
    &PROVIDE_NOTE,
    &PROVIDE_UNKNOWN,
    &PROVIDE_ALL,
    &SERVICE_URI,
    &SERVICE_URI_SCHEME,
    &OCCURRENCE_ID,
    &CLASS,
    &DEVICE_ID,
];

const fn permission(name: &'static str) -> Element {
    element(NAMESPACE, name, &[], Content::Text(Boolean))
}

static SUB_HANDLING: Element = element(
    NAMESPACE,
    "sub-handling",
    &[],
    Content::Text(OneOf(&["block", "confirm", "polite-block", "allow"])),
);

static PROVIDE_SERVICES: Element = element(
    NAMESPACE,
    "provide-services",
    &[],
    Children(&Choice(&[
        One(&ALL_SERVICES),
        Many(&Choice(&[
            One(&SERVICE_URI),
            One(&SERVICE_URI_SCHEME),
            One(&OCCURRENCE_ID),
            One(&CLASS),
            Other(NAMESPACE),
        ])),
    ])),
);
static PROVIDE_DEVICES: Element = element(
    NAMESPACE,
    "provide-devices",
    &[],
    Children(&Choice(&[
        One(&ALL_DEVICES),
        Many(&Choice(&[
            One(&DEVICE_ID),
            One(&OCCURRENCE_ID),
            One(&CLASS),
            Other(NAMESPACE),
        ])),
    ])),
);
static PROVIDE_PERSONS: Element = element(
    NAMESPACE,
    "provide-persons",
    &[],
    Children(&Choice(&[
        One(&ALL_PERSONS),
        Many(&Choice(&[
            One(&OCCURRENCE_ID),
            One(&CLASS),
            Other(NAMESPACE),
        ])),
    ])),
);
static ALL_SERVICES: Element = element(NAMESPACE, "all-services", &[], Empty);
static ALL_DEVICES: Element = element(NAMESPACE, "all-devices", &[], Empty);
static ALL_PERSONS: Element = element(NAMESPACE, "all-persons", &[], Empty);
static SERVICE_URI: Element = element(NAMESPACE, "service-uri", &[], Content::Text(AnyUri));
static SERVICE_URI_SCHEME: Element =
    element(NAMESPACE, "service-uri-scheme", &[], Content::Text(Text));
static OCCURRENCE_ID: Element = element(NAMESPACE, "occurrence-id", &[], Content::Text(Text));
static CLASS: Element = element(NAMESPACE, "class", &[], Content::Text(Text));
static DEVICE_ID: Element = element(NAMESPACE, "deviceID", &[], Content::Text(AnyUri));

static PROVIDE_ACTIVITIES: Element = permission("provide-activities");
static PROVIDE_CLASS: Element = permission("provide-class");
static PROVIDE_DEVICE_ID: Element = permission("provide-deviceID");
static PROVIDE_MOOD: Element = permission("provide-mood");
static PROVIDE_PLACE_IS: Element = permission("provide-place-is");
static PROVIDE_PLACE_TYPE: Element = permission("provide-place-type");
static PROVIDE_PRIVACY: Element = permission("provide-privacy");
static PROVIDE_RELATIONSHIP: Element = permission("provide-relationship");
static PROVIDE_STATUS_ICON: Element = permission("provide-status-icon");
static PROVIDE_SPHERE: Element = permission("provide-sphere");
static PROVIDE_TIME_OFFSET: Element = permission("provide-time-offset");
static PROVIDE_NOTE: Element = permission("provide-note");
static PROVIDE_USER_INPUT: Element = element(
    NAMESPACE,
    "provide-user-input",
    &[],
    Content::Text(OneOf(&["false", "bare", "thresholds", "full"])),
);
static PROVIDE_UNKNOWN: Element = element(
    NAMESPACE,
    "provide-unknown-attribute",
    &[Required("name", Text), Required("ns", Text)],
    Content::Text(Boolean),
);
static PROVIDE_ALL: Element = element(NAMESPACE, "provide-all-attributes", &[], Empty);
