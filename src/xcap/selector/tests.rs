//! Selectors as clients write them, and what they find.

use super::*;
use crate::xcap::uri::NodePath;

const NAMESPACE: &str = "urn:default";

fn read(target: &str) -> Result<NodeSelector, SelectorError> {
    let (selector, query) = target.split_once('?').unwrap_or((target, ""));
    let path = NodePath {
        selector: selector.to_owned(),
        query: query.to_owned(),
    };
    NodeSelector::read(&path, NAMESPACE)
}

/// What a selector selects in a document: the source text of it, or why nothing.
fn find<'a>(text: &'a str, target: &str) -> Result<&'a str, Unmatched> {
    let document = Document::parse(text).unwrap();
    let selector = read(target).unwrap_or_else(|fault| panic!("{target}: {fault}"));
    let range = selector.find(&document)?.range();
    Ok(&text[range])
}

/// RFC 4825 figure 3.
const WATCHERS: &str = r#"<?xml version="1.0"?>
<watcherinfo xmlns="urn:default"
             version="0" state="full">
  <watcher-list resource="sip:professor@example.net"
                package="presence">
    <watcher status="active"
             id="8ajksjda7s"
             duration-subscribed="509"
             event="approved">sip:userA@example.net</watcher>
    <watcher status="pending"
             id="hh8juja87s997-ass7"
             display-name="Mr. Subscriber"
             event="subscribe">sip:userB@example.org</watcher>
  </watcher-list>
</watcherinfo>"#;

#[test]
fn figure_3_of_rfc_4825() {
    let found = find(
        WATCHERS,
        "watcherinfo/watcher-list/watcher%5b@id=%228ajksjda7s%22%5d",
    )
    .unwrap();
    assert!(found.starts_with("<watcher status=\"active\"\n"));
    assert!(found.ends_with(">sip:userA@example.net</watcher>"));
}

#[test]
fn each_form_of_a_step() {
    for (target, found) in [
        ("watcherinfo/watcher-list/@package", "package=\"presence\""),
        ("*/*/*[2]/@event", "event=\"subscribe\""),
        ("*/*/watcher[1]/@event", "event=\"approved\""),
        ("*/*/*[@status=\"pending\"]/@event", "event=\"subscribe\""),
        ("*/*/*[@status='pending']/@event", "event=\"subscribe\""),
        (
            "*[1]/*/*[2][@status='pending']/@event",
            "event=\"subscribe\"",
        ),
        // The second predicate sees what the first has left.
        ("*/*/*[@status='pending'][1]/@event", "event=\"subscribe\""),
    ] {
        assert_eq!(find(WATCHERS, target), Ok(found), "{target}");
    }
    for (target, why) in [
        ("watcherinfo/watcher-list/watcher", Unmatched::Several),
        ("*/*/*", Unmatched::Several),
        ("*/*/*/@event", Unmatched::Several),
        ("*/*/*[@status='pending'][2]", Unmatched::Nothing),
        ("*/*/*[2][@status='active']", Unmatched::Nothing),
        ("*/*/*[0]", Unmatched::Nothing),
        ("*/*/*[3]", Unmatched::Nothing),
        ("*/*/*[99999999999999999999999999]", Unmatched::Nothing),
        ("*/*/@none", Unmatched::Nothing),
        ("other", Unmatched::Nothing),
        ("*/watcher", Unmatched::Nothing),
        ("*[@xmlns='urn:default']", Unmatched::Nothing),
        ("*/@xmlns", Unmatched::Nothing),
    ] {
        assert_eq!(find(WATCHERS, target), Err(why), "{target}");
    }
}

#[test]
fn encoded_and_raw_are_the_same() {
    let raw = read("a/b[@c=\"d/e [x]\"]/@f").unwrap();
    for target in [
        "a/b%5B@c=%22d%2Fe%20%5Bx%5D%22%5D/@f",
        "a/b%5b%40c%3d%22d/e%20[x]%22%5d/%40f",
        "a%2Fb%5B@c=\"d/e [x]\"]/@f",
    ] {
        let encoded = read(target).unwrap();
        assert_eq!(encoded.terminal, raw.terminal, "{target}");
        for (a, b) in encoded.steps.iter().zip(&raw.steps) {
            assert_eq!((&a.name, &a.predicates), (&b.name, &b.predicates));
        }
        assert_eq!(encoded.steps.len(), 2);
    }
}

