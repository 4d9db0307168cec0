//! Documents that users keep by XCAP (RFC 4825), over HTTP and in both databases.

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use reqwest::Method;
use restante::domain::access::TokenScope::{Delete, Operator, Read};
use roxmltree::Document;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::on_both_databases;
use crate::support::xcap::{AOR, ATT, Client, DOCUMENT, EL, LISTS, LISTS_TYPE, conflict, node};
use crate::support::{REASON, TestApp};

/// The status of a request that is sent as it stands.
async fn raw(app: &TestApp, request_line: &str, token: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(app.url.trim_start_matches("http://"))
        .await
        .unwrap();
    let request = format!(
        "{request_line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    (status, body.to_owned())
}

on_both_databases! {
    async fn a_document_is_kept_byte_for_byte(app: TestApp) {
        let alice = Client::alice(&app).await;
        assert_eq!(alice.get(LISTS).await.status, 404);
        let put = alice.put(LISTS, LISTS_TYPE, DOCUMENT).await;
        assert_eq!(put.status, 201, "{}", put.text());
        let first = put.header("etag").to_owned();
        assert!(first.starts_with('"') && first.ends_with('"'), "{first}");
        let got = alice.send(Method::GET, LISTS, &[("accept-encoding", "gzip, br")], "").await;
        assert_eq!((got.status.as_u16(), got.text().as_str()), (200, DOCUMENT));
        assert_eq!(got.header("content-type"), LISTS_TYPE);
        assert_eq!((got.header("etag"), got.header("cache-control"), got.header("content-encoding")), (first.as_str(), "no-cache", ""));
        let head = alice.send(Method::HEAD, LISTS, &[], "").await;
        assert_eq!((head.status.as_u16(), head.header("etag"), head.header("content-length")),
            (200, first.as_str(), DOCUMENT.len().to_string().as_str()));
        assert!(head.body.is_empty());
        // The same again changes nothing, another gets another tag.
        let same = alice.put(LISTS, LISTS_TYPE, DOCUMENT).await;
        assert_eq!((same.status.as_u16(), same.header("etag")), (200, first.as_str()));
        let other = alice.put(LISTS, LISTS_TYPE, DOCUMENT.replace("friends", "foes")).await;
        assert_eq!(other.status, 200);
        assert_ne!(other.header("etag"), first);
        assert_eq!(alice.delete(LISTS).await.status, 200);
        assert_eq!(alice.get(LISTS).await.status, 404);
        assert_eq!(alice.delete(LISTS).await.status, 404);
        // One that is made anew is another one.
        let again = alice.put(LISTS, LISTS_TYPE, DOCUMENT).await;
        assert_eq!(again.status, 201);
        assert_ne!(again.header("etag"), first);
    }

    async fn elements_and_attributes_are_changed_in_place(app: TestApp) {
        let alice = Client::alice(&app).await;
        let tag = alice.document().await;
        let carol = node("resource-lists/list%5b@name=%22friends%22%5d/entry%5B@uri=%22sip:carol@example.org%22%5D");
        let got = alice.get(&carol).await;
        assert_eq!(got.header("content-type"), EL);
        assert_eq!(got.header("etag"), tag);
        assert_eq!(got.text(), "<entry  uri='sip:carol@example.org'><display-name xml:lang='de'>Karol &amp; Co</display-name></entry>");
        let uri = alice.get(&format!("{carol}/@uri")).await;
        assert_eq!((uri.header("content-type"), uri.text().as_str()), (ATT, "'sip:carol@example.org'"));
        let bindings = alice.get(&format!("{}/namespace::*", node("resource-lists"))).await;
        assert_eq!(bindings.header("content-type"), "application/xcap-ns+xml");
        assert!(bindings.text().contains("urn:example:x"), "{}", bindings.text());
        // Replaced, and nothing around it touched.
        let new = "<entry uri=\"sip:carol@example.org\"/>";
        let put = alice.put(&carol, EL, new).await;
        assert_eq!(put.status, 200);
        assert_ne!(put.header("etag"), tag);
        assert_eq!(alice.get(&carol).await.text(), new);
        let expected = DOCUMENT.replace("<entry  uri='sip:carol@example.org'><display-name xml:lang='de'>Karol &amp; Co</display-name></entry>", new);
        assert_eq!(alice.get(LISTS).await.text(), expected);
        // Into an element without content.
        let into = node("resource-lists/list%5B@name=%22empty%22%5D/entry%5B@uri=%22sip:dave@example.org%22%5D");
        assert_eq!(alice.put(&into, EL, "<entry uri='sip:dave@example.org'/>").await.status, 201);
        let expected = expected.replace("<list name='empty'/>", "<list name='empty'><entry uri='sip:dave@example.org'/></list>");
        assert_eq!(alice.get(LISTS).await.text(), expected);
        // An attribute comes and goes.
        let attribute = node("resource-lists/list%5B@name=%22empty%22%5D/@x:color?xmlns(x=urn:example:x)");
        assert_eq!(alice.put(&attribute, ATT, "\"red\"").await.status, 201);
        assert_eq!(alice.get(&attribute).await.text(), "\"red\"");
        assert_eq!(alice.delete(&attribute).await.status, 200);
        assert_eq!(alice.get(LISTS).await.text(), expected);
        let gone = alice.delete(&into).await;
        assert_eq!(gone.status, 200);
        assert_eq!(gone.header("etag"), alice.get(LISTS).await.header("etag"));
        assert_eq!(alice.delete(&into).await.status, 404);
    }

    async fn what_cannot_be_selected_is_said(app: TestApp) {
        let alice = Client::alice(&app).await;
        alice.document().await;
        for (selector, status) in [
            ("resource-lists/list", 404), ("resource-lists/list/entry", 404), ("resource-lists/nothing", 404),
            ("resource-lists/list%5B9%5D", 404), ("other", 404), ("*/*%5B1%5D", 200), ("resource-lists/x:a", 400),
            ("resource-lists/list%5B", 400), ("resource-lists//list", 400), ("resource-lists/list%5B1%5D/@none", 404),
            ("resource-lists/list%5B1%5D?xmlns(=", 400),
        ] {
            assert_eq!(alice.get(&node(selector)).await.status, status, "{selector}");
        }
        // The document is looked for first.
        let missing = LISTS.replace("index", "other");
        assert_eq!(alice.get(&format!("{missing}/~~/x:a")).await.status, 404);
        let steps = "a/".repeat(3000);
        assert_eq!(alice.get(&node(&format!("{steps}b"))).await.status, 414);
        for method in [Method::PUT, Method::DELETE] {
            let bindings = format!("{}/namespace::*", node("resource-lists"));
            let answer = alice.send(method, &bindings, &[("content-type", "application/xcap-ns+xml")], "<a/>").await;
            answer.assert_problem(405, "method-not-allowed");
            assert_eq!(answer.header("allow"), "GET, HEAD");
        }
        for method in [Method::POST, Method::PATCH] {
            let answer = alice.send(method, LISTS, &[], "").await;
            answer.assert_problem(405, "method-not-allowed");
            assert_eq!(answer.header("allow"), "GET, HEAD, PUT, DELETE");
        }
        assert_eq!(alice.send(Method::OPTIONS, LISTS, &[], "").await.header("allow"), "GET, HEAD, PUT, DELETE");
    }

    async fn conditions_hold_when_the_change_is_made(app: TestApp) {
        let alice = Client::alice(&app).await;
        let ask = async |method: Method, path: &str, name: &str, value: &str| {
            let media_type = if path.contains("~~") { EL } else { LISTS_TYPE };
            let body = if path.contains("~~") { "<list name='empty'/>" } else { DOCUMENT };
            let headers = [(name, value), ("content-type", media_type)];
            alice.send(method, path, &headers, body).await.status.as_u16()
        };
        let (get, put, delete) = (Method::GET, Method::PUT, Method::DELETE);
        // Nothing there yet.
        for (method, name, value, status) in [
            (&get, "if-match", "*", 404), (&get, "if-none-match", "*", 404), (&delete, "if-match", "*", 404),
            (&put, "if-match", "*", 412), (&put, "if-match", "\"1-1\"", 412), (&put, "if-none-match", "*", 201),
            (&put, "if-none-match", "*", 412), (&put, "if-match", "*", 200),
        ] {
            assert_eq!(ask(method.clone(), LISTS, name, value).await, status, "{method} {name}: {value}");
        }
        let tag = alice.document().await;
        let list = node("resource-lists/list%5B@name=%22empty%22%5D");
        let missing = node("resource-lists/list%5B@name=%22none%22%5D");
        for (method, path, name, value, status) in [
            // Also when nothing would change.
            (&put, LISTS, "if-match", "\"0-0\"", 412), (&put, LISTS, "if-none-match", tag.as_str(), 412),
            (&put, LISTS, "if-match", tag.as_str(), 200), (&put, &list, "if-match", "\"0-0\"", 412),
            (&put, &list, "if-none-match", "*", 412), (&put, &list, "if-match", &format!("\"x\", {tag}"), 200),
            (&get, LISTS, "if-none-match", tag.as_str(), 304), (&get, LISTS, "if-none-match", &format!("\"a\",W/{tag}"), 304),
            (&get, LISTS, "if-none-match", "\"a\"", 200), (&get, LISTS, "if-match", "\"a\"", 412),
            (&get, &list, "if-none-match", tag.as_str(), 304), (&get, &missing, "if-none-match", tag.as_str(), 404),
            (&delete, &missing, "if-match", "\"0-0\"", 404), (&delete, &list, "if-match", "\"0-0\"", 412),
            (&delete, LISTS, "if-match", "\"0-0\"", 412), (&delete, &list, "if-match", tag.as_str(), 200),
            (&delete, LISTS, "if-match", tag.as_str(), 412),
        ] {
            assert_eq!(ask(method.clone(), path, name, value).await, status, "{method} {path} {name}: {value}");
        }
        // Of several that have seen the same version one wins.
        let tag = alice.get(LISTS).await.header("etag").to_owned();
        let puts = (0..16).map(|n| {
            let path = node(&format!("resource-lists/list%5B@name=%22n{n}%22%5D"));
            let (alice, tag) = (&alice, &tag);
            async move {
                let headers = [("if-match", tag.as_str()), ("content-type", EL)];
                alice.send(Method::PUT, &path, &headers, format!("<list name='n{n}'/>")).await.status.as_u16()
            }
        });
        let mut statuses = join_all(puts).await;
        statuses.sort_unstable();
        assert_eq!(statuses[0], 201);
        assert!(statuses[1..].iter().all(|status| *status == 412), "{statuses:?}");
    }

    async fn a_thousand_changes_at_once_all_survive(app: TestApp) {
        let alice = Client::alice(&app).await;
        alice.document().await;
        let put = |n: usize| {
            let path = node(&format!("resource-lists/list%5B@name=%22friends%22%5D/entry%5B@uri=%22sip:u{n}@example.org%22%5D"));
            let alice = &alice;
            async move { alice.put(&path, EL, format!("<entry uri=\"sip:u{n}@example.org\"/>")).await.status.as_u16() }
        };
        let statuses: Vec<u16> = stream::iter((0..1000).map(put)).buffer_unordered(64).collect().await;
        assert!(statuses.iter().all(|status| *status == 201));
        let text = alice.get(LISTS).await.text();
        let document = Document::parse(&text).unwrap();
        let entries = document.descendants().filter(|node| node.tag_name().name() == "entry").count();
        assert_eq!(entries, 1002);
        assert!(text.contains("<!-- & more -->") && text.ends_with("<!-- end -->"));
    }

    async fn conflicts_are_told_in_xml(app: TestApp) {
        let alice = Client::alice(&app).await;
        let path = node("resource-lists/list%5B@name=%22friends%22%5D/entry%5B@uri=%22sip:x@example.org%22%5D");
        let refused = alice.put(&path, EL, "<entry uri='sip:x@example.org'/>").await;
        assert_eq!(conflict(&refused).0, "no-parent");
        alice.document().await;
        let nobody = node("resource-lists/list%5B@name=%22nobody%22%5D/entry%5B1%5D");
        let lists = [
            (LISTS, LISTS_TYPE, &b"<resource-lists"[..], "not-well-formed"),
            (LISTS, LISTS_TYPE, b"", "not-well-formed"),
            (LISTS, LISTS_TYPE, b"<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'>\xff</resource-lists>", "not-utf-8"),
            (LISTS, LISTS_TYPE, b"<?xml version='1.0' encoding='ISO-8859-1'?><resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'/>", "not-utf-8"),
            (LISTS, LISTS_TYPE, b"<!DOCTYPE a [<!ENTITY b 'c'>]><resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'/>", "constraint-failure"),
            (LISTS, LISTS_TYPE, b"<other/>", "schema-validation-error"),
            (LISTS, LISTS_TYPE, b"<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list name='a'/><list name='a'/></resource-lists>", "uniqueness-failure"),
            (path.as_str(), EL, b"<entry uri='sip:x@example.org'/><entry/>", "not-xml-frag"),
            (&path, EL, b"<entry uri='sip:other@example.org'/>", "cannot-insert"),
            (&format!("{path}/@uri"), ATT, b"\"a<b\"", "no-parent"),
            (&nobody, EL, b"<entry uri='sip:x@example.org'/>", "no-parent"),
        ];
        for (path, media_type, body, condition) in lists {
            let answer = alice.put(path, media_type, body).await;
            assert_eq!(conflict(&answer).0, condition, "{path}: {}", String::from_utf8_lossy(body));
        }
        let attribute = node("resource-lists/list%5B@name=%22friends%22%5D/entry%5B1%5D/@uri");
        assert_eq!(conflict(&alice.put(&attribute, ATT, "a<b").await).0, "not-xml-att-value");
        let first = node("resource-lists/list%5B1%5D");
        assert_eq!(conflict(&alice.delete(&first).await).0, "cannot-delete");
        // With the URI of what is there, and where what is taken stands.
        let refused = alice.put(&nobody, EL, "<entry uri='sip:x@example.org'/>").await.text();
        assert!(refused.contains(&format!("<ancestor>{}{}</ancestor>", app.url, node("resource-lists"))), "{refused}");
        let twice = node("resource-lists/list%5B@name=%22friends%22%5D/entry%5B3%5D");
        let answer = alice.put(&twice, EL, "<entry uri='sip:bob@example.org'/>").await;
        assert_eq!(conflict(&answer).0, "uniqueness-failure");
        assert!(answer.text().contains("exists field="), "{}", answer.text());
        assert_eq!(alice.get(LISTS).await.text(), DOCUMENT);
        // There is no document of this name.
        let other = "/xcap-root/pidf-manipulation/users/sip:alice@example.org/other";
        let answer = alice.put(other, "application/pidf+xml", "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:alice@example.org'/>").await;
        assert_eq!(conflict(&answer).0, "constraint-failure");
    }

    async fn a_service_belongs_to_one_document_on_the_server(app: TestApp) {
        let alice = Client::alice(&app).await;
        let bob = Client { app: &app, token: app.token(&[Read, Delete], &["sip:bob@example.org"]).await };
        let services = |uri: &str| {
            format!("<rls-services xmlns='urn:ietf:params:xml:ns:rls-services'><service uri='{uri}'><list/>\
                <packages><package>presence</package></packages></service></rls-services>")
        };
        let path = |user: &str| format!("/xcap-root/rls-services/users/sip:{user}@example.org/index");
        let media_type = "application/rls-services+xml";
        assert_eq!(alice.put(&path("alice"), media_type, services("sip:team@example.org")).await.status, 201);
        assert_eq!(alice.put(&path("alice"), media_type, services("sip:team@example.org")).await.status, 200);
        let refused = bob.put(&path("bob"), media_type, services("sip:team@example.org")).await;
        assert_eq!(conflict(&refused).0, "uniqueness-failure");
        assert!(refused.text().contains("alt-value"), "{}", refused.text());
        assert_eq!(bob.put(&path("bob"), media_type, services("sip:other@example.org")).await.status, 201);
        // What is given up may be had.
        assert_eq!(alice.delete(&path("alice")).await.status, 200);
        assert_eq!(bob.put(&path("bob"), media_type, services("sip:team@example.org")).await.status, 200);
    }

    async fn everybody_sees_their_own(app: TestApp) {
        let alice = Client::alice(&app).await;
        alice.document().await;
        let client = async |scopes: &[_], aors: &[&str]| Client { app: &app, token: app.token(scopes, aors).await };
        let reader = client(&[Read], &[AOR]).await;
        let stranger = client(&[Read, Delete], &["sip:bob@example.org"]).await;
        let operator = client(&[Operator], &[]).await;
        let gateway = Client { app: &app, token: app.gateway.clone() };
        let global = "/xcap-root/resource-lists/global/team";
        let caps = "/xcap-root/xcap-caps/global/index";
        // 401 comes before 404.
        for path in [LISTS, "/xcap-root/none/users/x/y", global, caps] {
            for method in [Method::GET, Method::PUT, Method::DELETE] {
                assert_eq!(app.send(app.request(method, path)).await.status, 401, "{path}");
            }
        }
        for (client, get, put) in [(&reader, 200, 403), (&stranger, 404, 404), (&operator, 403, 200), (&gateway, 403, 403)] {
            assert_eq!(client.get(LISTS).await.status, get);
            assert_eq!(client.put(LISTS, LISTS_TYPE, DOCUMENT).await.status, put);
        }
        // An operator says why.
        operator.get(LISTS).await.assert_problem(403, "reason-required");
        assert_eq!(operator.send(Method::GET, LISTS, &[REASON], "").await.status, 200);
        assert_eq!(stranger.delete(LISTS).await.status, 404);
        assert_eq!(reader.delete(LISTS).await.status, 403);
        // What is for everybody is written by operators.
        assert_eq!(alice.put(global, LISTS_TYPE, DOCUMENT).await.status, 403);
        assert_eq!(operator.put(global, LISTS_TYPE, DOCUMENT).await.status, 201);
        for client in [&alice, &reader, &stranger, &operator] {
            assert_eq!(client.get(global).await.text(), DOCUMENT);
            assert_eq!(client.get(caps).await.status, 200);
        }
        assert_eq!(gateway.get(global).await.status, 403);
        // Nobody keeps anything for somebody who is not there.
        let other = LISTS.replace("alice", "erin");
        assert_eq!(operator.put(&other, LISTS_TYPE, DOCUMENT).await.status, 404);
    }

    async fn media_types_are_looked_at(app: TestApp) {
        let alice = Client::alice(&app).await;
        alice.document().await;
        let list = node("resource-lists/list%5B@name=%22empty%22%5D");
        for (path, media_type, status) in [
            (LISTS, "application/resource-lists+xml; charset=utf-8", 200), (LISTS, "Application/Resource-Lists+XML", 200),
            (LISTS, "application/xml", 415), (LISTS, "text/plain", 415), (LISTS, EL, 415),
            // What libraries add by themselves is none.
            (LISTS, "application/x-www-form-urlencoded", 200), (&list, "application/x-www-form-urlencoded", 200),
            (&list, LISTS_TYPE, 415), (&list, EL, 200),
        ] {
            let body = if path == LISTS { DOCUMENT } else { "<list name='empty'/>" };
            assert_eq!(alice.put(path, media_type, body).await.status, status, "{path} {media_type}");
        }
        assert_eq!(alice.send(Method::PUT, LISTS, &[], DOCUMENT).await.status, 200);
    }

    async fn media_types_may_be_wanted(app: TestApp, "[xcap]\nlenient_content_type = false\nroot_aliases = ['/services']\nmax_document_bytes = 2000\nmax_documents = 2") {
        let alice = Client::alice(&app).await;
        for headers in [&[][..], &[("content-type", "application/x-www-form-urlencoded")]] {
            alice.send(Method::PUT, LISTS, headers, DOCUMENT).await.assert_problem(415, "unsupported-media-type");
        }
        // Another path leads to the same documents.
        alice.document().await;
        assert_eq!(alice.get(&LISTS.replace("/xcap-root", "/services")).await.text(), DOCUMENT);
        // Limits.
        let large = DOCUMENT.replace("<!-- mine -->", &format!("<!-- {} -->", "x".repeat(2000)));
        alice.put(LISTS, LISTS_TYPE, large).await.assert_problem(413, "body-too-large");
        let list = node("resource-lists/list%5B@name=%22empty%22%5D");
        let grown = format!("<list name='empty'><display-name>{}</display-name></list>", "x".repeat(1900));
        alice.put(&list, EL, grown).await.assert_problem(413, "body-too-large");
        assert_eq!(alice.put(&LISTS.replace("index", "two"), LISTS_TYPE, DOCUMENT).await.status, 201);
        alice.put(&LISTS.replace("index", "three"), LISTS_TYPE, DOCUMENT).await.assert_problem(507, "too-many-documents");
        assert_eq!(alice.get(LISTS).await.text(), DOCUMENT);
    }

    async fn large_documents_and_bombs(app: TestApp) {
        let alice = Client::alice(&app).await;
        let entries: Vec<String> = (0..5000).map(|n| format!("<entry uri='sip:u{n}@example.org'/>\n")).collect();
        let entries = entries.concat();
        let large = format!("<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list name='all'>{entries}</list></resource-lists>");
        assert!(large.len() > 128 * 1024);
        assert_eq!(alice.put(LISTS, LISTS_TYPE, large.clone()).await.status, 201);
        assert_eq!(alice.get(LISTS).await.text(), large);
        let one = node("resource-lists/list/entry%5B@uri=%22sip:u4321@example.org%22%5D");
        assert_eq!(alice.get(&one).await.text(), "<entry uri='sip:u4321@example.org'/>");
        let deep = format!("{}{}", "<a>".repeat(5000), "</a>".repeat(5000));
        assert_eq!(conflict(&alice.put(LISTS, LISTS_TYPE, deep).await).0, "constraint-failure");
        let laughs = "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'>]><resource-lists>&b;</resource-lists>";
        assert_eq!(conflict(&alice.put(LISTS, LISTS_TYPE, laughs).await).0, "constraint-failure");
        let outside = "<!DOCTYPE l [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><resource-lists>&a;</resource-lists>";
        assert_eq!(conflict(&alice.put(LISTS, LISTS_TYPE, outside).await).0, "constraint-failure");
        assert_eq!(alice.get(LISTS).await.text(), large);
    }

    async fn paths_may_be_encoded_or_not(app: TestApp) {
        let alice = Client::alice(&app).await;
        alice.document().await;
        let number = Client { app: &app, token: app.token(&[Read, Delete], &["tel:+15551234"]).await };
        assert_eq!(number.put("/xcap-root/resource-lists/users/tel:+15551234/index", LISTS_TYPE, DOCUMENT).await.status, 201);
        assert_eq!(number.get("/xcap-root/resource-lists/users/tel%3A%2B15551234/index").await.status, 200);
        for path in [
            "resource-lists/users/sip:alice@example.org/index", "resource-lists/users/sip%3Aalice%40example.org/index",
            "resource%2Dlists/users/sip:Alice@EXAMPLE.org/index",
        ] {
            let expected = if path.contains("Alice") { 404 } else { 200 };
            assert_eq!(raw(&app, &format!("GET /xcap-root/{path}"), &alice.token).await.0, expected, "{path}");
        }
        for selector in [
            "resource-lists/list[@name=\"empty\"]", "resource-lists/list%5b@name=%22empty%22%5d", "resource-lists/list['@name']",
            "%72esource-lists/*[2]", "resource-lists/list[@name='empty']", "resource-lists/list[@name=\"emp%74y\"]",
        ] {
            let (status, body) = raw(&app, &format!("GET {LISTS}/~~/{selector}"), &alice.token).await;
            if selector.contains("'@name'") {
                // A predicate of XPath that XCAP does not have selects nothing.
                assert_eq!(status, 404, "{selector}");
            } else {
                assert_eq!((status, body.as_str()), (200, "<list name='empty'/>"), "{selector}");
            }
        }
    }
}
