//! What the usages of this folder have in common: a table entry each, and the implementation of [`Usage`] on it.

use roxmltree::Node;

use super::conformance;
use super::structure::Grammar;
use super::{Candidate, Claim, Tree, Usage};
use crate::xcap::conflict::{Condition, Conflict};

/// The longest path of a document below a home, in octets.
const LONGEST_NAME: usize = 255;

/// A usage that is built in: facts, a grammar, and what the grammar cannot say.
#[derive(Debug)]
pub struct BuiltIn {
    /// The application unique ID.
    pub auid: &'static str,
    /// The default document namespace.
    pub namespace: &'static str,
    /// The others that its documents may have and that are checked.
    pub more_namespaces: &'static [&'static str],
    /// The media type.
    pub media_type: &'static str,
    /// What documents of a user may be called.
    pub names: Names,
    /// Whether there are documents in the global tree that operators write.
    pub global: bool,
    /// The structure.
    pub grammar: &'static Grammar,
    /// The rules beside the structure.
    pub rules: fn(&Candidate<'_>) -> Result<(), Conflict>,
    /// What no other document may have.
    pub claims: fn(&Candidate<'_>) -> Vec<Claim>,
}

/// What documents may be called.
#[derive(Debug, Clone, Copy)]
pub enum Names {
    /// This only.
    Only(&'static str),
    /// Any path.
    Any,
}

/// There are no rules beside the structure.
///
/// # Errors
/// Never.
pub fn no_rules(_: &Candidate<'_>) -> Result<(), Conflict> {
    Ok(())
}

/// Documents do not stand in each other's way.
#[must_use]
pub fn no_claims(_: &Candidate<'_>) -> Vec<Claim> {
    Vec::new()
}

/// Whether a path below a home can be that of a document: short, and of segments that mean themselves in a URI.
#[must_use]
pub fn is_path(name: &str) -> bool {
    let segment = |segment: &str| !matches!(segment, "" | "." | ".." | "~~");
    name.len() <= LONGEST_NAME
        && !name.chars().any(char::is_control)
        && name.split('/').all(segment)
}

impl Usage for BuiltIn {
    fn auid(&self) -> &str {
        self.auid
    }

    fn namespace(&self) -> &str {
        self.namespace
    }

    fn namespaces(&self) -> Vec<&str> {
        let own = [self.namespace];
        own.into_iter()
            .chain(self.more_namespaces.iter().copied())
            .collect()
    }

    fn media_type(&self) -> &str {
        self.media_type
    }

    fn accepts_name(&self, tree: Tree<'_>, name: &str) -> bool {
        let named = match self.names {
            Names::Only(only) => name == only,
            Names::Any => is_path(name),
        };
        named && (self.global || tree != Tree::Global)
    }

    fn check(&self, candidate: &Candidate<'_>) -> Result<(), Conflict> {
        conformance::check(self.grammar, candidate.document, self.namespace)?;
        (self.rules)(candidate)
    }

    fn claims(&self, candidate: &Candidate<'_>) -> Vec<Claim> {
        (self.claims)(candidate)
    }
}

/// A `constraint-failure` about `node`.
#[must_use]
pub fn broken(node: Node<'_, '_>, text: &str) -> Conflict {
    let position = node.document().text_pos_at(node.range().start);
    Condition::ConstraintFailure.because(format!("line {}: {text}", position.row))
}
