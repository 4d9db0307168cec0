//! The bounds of HTTP, against clients that send too much, too slowly, or nothing at all.

use std::time::Duration;

use reqwest::Method;
use restante::domain::access::Role;
use restante::domain::access::TokenScope::{Delete, Read};

use crate::support::browser::{csrf, page, post, sign_in};
use crate::support::message::Pager;
use crate::support::raw::Raw;
use crate::support::xcap::{Client as Xcap, LISTS, LISTS_TYPE};
use crate::support::{Backend, TestApp};

const ALICE: &str = "sip:alice@example.org";
/// What an operation takes that says nothing else, in octets.
const BODY_LIMIT: usize = 256 * 1024;
/// Impatient, so that tests are quick.
const IMPATIENT: &str = "[http]\nheader_timeout = '400ms'\nbody_timeout = '400ms'\nidle_timeout = '800ms'\n\
    [policy]\nmax_message_bytes = 20000\nmax_large_bytes = 1000\n[xcap]\nmax_document_bytes = 5000\n";
/// Many times within each of these bounds.
const SOON: Duration = Duration::from_millis(20);

async fn impatient() -> TestApp {
    TestApp::start(Backend::Sqlite, IMPATIENT).await
}

/// The head of a request that has a body, one for each way in which a body is read, and the problem type of one that is
/// too large.
async fn requests(app: &TestApp) -> Vec<(String, &'static str)> {
    let owner = app.token(&[Read, Delete], &[ALICE]).await;
    let head = |path: &str, method: &str, token: &str, media_type: &str| {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: {media_type}\r\n"
        )
    };
    let (gateway, operator) = (&app.gateway, &app.operator);
    let delete = format!("/api/v1/accounts/{ALICE}/messages/delete");
    vec![
        (
            head("/gateway/v1/messages", "POST", gateway, "message/sip"),
            "message-too-large",
        ),
        (
            head(
                "/gateway/v1/large-messages",
                "POST",
                gateway,
                "multipart/mixed; boundary=b",
            ),
            "message-too-large",
        ),
        (
            head(&delete, "POST", operator, "application/json"),
            "body-too-large",
        ),
        (
            head(
                "/sign-in",
                "POST",
                operator,
                "application/x-www-form-urlencoded",
            ),
            "body-too-large",
        ),
        (head(LISTS, "PUT", &owner, LISTS_TYPE), "body-too-large"),
    ]
}

