//! Tests of [`super`].

use super::*;
use crate::xcap::uri::XcapUri;

const ROOT: &str = "http://xcap.example.com/root/";

fn node(xml: &str, uri: &str) -> Option<Found> {
    let document = Document::parse(xml.as_bytes(), usize::MAX).unwrap();
    let uri = XcapUri::parse(uri).unwrap();
    let selector = NodeSelector::read(&uri.node.unwrap(), "urn:a").unwrap();
    Found::node(&document, &selector)
}

fn state(found: &[(&str, Option<Found>)]) -> State {
    let mut state = State::default();
    for (sel, found) in found {
        if let Some(found) = found {
            state.insert(sel, found.clone());
        }
    }
    state
}

/// What is inside the root of the document; the root is checked.
fn inner(now: &State, told: Option<&State>) -> Option<String> {
    let xml = now.since(told, ROOT, false).unwrap()?;
    let start = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><d:xcap-diff \
                 xmlns:d=\"urn:ietf:params:xml:ns:xcap-diff\" xcap-root=\"http://xcap.example.com/root/\"";
    let inner = xml
        .strip_prefix(start)
        .unwrap_or_else(|| panic!("{xml}"))
        .to_owned();
    roxmltree::Document::parse(&xml).unwrap();
    Some(inner.replace("</d:xcap-diff>", ""))
}

#[test]
fn documents_are_told_by_their_tags() {
    let one = state(&[
        ("a/users/u/x", Some(Found::document("\"1-1\""))),
        ("a/users/u/y", Some(Found::document("\"2-1\""))),
    ]);
    assert_eq!(
        inner(&one, None).unwrap(),
        "><d:document sel=\"a/users/u/x\" new-etag=\"1-1\"/><d:document sel=\"a/users/u/y\" new-etag=\"2-1\"/>"
    );
    assert_eq!(inner(&one, Some(&one)), None);
    let other = state(&[
        ("a/users/u/y", Some(Found::document("\"2-2\""))),
        ("a/users/u/z<", Some(Found::document("\"3-1\""))),
    ]);
    assert_eq!(
        inner(&other, Some(&one)).unwrap(),
        "><d:document sel=\"a/users/u/x\" previous-etag=\"1-1\"/>\
         <d:document sel=\"a/users/u/y\" previous-etag=\"2-1\" new-etag=\"2-2\"/>\
         <d:document sel=\"a/users/u/z&lt;\" new-etag=\"3-1\"/>"
    );
    assert_eq!(inner(&State::default(), None).unwrap(), "/>");
}

/// RFC 5874 section 3: the content is that of the document, and its namespaces are declared around it.
#[test]
fn elements_are_told_as_they_stand() {
    let xml = "<a xmlns='urn:a' xmlns:d='urn:d'><d:b x='1&#13;&lt;' ><!-- c --><c xmlns:e='urn:e'/></d:b></a>";
    let uri = "t/users/u/i/~~/a/d:b?xmlns(d=urn:d)";
    let now = state(&[(uri, node(xml, uri))]);
    let written = now.since(None, ROOT, false).unwrap().unwrap();
    assert!(
        written.ends_with(
            "><dd:element sel=\"t/users/u/i/~~/a/d:b?xmlns(d=urn:d)\" xmlns=\"urn:a\" xmlns:d=\"urn:d\">\
             <d:b x='1&#13;&lt;' ><!-- c --><c xmlns:e='urn:e'/></d:b></dd:element></dd:xcap-diff>"
        ),
        "{written}"
    );
    let read = roxmltree::Document::parse(&written).unwrap();
    let inside = read.descendants().find(|n| n.has_tag_name(("urn:d", "b")));
    assert!(
        inside
            .unwrap()
            .first_element_child()
            .unwrap()
            .has_tag_name(("urn:a", "c"))
    );
    let gone = State::default()
        .since(Some(&now), ROOT, false)
        .unwrap()
        .unwrap();
    assert!(
        gone.contains("<d:element sel=\"t/users/u/i/~~/a/d:b?xmlns(d=urn:d)\" exists=\"false\"/>"),
        "{gone}"
    );
    // What stands beside it is no change of it.
    let beside = xml.replace("</d:b>", "</d:b><e/>");
    let same = state(&[(uri, node(&beside, uri))]);
    assert_eq!(same.since(Some(&now), ROOT, false).unwrap(), None);
}

#[test]
fn attributes_are_told_by_their_value() {
    let uri = "t/users/u/i/~~/a/@x";
    let now = state(&[(uri, node("<a xmlns='urn:a' x='1&lt;&#13;&#10;'/>", uri))]);
    let expected = "><d:attribute sel=\"t/users/u/i/~~/a/@x\">1&lt;&#13;\n</d:attribute>";
    assert_eq!(inner(&now, None).unwrap(), expected);
    let gone = inner(&State::default(), Some(&now)).unwrap();
    assert_eq!(
        gone,
        "><d:attribute sel=\"t/users/u/i/~~/a/@x\" exists=\"false\"/>"
    );
    assert_eq!(node("<a xmlns='urn:a'/>", uri), None);
    let bindings = "t/users/u/i/~~/a/namespace::*";
    assert_eq!(node("<a xmlns='urn:a'/>", bindings), None);
}

#[test]
fn what_is_too_long_is_told_without_its_content_and_again_when_it_changes() {
    let long = |c: &str| format!("<a xmlns='urn:a' x='{}'/>", c.repeat(MAX_CONTENT));
    let (element, attribute) = ("t/users/u/i/~~/a", "t/users/u/i/~~/a/@x");
    let of = |xml: &str| {
        state(&[
            (element, node(xml, element)),
            (attribute, node(xml, attribute)),
        ])
    };
    let (one, other) = (of(&long("b")), of(&long("c")));
    let short = "><d:element sel=\"t/users/u/i/~~/a\"/><d:attribute sel=\"t/users/u/i/~~/a/@x\">";
    let told = inner(&one, None).unwrap();
    assert!(
        told.starts_with(short) && told.len() < MAX_CONTENT + 200,
        "{}",
        told.len()
    );
    assert!(inner(&other, Some(&one)).unwrap().starts_with(short));
    let shorter = of("<a xmlns='urn:a' x='y'/>");
    let told = shorter.since(None, ROOT, true).unwrap().unwrap();
    assert!(
        told.contains("<d:attribute sel=\"t/users/u/i/~~/a/@x\"/>"),
        "{told}"
    );
}
