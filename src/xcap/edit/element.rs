//! PUT of an element.

use std::ops::Range;

use roxmltree::Node;

use super::{EditError, Edited, cannot_insert, no_parent, splice, utf8};
use crate::xcap::conflict::{Condition, Conflict};
use crate::xcap::document::{Document, DocumentError};
use crate::xcap::selector::{NodeSelector, Predicate, Selected, Step, Unmatched};

/// Where a new element goes.
enum Place {
    /// Before or behind another, or in front of its parent's end tag.
    At(usize),
    /// Into an element without an end tag: the range of the `/>` of its only tag.
    Into(Range<usize>),
}

pub(super) fn put(
    document: &Document<'_>,
    selector: &NodeSelector,
    body: &[u8],
    check: impl FnOnce(&Document<'_>) -> Result<(), Conflict>,
) -> Result<Edited, EditError> {
    let parent = selector
        .parent(document.tree())
        .map_err(|steps| no_parent(selector, steps))?;
    let body = utf8(body)?.trim_matches(is_space);
    let text = document.text();
    let target = selector.last_step().map(|step| (step, step.one(parent)));
    let (new, start, replaced) = match target {
        Some((_, Ok(element))) => {
            let range = element.range();
            (splice(text, &range, &[body]), range.start, true)
        }
        Some((_, Err(Unmatched::Several))) | None => {
            return Err(cannot_insert("The node selector selects several elements."));
        }
        Some((step, Err(Unmatched::Nothing))) => {
            let (new, start) = insert(text, parent, step, body)?;
            (new, start, false)
        }
    };
    verify(document, selector, &new, start..start + body.len(), check)?;
    Ok(Edited {
        text: new,
        replaced,
    })
}

/// Inserts; gives the new text and where the element begins in it.
fn insert(
    text: &str,
    parent: Node<'_, '_>,
    step: &Step,
    body: &str,
) -> Result<(String, usize), EditError> {
    if !parent.is_element() {
        return Err(cannot_insert("A document has one root element."));
    }
    let place = place(text, parent, step)
        .ok_or_else(|| cannot_insert("There are too few elements before that position."))?;
    Ok(match place {
        Place::At(at) => (splice(text, &(at..at), &[body]), at),
        Place::Into(end) => {
            let name = tag_name(text, parent);
            let new = splice(text, &end, &[">", body, "</", name, ">"]);
            (new, end.start + 1)
        }
    })
}

/// RFC 4825 section 8.2.3. `None` where there are not enough elements before the position.
fn place(text: &str, parent: Node<'_, '_>, step: &Step) -> Option<Place> {
    let at = step
        .predicates
        .iter()
        .position(|predicate| matches!(predicate, Predicate::Position(_)));
    let (before, position) = match at.map(|at| (at, &step.predicates[at])) {
        Some((at, Predicate::Position(position))) => (&step.predicates[..at], Some(*position)),
        _ => (&step.predicates[..0], None),
    };
    let mut counted = step.select(parent, before);
    match position {
        Some(0) => None,
        // Just before the first of them.
        Some(1) => Some(match counted.next() {
            Some(first) => Place::At(first.range().start),
            None => unconstrained(text, parent, step),
        }),
        // Earliest nth: right behind the one before.
        Some(n) => counted
            .nth(n - 2)
            .map(|previous| Place::At(previous.range().end)),
        None => Some(unconstrained(text, parent, step)),
    }
}

/// Earliest last: right behind the last of the same name. Without one, or without a name, behind everything.
fn unconstrained(text: &str, parent: Node<'_, '_>, step: &Step) -> Place {
    let last = match step.name {
        None => None,
        Some(_) => step.select(parent, &[]).last(),
    };
    match last {
        Some(sibling) => Place::At(sibling.range().end),
        None => end_of(text, parent),
    }
}

/// The end of an element's content.
fn end_of(text: &str, element: Node<'_, '_>) -> Place {
    let range = element.range();
    let source = &text[range.clone()];
    if source.ends_with("/>") {
        return Place::Into(range.end - 2..range.end);
    }
    // An end tag is the last thing in its element, and its name has no `<`.
    Place::At(range.start + source.rfind("</").unwrap_or(source.len()))
}

/// The name of an element as written, with its prefix.
pub(super) fn tag_name<'a>(text: &'a str, element: Node<'_, '_>) -> &'a str {
    let source = text[element.range()].trim_start_matches('<');
    let end = source.find(|c| is_space(c) || c == '/' || c == '>');
    &source[..end.unwrap_or(source.len())]
}

/// Parses the new text and sees that the selector selects what was put.
fn verify(
    document: &Document<'_>,
    selector: &NodeSelector,
    new: &str,
    range: Range<usize>,
    check: impl FnOnce(&Document<'_>) -> Result<(), Conflict>,
) -> Result<(), EditError> {
    let edited = match Document::parse(new.as_bytes(), document.max_bytes()) {
        Ok(edited) => edited,
        Err(DocumentError::Conflict(conflict)) => return Err(fragment_fault(conflict).into()),
        Err(error) => return Err(error.into()),
    };
    match selector.find(edited.tree()) {
        Ok(Selected::Element(element)) if element.range() == range => {}
        _ => {
            // Whether the body was one element at all.
            let mut elements = edited.tree().descendants();
            return Err(
                if elements.any(|node| node.is_element() && node.range() == range) {
                    cannot_insert("After that the node selector would not select the new element.")
                } else {
                    let phrase = "The body has to be exactly one element.";
                    Condition::NotXmlFrag.because(phrase).into()
                },
            );
        }
    }
    check(&edited).map_err(EditError::from)
}

/// The document was in order before, so what is wrong is wrong with the body, unless it is too much.
fn fragment_fault(conflict: Conflict) -> Conflict {
    match conflict.condition {
        Condition::NotWellFormed => Conflict {
            condition: Condition::NotXmlFrag,
            ..conflict
        },
        _ => conflict,
    }
}

/// White space of XML.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}
