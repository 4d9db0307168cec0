//! Application usages (RFC 4825 section 5): what a kind of document is called, looks like and must hold.

use super::conflict::{Condition, Conflict, Exists};

pub mod built_in;
mod common_policy;
pub mod conformance;
pub mod deferred_list;
pub mod generic;
mod references;
mod registry;
pub mod simple;
pub mod structure;
pub mod unique;
pub mod xcap_caps;
pub mod xcap_directory;

mod access_rules;
mod conv_history;
mod group_usage_list;
mod groups;
mod oma_pres_rules;
mod pidf_manipulation;
mod pres_content;
mod pres_rules;
mod resource_lists;
mod rls_services;
mod user_profile;

pub use registry::{Facts, Registry, RegistryError, ServerWritten};

#[cfg(test)]
mod examples_tests;
#[cfg(test)]
mod refused_more_tests;
#[cfg(test)]
mod refused_tests;
#[cfg(test)]
mod registry_tests;

/// Which of the two trees below an AUID a document lies in (RFC 4825 section 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tree<'a> {
    /// For everybody.
    Global,
    /// Of one user: the XUI, decoded.
    Users(&'a str),
}

/// A document that is going to be written, as a usage looks at it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Where it lies.
    pub tree: Tree<'a>,
    /// Its path below the user's home or below `global`, decoded.
    pub name: &'a str,
    /// The absolute URI of the XCAP root, without a slash at the end.
    pub root: &'a str,
    /// The whole document after the change. It is well-formed, without a DTD, within the limits.
    pub document: &'a roxmltree::Document<'a>,
}

/// An application usage whose documents users write.
pub trait Usage: Send + Sync {
    /// The application unique ID.
    fn auid(&self) -> &str;
    /// The default document namespace: that of names without a prefix in node selectors.
    fn namespace(&self) -> &str;
    /// All namespaces that its documents may have, for xcap-caps.
    fn namespaces(&self) -> Vec<&str> {
        vec![self.namespace()]
    }
    /// The media type of its documents.
    fn media_type(&self) -> &str;
    /// Whether a document may have this path below a user's home or `global`; where there is one
    /// well-known name (`index`) others are refused only if the usage says so.
    fn accepts_name(&self, tree: Tree<'_>, name: &str) -> bool;
    /// The largest document, in octets; `None`: the server's own limit.
    fn max_document_bytes(&self) -> Option<usize> {
        None
    }
    /// Checks structure, uniqueness and the usage's other constraints.
    ///
    /// # Errors
    /// What is wrong with the document.
    fn check(&self, candidate: &Candidate<'_>) -> Result<(), Conflict>;
    /// What no other document of this usage may claim, whosever it is. Asked for after [`Usage::check`]; the store
    /// compares, in the transaction that writes the document.
    fn claims(&self, _candidate: &Candidate<'_>) -> Vec<Claim> {
        Vec::new()
    }
}

/// A value that is unique on the server, not only in its document (RFC 4826 section 4.4.5: the URI of a service).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The value, compared octet by octet.
    pub value: String,
    /// Where it stands: a node selector relative to the document, percent-encoded.
    pub field: String,
}

impl Claim {
    /// The claim on the value of an attribute.
    fn of(node: roxmltree::Node<'_, '_>, attribute: &str, default_namespace: &str) -> Option<Self> {
        Some(Self {
            value: unique::attribute_of(node, attribute)?.to_owned(),
            field: unique::selector(node, attribute, default_namespace),
        })
    }

    /// Values to suggest instead, most alike first; the caller leaves out those that are taken.
    pub fn alternatives(&self) -> impl Iterator<Item = String> {
        unique::alternatives(&self.value)
    }

    /// The conflict if another document has the value.
    #[must_use]
    pub fn taken(self, alt_values: Vec<String>) -> Conflict {
        let phrase = format!("\"{}\" is taken", unique::shortened(&self.value));
        let field = self.field;
        Condition::UniquenessFailure(vec![Exists { field, alt_values }]).because(phrase)
    }
}