#[tokio::test]
async fn a_head_that_never_ends_is_given_up() {
    let app = impatient().await;
    for begin in [
        "G",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nX-Long: ",
    ] {
        let mut raw = Raw::connect(&app).await;
        raw.send(begin).await;
        let piece = if begin.ends_with(' ') {
            "y"
        } else {
            "X: y\r\n"
        };
        let piece = if begin == "G" { "G" } else { piece };
        let answer = raw.drip(piece.into(), SOON).await;
        answer.assert_problem(408, "too-slow");
    }
    // One octet and then nothing is no better.
    let mut raw = Raw::connect(&app).await;
    raw.send("G").await;
    raw.rest().await.assert_problem(408, "too-slow");
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed_without_a_word() {
    let app = impatient().await;
    let silent = Raw::connect(&app).await;
    assert_eq!(silent.rest().await.0, "");
    // After an answer it may be silent for longer.
    let mut raw = Raw::connect(&app).await;
    raw.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    raw.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let answers = raw.rest().await.0;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert!(answers.ends_with("{\"status\":\"ok\"}"), "{answers}");
}

#[tokio::test]
async fn heads_that_are_too_large_or_none_are_refused_in_our_words() {
    let app = TestApp::start(Backend::Sqlite, "[http]\nmax_header_bytes = 16384\n").await;
    let many = "X: y\r\n".repeat(100_000);
    for (head, status, slug) in [
        (
            format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
            431,
            "header-too-large",
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nHost: x\r\n{}\r\n",
                "X: y\r\n".repeat(100)
            ),
            431,
            "header-too-large",
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
                "y".repeat(16_384)
            ),
            431,
            "header-too-large",
        ),
        (
            format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "y".repeat(1_000_000)),
            431,
            "header-too-large",
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n".to_owned(),
            400,
            "invalid-request",
        ),
        (
            "\u{1}\u{2}\u{3} HTTP/1.1\r\n\r\n".to_owned(),
            400,
            "invalid-request",
        ),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), 400, "invalid-request"),
        (
            "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
                .to_owned(),
            400,
            "invalid-request",
        ),
    ] {
        let mut raw = Raw::connect(&app).await;
        // The server may have enough before all is sent.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut raw.0, head.as_bytes()).await;
        raw.rest().await.assert_problem(status, slug);
    }
    // What is within the bounds is served, and what follows a refusal is not.
    let fits = format!(
        "GET /healthz HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
        "y".repeat(16_000)
    );
    let mut raw = Raw::connect(&app).await;
    raw.send(fits).await;
    raw.send("nonsense\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    let answers = raw.rest().await.0;
    assert!(answers.starts_with("HTTP/1.1 200 OK"), "{answers}");
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 2, "{answers}");
    assert!(answers.contains("HTTP/1.1 400 Bad Request"), "{answers}");
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up_on_every_route() {
    let app = impatient().await;
    for (head, _) in requests(&app).await {
        for framing in [
            "Content-Length: 1000\r\n\r\n--b\r\n",
            "Transfer-Encoding: chunked\r\n\r\n",
        ] {
            let mut raw = Raw::connect(&app).await;
            raw.send(format!("{head}{framing}")).await;
            raw.rest().await.assert_problem(408, "too-slow");
        }
        let mut raw = Raw::connect(&app).await;
        raw.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n"))
            .await;
        let answer = raw.drip("1\r\n-\r\n".into(), SOON).await;
        answer.assert_problem(408, "too-slow");
    }
    assert_eq!(app.waiting(ALICE).await, 0);
}

#[tokio::test]
async fn chunks_without_end_are_refused_on_every_route() {
    let app = impatient().await;
    let chunk = format!("4000\r\n{}\r\n", "-".repeat(0x4000));
    for (head, slug) in requests(&app).await {
        let mut raw = Raw::connect(&app).await;
        raw.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n"))
            .await;
        let answer = raw.drip(chunk.clone().into(), Duration::ZERO).await;
        if head.starts_with("POST /sign-in ") {
            // For people it is a page.
            assert!(answer.0.starts_with("HTTP/1.1 413 "), "{answer:?}");
        } else {
            answer.assert_problem(413, slug);
        }
    }
}

/// A body of exactly the limit is taken, or refused for what it is; with one octet more it is too large.
#[tokio::test]
async fn one_octet_over_is_too_large() {
    let app = impatient().await;
    let padding = 20_000 - Pager::new().text("").bytes().len();
    // The digits of Content-Length need their own octets.
    let fits = |octets: usize| {
        let raw = Pager::new().text(&"x".repeat(octets)).bytes();
        (raw.len(), raw)
    };
    let (size, raw) = fits(padding - 4);
    assert_eq!(size, 20_000);
    assert_eq!(app.hand_over(raw).await.status, 201);
    app.hand_over(fits(padding - 3).1)
        .await
        .assert_problem(413, "message-too-large");

    let delete = format!("/api/v1/accounts/{ALICE}/messages/delete");
    let json = |size: usize| {
        let ids = "{\"ids\":[\"10000000001\"]";
        format!("{ids}{}}}", " ".repeat(size - ids.len() - 1))
    };
    let send = async |body: String| {
        let request = app
            .request(Method::POST, &delete)
            .bearer_auth(&app.operator);
        app.send(
            request
                .header("content-type", "application/json")
                .body(body),
        )
        .await
    };
    assert_eq!(send(json(BODY_LIMIT)).await.status, 200);
    send(json(BODY_LIMIT + 1))
        .await
        .assert_problem(413, "body-too-large");

    app.add_user("alice", Role::User, &[ALICE]).await;
    let cookie = sign_in(&app, "alice").await;
    let token = csrf(&page(&app, "/accounts", &cookie).await);
    for (size, status) in [(BODY_LIMIT + 1, 413), (BODY_LIMIT, 303)] {
        let rest = "x".repeat(size - "csrf=".len() - token.len() - "&x=".len());
        let answer = post(
            &app,
            "/sign-out",
            &cookie,
            &[("csrf", &token), ("x", &rest)],
        )
        .await;
        assert_eq!(answer.status, status, "{size}");
    }

    let alice = Xcap::alice(&app).await;
    let document = |size: usize| {
        let (open, close) = (
            "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'>",
            "</resource-lists>",
        );
        format!(
            "{open}{}{close}",
            " ".repeat(size - open.len() - close.len())
        )
    };
    assert_eq!(
        alice.put(LISTS, LISTS_TYPE, document(5000)).await.status,
        201
    );
    alice
        .put(LISTS, LISTS_TYPE, document(5001))
        .await
        .assert_problem(413, "body-too-large");
}

