//! `org.openmobilealliance.access-rules`: whom a user's enablers accept (OMA XDM 2.0, shared policy).
//!
//! A rule set of common policy. What stands in actions and transformations is defined by each enabler; it is taken
//! as it comes. Reconstructed: AUID, media type and namespace are those that servers in the field use.

use super::built_in::{BuiltIn, Names, no_claims, no_rules};
use super::common_policy::{GRAMMAR, NAMESPACE};

/// The usage.
pub static USAGE: BuiltIn = BuiltIn {
    auid: "org.openmobilealliance.access-rules",
    namespace: NAMESPACE,
    more_namespaces: &[],
    media_type: "application/auth-policy+xml",
    names: Names::Any,
    global: false,
    grammar: &GRAMMAR,
    rules: no_rules,
    claims: no_claims,
};
