//! Edits beyond the examples: what servers in use get wrong, and bodies that do not fit.

use super::*;
use crate::xcap::uri::NodePath;

pub(super) const MAX: usize = 1 << 20;

pub(super) fn selector(target: &str) -> NodeSelector {
    selector_in(target, "")
}

/// A selector of a usage with this default namespace.
pub(super) fn selector_in(target: &str, namespace: &str) -> NodeSelector {
    let (selector, query) = target.split_once('?').unwrap_or((target, ""));
    let path = NodePath {
        selector: selector.to_owned(),
        query: query.to_owned(),
    };
    NodeSelector::read(&path, namespace).unwrap_or_else(|fault| panic!("{target}: {fault}"))
}

pub(super) fn parse(text: &str) -> Document<'_> {
    Document::parse(text.as_bytes(), MAX).unwrap()
}

/// PUTs, and sees that a GET gives it back.
#[track_caller]
pub(super) fn put_ok(text: &str, selector: &NodeSelector, body: &str) -> String {
    let edited = put(&parse(text), selector, body.as_bytes(), |_| Ok(())).unwrap();
    assert_eq!(get(&parse(&edited.text), selector).unwrap(), body);
    let before = get(&parse(text), selector);
    assert_eq!(edited.replaced, before.is_ok());
    edited.text
}

