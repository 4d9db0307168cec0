//! Properties of edits on random documents: a GET gives what was PUT, and nothing else changes.

use proptest::prelude::*;

use super::tests::{MAX, parse, selector};
use super::*;

const PIECES: &[&str] = &[
    "\n ",
    "text",
    "<!-- </l> c -->",
    "<![CDATA[</l><e a='9'/>]]>",
    "<?p </l>?>",
    "&amp;",
    "<e/>",
    "<e a='1'/>",
    "<e a=\"2\" >x</e >",
    "<f a='1' b='2'><e a='1'/></f>",
    "<f></f>",
    "<p:e xmlns:p='u'/>",
    "<e xmlns='v' a='1'/>",
    "<g\na = '3'\n/>",
];

const BODIES: &[&str] = &[
    "<e/>",
    "<e a='1'/>",
    "<e a='2'>\n <x/></e>",
    "<f a='3'/>",
    "<f b='2'><!-- c --></f>",
    "<g/>",
    "<e xmlns='v'/>",
    "<e/><e/>",
    "text",
    "<e a='1'",
    "'1'",
    "\"a&amp;b\"",
    "plain",
    "",
    "</l><l>",
];

fn documents() -> impl Strategy<Value = String> {
    let content = prop::collection::vec(prop::sample::select(PIECES), 0..8);
    (content, any::<bool>()).prop_map(|(content, declared)| {
        let declaration = if declared {
            "<?xml version=\"1.0\"?>\n"
        } else {
            ""
        };
        let content = content.concat();
        if content.is_empty() {
            format!("{declaration}<l  />\n")
        } else {
            format!("{declaration}<l>{content}</l >\n<!-- end -->")
        }
    })
}

fn selectors() -> impl Strategy<Value = String> {
    let name = prop::sample::select(&["e", "f", "g", "*", "v:e"] as &[&str]);
    let position =
        prop::option::of(0..5_u8).prop_map(|n| n.map_or(String::new(), |n| format!("[{n}]")));
    let test =
        prop::option::of(1..4_u8).prop_map(|n| n.map_or(String::new(), |n| format!("[@a='{n}']")));
    let terminal =
        prop::sample::select(&["", "", "", "/@a", "/@b", "/e", "/*[1][@a='1']"] as &[&str]);
    (name, position, test, terminal, any::<bool>()).prop_map(
        |(name, position, test, terminal, turned)| {
            let (first, second) = if turned {
                (test, position)
            } else {
                (position, test)
            };
            format!("l/{name}{first}{second}{terminal}?xmlns(v=v)")
        },
    )
}

/// How many octets two texts have in common in front, and how many behind that.
fn common(a: &str, b: &str) -> (usize, usize) {
    let front = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let shorter = a.len().min(b.len()) - front;
    let back = a.bytes().rev().zip(b.bytes().rev());
    (
        front,
        back.take(shorter).take_while(|(a, b)| a == b).count(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_get_gives_what_was_put(text in documents(), target in selectors(), body in prop::sample::select(BODIES)) {
        let (document, selector) = (parse(&text), selector(&target));
        let before = get(&document, &selector);
        let Ok(edited) = put(&document, &selector, body.as_bytes(), |_| Ok(())) else {
            return Ok(());
        };
        let after = Document::parse(edited.text.as_bytes(), MAX).unwrap();
        let found = get(&after, &selector).unwrap();
        prop_assert_eq!(edited.replaced, before.is_ok());
        prop_assert_eq!(found.trim_matches(['"', '\'']), body.trim_matches(['"', '\'']));
        // Again: replaced, and nothing changes.
        let again = put(&after, &selector, body.as_bytes(), |_| Ok(())).unwrap();
        prop_assert!(again.replaced);
        prop_assert_eq!(&again.text, &edited.text);
        // What is not the old or the new node is as it was.
        let (front, back) = common(&text, &edited.text);
        let old = before.map_or(0, |old| old.len());
        prop_assert!(text.len() - front - back <= old.max("/>".len()));
        prop_assert!(edited.text.len() - front - back <= found.len() + "></p:e>".len());
        // What was created can be deleted, and then all is as it was, but for a tag that was opened.
        if !edited.replaced && let Ok(deleted) = delete(&after, &selector, |_| Ok(())) {
            let (front, back) = common(&text, &deleted.text);
            prop_assert!(["", "/", "/>"].contains(&&text[front..text.len() - back]));
        }
    }

    #[test]
    fn nothing_is_left_of_what_was_deleted(text in documents(), target in selectors()) {
        let (document, selector) = (parse(&text), selector(&target));
        let Ok(before) = get(&document, &selector) else {
            prop_assert_eq!(delete(&document, &selector, |_| Ok(())), Err(EditError::NotFound));
            return Ok(());
        };
        let Ok(edited) = delete(&document, &selector, |_| Ok(())) else {
            return Ok(());
        };
        let after = Document::parse(edited.text.as_bytes(), MAX).unwrap();
        prop_assert_eq!(get(&after, &selector), Err(EditError::NotFound));
        let (front, back) = common(&text, &edited.text);
        prop_assert_eq!(front + back, edited.text.len());
        prop_assert!(text.len() - edited.text.len() >= before.len());
    }

    #[test]
    fn any_text_is_read_or_refused(selector in "[a-z\\[\\]@=\"'/*:0-9&;%(){}^ ä]{0,40}", query in r"(xmlns|p|\(|\)|=|\^|a| |&){0,12}") {
        let path = crate::xcap::uri::NodePath { selector, query };
        if let Ok(selector) = NodeSelector::read(&path, "") {
            let _ = selector.find(parse("<a><b/></a>").tree());
        }
    }
}
