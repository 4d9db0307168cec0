//! The header fields of every answer: routes are read from the OpenAPI document and from the list of pages, so that a new
//! one is asked as well.

use reqwest::Method;
use restante::domain::access::Role;
use serde_json::Value;

use crate::support::browser::{csrf, page, post, sign_in};
use crate::support::message::Pager;
use crate::support::xcap::LISTS;
use crate::support::{Answer, Backend, PASSWORD, TestApp, repository};

const ALICE: &str = "sip:alice@example.org";
const BEHIND_TLS: &str = "[http]\npublic_url = 'https://mail.example.org'\n";

/// A path with something in the places of its parameters.
fn filled(path: &str, id: &str) -> String {
    path.replace("{aor}", ALICE)
        .replace("{id}", id)
        .replace("{n}", "1")
        .replace("{part}", "ok")
        .replace("{slug}", "not-found")
}

/// Every route there is: methods and paths.
fn routes(id: &str) -> Vec<(Method, String)> {
    let mut routes = Vec::new();
    let document = std::fs::read_to_string(repository("openapi/openapi.json")).unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let method = method.to_uppercase().parse().unwrap();
            routes.push((method, filled(path, id)));
        }
    }
    let operations = routes.len();
    let pages = std::fs::read_to_string(repository("src/web/ui/mod.rs")).unwrap();
    for route in pages.split(".route(").skip(1) {
        let path = route.split('"').nth(1).unwrap();
        for method in ["GET", "POST"] {
            routes.push((method.parse().unwrap(), filled(path, id)));
        }
    }
    assert!(operations > 20 && routes.len() > operations + 20);
    for path in [
        LISTS,
        "/docs/",
        "/openapi.json",
        "/static/none",
        "/none",
        "/api/none",
        "/xcap-root/none",
    ] {
        for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"] {
            routes.push((method.parse().unwrap(), path.to_owned()));
        }
    }
    routes
}

/// Asserts what holds for every answer.
#[track_caller]
fn check(answer: &Answer, at: &str) {
    let policy = answer.header("content-security-policy");
    assert!(policy.contains("default-src 'none'"), "{at}: {policy}");
    let directives: Vec<&str> = policy.split(';').map(str::trim).collect();
    let sandboxed = directives
        .iter()
        .any(|directive| directive.starts_with("sandbox"));
    assert!(
        sandboxed || directives.contains(&"frame-ancestors 'none'"),
        "{at}: {policy}"
    );
    for directive in &directives {
        if directive.starts_with("script-src") {
            assert_eq!(*directive, "script-src 'self'", "{at}");
        }
        if directive.contains("unsafe-inline") {
            assert!(
                at.contains(" /docs") && directive.starts_with("style-src"),
                "{at}: {policy}"
            );
        }
    }
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value, "{at}: {name}");
    }
    let referrer = answer.header("referrer-policy");
    assert!(
        matches!(referrer, "same-origin" | "no-referrer"),
        "{at}: {referrer}"
    );
    assert!(
        answer.header("permissions-policy").contains("camera=()"),
        "{at}"
    );
    assert_ne!(answer.header("x-request-id"), "", "{at}");
    for told in ["server", "x-powered-by", "access-control-allow-origin"] {
        assert_eq!(answer.header(told), "", "{at}: {told}");
    }
    // What is somebody's own, or an error, stays with whoever asked.
    let cache = answer.header("cache-control");
    let public = [
        "/static/",
        "/problems",
        "/docs",
        "/openapi.json",
        "/healthz",
        "/readyz",
        "/sign-in",
        "/setup",
    ];
    let is_public = public.iter().any(|root| at.contains(&format!(" {root}")));
    let kept_apart =
        cache.contains("no-store") || cache.contains("no-cache") || cache.contains("private");
    let is_empty = answer.body.is_empty();
    assert!(
        is_public || is_empty || kept_apart,
        "{at}: cache-control: {cache:?}"
    );
    if answer.status.as_u16() >= 400 && !is_empty {
        assert!(
            is_public || cache.contains("no-store"),
            "{at}: cache-control: {cache:?}"
        );
    }
}

#[tokio::test]
async fn every_route_keeps_browsers_careful() {
    let app = TestApp::start(Backend::Sqlite, "").await;
    app.add_user("root", Role::Admin, &[]).await;
    let session = sign_in(&app, "root").await;
    let bearer = format!("Bearer {}", app.operator);
    for (fields, tls) in [
        (&[][..], false),
        (&[("authorization", bearer.as_str())], false),
        (
            &[("cookie", session.as_str()), ("accept", "text/html")],
            false,
        ),
        (&[("x-forwarded-proto", "https")], true),
    ] {
        let id = app.store(Pager::new()).await;
        for (method, path) in routes(&id) {
            // It does not end.
            if path == "/api/v1/events" && !fields.is_empty() && !tls {
                continue;
            }
            let mut request = app.request(method.clone(), &path);
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            let answer = app.send(request).await;
            let at = format!("{} {method} {path}", answer.status);
            check(&answer, &at);
            let stays = answer.header("strict-transport-security");
            assert_eq!(stays, if tls { "max-age=31536000" } else { "" }, "{at}");
        }
    }
}

/// Each cookie that is set, when signing in, on pages, and when signing out.
#[tokio::test]
async fn cookies_are_for_this_server_alone() {
    for (config, name) in [("", "restante="), (BEHIND_TLS, "__Host-restante=")] {
        let app = TestApp::start(Backend::Sqlite, config).await;
        app.add_user("root", Role::Admin, &[]).await;
        let fields = [("name", "root"), ("password", PASSWORD)];
        let signed_in = post(&app, "/sign-in", "", &fields).await;
        let cookie = sign_in(&app, "root").await;
        let shown = page(&app, "/accounts", &cookie).await;
        let token = csrf(&shown);
        let signed_out = post(&app, "/sign-out", &cookie, &[("csrf", &token)]).await;
        let mut set = 0;
        for answer in [signed_in, shown, signed_out] {
            for value in answer.headers.get_all("set-cookie") {
                set += 1;
                let value = value.to_str().unwrap();
                assert!(value.starts_with(name), "{value}");
                // What takes a cookie back holds nothing.
                if value.starts_with(&format!("{name};")) {
                    continue;
                }
                for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
                    assert!(value.contains(attribute), "{value}");
                }
                assert_eq!(value.contains("Secure"), config == BEHIND_TLS, "{value}");
                assert!(!value.contains("Domain"), "{value}");
            }
        }
        assert!(set >= 1);
    }
}