/// A kilobyte that would inflate to a megabyte stays a kilobyte.
#[tokio::test]
async fn nothing_is_inflated() {
    let app = impatient().await;
    for (head, _) in requests(&app).await {
        for encoding in ["gzip", "br", "deflate, gzip"] {
            let mut raw = Raw::connect(&app).await;
            raw.send(format!(
                "{head}Connection: close\r\nContent-Encoding: {encoding}\r\nContent-Length: 4\r\n\r\n\x1f.\x08."
            ))
            .await;
            raw.rest()
                .await
                .assert_problem(415, "unsupported-media-type");
        }
    }
    let mut raw = Raw::connect(&app).await;
    raw.send("GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Encoding: identity\r\nConnection: close\r\n\r\n").await;
    assert!(raw.rest().await.0.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn connections_are_bounded_and_given_back() {
    let app = TestApp::start(
        Backend::Sqlite,
        "[http]\nmax_connections = 8\nmax_connections_per_peer = 4\n",
    )
    .await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut raw = Raw::connect(&app).await;
        raw.send("GET /healthz HTTP/1.1\r\n").await;
        held.push(raw);
    }
    let ask = async || {
        let mut raw = Raw::connect(&app).await;
        let request = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        // The server may have closed it already.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut raw.0, request.as_bytes()).await;
        raw.rest().await.0
    };
    assert_eq!(ask().await, "");
    held.pop();
    while !ask().await.starts_with("HTTP/1.1 200 OK") {}
}

/// Who asks first whether to send a body is told to, and the answer is the handler's.
#[tokio::test]
async fn expect_continue_is_answered() {
    let app = impatient().await;
    let body = Pager::new().bytes();
    let mut raw = Raw::connect(&app).await;
    raw.send(format!(
        "POST /gateway/v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: message/sip\r\n\
         Expect: 100-continue\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        app.gateway,
        body.len()
    ))
    .await;
    let mut interim = [0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut raw.0, &mut interim)
        .await
        .unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    raw.send(body).await;
    assert!(raw.rest().await.0.starts_with("HTTP/1.1 201 Created"));
}

/// Requests that come at once are answered in their order.
#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let app = impatient().await;
    let mut raw = Raw::connect(&app).await;
    let ask = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n");
    raw.send(ask("/healthz", "") + &ask("/none", "") + &ask("/readyz", "Connection: close\r\n"))
        .await;
    let answers = raw.rest().await.0;
    let statuses: Vec<&str> = answers
        .match_indices("HTTP/1.1 ")
        .map(|(at, _)| &answers[at + 9..at + 12])
        .collect();
    assert_eq!(statuses, ["200", "404", "200"], "{answers}");
}
