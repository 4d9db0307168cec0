//! `org.openmobilealliance.pres-rules`: presence rules of OMA (Presence SIMPLE XDM 1.1 section 5.1.1).
//!
//! Rule sets as in [`super::pres_rules`], with more conditions and transformations; here the default document namespace
//! is that of common policy. What OMA adds is reconstructed from what clients send: known names are checked, others
//! of OMA's namespaces are taken.

use super::built_in::{BuiltIn, Names, no_claims, no_rules};
use super::common_policy::{self, CONDITIONS_OF_OMA, RULESET};
use super::pres_rules;
use super::simple::Type::{Boolean, OneOf};
use super::structure::{Content, Element, Grammar, element};

/// The namespace of OMA's transformations.
const NAMESPACE: &str = "urn:oma:xml:prs:pres-rules";

/// The usage.
pub static USAGE: BuiltIn = BuiltIn {
    auid: "org.openmobilealliance.pres-rules",
    namespace: common_policy::NAMESPACE,
    more_namespaces: &[pres_rules::NAMESPACE],
    media_type: "application/auth-policy+xml",
    names: Names::Any,
    global: false,
    grammar: &GRAMMAR,
    rules: no_rules,
    claims: no_claims,
};

static GRAMMAR: Grammar = Grammar {
    roots: &[&RULESET],
    globals: &[pres_rules::GLOBALS, CONDITIONS_OF_OMA, TRANSFORMATIONS],
    namespaces: &[common_policy::NAMESPACE, pres_rules::NAMESPACE],
};

const TRANSFORMATIONS: &[&Element] = &[
    &PROVIDE_WILLINGNESS,
    &PROVIDE_NETWORK_AVAILABILITY,
    &PROVIDE_SESSION_PARTICIPATION,
    &PROVIDE_REGISTRATION_STATE,
    &PROVIDE_BARRING_STATE,
    &PROVIDE_GEOPRIV,
];

const fn permission(name: &'static str) -> Element {
    element(NAMESPACE, name, &[], Content::Text(Boolean))
}

static PROVIDE_WILLINGNESS: Element = permission("provide-willingness");
static PROVIDE_NETWORK_AVAILABILITY: Element = permission("provide-network-availability");
static PROVIDE_SESSION_PARTICIPATION: Element = permission("provide-session-participation");
static PROVIDE_REGISTRATION_STATE: Element = permission("provide-registration-state");
static PROVIDE_BARRING_STATE: Element = permission("provide-barring-state");
static PROVIDE_GEOPRIV: Element = element(
    NAMESPACE,
    "provide-geopriv",
    &[],
    Content::Text(OneOf(&["false", "full"])),
);
