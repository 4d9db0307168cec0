//! The `OpenAPI` document and the server agree: its examples work, and what is wrong is refused as it says, whatever
//! the route. Every error is a problem document, or a page for people.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use reqwest::Method;
use reqwest::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use restante::domain::access::Role;
use restante::domain::access::TokenScope::{Admin, Gateway, Operator};
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::document::{Operation, mismatch, operations};
use crate::support::message::Pager;
use crate::support::{Answer, TestApp};

const PROBLEM: &str = "application/problem+json";
/// Its answer does not end.
const ENDLESS: &str = "follow_events";

/// Pages, with the methods they take.
const PAGES: &[(&str, &str)] = &[
    ("GET", "/"),
    ("GET", "/sign-in"),
    ("POST", "/sign-out"),
    ("GET", "/setup"),
    ("GET", "/accounts"),
    ("GET", "/accounts/sip:alice@example.org"),
    ("POST", "/accounts/sip:alice@example.org/delete"),
    ("POST", "/accounts/sip:alice@example.org/undo"),
    ("GET", "/accounts/sip:alice@example.org/erase"),
    (
        "GET",
        "/accounts/sip:alice@example.org/messages/10000000001",
    ),
    ("GET", "/reports"),
    ("GET", "/problems"),
    ("GET", "/problems/not-found"),
    ("GET", "/openapi.json"),
];

async fn everything(app: &TestApp) -> String {
    app.token(&[Operator, Gateway, Admin], &[]).await
}

/// Whether all that an operation answers with is JSON or events.
fn answers_in_json(operation: &Operation) -> bool {
    let answers = operation.value["responses"].as_object().unwrap().values();
    let mut types = answers.filter_map(|answer| answer["content"].as_object());
    let known = [
        "application/json",
        "application/problem+json",
        "text/event-stream",
    ];
    types.all(|content| content.keys().all(|name| known.contains(&name.as_str())))
}

/// The request that the document's examples make.
async fn exemplary(
    app: &TestApp,
    document: &Value,
    operation: &Operation,
    token: &str,
    report: &str,
) -> Answer {
    let mut path = operation.parameters(document, "path");
    for (name, value) in &mut path {
        if name == "id" && !operation.path.contains("/messages/") {
            report.clone_into(value);
        }
    }
    let query = operation.parameters(document, "query");
    let method = operation.method.parse().unwrap();
    let query = serde_urlencoded::to_string(&query).unwrap();
    let mut request = app
        .request(method, &format!("{}?{query}", operation.path_with(&path)))
        .bearer_auth(token);
    for (name, value) in operation.parameters(document, "header") {
        // Examples of conditions are of another resource.
        if !name.to_lowercase().starts_with("if-") {
            // A key stands for one request.
            let own = if name == "Idempotency-Key" {
                operation.id.as_str()
            } else {
                ""
            };
            request = request.header(name, format!("{value}{own}"));
        }
    }
    if let Some((media_type, mut body)) = operation.body() {
        assert!(
            !body.is_null(),
            "{} has no example of its body",
            operation.id
        );
        if operation.id == "update_message" {
            body["expires_at"] = json!(app.clock.now() + TimeDelta::days(3));
        }
        let text = body
            .as_str()
            .map_or_else(|| body.to_string(), ToOwned::to_owned);
        let boundary = text
            .strip_prefix("--")
            .and_then(|text| text.split_once("\r\n"));
        let media_type = match boundary {
            Some((boundary, _)) if media_type.starts_with("multipart/") => {
                format!("{media_type}; boundary={boundary}")
            }
            _ => media_type,
        };
        request = request.header(CONTENT_TYPE, media_type).body(text);
    }
    app.send(request).await
}

/// Asserts that an answer is one that the document has for the operation.
fn assert_documented(document: &Value, operation: &Operation, answer: &Answer) {
    let at = format!("{} {}", operation.id, answer.status);
    let known = &operation.value["responses"][answer.status.as_str()];
    assert!(
        known.is_object(),
        "{at} is not documented: {}",
        String::from_utf8_lossy(&answer.body)
    );
    assert!(!answer.header("x-request-id").is_empty(), "{at}");
    let Some(content) = known["content"].as_object() else {
        assert!(answer.body.is_empty(), "{at}");
        return;
    };
    let media_type = answer.header("content-type").split(';').next().unwrap();
    let body = content.get(media_type).or_else(|| content.get("*/*"));
    let body = body.unwrap_or_else(|| panic!("{at}: {media_type} is not documented"));
    if media_type.ends_with("json") {
        assert_eq!(
            mismatch(document, &body["schema"], &answer.json(), ""),
            None,
            "{at}"
        );
        // The example is one that fits, too.
        assert_eq!(
            mismatch(document, &body["schema"], &body["example"], ""),
            None,
            "{at}: example"
        );
    }
}

