//! What holds for every route: a time limit, header fields that keep browsers careful, and errors
//! in the caller's language.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use tokio::time::timeout;

use super::client::Client;
use super::gateway::large;
use super::problem::{
    METHOD_NOT_ALLOWED, NOT_FOUND, Problem, REQUEST_TIMEOUT, TOO_SLOW, UNSUPPORTED_MEDIA_TYPE,
};
use super::server::Lateness;
use super::state::AppState;
use super::ui::for_people;

/// Pages may use our own styles, scripts and pictures, and nothing else.
pub(super) const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The API browser sets styles from its scripts and has pictures in its styles.
const DOCS_POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; \
    script-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self' data:; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// Gives up on requests that take too long, but for one that may be as long as it likes as long as something comes.
/// Whatever a handler makes of a body that came too slowly, its client is told so.
pub(super) async fn time_limit(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let limit: Duration = state.settings.http.request_timeout;
    let lateness = request.extensions().get::<Lateness>().cloned();
    let is_long = request.uri().path() == large::PATH;
    let answer = next.run(request);
    let response = if is_long {
        answer.await
    } else {
        match timeout(limit, answer).await {
            Ok(response) => response,
            Err(_) => Problem::new(REQUEST_TIMEOUT)
                .header(header::RETRY_AFTER, "5")
                .into_response(),
        }
    };
    if lateness.is_some_and(|lateness| lateness.is_late()) {
        return Problem::new(TOO_SLOW)
            .header(header::CONNECTION, "close")
            .into_response();
    }
    response
}

/// Refuses bodies that are encoded: nothing is inflated here, so that a small request stays small (RFC 9110 section
/// 15.5.16).
pub(super) async fn plain(request: Request, next: Next) -> Response {
    let mut encodings = request.headers().get_all(header::CONTENT_ENCODING).iter();
    if encodings.any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Problem::new(UNSUPPORTED_MEDIA_TYPE)
            .detail("bodies are taken without Content-Encoding only")
            .header(header::ACCEPT_ENCODING, "identity")
            .into_response();
    }
    next.run(request).await
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
    let secure = Client::of(request.extensions()).is_some_and(|client| client.is_secure);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    add_careful(headers, if docs { DOCS_POLICY } else { PAGE_POLICY });
    if api {
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("private, no-store"));
    }
    if secure || state.settings.is_behind_tls() {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    response
}

/// Adds the header fields that every answer has, with this policy, where it has none of its own.
pub(super) fn add_careful(headers: &mut HeaderMap, policy: &'static str) {
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
}

/// Gives the refusals of routes that are not ours a body like those of ours, and answers OPTIONS, which every resource
/// takes, with the methods that the resource has (RFC 9110 section 9.3.7).
pub(super) async fn explained(request: Request, next: Next) -> Response {
    let (uri, headers) = (request.uri().clone(), request.headers().clone());
    let is_question = request.method() == Method::OPTIONS;
    let response = next.run(request).await;
    let bare = !response.headers().contains_key(header::CONTENT_TYPE);
    match response.status() {
        StatusCode::NOT_FOUND if bare => fitting(&uri, &headers, Problem::new(NOT_FOUND)),
        StatusCode::METHOD_NOT_ALLOWED => {
            // Where it is not there yet axum adds it, after all layers.
            let allow = response.headers().get(header::ALLOW).cloned();
            let mut explained = match (is_question, bare) {
                (true, _) => StatusCode::NO_CONTENT.into_response(),
                (false, true) => fitting(&uri, &headers, Problem::new(METHOD_NOT_ALLOWED)),
                // A resource that says what it takes.
                (false, false) => return response,
            };
            if let Some(allow) = allow.and_then(|allow| with_options(&allow)) {
                explained.headers_mut().insert(header::ALLOW, allow);
            }
            explained
        }
        _ => response,
    }
}

/// The methods of a resource, and OPTIONS.
fn with_options(allow: &HeaderValue) -> Option<HeaderValue> {
    let allow = allow.to_str().ok()?;
    let known = allow.split(',').any(|method| method.trim() == "OPTIONS");
    let all = if known {
        allow.to_owned()
    } else {
        format!("{allow},OPTIONS")
    };
    HeaderValue::try_from(all).ok()
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
