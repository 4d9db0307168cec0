//! Application usages (RFC 4825 section 5): what a kind of document is called, looks like and must hold.

use super::conflict::Conflict;

pub mod deferred_list;

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
    /// Checks structure, uniqueness and the usage's other constraints.
    ///
    /// # Errors
    /// What is wrong with the document.
    fn check(&self, candidate: &Candidate<'_>) -> Result<(), Conflict>;
}
