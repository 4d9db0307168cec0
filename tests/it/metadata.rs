//! The metadata document over XCAP: what it says, that it is valid, and when it changes.

use std::io::Write as _;
use std::process::{Command, Stdio};

use chrono::TimeDelta;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, IF_NONE_MATCH};
use restante::domain::access::{Role, TokenScope};
use roxmltree::{Document, Node};

use crate::on_both_databases;
use crate::support::large::Large;
use crate::support::message::Pager;
use crate::support::{Answer, TestApp};

const ROOT: &str = "/xcap-root/org.openmobilealliance.deferred-list/users";
const ALICE: &str = "sip:alice@example.org";
const NS: &str = "urn:oma:xml:im:history-list";

fn path(xui: &str) -> String {
    format!("{ROOT}/{xui}/deferred-list")
}

/// Asserts that `xml` is valid by our schema, as xmllint sees it.
#[track_caller]
fn assert_valid(xml: &[u8]) {
    let schema = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/docs/schema/im-history-list.xsd"
    );
    let xmllint = std::env::var("RESTANTE_TEST_XMLLINT").unwrap_or_else(|_| "xmllint".into());
    let mut check = Command::new(xmllint)
        .args(["--noout", "--nonet", "--schema", schema, "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("xmllint is needed: run ./scripts/test");
    check.stdin.take().unwrap().write_all(xml).unwrap();
    let output = check.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(xml)
    );
}

fn child<'a>(node: Node<'a, 'a>, name: &str) -> Option<&'a str> {
    node.children()
        .find(|child| child.has_tag_name((NS, name)))
        .map(|child| child.text().unwrap_or_default())
}

/// The document of Alice, checked for validity and its header fields.
async fn document(app: &TestApp) -> (Answer, String) {
    let answer = app.get(&path(ALICE)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        "application/vnd.oma.im.deferred-list+xml"
    );
    assert_eq!(answer.header("cache-control"), "no-cache");
    assert_valid(&answer.body);
    let etag = answer.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.len() > 2);
    (answer, etag)
}

