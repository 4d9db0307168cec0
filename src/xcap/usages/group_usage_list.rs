//! `org.openmobilealliance.group-usage-list`: the groups a user belongs to, in the form of resource lists
//! (OMA XDM Shared 1.1 section 5.2).
//!
//! The extra rules are those of the OMA text as other servers quote it; the elements it adds
//! (`urn:oma:xml:xdm:resource-list:oma-uriusage`) are taken as extensions and not checked.

use roxmltree::Node;

use super::Candidate;
use super::built_in::{BuiltIn, Names, broken, no_claims};
use super::resource_lists::{GRAMMAR, NAMESPACE, check_lists};
use super::unique::attribute_of;
use crate::xcap::conflict::Conflict;

/// The usage.
pub static USAGE: BuiltIn = BuiltIn {
    auid: "org.openmobilealliance.group-usage-list",
    namespace: NAMESPACE,
    more_namespaces: &[],
    media_type: "application/vnd.oma.group-usage-list+xml",
    names: Names::Any,
    global: false,
    grammar: &GRAMMAR,
    rules,
    claims: no_claims,
};

fn rules(candidate: &Candidate<'_>) -> Result<(), Conflict> {
    check_lists(candidate.document, NAMESPACE, &[NAMESPACE])?;
    for node in candidate.document.descendants().filter(Node::is_element) {
        let is = |name| node.has_tag_name((NAMESPACE, name));
        if is("list") && attribute_of(node, "name").is_none() {
            return Err(broken(node, "Name attribute is required."));
        }
        if is("entry-ref") || is("external") {
            let text = format!("Not allowed: <{}>", node.tag_name().name());
            return Err(broken(node, &text));
        }
    }
    Ok(())
}
