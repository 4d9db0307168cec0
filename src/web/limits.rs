//! What holds for every route: a time limit, header fields that keep browsers careful, and errors
//! in the caller's language.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::gateway::large;
use super::problem::{METHOD_NOT_ALLOWED, NOT_FOUND, Problem, REQUEST_TIMEOUT};
use super::state::AppState;
use super::ui::for_people;

/// Pages may use our own styles, scripts and pictures, and nothing else.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The API browser sets styles from its scripts and has pictures in its styles.
const DOCS_POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; \
    script-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self' data:; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// Gives up on requests that take too long, but for one that may be as long as it likes as long as something comes.
pub(super) async fn time_limit(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let limit: Duration = state.settings.http.request_timeout;
    if request.uri().path() == large::PATH {
        return next.run(request).await;
    }
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(REQUEST_TIMEOUT)
            .header(header::RETRY_AFTER, "5")
            .into_response(),
    }
}

/// Adds the header fields that keep browsers careful, unless the answer has stricter ones.
pub(super) async fn careful(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let docs = path == "/docs" || path.starts_with("/docs/");
    let api = path.starts_with("/api/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let policy = if docs { DOCS_POLICY } else { PAGE_POLICY };
    let mut add = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    add(header::CONTENT_SECURITY_POLICY, policy);
    add(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(header::REFERRER_POLICY, "same-origin");
    add(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    add(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    add(
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    );
    if api {
        add(header::CACHE_CONTROL, "private, no-store");
    }
    if state.settings.is_behind_tls() {
        add(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}

/// Gives the refusals of routes that are not ours a body like those of ours.
pub(super) async fn explained(request: Request, next: Next) -> Response {
    let (uri, headers) = (request.uri().clone(), request.headers().clone());
    let response = next.run(request).await;
    let bare = !response.headers().contains_key(header::CONTENT_TYPE);
    match response.status() {
        StatusCode::NOT_FOUND if bare => fitting(&uri, &headers, Problem::new(NOT_FOUND)),
        StatusCode::METHOD_NOT_ALLOWED if bare => {
            let mut explained = fitting(&uri, &headers, Problem::new(METHOD_NOT_ALLOWED));
            if let Some(allow) = response.headers().get(header::ALLOW) {
                explained.headers_mut().insert(header::ALLOW, allow.clone());
            }
            explained
        }
        _ => response,
    }
}

/// The answer for a path that does not exist.
pub(super) async fn not_found(uri: Uri, headers: HeaderMap) -> Response {
    fitting(&uri, &headers, Problem::new(NOT_FOUND))
}

/// The answer for a method that a path does not take; axum adds Allow.
pub(super) async fn method_not_allowed(uri: Uri, headers: HeaderMap) -> Response {
    fitting(&uri, &headers, Problem::new(METHOD_NOT_ALLOWED))
}

/// A page for people, a problem document for programs.
pub(super) fn fitting(uri: &Uri, headers: &HeaderMap, problem: Problem) -> Response {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    let person = accept.is_some_and(|accept| accept.contains("text/html"));
    let for_programs = ["/api/", "/gateway/"]
        .iter()
        .any(|root| uri.path().starts_with(root));
    if person && !for_programs {
        for_people(problem)
    } else {
        problem.into_response()
    }
}
