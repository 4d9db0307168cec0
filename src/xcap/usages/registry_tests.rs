//! The table of usages: facts, names of documents, capabilities, the directory, claims, declared usages, and time.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use chrono::DateTime;
use roxmltree::Document;

use super::examples_tests::{ROOT, check};
use super::generic::Generic;
use super::xcap_directory::{Entry, Folder, document as directory};
use super::{Candidate, Claim, Registry, ServerWritten, Tree};
use crate::xcap::conflict::Condition;

const USER: Tree<'_> = Tree::Users("sip:alice@example.org");

/// What clients have built in: if one of these changes, they no longer find their documents.
#[test]
fn usages_have_their_registered_names() {
    let registry = Registry::default();
    let pres_rules = "urn:ietf:params:xml:ns:pres-rules";
    let common_policy = "urn:ietf:params:xml:ns:common-policy";
    let resource_lists = "urn:ietf:params:xml:ns:resource-lists";
    let history = "urn:oma:xml:im:history-list";
    for (auid, namespace, media_type, name) in [
        (
            "resource-lists",
            resource_lists,
            "resource-lists+xml",
            "index",
        ),
        (
            "rls-services",
            "urn:ietf:params:xml:ns:rls-services",
            "rls-services+xml",
            "index",
        ),
        ("pres-rules", pres_rules, "auth-policy+xml", "index"),
        (
            "pidf-manipulation",
            "urn:ietf:params:xml:ns:pidf",
            "pidf+xml",
            "index",
        ),
        (
            "org.openmobilealliance.pres-rules",
            common_policy,
            "auth-policy+xml",
            "pres-rules",
        ),
        (
            "org.openmobilealliance.access-rules",
            common_policy,
            "auth-policy+xml",
            "access-rules",
        ),
        (
            "org.openmobilealliance.conv-history",
            history,
            "vnd.oma.im.history-list+xml",
            "conv-history",
        ),
        (
            "org.openmobilealliance.user-profile",
            "urn:oma:xml:xdm:user-profile",
            "vnd.oma.user-profile+xml",
            "user-profile",
        ),
        (
            "org.openmobilealliance.pres-content",
            "urn:oma:xml:prs:pres-content",
            "vnd.oma.pres-content+xml",
            "oma_status-icon/rcs_status_icon",
        ),
        (
            "org.openmobilealliance.group-usage-list",
            resource_lists,
            "vnd.oma.group-usage-list+xml",
            "index",
        ),
        (
            "org.openmobilealliance.groups",
            "urn:oma:xml:poc:list-service",
            "vnd.oma.poc.groups+xml",
            "index",
        ),
    ] {
        let usage = registry.usage(auid).unwrap();
        assert_eq!(usage.namespace(), namespace, "{auid}");
        assert_eq!(
            usage.media_type(),
            format!("application/{media_type}"),
            "{auid}"
        );
        assert!(usage.accepts_name(USER, name), "{auid}");
        for bad in [
            "",
            "a//b",
            "a/",
            "/a",
            "..",
            "a/../b",
            ".",
            "a/~~/b",
            "a\nb",
            &"a".repeat(256),
        ] {
            assert!(!usage.accepts_name(USER, bad), "{auid} {bad:?}");
        }
        let facts = registry.facts(auid).unwrap();
        assert_eq!((facts.namespace, facts.server_written), (namespace, None));
    }
    assert_eq!(registry.usages().count(), 11);
}

#[test]
fn some_names_are_refused() {
    let registry = Registry::default();
    let accepts =
        |auid: &str, tree, name: &str| registry.usage(auid).unwrap().accepts_name(tree, name);
    assert!(!accepts("pidf-manipulation", USER, "other"));
    assert!(!accepts("pidf-manipulation", Tree::Global, "index"));
    assert!(accepts("resource-lists", USER, "coworkers"));
    assert!(accepts("resource-lists", Tree::Global, "index"));
    // The union of all users' documents, which nobody writes.
    assert!(!accepts("rls-services", Tree::Global, "index"));
}

#[test]
fn what_the_server_writes_is_known_but_not_written_by_users() {
    let registry = Registry::default();
    for (auid, namespace, written) in [
        (
            "xcap-caps",
            "urn:ietf:params:xml:ns:xcap-caps",
            ServerWritten::Capabilities,
        ),
        (
            "org.openmobilealliance.deferred-list",
            "urn:oma:xml:im:history-list",
            ServerWritten::DeferredList,
        ),
        (
            "org.openmobilealliance.xcap-directory",
            "urn:oma:xml:xdm:xcap-directory",
            ServerWritten::Directory,
        ),
    ] {
        let facts = registry.facts(auid).unwrap();
        assert_eq!(
            (facts.namespace, facts.server_written),
            (namespace, Some(written))
        );
        assert!(registry.usage(auid).is_none());
    }
    assert!(registry.facts("unknown").is_none());
}

