//! PUT of an attribute, and what its value looks like in the text.

use std::ops::Range;

use roxmltree::Node;

use super::element::{is_space, tag_name};
use super::{EditError, Edited, cannot_insert, no_parent, splice, utf8};
use crate::xcap::conflict::{Condition, Conflict};
use crate::xcap::document::{Document, DocumentError};
use crate::xcap::selector::{Name, NodeSelector, Selected, XML_NAMESPACE};

pub(super) fn put(
    document: &Document<'_>,
    selector: &NodeSelector,
    name: &Name,
    body: &[u8],
    check: impl FnOnce(&Document<'_>) -> Result<(), Conflict>,
) -> Result<Edited, EditError> {
    let element = selector
        .parent(document.tree())
        .map_err(|steps| no_parent(selector, steps))?;
    let value = value(utf8(body)?)?;
    let text = document.text();
    let old = name.attribute(element);
    let (new, start) = if let Some(old) = old {
        let literal = literal(text, old.range());
        (splice(text, &literal, &[&value]), literal.start)
    } else {
        let name = qualified(element, name)?;
        let at = end_of_attributes(text, element);
        let new = splice(text, &(at..at), &[" ", &name, "=", &value]);
        (new, at + name.len() + 2)
    };
    let edited = match Document::parse(new.as_bytes(), document.max_bytes()) {
        Ok(edited) => edited,
        Err(DocumentError::Conflict(conflict)) => return Err(value_fault(conflict).into()),
        Err(error) => return Err(error.into()),
    };
    match selector.find(edited.tree()) {
        Ok(Selected::Attribute(found))
            if literal(&new, found.range()) == (start..start + value.len()) => {}
        _ => {
            return Err(cannot_insert(
                "After that the node selector would not select the new attribute.",
            ));
        }
    }
    check(&edited)?;
    Ok(Edited {
        text: new,
        replaced: old.is_some(),
    })
}

/// The document was in order before, so what is wrong is wrong with the value, unless it is too much.
fn value_fault(conflict: Conflict) -> Conflict {
    match conflict.condition {
        Condition::NotWellFormed => Conflict {
            condition: Condition::NotXmlAttValue,
            ..conflict
        },
        _ => conflict,
    }
}

/// The body as an `AttValue` (XML 1.0 section 2.3), quotes included. One that has no quotes is given them:
/// many clients send the bare value.
///
/// Whether the references in it are in order shows when the document is parsed.
fn value(body: &str) -> Result<String, Conflict> {
    let wrong = |phrase: &str| Condition::NotXmlAttValue.because(phrase);
    if body.contains('<') {
        return Err(wrong("An attribute value cannot hold a \"<\"."));
    }
    let trimmed = body.trim_matches(is_space);
    if let Some(quote) = trimmed.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let inner = trimmed[1..].strip_suffix(quote);
        if inner.is_none_or(|inner| inner.contains(quote)) {
            return Err(wrong("The quotes of the attribute value do not match."));
        }
        return Ok(trimmed.to_owned());
    }
    Ok(if !body.contains('"') {
        format!("\"{body}\"")
    } else if !body.contains('\'') {
        format!("'{body}'")
    } else {
        format!("\"{}\"", body.replace('"', "&quot;"))
    })
}

/// How the attribute is called in the document: with a prefix that is bound there. A client cannot bind
/// prefixes with the PUT of an attribute (RFC 4825 section 7.10).
fn qualified(element: Node<'_, '_>, name: &Name) -> Result<String, EditError> {
    let Some(namespace) = &name.namespace else {
        if name.local == "xmlns" {
            return Err(cannot_insert("A namespace declaration is no attribute."));
        }
        return Ok(name.local.clone());
    };
    if namespace == XML_NAMESPACE {
        return Ok(format!("xml:{}", name.local));
    }
    let bound = || {
        let bindings = element.namespaces().filter(|n| n.uri() == namespace);
        bindings.filter_map(roxmltree::Namespace::name)
    };
    let prefix = bound()
        .find(|prefix| Some(*prefix) == name.prefix.as_deref())
        .or_else(|| bound().next())
        .ok_or_else(|| cannot_insert("No prefix is bound to the attribute's namespace there."))?;
    Ok(format!("{prefix}:{}", name.local))
}

/// Behind the last attribute, or the name of a tag without one.
fn end_of_attributes(text: &str, element: Node<'_, '_>) -> usize {
    match element.attributes().next_back() {
        Some(last) => last.range().end,
        None => element.range().start + 1 + tag_name(text, element).len(),
    }
}

/// Where the value of an attribute stands, quotes included. A name has no quotes in it.
pub(super) fn literal(text: &str, attribute: Range<usize>) -> Range<usize> {
    let name = text[attribute.clone()].find(['"', '\'']).unwrap_or(0);
    attribute.start + name..attribute.end
}

/// The attribute with the white space in front of it.
pub(super) fn with_space_before(text: &str, attribute: Range<usize>) -> Range<usize> {
    text[..attribute.start].trim_end_matches(is_space).len()..attribute.end
}