#[test]
fn values_may_hold_slashes_quotes_and_references() {
    let text = "<l xmlns='urn:default'><e u='sip:a/b'/><e u='a\"b'/><e u=\"a'b\"/><e u='a&amp;b'/>\
                <e u='&lt;x>'/><e u='a&#9;b'/><e u='a\tb'/><e u='~~/ä]['/><e u=''/></l>";
    for (target, found) in [
        ("l/e[@u=\"sip:a/b\"]", "<e u='sip:a/b'/>"),
        ("l/e[@u='sip:a%2Fb']", "<e u='sip:a/b'/>"),
        ("l/e[@u='a\"b']", "<e u='a\"b'/>"),
        ("l/e[@u=\"a&quot;b\"]", "<e u='a\"b'/>"),
        ("l/e[@u=\"a%26quot%3Bb\"]", "<e u='a\"b'/>"),
        ("l/e[@u=\"a'b\"]", "<e u=\"a'b\"/>"),
        ("l/e[@u='a&apos;b']", "<e u=\"a'b\"/>"),
        ("l/e[@u='a&amp;b']", "<e u='a&amp;b'/>"),
        ("l/e[@u='a&b']", "<e u='a&amp;b'/>"),
        ("l/e[@u='&#x3C;x&#62;']", "<e u='&lt;x>'/>"),
        ("l/e[@u='a&#9;b']", "<e u='a&#9;b'/>"),
        ("l/e[@u='a%09b']", "<e u='a\tb'/>"),
        ("l/e[@u='~~/%C3%A4][']", "<e u='~~/ä]['/>"),
        ("l/e[@u='']", "<e u=''/>"),
    ] {
        assert_eq!(find(text, target), Ok(found), "{target}");
    }
    // Decoded once, not twice.
    assert_eq!(find(text, "l/e[@u='sip:a%252Fb']"), Err(Unmatched::Nothing));
}

/// RFC 4825 section 6.4.
const NAMESPACES: &str = r#"<?xml version="1.0"?>
<foo xmlns="urn:default">
  <ns1:bar xmlns:ns1="urn:test:namespace1-uri"
           xmlns="urn:test:namespace1-uri">
    <baz/>
    <ns2:baz xmlns:ns2="urn:test:namespace2-uri"/>
  </ns1:bar>
  <ns3:hi xmlns:ns3="urn:test:namespace3-uri">
    <there/>
  </ns3:hi>
</foo>"#;

#[test]
fn section_6_4_of_rfc_4825() {
    let second = "<ns2:baz xmlns:ns2=\"urn:test:namespace2-uri\"/>";
    for (target, found) in [
        (
            "foo/a:bar/b:baz?xmlns(a=urn:test:namespace1-uri)xmlns(b=urn:test:namespace1-uri)",
            "<baz/>",
        ),
        (
            "foo/a:bar/b:baz?xmlns(a=urn:test:namespace1-uri)xmlns(b=urn:test:namespace2-uri)",
            second,
        ),
        (
            "d:foo/a:bar/b:baz?xmlns(a=urn:test:namespace1-uri)xmlns(b=urn:test:namespace2-uri)xmlns(d=urn:default)",
            second,
        ),
        (
            "foo/a:hi/there?xmlns(a=urn:test:namespace3-uri)",
            "<there/>",
        ),
        // Encoded, with white space, other schemes and parameters between, and a binding that is replaced.
        (
            "foo/a:bar/*[2]?v=1&xmlns%28a%3Durn:x%29%20element(/1)xmlns(%20a%20=%20urn:test:namespace1-uri)&w=(",
            second,
        ),
    ] {
        assert_eq!(find(NAMESPACES, target), Ok(found), "{target}");
    }
    // The prefixes of the document say nothing, and the default namespace of the document neither.
    assert_eq!(
        read("foo/ns1:bar"),
        Err(SelectorError::UndefinedPrefix("ns1".into()))
    );
    assert_eq!(
        find(
            NAMESPACES,
            "foo/a:bar/baz[1]?xmlns(a=urn:test:namespace1-uri)"
        ),
        Err(Unmatched::Nothing)
    );
}

