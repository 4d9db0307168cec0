//! What GET, PUT and DELETE of a node do to a document (RFC 4825 section 8.2 to 8.4): splices of its text,
//! so that what is not touched keeps its octets.
//!
//! | module | what |
//! | --- | --- |
//! | `element` | where an element goes, and comes from |
//! | `attribute` | the same for attributes, and what a value may look like |
//! | `namespaces` | the bindings in scope, to read |
//!
//! After every edit the new text is parsed and the selector evaluated on it: GET has to give what was PUT,
//! and nothing where something was deleted.

mod attribute;
mod element;
mod namespaces;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod rfc4825_tests;
#[cfg(test)]
mod tests;

use std::ops::Range;

use super::conflict::{Condition, Conflict};
use super::document::{Document, DocumentError};
use super::selector::{NodeSelector, Selected, Terminal};

/// A document after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The new text.
    pub text: String,
    /// Whether something was there before: 200 to a PUT; else 201.
    pub replaced: bool,
}

/// Why a node cannot be read or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The selector selects nothing, or more than one: 404.
    #[error("the node selector selects no single node of the document")]
    NotFound,
    /// Namespace bindings can only be read: 405 with `Allow: GET, HEAD`.
    #[error("namespace bindings can only be read")]
    MethodNotAllowed,
    /// The document would be longer than its limit, which is given in octets: 413.
    #[error("the document would be longer than {0} octets")]
    TooLarge(usize),
    /// 409.
    #[error(transparent)]
    Conflict(#[from] Conflict),
}

impl From<DocumentError> for EditError {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::TooLarge(limit) => Self::TooLarge(limit),
            DocumentError::Conflict(conflict) => Self::Conflict(conflict),
        }
    }
}

impl From<Condition> for EditError {
    fn from(condition: Condition) -> Self {
        Self::Conflict(condition.into())
    }
}

/// What a GET of a node answers; [`super::selector::Kind::media_type`] is its type. An element is the slice
/// of the document, without declarations of its ancestors; an attribute its value in quotes, as it stands in
/// the document (an `AttValue`, RFC 4825 section 8.3 and figure 32).
///
/// # Errors
/// [`EditError::NotFound`].
pub fn get(document: &Document<'_>, selector: &NodeSelector) -> Result<String, EditError> {
    let selected = selector
        .find(document.tree())
        .map_err(|_| EditError::NotFound)?;
    let text = document.text();
    Ok(match selected {
        Selected::Element(node) => text[node.range()].to_owned(),
        Selected::Attribute(found) => text[attribute::literal(text, found.range())].to_owned(),
        Selected::Namespaces(node) => namespaces::fragment(text, node),
    })
}

/// Puts an element or attribute where the selector says (RFC 4825 section 8.2).
///
/// `check` is given the new document before it is given out: the usage's own rules (section 8.2.5).
///
/// # Errors
/// [`EditError`], but not [`EditError::NotFound`].
pub fn put(
    document: &Document<'_>,
    selector: &NodeSelector,
    body: &[u8],
    check: impl FnOnce(&Document<'_>) -> Result<(), Conflict>,
) -> Result<Edited, EditError> {
    match selector.terminal() {
        Terminal::Namespaces => Err(EditError::MethodNotAllowed),
        Terminal::Element => element::put(document, selector, body, check),
        Terminal::Attribute(name) => attribute::put(document, selector, name, body, check),
    }
}

/// Removes an element or attribute (RFC 4825 section 8.4). White space around an element stays.
///
/// # Errors
/// [`EditError`], but not [`EditError::TooLarge`].
pub fn delete(
    document: &Document<'_>,
    selector: &NodeSelector,
    check: impl FnOnce(&Document<'_>) -> Result<(), Conflict>,
) -> Result<Edited, EditError> {
    let text = document.text();
    let range = match selector.terminal() {
        Terminal::Namespaces => return Err(EditError::MethodNotAllowed),
        _ => selector
            .find(document.tree())
            .map_err(|_| EditError::NotFound)?,
    };
    let range = match range {
        Selected::Attribute(found) => attribute::with_space_before(text, found.range()),
        Selected::Element(node) | Selected::Namespaces(node) => node.range(),
    };
    if range == document.tree().root_element().range() {
        return Err(Condition::SchemaValidationError
            .because("A document has a root element; delete the document itself.")
            .into());
    }
    let new = splice(text, &range, &[]);
    let edited = Document::parse(new.as_bytes(), document.max_bytes()).map_err(|error| {
        // Texts that meet can be a `]]>`, and only then.
        match EditError::from(error) {
            EditError::Conflict(conflict) => Condition::ConstraintFailure
                .because(conflict.to_string())
                .into(),
            other => other,
        }
    })?;
    if selector.find(edited.tree()).is_ok() {
        return Err(Condition::CannotDelete
            .because("After that the node selector would select another node.")
            .into());
    }
    check(&edited)?;
    Ok(Edited {
        text: new,
        replaced: true,
    })
}

/// A text with `pieces` in place of a range.
fn splice(text: &str, range: &Range<usize>, pieces: &[&str]) -> String {
    let mut new = String::with_capacity(
        text.len() - range.len() + pieces.iter().map(|piece| piece.len()).sum::<usize>(),
    );
    new.push_str(&text[..range.start]);
    new.extend(pieces.iter().copied());
    new.push_str(&text[range.end..]);
    new
}

/// The body as text.
fn utf8(body: &[u8]) -> Result<&str, Conflict> {
    std::str::from_utf8(body)
        .map(|text| text.strip_prefix('\u{FEFF}').unwrap_or(text))
        .map_err(|fault| Condition::NotUtf8.because(format!("The body is not UTF-8: {fault}.")))
}

/// The conflict of a target whose parent is not there, with how far the selector comes.
fn no_parent(selector: &NodeSelector, steps: usize) -> EditError {
    let ancestor = (steps > 0).then(|| selector.uri_of(steps));
    Condition::NoParent(ancestor)
        .because("The element that should hold it does not exist, or the selector selects several.")
        .into()
}

fn cannot_insert(phrase: &str) -> EditError {
    Condition::CannotInsert.because(phrase).into()
}
