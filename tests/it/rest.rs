//! The REST API: lists and their cursors, reading, deleting, and the form of every error.

use std::collections::BTreeSet;

use reqwest::Method;
use restante::domain::access::{Role, TokenScope};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::message::Pager;

const ALICE: &str = "/api/v1/accounts/sip:alice@example.org";

fn texts<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item[field].as_str().unwrap_or_default())
        .collect()
}

fn query(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

on_both_databases! {
    async fn a_list_is_paged_by_cursors_that_survive_deletion(app: TestApp) {
        let mut ids = Vec::new();
        for _ in 0..7 {
            ids.insert(0, app.store(Pager::new()).await);
        }
        let first = app.get(&format!("{ALICE}/messages?limit=3")).await;
        let link = first.header("link").to_owned();
        let first = first.json();
        assert_eq!(texts(&first, "id"), ids[..3]);
        assert_eq!(first["has_more"], true);
        let cursor = first["next_cursor"].as_str().unwrap();
        assert!(link.starts_with('<') && link.ends_with("; rel=\"next\""), "{link}");
        let next_path = link.trim_start_matches('<').split('>').next().unwrap();
        // The message the cursor stands at goes, and one behind it too; a new one comes.
        for id in [&ids[2], &ids[3]] {
            assert_eq!(app.delete(&format!("{ALICE}/messages/{id}")).await.status, 204);
        }
        app.store(Pager::new()).await;
        let second = app.get(&format!("{ALICE}/messages?limit=3&cursor={cursor}")).await.json();
        assert_eq!(texts(&second, "id"), ids[4..7]);
        assert_eq!((&second["has_more"], &second["next_cursor"]), (&json!(false), &Value::Null));
        assert_eq!(app.get(next_path).await.json(), second);
    }

    async fn a_cursor_works_only_where_it_was_given(app: TestApp) {
        for _ in 0..3 {
            app.store(Pager::new()).await;
            app.store(Pager::new().to("sip:bob@example.org")).await;
        }
        let list = app.get(&format!("{ALICE}/messages?limit=1&q=watson")).await.json();
        let cursor = list["next_cursor"].as_str().unwrap().to_owned();
        let tampered = format!("{}A", &cursor[..cursor.len() - 1]);
        for elsewhere in [
            format!("{ALICE}/messages?cursor={cursor}"),
            format!("{ALICE}/messages?q=come&cursor={cursor}"),
            format!("/api/v1/accounts/sip:bob@example.org/messages?q=watson&cursor={cursor}"),
            format!("{ALICE}/messages?q=watson&cursor={tampered}"),
            format!("{ALICE}/messages?q=watson&cursor=%01"),
            format!("/api/v1/accounts?cursor={cursor}"),
        ] {
            app.get(&elsewhere).await.assert_problem(400, "invalid-cursor");
        }
        assert_eq!(app.get(&format!("{ALICE}/messages?limit=1&q=watson&cursor={cursor}")).await.status, 200);
    }

    async fn filters_restrict_together(app: TestApp) {
        let from = |name: &str, uri: &str| Pager { from: format!("\"{name}\" <{uri}>;tag=1"), ..Pager::new() };
        app.store(from("Åsa Öberg", "sip:asa@example.org").header("Subject", "Möte 100%").text("Vi ses klockan tre")).await;
        app.store(from("Bob", "sip:bob@example.org").header("Subject", "Site visit").text("North_gate, at ten")).await;
        app.store(from("Bob", "sip:bob@example.org").header("Subject", "Tea").header("Expires", "60").text("Or coffee?")).await;
        for (pairs, expected) in [
            (vec![], vec!["Tea", "Site visit", "Möte 100%"]),
            (vec![("from", "BOB")], vec!["Tea", "Site visit"]),
            (vec![("from", "sip:asa")], vec!["Möte 100%"]),
            (vec![("subject", "visit")], vec!["Site visit"]),
            (vec![("subject", "MÖTE")], vec!["Möte 100%"]),
            (vec![("from", "öberg")], vec!["Möte 100%"]),
            (vec![("q", "öBERG klockan")], vec!["Möte 100%"]),
            (vec![("q", "\"at ten\"")], vec!["Site visit"]),
            (vec![("q", "ten at")], vec!["Site visit"]),
            (vec![("q", "\"ten at\"")], vec![]),
            (vec![("q", "from:bob coffee")], vec!["Tea"]),
            (vec![("q", "100%")], vec!["Möte 100%"]),
            (vec![("q", "%")], vec!["Möte 100%"]),
            (vec![("q", "north_gate")], vec!["Site visit"]),
            (vec![("q", "northxgate")], vec![]),
            (vec![("q", "\\")], vec![]),
            (vec![("mode", "pager"), ("from", "bob"), ("subject", "tea")], vec!["Tea"]),
            (vec![("mode", "large")], vec![]),
            (vec![("stored_after", "2020-01-01T00:00:00Z")], vec!["Tea", "Site visit", "Möte 100%"]),
            (vec![("stored_before", "2020-01-01T00:00:00+02:00")], vec![]),
        ] {
            let list = app.get(&format!("{ALICE}/messages?{}", query(&pairs))).await.json();
            assert_eq!(texts(&list, "subject"), expected, "{pairs:?}");
        }
        let soon = (app.clock.now() + chrono::TimeDelta::minutes(5)).to_rfc3339();
        let list = app.get(&format!("{ALICE}/messages?{}", query(&[("expires_before", &soon)]))).await.json();
        assert_eq!(texts(&list, "subject"), ["Tea"]);
    }

    async fn a_message_is_shown_with_all_that_is_in_it(app: TestApp) {
        let cpim = "From: Carol <im:carol@example.org>\r\nTo: Alice <im:alice@example.org>\r\n\
            Subject: Inner subject\r\nNS: x <urn:ietf:params:imdn>\r\nx.Message-ID: 34jk324j\r\n\
            x.Disposition-Notification: positive-delivery, negative-delivery\r\n\r\n\
            Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n\
            --b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\
            Content-Disposition: attachment; filename=\"../../a\u{202e}b.png\"\r\n\r\niVBORw0K\r\n--b--\r\n";
        let raw = Pager::new().header("P-Asserted-Identity", "<sip:carol@ims.example.org>").header("Priority", "urgent")
            .header("User-Agent", "Phone\r\n 7").content("message/cpim", cpim);
        let id = app.store(raw.clone()).await;
        let message = app.get(&format!("{ALICE}/messages/{id}")).await.json();
        assert_eq!(message["message_id"], format!("sip:{id}@mail.example.org"));
        assert_eq!(message["subject"], "Inner subject");
        assert_eq!(message["from"], json!({"uri": "sip:carol@example.org", "display_name": "Carol"}));
        assert_eq!(message["asserted_identity"], "sip:carol@ims.example.org");
        assert_eq!(message["imdn_message_id"], "34jk324j");
        assert_eq!(message["notifications_asked"], json!(["positive-delivery", "negative-delivery"]));
        assert_eq!((&message["kind"], &message["preview"], &message["mode"]), (&json!("multipart"), &json!("Hello"), &json!("pager")));
        assert_eq!((&message["size"], &message["stored_size"]), (&json!(raw.body.len()), &json!(raw.bytes().len())));
        let header = |name: &str| message["headers"].as_array().unwrap().iter()
            .find(|field| field["name"] == name).map(|field| field["value"].clone());
        assert_eq!(header("User-Agent"), Some(json!("Phone 7")));
        assert_eq!(header("Priority"), Some(json!("urgent")));
        let names: Vec<_> = message["headers"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "P-Asserted-Identity",
            "Priority", "User-Agent", "Content-Type", "Content-Length"]);
        assert_eq!(message["cpim"]["headers"][4]["name"], "x.Message-ID");
        let parts = message["parts"].as_array().unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!((&parts[1]["path"], &parts[1]["content_type"], &parts[1]["size"]), (&json!("2"), &json!("image/png"), &json!(6)));
        let filename = parts[1]["filename"].as_str().unwrap();
        assert!(!filename.contains(['/', '\u{202e}']), "{filename}");
        let part = app.get(parts[1]["href"].as_str().unwrap()).await;
        assert_eq!(part.body, b"\x89PNG\r\n");
        // The whole Message-ID names it as well.
        let whole = query(&[("", message["message_id"].as_str().unwrap())]);
        assert_eq!(app.get(&format!("{ALICE}/messages/{}", &whole[1..])).await.json(), message);
    }

    /// Whatever somebody sent cannot act in our origin.
    async fn stored_octets_are_given_out_safely(app: TestApp) {
        for (media_type, inline) in [
            ("text/html", "attachment"), ("image/svg+xml", "attachment"), ("application/javascript", "attachment"),
            ("image/png", "inline"), ("application/pdf", "attachment"), ("text/plain", "attachment"),
        ] {
            let id = app.store(Pager::new().content(media_type, "<script>alert(1)</script>")).await;
            for (suffix, disposition) in [("raw", "attachment"), ("parts/1", "attachment"), ("parts/1?inline=true", inline)] {
                let part = app.get(&format!("{ALICE}/messages/{id}/{suffix}")).await;
                assert_eq!(part.status, 200);
                assert!(part.header("content-disposition").starts_with(disposition), "{media_type} {suffix}");
                assert_eq!(part.header("x-content-type-options"), "nosniff");
                assert_eq!(part.header("content-security-policy"), "sandbox; default-src 'none'");
            }
        }
    }

    async fn deletion_takes_exactly_what_was_named(app: TestApp) {
        let mut ids = Vec::new();
        for _ in 0..4 {
            ids.push(app.store(Pager::new()).await);
        }
        let bob = app.store(Pager::new().to("sip:bob@example.org")).await;
        let whole = format!("sip:{}@mail.example.org", ids[1]);
        let asked = json!({"ids": [ids[0], whole, bob, "nonsense", "19999999999", ids[0]]});
        let outcome = app.post(&format!("{ALICE}/messages/delete"), &asked).await;
        assert_eq!(outcome.status, 200, "{}", outcome.text());
        let outcome = outcome.json();
        assert_eq!(outcome["deleted"], 2);
        assert_eq!(texts(&outcome, "outcome"), ["deleted", "deleted", "not_found", "not_found", "not_found", "deleted"]);
        assert_eq!(texts(&outcome, "id")[1], whole);
        assert_eq!(app.waiting("sip:alice@example.org").await, 2);
        assert_eq!(app.waiting("sip:bob@example.org").await, 1);
        assert_eq!(app.delete(&format!("{ALICE}/messages/{}", ids[2])).await.status, 204);
        app.delete(&format!("{ALICE}/messages/{}", ids[2])).await.assert_problem(404, "not-found");
        app.get(&format!("{ALICE}/messages/{}/raw", ids[2])).await.assert_problem(404, "not-found");
        for bad in [json!({"ids": []}), json!({"ids": vec!["1"; 1001]}), json!({}), json!({"ids": ["1"], "more": 1}), json!([])] {
            app.post(&format!("{ALICE}/messages/delete"), &bad).await.assert_problem(400, "invalid-request");
        }
        let text = app.request(Method::POST, &format!("{ALICE}/messages/delete")).bearer_auth(&app.operator).body("{}");
        app.send(text).await.assert_problem(415, "unsupported-media-type");
        let broken = app.request(Method::POST, &format!("{ALICE}/messages/delete")).bearer_auth(&app.operator)
            .header("content-type", "application/json").body("{\"ids\": [");
        app.send(broken).await.assert_problem(400, "invalid-request");
        let endless = app.request(Method::POST, &format!("{ALICE}/messages/delete")).bearer_auth(&app.operator)
            .header("content-type", "application/json").body(vec![b' '; 300 * 1024]);
        app.send(endless).await.assert_problem(413, "body-too-large");
    }

    async fn accounts_are_listed_and_searched(app: TestApp) {
        for user in ["sip:carol@example.org", "sip:alice@example.org", "sip:bob@example.net"] {
            app.store(Pager::new().to(user)).await;
        }
        let list = app.get("/api/v1/accounts").await.json();
        assert_eq!(texts(&list, "aor"), ["sip:alice@example.org", "sip:bob@example.net", "sip:carol@example.org"]);
        let found = app.get("/api/v1/accounts?q=EXAMPLE.org").await.json();
        assert_eq!(texts(&found, "aor"), ["sip:alice@example.org", "sip:carol@example.org"]);
        let first = app.get("/api/v1/accounts?limit=2&q=example").await;
        let link = first.header("link").trim_start_matches('<').split('>').next().unwrap().to_owned();
        let rest = app.get(&link).await.json();
        assert_eq!(texts(&rest, "aor"), ["sip:carol@example.org"]);
        let account = app.get(ALICE).await.json();
        assert_eq!((&account["quota_messages"], &account["quota_bytes"]), (&json!(1000), &json!(268_435_456)));
    }

    async fn me_is_the_callers_own_account(app: TestApp) {
        app.add_user("alice", Role::User, &["sip:alice@example.org"]).await;
        app.store(Pager::new()).await;
        let own = app.token(&[TokenScope::Read], &["sip:alice@example.org"]).await;
        assert_eq!(app.get_as(&own, "/api/v1/accounts/me").await.json()["aor"], "sip:alice@example.org");
        assert_eq!(app.get_as(&own, "/api/v1/accounts/me/messages").await.json()["items"].as_array().unwrap().len(), 1);
        let two = app.token(&[TokenScope::Read], &["sip:a@example.org", "sip:b@example.org"]).await;
        app.get_as(&two, "/api/v1/accounts/me").await.assert_problem(404, "not-found");
        app.get("/api/v1/accounts/me").await.assert_problem(404, "not-found");
    }

    async fn wrong_requests_get_problem_documents(app: TestApp) {
        app.store(Pager::new()).await;
        for bad in ["limit=0", "limit=501", "limit=-1", "limit=x", "mode=fast", "stored_after=yesterday", "stored_after=-9999-01-01T00:00:00Z",
            "unknown=1", "q=%22open", "q=from:", "limit=1&limit=2"] {
            let answer = app.get(&format!("{ALICE}/messages?{bad}")).await;
            let problem = answer.assert_problem(400, "invalid-request");
            assert!(problem["detail"].is_string() || problem["errors"][0]["detail"].is_string(), "{bad}: {problem}");
        }
        let column = app.get(&format!("{ALICE}/messages?q=a%20%22open")).await.json();
        assert!(column["errors"][0]["detail"].as_str().unwrap().starts_with("column 3"), "{column}");
        for missing in ["/api/v1/nothing", "/api", "/gateway/v1/x", "/xcap-root", "/%ff", "/api/v1/accounts/alice",
            "/api/v1/accounts/%ff", "/api/v1/accounts/sip:nobody@example.org/messages"] {
            app.get(missing).await.assert_problem(404, "not-found");
        }
        for id in ["0", "x", "sip:10000000001@other.example", "..%2f..%2fetc", "10000000009", "sip:@h", "%00"] {
            app.get(&format!("{ALICE}/messages/{id}")).await.assert_problem(404, "not-found");
        }
        for part in ["0", "2", "99999999999999999999", "x", "-1"] {
            let list = app.get(&format!("{ALICE}/messages")).await.json();
            let id = texts(&list, "id")[0].to_owned();
            app.get(&format!("{ALICE}/messages/{id}/parts/{part}")).await.assert_problem(404, "not-found");
        }
        for (method, path, allow) in [
            (Method::PUT, ALICE.to_owned(), "GET,HEAD,DELETE"),
            (Method::POST, format!("{ALICE}/messages"), "GET,HEAD"),
            (Method::GET, format!("{ALICE}/messages/delete/x"), ""),
            (Method::GET, "/gateway/v1/messages".to_owned(), "POST"),
            (Method::DELETE, "/healthz".to_owned(), "GET,HEAD"),
        ] {
            let answer = app.send(app.request(method, &path).bearer_auth(&app.operator)).await;
            if allow.is_empty() {
                answer.assert_problem(404, "not-found");
            } else {
                answer.assert_problem(405, "method-not-allowed");
                assert_eq!(answer.header("allow"), allow, "{path}");
            }
        }
    }

    async fn every_answer_keeps_browsers_careful(app: TestApp) {
        for path in ["/healthz", "/sign-in", "/openapi.json", "/static/app.css", "/nothing", "/api/v1/accounts"] {
            let answer = app.get(path).await;
            assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
            assert!(!answer.header("content-security-policy").contains("unsafe"), "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
            assert!(!answer.header("x-request-id").is_empty(), "{path}");
        }
    }

    async fn the_open_resources_are_these_and_no_others(app: TestApp) {
        let document = app.send(app.request(Method::GET, "/openapi.json")).await.json();
        let mut open = BTreeSet::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            let concrete = path.replace("{aor}", "sip:alice@example.org").replace("{id}", "10000000001").replace("{n}", "1");
            for method in operations.as_object().unwrap().keys() {
                let method: Method = method.to_uppercase().parse().unwrap();
                let answer = app.send(app.request(method.clone(), &concrete)).await;
                if answer.status == 401 {
                    answer.assert_problem(401, "unauthenticated");
                } else {
                    open.insert(format!("{method} {path}"));
                }
            }
        }
        assert_eq!(Vec::from_iter(open), ["GET /healthz", "GET /readyz"]);
        for path in ["/sign-in", "/docs/", "/openapi.json", "/static/app.css", "/problems"] {
            assert_eq!(app.send(app.request(Method::GET, path)).await.status, 200, "{path}");
        }
        for page in ["/", "/accounts", "/accounts/sip:alice@example.org", "/accounts/sip:alice@example.org/metadata",
            "/accounts/sip:alice@example.org/messages/10000000001"] {
            let answer = app.send(app.request(Method::GET, page)).await;
            assert_eq!(answer.status, 303, "{page}");
            assert!(answer.header("location").starts_with("/sign-in?next="), "{page}");
        }
        let setup = app.send(app.request(Method::GET, "/setup?token=x")).await;
        assert_eq!(setup.status, 404);
    }

    async fn each_problem_type_is_a_page(app: TestApp) {
        for kind in restante::web::problem::KINDS {
            let page = app.get(&format!("/problems/{}", kind.slug)).await;
            assert_eq!(page.status, 200);
            assert!(page.text().contains(kind.title), "{}", kind.slug);
        }
        assert_eq!(app.get("/problems/unheard-of").await.status, 404);
    }

    async fn the_server_says_when_it_is_ready(app: TestApp) {
        assert_eq!(app.get("/healthz").await.json(), json!({"status": "ok"}));
        assert_eq!(app.get("/readyz").await.json(), json!({"status": "ok"}));
        app.mailbox.db.clone().close().await.unwrap();
        let down = app.get("/readyz").await;
        down.assert_problem(503, "storage-unavailable");
        assert!(!down.header("retry-after").is_empty());
        assert_eq!(app.get("/healthz").await.status, 200);
        let refused = app.hand_over(Pager::new()).await;
        refused.assert_problem(503, "storage-unavailable");
    }

    /// A request under way is answered, and a client that never finishes its request holds up
    /// nobody.
    async fn stopping_finishes_what_is_under_way(app: TestApp) {
        let mut app = app;
        let raw = Pager::new().bytes();
        let address = app.url.strip_prefix("http://").unwrap().to_owned();
        let head = format!("POST /gateway/v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
            Content-Type: message/sip\r\nContent-Length: {}\r\n\r\n", app.gateway, raw.len());
        let mut under_way = TcpStream::connect(&address).await.unwrap();
        under_way.write_all(head.as_bytes()).await.unwrap();
        under_way.write_all(&raw[..10]).await.unwrap();
        let mut never = TcpStream::connect(&address).await.unwrap();
        never.write_all(b"GET /healthz HT").await.unwrap();
        assert_eq!(app.get("/healthz").await.status, 200);
        let finish = async {
            // Nobody is let in any more: the server is stopping.
            while TcpStream::connect(&address).await.is_ok() {
                tokio::task::yield_now().await;
            }
            under_way.write_all(&raw[10..]).await.unwrap();
            let mut answer = [0; 12];
            under_way.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 201");
        };
        tokio::join!(app.stop(), finish);
    }

    async fn refusals_of_any_route_are_problem_documents(app: TestApp) {
        for path in ["/openapi.json", "/static/app.css", "/docs/", "/sign-in/"] {
            let answer = app.send(app.request(Method::POST, path)).await;
            assert!(matches!(answer.status.as_u16(), 404 | 405), "{path}");
            assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
        }
        app.get("/docs/none").await.assert_problem(404, "not-found");
        app.get("/static/none").await.assert_problem(404, "not-found");
        assert_eq!(app.get("/api/v1/accounts").await.header("cache-control"), "private, no-store");
    }
}