/// Asserts that this is a problem, and that its type has a page.
async fn assert_is_problem(
    app: &TestApp,
    what: &str,
    answer: &Answer,
    pages: &mut BTreeSet<String>,
) {
    let body = String::from_utf8_lossy(&answer.body);
    assert!(
        answer.status.is_client_error(),
        "{what}: {} {body}",
        answer.status
    );
    assert_eq!(
        answer.header("content-type"),
        PROBLEM,
        "{what}: {} {body}",
        answer.status
    );
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status.as_u16(), "{what}");
    let page = problem["type"].as_str().unwrap().to_owned();
    if pages.insert(page.clone()) {
        let page = app.send(app.request(Method::GET, &page)).await;
        assert_eq!(page.status, 200, "{what}");
        assert!(
            page.header("content-type").starts_with("text/html"),
            "{what}"
        );
    }
}

on_both_databases! {
    /// What somebody copies from the document works, and the answer is as it says.
    async fn examples_work(app: TestApp) {
        let token = everything(&app).await;
        let (document, mut all) = operations(&app).await;
        // What is stored first has the number of the examples; a large message has all there is to one.
        // What takes away comes after what reads, and what takes away everything last.
        let turn = |operation: &Operation| match (&*operation.id, &*operation.method) {
            ("store_large_message", _) => 0,
            ("store_message", _) => 1,
            ("erase_account", _) => 6,
            (_, "GET") => 2,
            (_, "PATCH") => 3,
            (_, "DELETE") => 4,
            _ => 5,
        };
        all.sort_by_key(turn);
        for operation in all.iter().filter(|operation| operation.id != ENDLESS) {
            let mut report = String::new();
            if operation.path.contains("/reports/{id}") {
                let id = app.store(Pager::new().asking("m1").from(&format!("sip:{}@example.org", operation.id))).await;
                app.delete(&format!("/api/v1/accounts/sip:alice@example.org/messages/{id}")).await;
                let list = app.get("/api/v1/reports?state=pending").await.json();
                list["items"][0]["id"].as_str().unwrap().clone_into(&mut report);
                if operation.path.starts_with("/gateway/") {
                    app.get_as(&app.gateway, "/gateway/v1/reports?limit=100").await;
                }
            }
            if operation.path.contains("/tokens/{id}") {
                app.token(&[Gateway], &[]).await;
                report = app.identity.tokens().await.unwrap().last().unwrap().id.to_string();
            } else if operation.path.contains("/users/{id}") {
                let name = format!("of {}", operation.id);
                app.add_user(&name, Role::User, &["sip:alice@example.org"]).await;
                let users = app.identity.users().await.unwrap();
                report = users.iter().find(|user| user.name == name).unwrap().id.to_string();
            }
            let answer = exemplary(&app, &document, operation, &token, &report).await;
            assert!(answer.status.is_success(), "{}: {} {}", operation.id, answer.status, String::from_utf8_lossy(&answer.body));
            assert_documented(&document, operation, &answer);
        }
    }

    async fn whatever_is_wrong_gets_a_problem(app: TestApp) {
        let token = everything(&app).await;
        app.store(Pager::new()).await;
        let (document, all) = operations(&app).await;
        let mut pages = BTreeSet::new();
        for operation in &all {
            let good = operation.path_with(&operation.parameters(&document, "path"));
            let is_api = !good.ends_with('z');
            let send = async |what: &str, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>| {
                let mut request = app.request(method.parse().unwrap(), path).header("restante-reason", "A%20test%20reads.");
                for (name, value) in headers {
                    request = request.header(*name, *value);
                }
                if let Some(body) = body {
                    request = request.body(body.to_owned());
                }
                let what = format!("{} {method}: {what}", operation.id);
                (app.send(request).await, what)
            };
            let bearer = format!("Bearer {token}");
            let with_token = [("authorization", bearer.as_str())];
            let mut wrong = vec![
                send("unknown method", "PURGE", &good, &with_token, None).await,
                send("method of another resource", "PUT", &good, &with_token, None).await,
                send("unknown path", &operation.method, &format!("{good}/x/y"), &with_token, None).await,
            ];
            for (answer, what) in wrong.iter().take(2) {
                assert_eq!(answer.status, 405, "{what}");
                assert!(answer.headers[ALLOW].to_str().unwrap().contains(&operation.method), "{what}");
            }
            if is_api {
                wrong.push(send("no token", &operation.method, &good, &[], None).await);
                wrong.push(send("bad token", &operation.method, &good, &[("authorization", "Bearer no")], None).await);
                let unknown = send("unknown parameter", &operation.method, &format!("{good}?colour=red"), &with_token, None).await;
                assert_eq!(unknown.0.json()["errors"][0]["pointer"], "colour", "{}", unknown.1);
                wrong.push(unknown);
                let nul = format!("{good}?q=%00");
                wrong.push(send("NUL in a parameter", &operation.method, &nul, &with_token, None).await);
                if answers_in_json(operation) && operation.value["responses"]["204"].is_null() {
                    let headers = [with_token[0], ("accept", "image/png")];
                    let picture = send("a picture wanted", &operation.method, &good, &headers, None).await;
                    assert_eq!(picture.0.status, 406, "{}", picture.1);
                    wrong.push(picture);
                }
            }
            for (name, _) in operation.parameters(&document, "path") {
                let long = "x".repeat(3000);
                for bad in ["%FF", "%00", "x", "-1", "99999999999999999999999999", "sip:%20@", "..%2f..", long.as_str()] {
                    let path = operation.path.replace(&format!("{{{name}}}"), bad);
                    let path = path.replace("{aor}", "sip:alice@example.org").replace("{id}", "10000000001").replace("{n}", "1").replace("{part}", "ok");
                    let body = operation.body().map(|(_, body)| body.to_string());
                    let headers = [with_token[0], ("content-type", "application/json")];
                    wrong.push(send(&format!("bad {name} {bad}"), &operation.method, &path, &headers, body.as_deref()).await);
                }
            }
            for (name, _) in operation.parameters(&document, "query") {
                if ["q", "from", "subject", "after", "kind", "aor"].contains(&name.as_str()) {
                    continue;
                }
                for bad in ["%FF%FE", "red%20green"] {
                    wrong.push(send(&format!("bad {name}"), &operation.method, &format!("{good}?{name}={bad}"), &with_token, None).await);
                }
            }
            if let Some((media_type, _)) = operation.body().filter(|(media_type, _)| media_type == "application/json") {
                let json = [with_token[0], ("content-type", media_type.as_str())];
                let text = [with_token[0], ("content-type", "text/plain")];
                for bad in ["{", "[]", "[[\"1\"]]", "\"x\"", "{\"colour\":1}", "{\"ids\":{}}", "\u{0}", "{} {}"] {
                    wrong.push(send(&format!("body {bad}"), &operation.method, &good, &json, Some(bad)).await);
                }
                let typed = send("text", &operation.method, &good, &text, Some("{}")).await;
                assert_eq!(typed.0.status, 415, "{}", typed.1);
                wrong.push(typed);
                let large = format!("{{\"ids\":[\"{}\"]}}", "1".repeat(300_000));
                let large = send("large body", &operation.method, &good, &json, Some(&large)).await;
                assert_eq!(large.0.status, 413, "{}", large.1);
                wrong.push(large);
            }
            for (answer, what) in &wrong {
                assert_is_problem(&app, what, answer, &mut pages).await;
            }
        }
        assert_eq!(app.waiting("sip:alice@example.org").await, 1, "what is wrong does nothing");
    }

    async fn pages_explain_to_people_and_to_programs(app: TestApp) {
        let mut known = BTreeSet::new();
        for (method, path) in PAGES {
            let other = if *method == "POST" { "GET" } else { "PUT" };
            for (method, path, status) in [(other, (*path).to_owned(), 405), ("GET", format!("{path}/no/such/page"), 404)] {
                let method: Method = method.parse().unwrap();
                let answer = app.send(app.request(method.clone(), &path)).await;
                assert_eq!(answer.status, status, "{method} {path}");
                assert_is_problem(&app, &path, &answer, &mut known).await;
                let page = app.send(app.request(method.clone(), &path).header(ACCEPT, "text/html,*/*;q=0.8")).await;
                assert_eq!(page.status, status, "{method} {path}");
                assert!(page.header("content-type").starts_with("text/html"), "{method} {path}");
            }
        }
    }

    async fn head_and_options_are_right_everywhere(app: TestApp) {
        let token = everything(&app).await;
        let id = app.store(Pager::new()).await;
        let (document, all) = operations(&app).await;
        for operation in &all {
            let mut path = operation.parameters(&document, "path");
            for (name, value) in &mut path {
                if name == "id" { id.clone_into(value); }
            }
            let path = operation.path_with(&path);
            let options = app.send(app.request(Method::OPTIONS, &path)).await;
            assert_eq!(options.status, 204, "{path}");
            let allow = options.header("allow").to_owned();
            let methods: Vec<&str> = allow.split(',').map(str::trim).collect();
            assert!(methods.contains(&operation.method.as_str()), "{path}: {allow}");
            if operation.method != "GET" || operation.id == ENDLESS {
                continue;
            }
            assert!(methods.contains(&"HEAD"), "{path}: {allow}");
            let get = app.request(Method::GET, &path).header("restante-reason", "A%20test%20reads.").bearer_auth(&token);
            let get = app.send(get).await;
            let head = app.send(app.request(Method::HEAD, &path).header("restante-reason", "A%20test%20reads.").bearer_auth(&token)).await;
            assert_eq!(head.status, get.status, "{path}");
            assert!(head.body.is_empty(), "{path}");
            assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        }
        for (method, path) in PAGES {
            let options = app.send(app.request(Method::OPTIONS, path)).await;
            assert_eq!(options.status, 204, "{path}");
            assert!(options.header("allow").contains(method), "{path}");
        }
    }

    async fn a_request_has_an_id(app: TestApp) {
        for path in ["/", "/api/v1/accounts", "/no/such/page", "/healthz", "/static/nothing.css"] {
            let answer = app.get(path).await;
            assert_eq!(answer.header("x-request-id").len(), 36, "{path}");
            let own = app.send(app.request(Method::GET, path).header("x-request-id", "abc-1")).await;
            assert_eq!(own.header("x-request-id"), "abc-1", "{path}");
        }
    }
}

