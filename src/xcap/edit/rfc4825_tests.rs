//! The examples of RFC 4825 sections 7, 8.2.3, 10 and 13, and those selectors of RFC 4826 and RFC 5874 that
//! edit or select, transcribed.

use super::tests::{parse, put_ok, selector, selector_in};
use super::*;

const LISTS: &str = "urn:ietf:params:xml:ns:resource-lists";
const SERVICES: &str = "urn:ietf:params:xml:ns:rls-services";

/// Section 8.2.3.
const ROOT: &str = "<?xml version=\"1.0\"?>
<root>
 <el1 att=\"first\"/>
 <el1 att=\"second\"/>
 <!-- comment -->
 <el2 att=\"first\"/>
</root>";

#[test]
fn earliest_last_and_earliest_nth() {
    for (targets, body, after) in [
        (
            &[
                "root/el1[@att=\"third\"]",
                "root/el1[3][@att=\"third\"]",
                "root/*[3][@att=\"third\"]",
            ] as &[&str],
            "<el1 att=\"third\"/>",
            "<?xml version=\"1.0\"?>
<root>
 <el1 att=\"first\"/>
 <el1 att=\"second\"/><el1 att=\"third\"/>
 <!-- comment -->
 <el2 att=\"first\"/>
</root>",
        ),
        (
            &["root/el3", "root/el3[1]", "root/*[@att='only']"],
            "<el3 att='only'/>",
            "<?xml version=\"1.0\"?>
<root>
 <el1 att=\"first\"/>
 <el1 att=\"second\"/>
 <!-- comment -->
 <el2 att=\"first\"/>
<el3 att='only'/></root>",
        ),
        (
            &["root/el2[@att=\"2\"]", "root/el2[2][@att=\"2\"]"],
            "<el2 att=\"2\"/>",
            "<?xml version=\"1.0\"?>
<root>
 <el1 att=\"first\"/>
 <el1 att=\"second\"/>
 <!-- comment -->
 <el2 att=\"first\"/><el2 att=\"2\"/>
</root>",
        ),
        (
            &["root/*[2][@att=\"2\"]"],
            "<el2 att=\"2\"/>",
            "<?xml version=\"1.0\"?>
<root>
 <el1 att=\"first\"/><el2 att=\"2\"/>
 <el1 att=\"second\"/>
 <!-- comment -->
 <el2 att=\"first\"/>
</root>",
        ),
        (
            &["root/el2[1][@att=\"2\"]"],
            "<el2 att=\"2\"/>",
            "<?xml version=\"1.0\"?>
<root>
 <el1 att=\"first\"/>
 <el1 att=\"second\"/>
 <!-- comment -->
 <el2 att=\"2\"/><el2 att=\"first\"/>
</root>",
        ),
        (
            &["root/*[1][@att=\"0\"]"],
            "<el2 att=\"0\"/>",
            "<?xml version=\"1.0\"?>
<root>
 <el2 att=\"0\"/><el1 att=\"first\"/>
 <el1 att=\"second\"/>
 <!-- comment -->
 <el2 att=\"first\"/>
</root>",
        ),
    ] {
        for target in targets {
            assert_eq!(put_ok(ROOT, &selector(target), body), after, "{target}");
        }
    }
}

/// Section 7.4: what is put has to be what is selected.
#[test]
fn another_service_than_the_selected_one() {
    let text = format!("<rls-services xmlns=\"{SERVICES}\">\n</rls-services>");
    let target = "rls-services/service%5b@uri=%22sip:good-friends@example.com%22%5d";
    let body = b"<service uri=\"sip:mybuddies@example.com\"><packages/></service>";
    let result = put(&parse(&text), &selector_in(target, SERVICES), body, |_| {
        Ok(())
    });
    assert_condition(result, &Condition::CannotInsert);
}

/// Section 7.7: the attribute that selects its element cannot be replaced so.
#[test]
fn the_attribute_that_the_selector_tests() {
    let text = format!(
        "<rls-services xmlns=\"{SERVICES}\"><service uri=\"sip:good-friends@example.com\"/></rls-services>"
    );
    let target = "rls-services/service%5b@uri=%22sip:good-friends@example.com%22%5d/@uri";
    let body = b"\"sip:bad-friends@example.com\"";
    let result = put(&parse(&text), &selector_in(target, SERVICES), body, |_| {
        Ok(())
    });
    assert_condition(result, &Condition::CannotInsert);
    let by_position = selector_in("rls-services/*[1]/@uri", SERVICES);
    put_ok(&text, &by_position, "\"sip:bad-friends@example.com\"");
}

#[track_caller]
fn assert_condition(result: Result<Edited, EditError>, condition: &Condition) {
    match result {
        Err(EditError::Conflict(conflict)) => assert_eq!(&conflict.condition, condition),
        other => panic!("{other:?}"),
    }
}

/// Section 7.4, on the document of figure 3.
#[test]
fn a_watcher_in_the_second_place() {
    let text = "<watcherinfo xmlns=\"urn:w\">
  <watcher-list>
    <watcher id=\"8ajksjda7s\">sip:userA@example.net</watcher>
    <watcher id=\"hh8juja87s997-ass7\">sip:userB@example.org</watcher>
  </watcher-list>
</watcherinfo>";
    let body = "<watcher id=\"hhggff\">sip:userC@example.org</watcher>";
    let selector = selector_in(
        "watcherinfo/watcher-list/*%5b2%5d[@id=%22hhggff%22]",
        "urn:w",
    );
    let after = put_ok(text, &selector, body);
    let first = "sip:userA@example.net</watcher>";
    assert_eq!(after, text.replace(first, &format!("{first}{body}")));
}