#[test]
fn parentheses_in_a_namespace() {
    let text = "<p:a xmlns:p='u(1)^2)' p:b='c' b='d'/>";
    for query in ["xmlns(x=u(1)^^2^))", "xmlns(x=u^(1^)%5E%5E2^))"] {
        assert_eq!(find(text, &format!("x:a/@x:b?{query}")), Ok("p:b='c'"));
        assert_eq!(
            find(text, &format!("x:a[@x:b='c']/@b?{query}")),
            Ok("b='d'")
        );
    }
    for query in [
        "xmlns(x=u",
        "xmlns(x)",
        "xmlns(=u)",
        "xmlns(1=u)",
        "xmlns(xmlns=u)",
        "%FF",
    ] {
        assert!(
            matches!(read(&format!("a?{query}")), Err(SelectorError::Syntax(_))),
            "{query}"
        );
    }
}

#[test]
fn no_namespace_is_a_namespace() {
    let text = "<a xmlns='urn:default'><b xmlns='' xml:lang='en'/></a>";
    assert_eq!(find(text, "a/b"), Err(Unmatched::Nothing));
    assert_eq!(find(text, "a/n:b/@xml:lang?xmlns(n=)"), Ok("xml:lang='en'"));
}

#[test]
fn mistakes_are_400_and_what_is_not_understood_404() {
    for target in [
        "",
        "/a",
        "a/",
        "a//b",
        "a[",
        "a]",
        "a[@b=\"c]",
        "a[@b='c\"]",
        "a[b[1]]",
        "a[@b=\"&nbsp;\"]",
        "%FF",
    ] {
        let fault = read(target).unwrap_err();
        assert!(
            matches!(fault, SelectorError::Syntax(_)),
            "{target}: {fault:?}"
        );
    }
    for target in [
        "text()",
        "a/text()",
        "a[last()]",
        "a[]",
        "a[1][2]",
        "a[@b='c'][@d='e']",
        "a[@b='c'][1][1]",
        "a[@b]",
        "a[@b=c]",
        "a[@b='c'or'd']",
        "a[1]x",
        "a[ 1 ]",
        "@a",
        "a/@b/c",
        "a/@",
        "namespace::*",
        "a/namespace::*/b",
        "a/namespace::b",
        "..",
        "1a",
        "a:b:c",
        "a:*",
        "a b",
    ] {
        let fault = read(target).unwrap_err();
        assert!(
            matches!(fault, SelectorError::Unsupported(_)),
            "{target}: {fault:?}"
        );
    }
    for target in ["p:a", "a[@p:b='c']", "a/@p:b"] {
        assert_eq!(
            read(target),
            Err(SelectorError::UndefinedPrefix("p".into()))
        );
    }
}

#[test]
fn steps_are_bounded() {
    let deep = |steps: usize| vec!["*"; steps].join("/");
    assert!(read(&deep(MAX_STEPS)).is_ok());
    assert_eq!(read(&deep(4_000)), Err(SelectorError::TooManySteps));
    let brackets = format!("a{}", "[".repeat(8_000));
    assert!(matches!(read(&brackets), Err(SelectorError::Syntax(_))));
    let predicates = format!("a{}", "[1]".repeat(2_000));
    assert!(matches!(
        read(&predicates),
        Err(SelectorError::Unsupported(_))
    ));
}

#[test]
fn kinds_and_their_media_types() {
    for (target, kind, media_type) in [
        ("a", Kind::Element, "application/xcap-el+xml"),
        ("a/@b", Kind::Attribute, "application/xcap-att+xml"),
        (
            "a/namespace::*",
            Kind::Namespaces,
            "application/xcap-ns+xml",
        ),
        (
            "a/namespace%3A%3A%2A",
            Kind::Namespaces,
            "application/xcap-ns+xml",
        ),
    ] {
        let selector = read(target).unwrap();
        assert_eq!(
            (selector.kind(), selector.kind().media_type()),
            (kind, media_type)
        );
    }
}

#[test]
fn the_first_steps_as_a_uri() {
    let selector = read("a/b[@c=\"d%2Fe%25\"]/p:x/y?xmlns(p=urn:\"x\")").unwrap();
    assert_eq!(selector.uri_of(1), "a");
    assert_eq!(selector.uri_of(2), "a/b%5B@c=%22d/e%25%22%5D");
    assert_eq!(
        selector.uri_of(3),
        "a/b%5B@c=%22d/e%25%22%5D/p:x?xmlns(p=urn:%22x%22)"
    );
}