#[track_caller]
fn put_fault(text: &str, target: &str, body: &[u8]) -> Condition {
    match put(&parse(text), &selector(target), body, |_| Ok(())) {
        Err(EditError::Conflict(conflict)) => conflict.condition,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn delete_ok(text: &str, target: &str) -> String {
    let edited = delete(&parse(text), &selector(target), |_| Ok(())).unwrap();
    let gone = get(&parse(&edited.text), &selector(target));
    assert_eq!(gone, Err(EditError::NotFound));
    edited.text
}

#[test]
fn into_an_element_without_content() {
    for (before, after) in [
        ("<a/>", "<a><b/></a>"),
        ("<a />", "<a ><b/></a>"),
        ("<a x='/>'\n/>", "<a x='/>'\n><b/></a>"),
        ("<a></a>", "<a><b/></a>"),
        ("<a></a >", "<a><b/></a >"),
        (
            "<!--<a/>--><a/><!--</a>-->",
            "<!--<a/>--><a><b/></a><!--</a>-->",
        ),
        ("<a><![CDATA[</a>]]></a>", "<a><![CDATA[</a>]]><b/></a>"),
        ("<a><!--</a>--></a>", "<a><!--</a>--><b/></a>"),
    ] {
        assert_eq!(put_ok(before, &selector("a/b"), "<b/>"), after);
        assert_eq!(put_ok(before, &selector("a/*"), "<b/>"), after);
        assert_eq!(put_ok(before, &selector("a/*[1]"), "<b/>"), after);
    }
    let after = put_ok("<p:a xmlns:p='u'/>", &selector("p:a/b?xmlns(p=u)"), "<b/>");
    assert_eq!(after, "<p:a xmlns:p='u'><b/></p:a>");
}

#[test]
fn nothing_else_is_touched() {
    let text = "\u{FEFF}<?xml version='1.0' encoding=\"utf-8\" ?>\r\n<!-- a -->\n<a   x = 'y'\t>\r\n\
                \t<b\n id=\"1\"><![CDATA[<]]>&#x20;</b >\u{85}\n<?p i?><b id='2'/></a  >\n<!-- z -->\n";
    let after = put_ok(text, &selector("a/b[@id='1']"), "<b id='1' />");
    assert_eq!(
        after,
        text.replace("<b\n id=\"1\"><![CDATA[<]]>&#x20;</b >", "<b id='1' />")
    );
    assert_eq!(
        delete_ok(text, "a/b[@id='2']"),
        text.replace("<b id='2'/>", "")
    );
    assert_eq!(
        put_ok(text, &selector("a/@x"), "\"new\""),
        text.replace("'y'", "\"new\"")
    );
    assert_eq!(delete_ok(text, "a/@x"), text.replace("   x = 'y'", ""));
    assert_eq!(
        put_ok(text, &selector("a/b[2]/@n"), "\"&#10;\""),
        text.replace("<b id='2'/>", "<b id='2' n=\"&#10;\"/>")
    );
    assert_eq!(get(&parse(text), &selector("a/@x")).unwrap(), "'y'");
}

#[test]
fn a_large_document() {
    let entries: String = (0..5_000)
        .map(|i| "<e u='sip:#@x'><n>N</n></e>\n".replace('#', &i.to_string()))
        .collect();
    let text = format!("<l>{entries}</l>");
    assert!(text.len() > 2 * 64 * 1024);
    let after = put_ok(&text, &selector("l/e[@u='new']"), "<e u='new'/>");
    assert_eq!(after.len(), text.len() + "<e u='new'/>".len());
    let after = put_ok(&text, &selector("l/e[@u='sip:4000@x']/n"), "<n>M</n>");
    assert!(after.contains("<e u='sip:4000@x'><n>M</n></e>"));
}

#[test]
fn the_limit_holds_after_the_edit() {
    let text = format!("<l>{}</l>", " ".repeat(90));
    let document = Document::parse(text.as_bytes(), 100).unwrap();
    let result = put(&document, &selector("l/e"), b"<e/>", |_| Ok(()));
    assert_eq!(result, Err(EditError::TooLarge(100)));
    let deep = "<e>".repeat(200) + &"</e>".repeat(200);
    assert_eq!(
        put_fault("<l/>", "l/e", deep.as_bytes()),
        Condition::ConstraintFailure
    );
}

#[test]
fn ambiguous_selectors_find_nothing() {
    let text = "<l><e/><e/></l>";
    let document = parse(text);
    for target in ["l/e", "l/*", "l/e/@a", "l/e/namespace::*"] {
        assert_eq!(get(&document, &selector(target)), Err(EditError::NotFound));
    }
    for target in ["l/e", "l/*", "l/e/@a"] {
        let result = delete(&document, &selector(target), |_| Ok(()));
        assert_eq!(result, Err(EditError::NotFound));
    }
    assert_eq!(put_fault(text, "l/e", b"<e/>"), Condition::CannotInsert);
    assert_eq!(
        put_fault(text, "l/e/f", b"<f/>"),
        Condition::NoParent(Some("l".into()))
    );
}

#[test]
fn the_deepest_ancestor_is_named() {
    let text = "<l><e a='1'/></l>";
    for (target, ancestor) in [
        ("x/y", None),
        ("x/@y", None),
        ("l/f/g", Some("l")),
        ("l/f/@g", Some("l")),
        ("l/e[@a='1']/f/g/h", Some("l/e%5B@a='1'%5D")),
        ("l/e[@a='1']/f/@g", Some("l/e%5B@a='1'%5D")),
        ("l/p:f/q:g?xmlns(p=u)xmlns(q=v)", Some("l")),
    ] {
        let conflict = Condition::NoParent(ancestor.map(str::to_owned));
        assert_eq!(put_fault(text, target, b"<y/>"), conflict, "{target}");
    }
    // Before the body is looked at (RFC 4825 section 8.2.1, 8.2.2).
    assert!(matches!(
        put_fault(text, "l/f/g", b"no element"),
        Condition::NoParent(_)
    ));
}

#[test]
fn a_body_is_one_element() {
    let text = "<l xmlns:p='u'><e/>\n<p:e/></l>";
    for body in [
        "",
        "  ",
        "text",
        "<e>",
        "</e>",
        "<e/><e/>",
        "<e/>text",
        "text<e/>",
        "<!-- c --><e/>",
        "<e/><!-- c -->",
        "<?xml version=\"1.0\"?><e/>",
        "<!DOCTYPE e><e/>",
        "<e a='1' a='2'/>",
        "<e>&undefined;</e>",
        "<q:e/>",
        "<e q:a=''/>",
        "<!--",
        "<![CDATA[",
        "<e/></l><l><e/>",
        "</l><e/><l>",
        "<e/>--><e/>",
        "<e>\u{1}</e>",
    ] {
        for target in ["l/e", "l/e[1]", "l/f", "l/*[1][@x='1']", "l"] {
            let found = put_fault(text, target, body.as_bytes());
            // A document type declaration is well-formed XML, in another place.
            let fits = match found {
                Condition::NotXmlFrag => true,
                Condition::ConstraintFailure => body.contains("DOCTYPE"),
                _ => false,
            };
            assert!(fits, "{target} {body}: {found:?}");
        }
    }
    assert_eq!(put_fault(text, "l/e", b"<e>\xFF</e>"), Condition::NotUtf8);
    // Prefixes of where it goes are known; space around it is none of it.
    let after = put_ok(text, &selector("l/f"), "<f><p:x/></f>");
    assert!(after.ends_with("<p:e/><f><p:x/></f></l>"));
    let edited = put(
        &parse(text),
        &selector("l/f"),
        b"\xEF\xBB\xBF\r\n<f/>\n",
        |_| Ok(()),
    );
    assert!(edited.unwrap().text.ends_with("<p:e/><f/></l>"));
}

#[test]
fn the_element_must_be_what_the_selector_says() {
    let text = "<l xmlns='u'><e a='1'/></l>";
    let refused = |target: &str, body: &str| {
        let selector = selector_in(target, "u");
        match put(&parse(text), &selector, body.as_bytes(), |_| Ok(())) {
            Err(EditError::Conflict(conflict)) => {
                assert_eq!(conflict.condition, Condition::CannotInsert, "{target}");
            }
            other => panic!("{other:?}"),
        }
    };
    refused("l/e[@a='1']", "<e a='2'/>");
    refused("l/e[@a='1']", "<f a='1'/>");
    refused("l/f", "<e/>");
    refused("l/f", "<f xmlns='v'/>");
    refused("l/f[@a='1']", "<f/>");
    refused("l/f[2]", "<f/>");
    refused("l/f[0]", "<f/>");
    refused("l/e[3]", "<e/>");
    refused("l/e[1][@a='2']", "<e a='1'/>");
    refused("l/*[@a='2']", "<e a='1'/>");
    refused("l", "<m xmlns='u'/>");
    refused("m", "<m xmlns='u'/>");
    refused("l[2]", "<l xmlns='u'/>");
    refused("*[@b='1']", "<l xmlns='u' b='1'/>");
    put_ok(text, &selector_in("l", "u"), "<l xmlns='u' b='1'/>");
    put_ok(
        text,
        &selector_in("l/p:f?xmlns(p=v)", "u"),
        "<f xmlns='v'/>",
    );
}

#[test]
fn attribute_and_position_count_what_is_left() {
    let text = "<l><e a='1' b='x'/><f/><e a='2' b='x'/></l>";
    assert_eq!(
        put_ok(text, &selector("l/e[@b='x'][3]"), "<e a='3' b='x'/>"),
        text.replace("</l>", "<e a='3' b='x'/></l>")
    );
    assert_eq!(
        put_ok(text, &selector("l/e[@b='y'][1]"), "<e b='y'/>"),
        text.replace("</l>", "<e b='y'/></l>")
    );
    assert_eq!(
        delete_ok(text, "l/e[@b='x'][2]"),
        "<l><e a='1' b='x'/><f/></l>"
    );
}

#[test]
fn deleting_is_idempotent() {
    let text = "<l>\n <e a='1'/>\n <f/>\n <e a='2'/>\n</l>";
    for target in ["l/e[1]", "l/*[1]", "l/*[2]"] {
        match delete(&parse(text), &selector(target), |_| Ok(())) {
            Err(EditError::Conflict(conflict)) => {
                assert_eq!(conflict.condition, Condition::CannotDelete, "{target}");
            }
            other => panic!("{other:?}"),
        }
    }
    for target in ["l/e[2]", "l/*[3]", "l/e[@a='2']", "l/*[3][@a='2']"] {
        assert_eq!(delete_ok(text, target), "<l>\n <e a='1'/>\n <f/>\n \n</l>");
    }
    assert_eq!(
        delete_ok(text, "l/*[1][@a='1']"),
        "<l>\n \n <f/>\n <e a='2'/>\n</l>"
    );
    match delete(&parse(text), &selector("l"), |_| Ok(())) {
        Err(EditError::Conflict(conflict)) => {
            assert_eq!(conflict.condition, Condition::SchemaValidationError);
        }
        other => panic!("{other:?}"),
    }
    let meeting = parse("<l>]]<e/>></l>");
    assert!(matches!(
        delete(&meeting, &selector("l/e"), |_| Ok(())),
        Err(EditError::Conflict(_))
    ));
}

#[test]
fn attribute_values() {
    let text = "<l a='1'/>";
    for (body, written) in [
        ("\"x\"", "\"x\""),
        ("'x'", "'x'"),
        (" \"x\"\r\n", "\"x\""),
        ("x", "\"x\""),
        ("", "\"\""),
        ("say \"x\"", "'say \"x\"'"),
        ("it's \"x\"", "\"it's &quot;x&quot;\""),
        ("\"a&amp;b&#x20;\"", "\"a&amp;b&#x20;\""),
        ("a/>b", "\"a/>b\""),
    ] {
        let edited = put(&parse(text), &selector("l/@a"), body.as_bytes(), |_| Ok(())).unwrap();
        assert_eq!(edited.text, format!("<l a={written}/>"));
        let edited = put(&parse("<l/>"), &selector("l/@b"), body.as_bytes(), |_| {
            Ok(())
        })
        .unwrap();
        assert_eq!(
            (edited.text, edited.replaced),
            (format!("<l b={written}/>"), false)
        );
    }
    for body in [
        "\"x",
        "x<y",
        "\"x\"y\"",
        "\"x\" b=\"y\"",
        "a&b",
        "'&undefined;'",
        "\u{1}",
        "'",
    ] {
        for target in ["l/@a", "l/@b"] {
            let found = put_fault(text, target, body.as_bytes());
            assert_eq!(found, Condition::NotXmlAttValue, "{body}");
        }
    }
    assert_eq!(put_fault(text, "l/@a", b"\xFF"), Condition::NotUtf8);
    assert_eq!(
        put_fault(text, "l[@a='1']/@a", b"'2'"),
        Condition::CannotInsert
    );
    assert_eq!(put_fault(text, "l/@xmlns", b"'u'"), Condition::CannotInsert);
    assert_eq!(
        put_fault(text, "l/@p:b?xmlns(p=u)", b"'u'"),
        Condition::CannotInsert
    );
    let binding = "<q:l xmlns='u' xmlns:q='u'><m xmlns:q='v'/></q:l>";
    let after = put_ok(binding, &selector("p:l/@p:b?xmlns(p=u)"), "'1'");
    assert_eq!(after, binding.replace("<q:l ", "<q:l q:b='1' "));
    let shadowed = "p:l/p:m/@p:b?xmlns(p=u)";
    assert_eq!(
        put_fault(binding, shadowed, b"'1'"),
        Condition::CannotInsert
    );
    put_ok(text, &selector("l/@xml:lang"), "'en'");
}

#[test]
fn hostile_white_space_in_an_attribute() {
    let text = format!(
        "<l {}a{}={}'1'/>",
        " ".repeat(400),
        "\n".repeat(70_000),
        " ".repeat(400)
    );
    assert_eq!(get(&parse(&text), &selector("l/@a")).unwrap(), "'1'");
    assert_eq!(
        put_ok(&text, &selector("l/@a"), "'2'"),
        text.replace("'1'", "'2'")
    );
    assert_eq!(delete_ok(&text, "l/@a"), "<l/>");
}

#[test]
fn namespaces_can_be_read_only() {
    let text = "<a xmlns='u' xmlns:z='z&amp;' xmlns:b='b'><b:c xmlns=''/></a>";
    let document = parse(text);
    let namespaces = |target| get(&document, &selector_in(target, "u")).unwrap();
    assert_eq!(
        namespaces("a/namespace::*"),
        "<a xmlns=\"u\" xmlns:b=\"b\" xmlns:z=\"z&amp;\"/>"
    );
    assert_eq!(
        namespaces("a/p:c/namespace::*?xmlns(p=b)"),
        "<b:c xmlns:b=\"b\" xmlns:z=\"z&amp;\"/>"
    );
    let selector = selector_in("a/namespace::*", "u");
    assert_eq!(
        put(&document, &selector, b"<a/>", |_| Ok(())),
        Err(EditError::MethodNotAllowed)
    );
    assert_eq!(
        delete(&document, &selector, |_| Ok(())),
        Err(EditError::MethodNotAllowed)
    );
}

#[test]
fn the_usage_has_the_last_word() {
    let refuse = |document: &Document<'_>| {
        assert!(document.tree().root_element().has_tag_name("l"));
        Err(Condition::UniquenessFailure(Vec::new()).into())
    };
    let document = parse("<l a=''><e/></l>");
    for result in [
        put(&document, &selector("l/f"), b"<f/>", refuse),
        put(&document, &selector("l/@b"), b"''", refuse),
        delete(&document, &selector("l/e"), refuse),
        delete(&document, &selector("l/@a"), refuse),
    ] {
        assert!(matches!(result, Err(EditError::Conflict(_))));
    }
}