/// Section 10, on the document of section 6.4.
#[test]
fn the_bindings_of_baz() {
    let text = "<?xml version=\"1.0\"?>
<foo xmlns=\"urn:test:default-namespace\">
  <ns1:bar xmlns:ns1=\"urn:test:namespace1-uri\"
           xmlns=\"urn:test:namespace1-uri\">
    <baz/>
    <ns2:baz xmlns:ns2=\"urn:test:namespace2-uri\"/>
  </ns1:bar>
</foo>";
    let query = "xmlns(df=urn:test:default-namespace)xmlns(df2=urn:test:namespace1-uri)";
    let selector = selector(&format!("df:foo/df2:bar/df2:baz/namespace::*?{query}"));
    assert_eq!(
        get(&parse(text), &selector).unwrap(),
        "<baz xmlns=\"urn:test:namespace1-uri\" xmlns:ns1=\"urn:test:namespace1-uri\"/>"
    );
}

/// Section 13, figures 24 to 32.
#[test]
fn bill_and_his_friends() {
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<resource-lists xmlns=\"{LISTS}\">
  <list name=\"friends\">
  </list>
</resource-lists>"
    );
    let bob = "<entry uri=\"sip:bob@example.com\">
    <display-name>Bob Jones</display-name>
  </entry>";
    let friends = "resource-lists/list%5b@name=%22friends%22%5d";
    let document = put_ok(
        &document,
        &selector_in(&format!("{friends}/entry"), LISTS),
        bob,
    );
    assert_eq!(
        document,
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<resource-lists xmlns=\"{LISTS}\">
  <list name=\"friends\">
  <entry uri=\"sip:bob@example.com\">
    <display-name>Bob Jones</display-name>
  </entry></list>
</resource-lists>"
        )
    );
    let close = "<list name=\"close-friends\">
   <entry uri=\"sip:joe@example.com\">
     <display-name>Joe Smith</display-name>
   </entry>
   <entry uri=\"sip:nancy@example.com\">
     <display-name>Nancy Gross</display-name>
   </entry>
   <entry uri=\"sip:petri@example.com\">
     <display-name>Petri Aukia</display-name>
   </entry>
</list>";
    let target = format!("{friends}/list%5b@name=%22close-friends%22%5d");
    let document = put_ok(&document, &selector_in(&target, LISTS), close);
    let petri = "resource-lists/list/list/entry%5b@uri=%22sip:petri@example.com%22%5d";
    let edited = delete(&parse(&document), &selector_in(petri, LISTS), |_| Ok(())).unwrap();
    assert!(edited.text.contains(
        "   </entry>
   
</list></list>
</resource-lists>"
    ));
    let nancy = selector_in("resource-lists/list/list/entry%5b2%5d/@uri", LISTS);
    assert_eq!(
        get(&parse(&edited.text), &nancy).unwrap(),
        "\"sip:nancy@example.com\""
    );
}

/// RFC 4826 section 3.3: an `entry-ref` points at an entry of another list.
#[test]
fn the_reference_of_rfc_4826() {
    let text = format!(
        "<resource-lists xmlns=\"{LISTS}\"><list name=\"list1\"><entry uri=\"sip:a@example.com\"/>\
         <list name=\"mkting\"/></list></resource-lists>"
    );
    let found = |target: &str| get(&parse(&text), &selector_in(target, LISTS));
    let list = "resource-lists/list%5b@name=%22list1%22%5d";
    assert_eq!(
        found(&format!("{list}/entry%5b@uri=%22sip:a@example.com%22%5d")).unwrap(),
        "<entry uri=\"sip:a@example.com\"/>"
    );
    assert_eq!(
        found(&format!("{list}/list%5b@name=%22mkting%22%5d")).unwrap(),
        "<list name=\"mkting\"/>"
    );
    assert_eq!(
        found(&format!("{list}/entry%5b@uri=%22x%22%5d")),
        Err(EditError::NotFound)
    );
}

/// RFC 5874 sections 4 and 8: a document is built by PUTs of elements, and an attribute goes.
#[test]
fn the_edits_of_rfc_5874() {
    let ns = "urn:example:doc";
    let mut document =
        format!("<doc id=\"1\" xmlns=\"{ns}\">\n  <note>This is a sample</note>\n</doc>");
    for (target, body) in [
        ("doc/foo", "<foo>this</foo>"),
        ("doc/bar", "<bar>is a bar</bar>"),
        ("doc/foobar", "<foobar>this is a foobar element</foobar>"),
    ] {
        document = put_ok(&document, &selector_in(target, ns), body);
    }
    assert!(document.ends_with(
        "</note>\n<foo>this</foo><bar>is a bar</bar><foobar>this is a foobar element</foobar></doc>"
    ));
    let id = selector_in("doc/@id", ns);
    assert_eq!(get(&parse(&document), &id).unwrap(), "\"1\"");
    assert_eq!(
        get(&parse(&document), &selector_in("*/foo", ns)).unwrap(),
        "<foo>this</foo>"
    );
    let edited = delete(&parse(&document), &id, |_| Ok(())).unwrap();
    assert!(edited.text.starts_with("<doc xmlns="));
    assert_eq!(get(&parse(&edited.text), &id), Err(EditError::NotFound));
    // A service's attribute whichever the root.
    let services =
        format!("<rls-services xmlns=\"{SERVICES}\"><service uri=\"sip:x@y\"/></rls-services>");
    assert_eq!(
        get(&parse(&services), &selector_in("*/service/@uri", SERVICES)).unwrap(),
        "\"sip:x@y\""
    );
}