/// A message in JSON is changed, deleted and read again only as its tag allows.
mod tags {
    use super::*;

    on_both_databases! {
        async fn a_message_has_a_tag(app: TestApp) {
            let id = app.store(Pager::new()).await;
            let path = format!("/api/v1/accounts/sip:alice@example.org/messages/{id}");
            let send = async |method: Method, name: &str, tag: &str, body: Option<Value>| {
                let mut request = app.as_operator(app.request(method, &path));
                request = request.header(name, tag).header("Accept-Encoding", "gzip");
                if let Some(body) = body {
                    request = request.json(&body);
                }
                app.send(request).await
            };
            let first = app.get(&path).await;
            let tag = first.header("etag").to_owned();
            assert!(tag.starts_with('"'), "{tag}");
            let same = send(Method::GET, "If-None-Match", &tag, None).await;
            assert_eq!((same.status.as_u16(), same.header("etag"), same.body.len()), (304, tag.as_str(), 0));
            let whole = send(Method::GET, "If-None-Match", "\"other\"", None).await;
            assert_eq!((whole.status.as_u16(), whole.header("content-encoding")), (200, ""), "the tag is that of these octets");
            assert_eq!(whole.body, first.body);

            let later = json!({"expires_at": app.clock.now() + TimeDelta::days(3)});
            let refused = send(Method::PATCH, "If-Match", "\"other\"", Some(later.clone())).await;
            refused.assert_problem(412, "precondition-failed");
            assert_eq!(app.get(&path).await.body, first.body);
            let changed = send(Method::PATCH, "If-Match", &tag, Some(later)).await;
            assert_eq!(changed.status, 200);
            let new = changed.header("etag").to_owned();
            assert_ne!(new, tag);
            assert_eq!(app.get(&path).await.header("etag"), new);

            send(Method::DELETE, "If-Match", &tag, None).await.assert_problem(412, "precondition-failed");
            assert_eq!(send(Method::DELETE, "If-Match", &new, None).await.status, 204);
            send(Method::DELETE, "If-Match", &new, None).await.assert_problem(404, "not-found");
        }

        async fn less_is_shown_to_whoever_prefers_it(app: TestApp) {
            let id = app.store(Pager::new()).await;
            let path = format!("/api/v1/accounts/sip:alice@example.org/messages/{id}");
            let later = json!({"expires_at": app.clock.now() + TimeDelta::days(3)});
            for (prefer, status) in [("return=minimal", 204), ("wait=3, Return=Minimal; x=1", 204), ("return=representation", 200)] {
                let request = app.request(Method::PATCH, &path).bearer_auth(&app.operator).json(&later);
                let answer = app.send(request.header("Prefer", prefer)).await;
                assert_eq!(answer.status, status, "{prefer}");
                assert_eq!(answer.body.is_empty(), status == 204, "{prefer}");
                let applied = answer.header("preference-applied");
                assert_eq!(applied == "return=minimal", status == 204, "{prefer}");
                assert_eq!(answer.header("etag"), app.get(&path).await.header("etag"));
            }
            let bad = app.request(Method::PATCH, &path).bearer_auth(&app.operator).header("Prefer", "return=minimal");
            app.send(bad.json(&json!({}))).await.assert_problem(400, "invalid-request");
        }
    }
}