/// What the document lists, which must be what the REST API lists, oldest first.
async fn listed(app: &TestApp) -> Vec<String> {
    let (answer, _) = document(app).await;
    let text = answer.text();
    let xml = Document::parse(&text).unwrap();
    let references: Vec<String> = xml
        .root_element()
        .children()
        .filter(Node::is_element)
        .map(|history| history.attribute("history-reference").unwrap().to_owned())
        .collect();
    let list = app
        .get(&format!("/api/v1/accounts/{ALICE}/messages?limit=500"))
        .await
        .json();
    let rest: Vec<String> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|message| message["message_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(references, rest);
    references
}

on_both_databases! {
    async fn an_element_says_what_the_message_says(app: TestApp) {
        let message = Pager::new()
            .to("sip:alice@example.org")
            .header("Date", "Thu, 01 Oct 2026 08:15:29 GMT")
            .header("Subject", "Site <visit> & \"tea\"")
            .header("P-Asserted-Identity", "\"Carol\" <sip:carol@ims.example.org>, <tel:+15550100>")
            .text("Watson, come here.");
        let id = app.store(message).await;
        let (answer, _) = document(&app).await;
        let text = answer.text();
        assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
        let xml = Document::parse(&text).unwrap();
        let root = xml.root_element();
        assert!(root.has_tag_name((NS, "history-list")));
        let history = root.first_element_child().unwrap();
        assert_eq!(history.attribute("history-reference"), Some(format!("sip:{id}@mail.example.org").as_str()));
        let stored = app.get(&format!("/api/v1/accounts/{ALICE}/messages/{id}")).await.json();
        let seconds = |value: &serde_json::Value| value.as_str().unwrap()[..19].to_owned() + "Z";
        assert_eq!(history.attribute("date"), Some(seconds(&stored["stored_at"]).as_str()));
        assert_eq!(child(history, "expiry"), Some(seconds(&stored["expires_at"]).as_str()));
        assert_eq!(child(history, "size"), Some("18"));
        assert_eq!(child(history, "subject"), Some("Site <visit> & \"tea\""));
        let pager = history.children().find(|c| c.has_tag_name((NS, "pager"))).unwrap();
        assert_eq!(child(pager, "time-stamp"), Some("2026-10-01T08:15:29Z"));
        assert_eq!(child(pager, "from"), Some("sip:carol@example.org"));
        assert_eq!(child(pager, "to"), Some("sip:alice@example.org"));
        assert_eq!(child(pager, "auth-id"), Some("sip:carol@ims.example.org"));
    }

    async fn a_large_message_says_when_it_was_whole(app: TestApp) {
        let large = Large::new().header("Date", "Thu, 01 Oct 2026 08:15:29 GMT").header("Subject", "Log")
            .header("P-Asserted-Identity", "<sip:carol@ims.example.org>");
        let id = app.store_large(large).await;
        let (answer, _) = document(&app).await;
        let text = answer.text();
        let xml = Document::parse(&text).unwrap();
        let history = xml.root_element().first_element_child().unwrap();
        let stored = app.get(&format!("/api/v1/accounts/{ALICE}/messages/{id}")).await.json();
        assert_eq!((child(history, "size"), child(history, "subject")), (Some("18"), Some("Log")));
        let large = history.children().find(|c| c.has_tag_name((NS, "large"))).unwrap();
        let completed = stored["completed_at"].as_str().unwrap()[..19].to_owned() + "Z";
        assert_eq!(child(large, "time-stamp"), Some(completed.as_str()));
        assert_eq!(child(large, "from"), Some("sip:carol@example.org"));
        assert_eq!(child(large, "to"), Some("sip:alice@example.org"));
        assert_eq!(child(large, "auth-id"), Some("sip:carol@ims.example.org"));
    }

    async fn a_recipient_list_is_shown(app: TestApp) {
        let raw = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/rfc5365/f1-corrected.sip")).unwrap();
        let answer = app.hand_over_for(&format!("?aor={ALICE}"), raw).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let (answer, _) = document(&app).await;
        let text = answer.text();
        let xml = Document::parse(&text).unwrap();
        let list = xml.descendants().find(|node| node.has_tag_name((NS, "recipient-list"))).unwrap();
        let uris: Vec<_> = list.children().filter_map(|entry| entry.attribute("uri")).collect();
        assert_eq!(uris, ["sip:bill@example.com", "sip:randy@example.net", "sip:eddy@example.com",
            "sip:joe@example.org", "sip:carol@example.net", "sip:ted@example.net", "sip:andy@example.com"]);
    }

    async fn hostile_texts_leave_the_document_valid(app: TestApp) {
        for subject in ["]]><x/>", "a\u{1}b\u{7f}\u{85}\u{fffe}", "\u{202e}txt.exe", "&amp;&#0;", "\u{1f4ee}"] {
            app.store(Pager::new().header("Subject", subject)).await;
        }
        for (name, value) in [
            ("Date", "Sat, 01 Jan 0000 00:00:00 GMT"),
            ("P-Asserted-Identity", "<%%%::[[>"),
            ("P-Asserted-Identity", "<sip:x@[2001:db8::1]>"),
        ] {
            app.store(Pager::new().header(name, value)).await;
        }
        let list = "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list>\
            <entry uri='%% not a uri'/><entry uri='sip:x@[2001:db8::1]'/></list></resource-lists>";
        app.store(Pager::new().content("application/resource-lists+xml", list)
            .header("Content-Disposition", "recipient-list")).await;
        app.store(Pager { from: "<sip:c@[2001:db8::2]>;tag=1".into(), ..Pager::new() }).await;
        let broken = Pager { from: "<foo:#a#b[>;tag=1".into(), ..Pager::new() };
        app.hand_over(broken).await.assert_problem(400, "sip-header");
        assert_eq!(listed(&app).await.len(), 10);
    }

    async fn an_account_without_messages_has_an_empty_list_and_an_unknown_one_has_none(app: TestApp) {
        app.get(&path(ALICE)).await.assert_problem(404, "not-found");
        app.add_user("alice", Role::User, &[ALICE]).await;
        let (answer, _) = document(&app).await;
        assert!(answer.text().contains("<history-list xmlns=\"urn:oma:xml:im:history-list\"/>"), "{}", answer.text());
        for other in [
            "/xcap-root/org.openmobilealliance.deferred-list/users/sip:alice@example.org/other",
            "/xcap-root/org.openmobilealliance.deferred-list/global/deferred-list",
            "/xcap-root/org.openmobilealliance.deferred-list",
            "/xcap-root/unknown-auid/users/sip:alice@example.org/deferred-list",
            "/xcap-root/org.openmobilealliance.deferred-list/users/alice/deferred-list",
        ] {
            app.get(other).await.assert_problem(404, "not-found");
        }
        assert_eq!(app.get(&path("sip%3Aalice%40example.org")).await.status, 200);
        assert_eq!(app.get(&path("SIP:alice@EXAMPLE.org")).await.status, 200);
    }

    async fn an_unchanged_document_is_not_sent_again(app: TestApp) {
        app.store(Pager::new()).await;
        let (first, etag) = document(&app).await;
        let with = |value: String| app.send(app.as_operator(app.request(Method::GET, &path(ALICE)))
            .header(IF_NONE_MATCH, value));
        for same in [etag.clone(), format!("\"x\", {etag}"), format!("W/{etag}"), "*".into()] {
            let answer = with(same).await;
            assert_eq!((answer.status.as_u16(), answer.header("etag"), answer.body.len()), (304, etag.as_str(), 0));
        }
        assert_eq!(with("\"other\"".into()).await.status, 200);
        let head = app.send(app.as_operator(app.request(Method::HEAD, &path(ALICE)))).await;
        assert_eq!((head.status.as_u16(), head.header("etag"), head.body.len()), (200, etag.as_str(), 0));
        assert_eq!(head.header("content-length"), first.body.len().to_string());
        assert_eq!(head.header("content-type"), "application/vnd.oma.im.deferred-list+xml");
        let put = app.send(app.request(Method::PUT, &path(ALICE)).bearer_auth(&app.operator).body("x")).await;
        put.assert_problem(405, "method-not-allowed");
        assert_eq!(put.header("allow"), "GET, HEAD");
    }

    /// The document is what the rows are after every operation, and its tag changes exactly when
    /// it does.
    async fn the_tag_changes_exactly_when_the_document_does(app: TestApp) {
        app.add_user("alice", Role::User, &[ALICE]).await;
        let (mut before, mut tag) = document(&app).await;
        let mut ids: Vec<String> = Vec::new();
        let same = Pager::new();
        // A fixed walk over all operations that may or may not change the document.
        for step in 0..40 {
            match step % 8 {
                0 => ids.push(app.store(Pager::new().header("Expires", "3600")).await),
                1 => ids.push(app.store(Pager::new()).await),
                2 => { app.hand_over(same.clone()).await; }
                3 => { app.hand_over(Pager::new().header("Expires", "0")).await; }
                4 => { app.store(Pager::new().to("sip:bob@example.org")).await; }
                5 => { app.delete(&format!("/api/v1/accounts/{ALICE}/messages/{}", ids.remove(0))).await; }
                6 => { app.delete(&format!("/api/v1/accounts/{ALICE}/messages/19999999999")).await; }
                _ => app.clock.advance(TimeDelta::minutes(25)),
            }
            let (after, new_tag) = document(&app).await;
            assert_eq!(before.body == after.body, tag == new_tag, "step {step}");
            (before, tag) = (after, new_tag);
            listed(&app).await;
        }
        app.clock.advance(TimeDelta::days(8));
        assert!(listed(&app).await.is_empty());
        assert_ne!(document(&app).await.1, tag);
    }

    async fn only_the_owner_and_operators_see_it(app: TestApp) {
        app.store(Pager::new()).await;
        let as_token = async |scopes: &[TokenScope], aors: &[&str]| {
            let token = app.token(scopes, aors).await;
            app.get_as(&token, &path(ALICE)).await
        };
        assert_eq!(as_token(&[TokenScope::Read], &[ALICE]).await.status, 200);
        as_token(&[TokenScope::Read], &["sip:bob@example.org"]).await.assert_problem(404, "not-found");
        as_token(&[TokenScope::Gateway], &[]).await.assert_problem(403, "insufficient-scope");
        as_token(&[TokenScope::Delete], &[ALICE]).await.assert_problem(403, "insufficient-scope");
        let nobody = app.send(app.request(Method::GET, &path(ALICE))).await;
        nobody.assert_problem(401, "unauthenticated");
        let forged = app.request(Method::GET, &path(ALICE)).header("x-3gpp-asserted-identity", "\"sip:alice@example.org\"")
            .header(AUTHORIZATION, "Basic YWxpY2U6eA==");
        app.send(forged).await.assert_problem(401, "unauthenticated");
    }
}

#[test]
fn the_schema_tells_good_documents_from_bad() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/schema/samples");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let xml = std::fs::read(&path).unwrap();
        let valid = std::panic::catch_unwind(|| assert_valid(&xml)).is_ok();
        let name = path.file_name().unwrap().to_string_lossy();
        assert_eq!(valid, name.starts_with("valid"), "{name}");
        seen += 1;
    }
    assert_eq!(seen, 10);
}
