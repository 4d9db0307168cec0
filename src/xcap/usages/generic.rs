//! Application usages that an operator declares (`[[xcap.usages]]`).
//!
//! There is no schema: a document is well-formed, its root has the namespace that was declared, and the name if one
//! was declared. Nothing else is known of it.

use super::built_in::is_path;
use super::conformance::fault;
use super::pres_content::is_media_type;
use super::references::is_absolute;
use super::simple::is_nc_name;
use super::unique::shortened;
use super::{Candidate, Tree, Usage};
use crate::xcap::conflict::Conflict;

/// A usage that an operator declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generic {
    /// The application unique ID.
    pub auid: String,
    /// The default document namespace.
    pub namespace: String,
    /// The media type.
    pub media_type: String,
    /// Other namespaces that the root may have.
    pub more_namespaces: Vec<String>,
    /// The name of the root; `None`: any.
    pub root_element: Option<String>,
    /// What documents may be called: paths, whose last character may be a `*` for whatever follows. None: anything.
    pub document_names: Vec<String>,
    /// The largest document, in octets; `None`: the server's own limit.
    pub max_document_bytes: Option<usize>,
}

/// What is wrong with a declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The key, as in the configuration.
    pub key: &'static str,
    /// What is wrong with its value.
    pub problem: String,
}

impl Generic {
    /// Checks what the operator wrote.
    ///
    /// # Errors
    /// The first key whose value makes no sense.
    pub fn validate(&self) -> Result<(), Wrong> {
        let wrong = |key, problem: String| Err(Wrong { key, problem });
        if !is_auid(&self.auid) {
            let problem = format!(
                "\"{}\" is no AUID (RFC 4825 section 5.1): a word, or a reversed domain name of yours, a dot and a word",
                self.auid
            );
            return wrong("auid", problem);
        }
        if !is_absolute(&self.namespace) {
            return wrong("namespace", format!("\"{}\" is no URI", self.namespace));
        }
        if !is_media_type(&self.media_type) || self.media_type.contains(';') {
            let problem = format!(
                "\"{}\" is no media type without parameters",
                self.media_type
            );
            return wrong("mime_type", problem);
        }
        if let Some(namespace) = self.more_namespaces.iter().find(|uri| !is_absolute(uri)) {
            return wrong("namespaces", format!("\"{namespace}\" is no URI"));
        }
        if let Some(name) = &self.root_element
            && !is_nc_name(name)
        {
            return wrong(
                "root_element",
                format!("\"{name}\" is no name of an element"),
            );
        }
        let pattern = |name: &String| is_path(name) && !name.trim_end_matches('*').contains('*');
        if let Some(name) = self.document_names.iter().find(|name| !pattern(name)) {
            let problem =
                format!("\"{name}\" is no path of a document, perhaps with a \"*\" at its end");
            return wrong("document_names", problem);
        }
        if self.max_document_bytes == Some(0) {
            return wrong("max_document_bytes", "must be above zero".to_owned());
        }
        Ok(())
    }
}

/// RFC 4825 section 5.1.
fn is_auid(text: &str) -> bool {
    let (domain, word) = text
        .rsplit_once('.')
        .map_or((None, text), |(d, w)| (Some(d), w));
    let sign = |b: u8| b.is_ascii_alphanumeric() || b"-_~!$&'()*+,;=:@%".contains(&b);
    let escapes = word
        .split('%')
        .skip(1)
        .all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|b| b.is_ascii_hexdigit()));
    let label = |label: &str| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        !label.is_empty()
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let reversed = domain.is_none_or(|domain| {
        domain.starts_with(|c: char| c.is_ascii_alphabetic()) && domain.split('.').all(label)
    });
    !word.is_empty() && word.bytes().all(sign) && escapes && reversed
}

impl Usage for Generic {
    fn auid(&self) -> &str {
        &self.auid
    }

    fn namespace(&self) -> &str {
        &self.namespace
    }

    fn namespaces(&self) -> Vec<&str> {
        let own = [self.namespace.as_str()];
        own.into_iter()
            .chain(self.more_namespaces.iter().map(String::as_str))
            .collect()
    }

    fn media_type(&self) -> &str {
        &self.media_type
    }

    fn accepts_name(&self, _: Tree<'_>, name: &str) -> bool {
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == pattern,
        };
        is_path(name) && (self.document_names.is_empty() || self.document_names.iter().any(fits))
    }

    fn max_document_bytes(&self) -> Option<usize> {
        self.max_document_bytes
    }

    fn check(&self, candidate: &Candidate<'_>) -> Result<(), Conflict> {
        let root = candidate.document.root_element();
        let namespace = root.tag_name().namespace().unwrap_or_default();
        if !self.namespaces().contains(&namespace) {
            let text = format!(
                "the root is of namespace \"{}\"; expected \"{}\"",
                shortened(namespace),
                self.namespace
            );
            return Err(fault(root, &text));
        }
        match &self.root_element {
            Some(name) if root.tag_name().name() != name => {
                let found = shortened(root.tag_name().name());
                Err(fault(
                    root,
                    &format!("the root is <{found}>; expected <{name}>"),
                ))
            }
            _ => Ok(()),
        }
    }
}
