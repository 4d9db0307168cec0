//! An edit of any document: a GET of what was PUT gives it back, a second PUT changes nothing, what was
//! deleted is gone, and the octets before and behind stay.
//!
//! The input is a node selector, a body and a document, a line `---` between them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use restante::xcap::document::Document;
use restante::xcap::edit::{EditError, delete, get, put};
use restante::xcap::selector::{Kind, NodeSelector};
use restante::xcap::uri::NodePath;

const MAX: usize = 65_536;

fuzz_target!(|octets: &[u8]| {
    let Ok(input) = std::str::from_utf8(octets) else {
        return;
    };
    let mut parts = input.splitn(3, "\n---\n");
    let (Some(target), Some(body), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
        return;
    };
    let (selector, query) = target.split_once('?').unwrap_or((target, ""));
    let path = NodePath {
        selector: selector.to_owned(),
        query: query.to_owned(),
    };
    let Ok(selector) = NodeSelector::read(&path, "urn:d") else {
        return;
    };
    let Ok(document) = Document::parse(text.as_bytes(), MAX) else {
        return;
    };
    let before = get(&document, &selector);
    if let Ok(edited) = put(&document, &selector, body.as_bytes(), |_| Ok(())) {
        assert_eq!(edited.replaced, before.is_ok());
        let Ok(after) = Document::parse(edited.text.as_bytes(), MAX) else {
            panic!("the result is no document");
        };
        let found = get(&after, &selector).unwrap_or_else(|_| panic!("nothing was put"));
        if selector.kind() == Kind::Element {
            assert!(body.contains(&found));
            assert!(edited.text.contains(&found));
        }
        let again = put(&after, &selector, body.as_bytes(), |_| Ok(()));
        assert_eq!(again.map(|again| again.text).as_ref(), Ok(&edited.text));
        let old = before.as_ref().map_or(0, String::len);
        kept(text, &edited.text, old.max(2), found.len() + target.len());
    }
    match delete(&document, &selector, |_| Ok(())) {
        Ok(edited) => {
            let Ok(after) = Document::parse(edited.text.as_bytes(), MAX) else {
                panic!("the result is no document");
            };
            assert_eq!(get(&after, &selector), Err(EditError::NotFound));
            kept(text, &edited.text, text.len() - edited.text.len(), 0);
        }
        Err(EditError::NotFound) => assert!(before.is_err()),
        Err(_) => {}
    }
});

/// The texts are the same but for so many octets in the one, and not much more than so many in the other.
fn kept(before: &str, after: &str, old: usize, new: usize) {
    let (before, after) = (before.as_bytes(), after.as_bytes());
    let front = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let (b, a) = (&before[front..], &after[front..]);
    let back = b
        .iter()
        .rev()
        .zip(a.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    assert!(b.len() - back <= old, "{old} octets were replaced");
    // A name and `="` of an attribute, or the tags of an element that was empty, may come with it.
    assert!(a.len() - back <= new + before.len());
}
