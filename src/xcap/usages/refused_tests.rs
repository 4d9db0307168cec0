//! Documents that are wrong: which condition says so, and in which words.

use super::examples_tests::{check, check_in};
use super::{Registry, Tree};
use crate::xcap::conflict::{Condition, Conflict};

/// Refused: the condition's element, and words of the phrase.
pub(super) type Case<'a> = (&'a str, &'a str, &'a str);

/// Every document, put where `{}` stands in `frame`, is refused as it says.
pub(super) fn refused(auid: &str, frame: &str, cases: &[Case<'_>]) {
    for (content, condition, words) in cases {
        let text = frame.replace("{}", content);
        let conflict = check(auid, &text).expect_err(&text);
        assert_eq!(
            conflict.condition.element(),
            *condition,
            "{text}: {conflict}"
        );
        let phrase = conflict.phrase.unwrap();
        assert!(phrase.contains(words), "{text}\n{phrase}\n{words}");
    }
}

pub(super) const SCHEMA: &str = "schema-validation-error";
pub(super) const UNIQUE: &str = "uniqueness-failure";
pub(super) const CONSTRAINT: &str = "constraint-failure";

/// Tells of every usage that another kind of document is refused, and what its root is.
#[test]
fn each_usage_names_its_root() {
    for usage in Registry::default().usages() {
        let conflict = check(usage.auid(), "<wrong xmlns='urn:x'/>").unwrap_err();
        assert_eq!(conflict.condition, Condition::SchemaValidationError);
        let phrase = conflict.phrase.unwrap();
        let expected = "line 1: the root is <wrong> of namespace \"urn:x\"; expected <";
        assert!(phrase.starts_with(expected), "{phrase}");
        let conflict = check(usage.auid(), "<resource-lists/>").unwrap_err();
        assert!(
            conflict
                .phrase
                .unwrap()
                .contains("<resource-lists> of no namespace")
        );
    }
}

pub(super) const LISTS: &str = "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists' xmlns:x='urn:x'>\n{}\n</resource-lists>";

#[test]
fn resource_lists_of_another_structure() {
    refused(
        "resource-lists",
        LISTS,
        &[
            (
                "<entry uri='sip:a@b'/>",
                SCHEMA,
                "line 2: <entry> is not allowed here in <resource-lists>; expected <list>",
            ),
            (
                "<list/>\n<x:a/>",
                SCHEMA,
                "line 3: <a> of namespace \"urn:x\" is not allowed here in <resource-lists>; expected <list>",
            ),
            (
                "<list><entry/></list>",
                SCHEMA,
                "line 2: <entry> needs the attribute \"uri\"",
            ),
            (
                "<list><entry x:uri='sip:a@b'/></list>",
                SCHEMA,
                "<entry> needs the attribute",
            ),
            (
                "<list><entry-ref/></list>",
                SCHEMA,
                "<entry-ref> needs the attribute \"ref\"",
            ),
            (
                "<list xmlns:r='urn:ietf:params:xml:ns:resource-lists' r:name='x'/>",
                SCHEMA,
                "the attribute \"name\" is not allowed in <list>",
            ),
            (
                "<list label='x'/>",
                SCHEMA,
                "the attribute \"label\" is not allowed in <list>",
            ),
            (
                "<list><entry uri='1:a'/></list>",
                SCHEMA,
                "the attribute \"uri\" of <entry> is \"1:a\"; expected a URI",
            ),
            (
                "<list><entry uri='sip:a@b'/><display-name/></list>",
                SCHEMA,
                "<display-name> is not allowed here in <list>; expected <list>, <external>, <entry>, <entry-ref>, an element of another namespace",
            ),
            (
                "<list><x:a/><entry uri='sip:a@b'/></list>",
                SCHEMA,
                "<entry> is not allowed here in <list>; expected an element of another namespace",
            ),
            (
                "<list><entry uri='a' xmlns=''/></list>",
                SCHEMA,
                "<entry> of no namespace is not allowed here in <list>",
            ),
            (
                "<list>hello</list>",
                SCHEMA,
                "the text \"hello\" is not allowed in <list>",
            ),
            (
                "<list><display-name><b/></display-name></list>",
                SCHEMA,
                "<b> is not allowed in <display-name>, which holds a text",
            ),
            (
                "<list><display-name xml:lang='?'/></list>",
                SCHEMA,
                "\"xml:lang\" of <display-name> is \"?\"; expected a language",
            ),
            (
                "<list><display-name x:a='1'/></list>",
                SCHEMA,
                "the attribute \"a\" is not allowed in <display-name>",
            ),
            // A name of the usage's own namespace within an extension (RFC 4825 section 8.2.5).
            (
                "<list><x:a><display-name/></x:a></list>",
                SCHEMA,
                "<display-name> of namespace",
            ),
        ],
    );
    refused(
        "resource-lists",
        "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists' name='x'/>",
        &[(
            "",
            SCHEMA,
            "the attribute \"name\" is not allowed in <resource-lists>",
        )],
    );
}

#[test]
fn resource_lists_against_their_rules() {
    let reference = "<list><entry-ref ref='{}'/></list>";
    let of = |value: &str| reference.replace("{}", value);
    let anchor = |value: &str| format!("<list><external anchor='{value}'/></list>");
    refused(
        "resource-lists",
        LISTS,
        &[
            (
                "<list name='a'/>\n<list name='a'/>",
                UNIQUE,
                "line 3: the name \"a\" of <list> stands in line 2 already",
            ),
            (
                "<list><list name='a'/><list name='a'/></list>",
                UNIQUE,
                "the name \"a\" of <list>",
            ),
            (
                "<list><entry uri='sip:a@b'/><entry uri='sip:a@b'/></list>",
                UNIQUE,
                "the uri \"sip:a@b\" of <entry>",
            ),
            (
                "<list><entry-ref ref='a'/><entry-ref ref='a'/></list>",
                UNIQUE,
                "the ref \"a\" of <entry-ref>",
            ),
            (
                "<list><external anchor='http://h/a'/><external anchor='http://h/a'/></list>",
                UNIQUE,
                "the anchor",
            ),
            (
                &of("/resource-lists/users/x/index"),
                CONSTRAINT,
                "line 2: the ref \"/resource-lists/users/x/index\" is no relative path",
            ),
            (
                &of("http://h/resource-lists/users/x/index"),
                CONSTRAINT,
                "is no relative path",
            ),
            (
                &of("resource-lists/users/x/index/~~/resource-lists/list[1]"),
                CONSTRAINT,
                "percent-encoded",
            ),
            (
                &anchor("resource-lists/users/x"),
                CONSTRAINT,
                "is no absolute HTTP URI",
            ),
            (
                &anchor("sip:a@example.com"),
                CONSTRAINT,
                "is no absolute HTTP URI",
            ),
            (&anchor("http://h/list[1]"), CONSTRAINT, "percent-encoded"),
            (
                "<list><external/></list>",
                CONSTRAINT,
                "<external> needs the attribute \"anchor\"",
            ),
        ],
    );
}

fn taken(conflict: Conflict) -> Vec<(String, Vec<String>)> {
    match conflict.condition {
        Condition::UniquenessFailure(exists) => exists
            .into_iter()
            .map(|e| (e.field, e.alt_values))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_conflict_selects_what_stands_twice() {
    let text = LISTS.replace(
        "{}",
        "<list name='a'><entry uri='sip:a@b'/><entry uri='sip:a@b'/><list name='c'/></list><list name='a'/><list name='a-2'/>",
    );
    let found = taken(check("resource-lists", &text).unwrap_err());
    let names = vec!["a-3".to_owned(), "a-4".to_owned(), "a-5".to_owned()];
    assert_eq!(found[0].0, "resource-lists/list%5B@name=%22a%22%5D/@name");
    assert_eq!(found[0].1, names);
    let uri = "resource-lists/list%5B@name=%22a%22%5D/entry%5B@uri=%22sip:a@b%22%5D/@uri";
    assert_eq!(found[1], (uri.to_owned(), Vec::new()));
    assert_eq!(found.len(), 2);
    // What another namespace calls uri is another thing.
    let other = LISTS.replace(
        "{}",
        "<list><entry x:uri='a' uri='b'/><entry x:uri='a' uri='c'/></list>",
    );
    assert_eq!(check("resource-lists", &other), Ok(()));
    // Ten at most are told.
    let many = LISTS.replace(
        "{}",
        &format!("<list>{}</list>", "<entry uri='a'/>".repeat(50)),
    );
    assert_eq!(taken(check("resource-lists", &many).unwrap_err()).len(), 10);
}

const SERVICES: &str = "<rls-services xmlns='urn:ietf:params:xml:ns:rls-services' \
    xmlns:rl='urn:ietf:params:xml:ns:resource-lists'>{}</rls-services>";

#[test]
fn wrong_rls_services() {
    let service = |list: &str| format!("<service uri='sip:a@b'>{list}</service>");
    refused(
        "rls-services",
        SERVICES,
        &[
            (
                "<service uri='sip:a@b'/>",
                SCHEMA,
                "<service> is incomplete; expected <resource-list>, <list>",
            ),
            (
                "<service><list/></service>",
                SCHEMA,
                "<service> needs the attribute \"uri\"",
            ),
            (
                &service("<packages/><list/>"),
                SCHEMA,
                "<packages> is not allowed here in <service>; expected <resource-list>, <list>",
            ),
            (
                &service("<list/><list/>"),
                SCHEMA,
                "<list> is not allowed here in <service>; expected <packages>, an element of",
            ),
            (
                &service("<list><entry uri='a'/></list>"),
                SCHEMA,
                "<entry> of namespace \"urn:ietf:params:xml:ns:rls-services\" is not defined, or not here",
            ),
            (
                &service("<rl:list/>"),
                SCHEMA,
                "<list> of namespace \"urn:ietf:params:xml:ns:resource-lists\" is not allowed here",
            ),
            (
                &service("<list/><packages><event/></packages>"),
                SCHEMA,
                "<event> is not allowed here in <packages>; expected <package>",
            ),
            (
                &service("<list/><packages><package>a b</package></packages>"),
                CONSTRAINT,
                "the package \"a b\" is no name of an event package",
            ),
            (
                &format!("{0}{0}", service("<list/>")),
                UNIQUE,
                "the uri \"sip:a@b\" of <service>",
            ),
            (
                &service("<list><rl:entry uri='a'/><rl:entry uri='a'/></list>"),
                UNIQUE,
                "the uri \"a\" of <entry>",
            ),
            (
                &service("<list><rl:entry-ref ref='/a'/></list>"),
                CONSTRAINT,
                "is no relative path",
            ),
        ],
    );
}

/// The list of a service lies below the same root and home (RFC 4826 section 4.1 and 4.4.5).
#[test]
fn services_of_lists_elsewhere() {
    let to = |uri: &str| {
        format!("<service uri='sip:a@b'><resource-list>{uri}</resource-list></service>")
    };
    let home = "http://xcap.example.com/resource-lists/users/sip:joe@example.com/index/~~/resource-lists/list";
    refused(
        "rls-services",
        SERVICES,
        &[
            (
                &to("sip:a@b"),
                CONSTRAINT,
                "the <resource-list> is no absolute HTTP URI",
            ),
            (
                &to("resource-lists/users/sip:joe@example.com/index/~~/resource-lists/list"),
                CONSTRAINT,
                "no absolute HTTP URI",
            ),
            (
                &to(&home.replace("xcap.", "other.")),
                CONSTRAINT,
                "is not below http://xcap.example.com",
            ),
            (
                &to(&home.replace("com/resource-lists", "com/pres-rules")),
                CONSTRAINT,
                "is not below http://xcap.example.com/resource-lists",
            ),
            (
                &to(&home.replace("joe", "ann")),
                CONSTRAINT,
                "is of the user \"sip:ann@example.com\", not of \"sip:joe@example.com\"",
            ),
            (
                &to(&home.replace("users/sip:joe@example.com", "global")),
                CONSTRAINT,
                "names no document of a user",
            ),
            (
                &to(home.split("/~~").next().unwrap()),
                CONSTRAINT,
                "names no element of a document",
            ),
        ],
    );
    // The user may be percent-encoded.
    let encoded = to(&home.replace("sip:joe@", "sip%3Ajoe%40"));
    assert_eq!(
        check("rls-services", &SERVICES.replace("{}", &encoded)),
        Ok(())
    );
}

/// Phrases are short, whatever clients send.
#[test]
fn phrases_do_not_repeat_long_values() {
    let long = "a".repeat(100_000);
    let text = LISTS.replace(
        "{}",
        &format!("<{long} xmlns='urn:{long}' {long}='{long}'/>"),
    );
    let phrase = check("resource-lists", &text).unwrap_err().phrase.unwrap();
    assert!(phrase.len() < 400, "{phrase}");
    let text = LISTS.replace(
        "{}",
        &format!("<list><entry uri='{long}'/><entry uri='{long}'/></list>"),
    );
    let global = check_in("resource-lists", Tree::Global, &text).unwrap_err();
    assert!(global.phrase.unwrap().len() < 400);
}