/// RFC 4825 section 12.2, read back.
#[test]
fn capabilities_list_every_usage_and_namespace_once() {
    let registry = Registry::new(vec![declared()]).unwrap();
    let text = registry.capabilities();
    let document = Document::parse(text).unwrap();
    let namespace = "urn:ietf:params:xml:ns:xcap-caps";
    let children: Vec<&str> = document
        .root_element()
        .children()
        .filter(roxmltree::Node::is_element)
        .map(|node| node.tag_name().name())
        .collect();
    assert_eq!(children, ["auids", "extensions", "namespaces"]);
    let all = |name| -> Vec<&str> {
        document
            .descendants()
            .filter(|node| node.has_tag_name((namespace, name)))
            .map(|node| node.text().unwrap())
            .collect()
    };
    let (auids, namespaces) = (all("auid"), all("namespace"));
    assert_eq!(auids.len(), 15);
    for auid in [
        "xcap-caps",
        "resource-lists",
        "org.openmobilealliance.deferred-list",
        "org.example.notes",
    ] {
        assert!(auids.contains(&auid), "{auid}");
    }
    assert_eq!(
        namespaces.iter().collect::<HashSet<_>>().len(),
        namespaces.len()
    );
    for known in [
        namespace,
        "urn:ietf:params:xml:ns:common-policy",
        "urn:example:notes",
        "urn:oma:xml:im:history-list",
    ] {
        assert!(namespaces.contains(&known), "{known}");
    }
    let same = Registry::new(vec![declared()]).unwrap();
    assert_eq!(same.capabilities(), text);
}

#[test]
fn a_directory_lists_folders_and_entries() {
    let entry = Entry {
        uri: "https://xcap.example.org/resource-lists/users/sip:alice@example.org/a%26b?x&y"
            .to_owned(),
        etag: "7a".to_owned(),
        last_modified: DateTime::from_timestamp(1_700_000_000, 0),
        size: Some(437),
    };
    let folders = [
        Folder {
            auid: "pres-rules",
            entries: Vec::new(),
        },
        Folder {
            auid: "resource-lists",
            entries: vec![entry],
        },
    ];
    assert_eq!(
        directory(&folders).unwrap(),
        r#"<?xml version="1.0" encoding="UTF-8"?>
<xcap-directory xmlns="urn:oma:xml:xdm:xcap-directory">
  <folder auid="pres-rules"/>
  <folder auid="resource-lists">
    <entry uri="https://xcap.example.org/resource-lists/users/sip:alice@example.org/a%26b?x&amp;y" etag="7a" last-modified="2023-11-14T22:13:20Z" size="437"/>
  </folder>
</xcap-directory>
"#
    );
    assert!(directory(&[]).unwrap().ends_with("xcap-directory\"/>\n"));
}

fn claims(auid: &str, text: &str) -> Vec<Claim> {
    let (document, registry) = (Document::parse(text).unwrap(), Registry::default());
    let candidate = Candidate {
        tree: USER,
        name: "index",
        root: ROOT,
        document: &document,
    };
    registry.usage(auid).unwrap().claims(&candidate)
}

/// RFC 4826 section 4.4.5, and the example of RFC 4825 section 11.1.
#[test]
fn services_and_groups_claim_their_addresses() {
    let text = "<rls-services xmlns='urn:ietf:params:xml:ns:rls-services'><service uri='sip:friends@example.com'>\
                <list/></service><service uri='sip:b@example.com'><list/></service></rls-services>";
    let mut found = claims("rls-services", text);
    assert_eq!(found.len(), 2);
    let claim = found.remove(0);
    assert_eq!(claim.value, "sip:friends@example.com");
    assert_eq!(
        claim.alternatives().next().unwrap(),
        "sip:friends-2@example.com"
    );
    let conflict = claim.taken(vec!["sip:friends-3@example.com".to_owned()]);
    assert_eq!(
        conflict.phrase.as_deref(),
        Some("\"sip:friends@example.com\" is taken")
    );
    let Condition::UniquenessFailure(exists) = conflict.condition else {
        panic!()
    };
    assert_eq!(
        exists[0].field,
        "rls-services/service%5B@uri=%22sip:friends@example.com%22%5D/@uri"
    );
    assert_eq!(exists[0].alt_values, ["sip:friends-3@example.com"]);
    let text = "<group xmlns='urn:oma:xml:poc:list-service'><list-service uri='sip:g@example.com'/></group>";
    assert_eq!(
        claims("org.openmobilealliance.groups", text)[0].value,
        "sip:g@example.com"
    );
    let text = "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list name='a'/></resource-lists>";
    assert_eq!(claims("resource-lists", text), []);
}

fn declared() -> Generic {
    Generic {
        auid: "org.example.notes".to_owned(),
        namespace: "urn:example:notes".to_owned(),
        media_type: "application/vnd.example.notes+xml".to_owned(),
        more_namespaces: vec!["urn:example:notes:2".to_owned()],
        root_element: Some("notes".to_owned()),
        document_names: vec!["index".to_owned(), "note-*".to_owned()],
        max_document_bytes: Some(1000),
    }
}

