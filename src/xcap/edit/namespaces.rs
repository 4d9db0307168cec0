//! The namespace bindings in scope for an element (RFC 4825 section 10).

use std::fmt::Write as _;

use roxmltree::Node;

use super::element::tag_name;

/// An element of the same name that declares the bindings: the default one first, then by prefix.
pub(super) fn fragment(text: &str, element: Node<'_, '_>) -> String {
    let mut bindings: Vec<_> = element
        .namespaces()
        .filter(|namespace| !namespace.uri().is_empty())
        .map(|namespace| (namespace.name(), namespace.uri()))
        .collect();
    bindings.sort_unstable();
    let mut fragment = format!("<{}", tag_name(text, element));
    for (prefix, uri) in bindings {
        let uri = quick_xml::escape::escape(uri);
        // Writing into a string cannot fail.
        let _ = match prefix {
            None => write!(fragment, " xmlns=\"{uri}\""),
            Some(prefix) => write!(fragment, " xmlns:{prefix}=\"{uri}\""),
        };
    }
    fragment.push_str("/>");
    fragment
}
