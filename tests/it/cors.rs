//! Programs on pages of other origins: those that are named may call the API with a token, and nobody else anything.

use reqwest::Method;

use crate::support::browser::{csrf, page, sign_in};
use crate::support::xcap::LISTS;
use crate::support::{Answer, Backend, TestApp};
use restante::domain::access::Role;

const ALICE: &str = "sip:alice@example.org";
const APP: &str = "https://app.example.org";
const CONFIG: &str = "[http]\ncors_origins = ['https://app.example.org']\n";

async fn send(app: &TestApp, method: Method, path: &str, fields: &[(&str, &str)]) -> Answer {
    let mut request = app.request(method, path);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    app.send(request).await
}

/// Asks as a browser does before it sends what a form could not.
async fn preflight(app: &TestApp, path: &str, origin: &str) -> Answer {
    let fields = [
        ("origin", origin),
        ("access-control-request-method", "DELETE"),
        ("access-control-request-headers", "authorization"),
        ("sec-fetch-site", "cross-site"),
    ];
    send(app, Method::OPTIONS, path, &fields).await
}

const FIELDS: [&str; 4] = [
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-allow-credentials",
];

#[tokio::test]
async fn nobody_is_let_in_unless_named() {
    let off = TestApp::start(Backend::Sqlite, "").await;
    let app = TestApp::start(Backend::Sqlite, CONFIG).await;
    for (app, path, origin) in [
        (&off, "/api/v1/accounts", APP),
        (&app, "/api/v1/accounts", "https://evil.example.org"),
        (&app, "/api/v1/accounts", "http://app.example.org"),
        (&app, "/api/v1/accounts", "https://app.example.org.evil"),
        (&app, "/api/v1/accounts", "null"),
        // Pages are for people.
        (&app, "/accounts", APP),
        (&app, "/sign-in", APP),
        (&app, "/apix", APP),
    ] {
        let asked = preflight(app, path, origin).await;
        let bearer = format!("Bearer {}", app.operator);
        let got = send(
            app,
            Method::GET,
            path,
            &[("origin", origin), ("authorization", &bearer)],
        )
        .await;
        for answer in [asked, got] {
            for field in FIELDS {
                assert_eq!(answer.header(field), "", "{path} {origin} {field}");
            }
        }
        let fields = [
            ("origin", origin),
            ("authorization", &bearer),
            ("sec-fetch-site", "cross-site"),
        ];
        let sent = send(app, Method::POST, path, &fields).await;
        assert_eq!(sent.status, 403, "{path} {origin}");
    }
}

#[tokio::test]
async fn who_is_named_may_ask_read_and_change_with_a_token() {
    let app = TestApp::start(Backend::Sqlite, CONFIG).await;
    app.store(crate::support::message::Pager::new()).await;
    let messages = format!("/api/v1/accounts/{ALICE}/messages");
    for path in [
        messages.as_str(),
        "/gateway/v1/messages",
        LISTS,
        "/openapi.json",
    ] {
        let asked = preflight(&app, path, APP).await;
        assert_eq!(asked.status, 204, "{path}");
        assert_eq!(asked.header("access-control-allow-origin"), APP);
        assert!(
            asked
                .header("access-control-allow-methods")
                .contains("DELETE")
        );
        assert!(
            asked
                .header("access-control-allow-headers")
                .contains("authorization")
        );
        assert_eq!(asked.header("access-control-max-age"), "600");
        assert_eq!(asked.header("access-control-allow-credentials"), "");
        assert!(
            asked
                .headers
                .get_all("vary")
                .iter()
                .any(|value| value == "origin")
        );
    }
    let bearer = format!("Bearer {}", app.operator);
    let fields = [
        ("origin", APP),
        ("authorization", &bearer),
        ("sec-fetch-site", "cross-site"),
    ];
    let list = send(&app, Method::GET, &messages, &fields).await;
    assert_eq!(
        (
            list.status.as_u16(),
            list.header("access-control-allow-origin")
        ),
        (200, APP)
    );
    assert!(
        list.header("access-control-expose-headers")
            .contains("etag")
    );
    let id = list.json()["items"][0]["id"].as_str().unwrap().to_owned();
    let deleted = send(&app, Method::DELETE, &format!("{messages}/{id}"), &fields).await;
    assert_eq!(deleted.status, 204);
    // A refusal can be read as well.
    let refused = send(&app, Method::GET, &messages, &[("origin", APP)]).await;
    assert_eq!(
        (
            refused.status.as_u16(),
            refused.header("access-control-allow-origin")
        ),
        (401, APP)
    );
    // OPTIONS that asks for nothing of a browser is XCAP's own.
    let options = send(&app, Method::OPTIONS, LISTS, &[("authorization", &bearer)]).await;
    assert!(options.header("allow").contains("PUT"));
}

#[tokio::test]
async fn a_session_is_of_no_use_from_elsewhere() {
    let app = TestApp::start(Backend::Sqlite, CONFIG).await;
    app.store(crate::support::message::Pager::new()).await;
    app.add_user("alice", Role::User, &[ALICE]).await;
    let cookie = sign_in(&app, "alice").await;
    let token = csrf(&page(&app, "/accounts", &cookie).await);
    let fields = [
        ("origin", APP),
        ("cookie", &cookie),
        ("x-csrf-token", &token),
        ("sec-fetch-site", "cross-site"),
    ];
    let sent = send(
        &app,
        Method::POST,
        &format!("/api/v1/accounts/{ALICE}/messages/delete"),
        &fields,
    )
    .await;
    sent.assert_problem(403, "forged-request");
    assert_eq!(app.waiting(ALICE).await, 1);
}