#[test]
fn a_declared_usage_checks_root_and_name() {
    let registry = Registry::new(vec![declared()]).unwrap();
    let usage = registry.usage("org.example.notes").unwrap();
    assert_eq!(usage.max_document_bytes(), Some(1000));
    for (name, good) in [
        ("index", true),
        ("note-1", true),
        ("note-", true),
        ("other", false),
        ("note-/../x", false),
    ] {
        assert_eq!(usage.accepts_name(USER, name), good, "{name}");
    }
    let check = |text: &str| {
        let document = Document::parse(text).unwrap();
        usage.check(&Candidate {
            tree: USER,
            name: "index",
            root: ROOT,
            document: &document,
        })
    };
    assert_eq!(
        check("<notes xmlns='urn:example:notes'><any xmlns=''/>text</notes>"),
        Ok(())
    );
    assert_eq!(check("<n:notes xmlns:n='urn:example:notes:2'/>"), Ok(()));
    for (text, phrase) in [
        (
            "<notes/>",
            "line 1: the root is of namespace \"\"; expected \"urn:example:notes\"",
        ),
        (
            "\n<note xmlns='urn:example:notes'/>",
            "line 2: the root is <note>; expected <notes>",
        ),
    ] {
        let conflict = check(text).unwrap_err();
        assert_eq!(conflict.condition, Condition::SchemaValidationError);
        assert_eq!(conflict.phrase.as_deref(), Some(phrase));
    }
}

#[test]
fn declarations_that_make_no_sense_are_refused_by_key() {
    let with = |change: fn(&mut Generic)| {
        let mut usage = declared();
        change(&mut usage);
        Registry::new(vec![usage]).unwrap_err()
    };
    for (error, key) in [
        (with(|u| u.auid.clear()), "auid"),
        (with(|u| u.auid = "a/b".to_owned()), "auid"),
        (with(|u| u.auid = "org..a".to_owned()), "auid"),
        (with(|u| u.auid = "1org.a".to_owned()), "auid"),
        (with(|u| u.auid = "org.-x.a".to_owned()), "auid"),
        (with(|u| u.auid = "a%zz".to_owned()), "auid"),
        (with(|u| u.auid = "resource-lists".to_owned()), "auid"),
        (with(|u| u.auid = "xcap-caps".to_owned()), "auid"),
        (with(|u| u.namespace = "notes".to_owned()), "namespace"),
        (with(|u| u.media_type = "notes".to_owned()), "mime_type"),
        (
            with(|u| u.media_type = "a/b;charset=utf-8".to_owned()),
            "mime_type",
        ),
        (
            with(|u| u.more_namespaces.push(String::new())),
            "namespaces",
        ),
        (
            with(|u| u.root_element = Some("a:b".to_owned())),
            "root_element",
        ),
        (
            with(|u| u.document_names.push("a*b".to_owned())),
            "document_names",
        ),
        (
            with(|u| u.document_names.push("../a".to_owned())),
            "document_names",
        ),
        (
            with(|u| u.max_document_bytes = Some(0)),
            "max_document_bytes",
        ),
    ] {
        assert_eq!(error.key, key, "{error}");
    }
    let twice = Registry::new(vec![declared(), declared()]).unwrap_err();
    assert_eq!(
        twice.to_string(),
        "usage 2 (org.example.notes): auid: \"org.example.notes\" is declared twice"
    );
    assert!(
        Registry::new(vec![Generic {
            auid: "notes".to_owned(),
            ..declared()
        }])
        .is_ok()
    );
}

/// Twice as much takes about twice as long; a comparison of all with all would take a hundred times as long for ten
/// times as much.
#[test]
fn time_grows_with_the_document_and_no_faster() {
    let lists = |entries: usize| {
        let mut text =
            String::from("<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list>");
        for number in 0..entries {
            let _ = write!(text, "<entry uri='sip:{number}@example.com'/>");
        }
        text + "</list></resource-lists>"
    };
    let time = |text: &str| -> Duration {
        let document = Document::parse(text).unwrap();
        let registry = Registry::default();
        let candidate = Candidate {
            tree: USER,
            name: "index",
            root: ROOT,
            document: &document,
        };
        let once = || {
            let begun = Instant::now();
            assert_eq!(
                registry.usage("resource-lists").unwrap().check(&candidate),
                Ok(())
            );
            begun.elapsed()
        };
        (0..5).map(|_| once()).min().unwrap()
    };
    let (few, many) = (time(&lists(1_000)), time(&lists(10_000)));
    assert!(
        many < few * 40,
        "{few:?} for 1,000 entries, {many:?} for 10,000"
    );
}

/// Lists in lists, as deep as the parser lets pass, do not exhaust the stack.
#[test]
fn depth_does_not_matter() {
    let deep = 1_000;
    let text = format!(
        "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'>{}{}</resource-lists>",
        "<list>".repeat(deep),
        "</list>".repeat(deep)
    );
    assert_eq!(check("resource-lists", &text), Ok(()));
    let text = text.replace("<list></list>", "<list><entry/></list>");
    assert!(check("resource-lists", &text).is_err());
}
