//! Programs on pages of other origins (`http.cors_origins`; the Fetch standard, section 3.2): they may call what is for
//! programs, with a token. Cookies are not for them, so a page there can do nothing that its reader's session could.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::state::AppState;
use crate::config::Settings;

/// What such programs may send beside what any page may.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
const SENT: &str =
    "authorization, content-type, if-match, if-none-match, idempotency-key, last-event-id, range";
/// What they may read of an answer beside what any page may.
const READ: &str = "content-range, etag, idempotency-replayed, link, location, ratelimit, ratelimit-policy, \
    retry-after, www-authenticate, x-request-id";
/// How long a browser need not ask again, in seconds.
const MAX_AGE: &str = "600";

/// The origin of the page that a request comes from, if programs there may call this path.
fn allowed<'a>(headers: &'a HeaderMap, path: &str, settings: &Settings) -> Option<&'a HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let origins = &settings.http.cors_origins;
    if !origins
        .iter()
        .any(|allowed| allowed.as_bytes() == origin.as_bytes())
    {
        return None;
    }
    let is_below = |root: &str| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mut roots = settings.xcap.roots();
    let for_programs = ["/api", "/gateway", "/openapi.json"]
        .into_iter()
        .any(is_below);
    (for_programs || roots.any(is_below)).then_some(origin)
}

/// Whether a request comes from a program on a page of another origin that may call this path, with a token: a browser
/// adds none by itself.
pub(super) fn is_program(headers: &HeaderMap, path: &str, settings: &Settings) -> bool {
    headers.contains_key(header::AUTHORIZATION) && allowed(headers, path, settings).is_some()
}

/// Middleware: answers browsers that ask first, and says on answers who may read them.
pub(super) async fn other_origins(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    if state.settings.http.cors_origins.is_empty() {
        return next.run(request).await;
    }
    let origin = allowed(request.headers(), request.uri().path(), &state.settings).cloned();
    let asks_first = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let is_preflight = asks_first && origin.is_some();
    let mut response = if is_preflight {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    // Whoever keeps the answer must not give it to a page of another origin.
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let Some(origin) = origin else {
        return response;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let fields: &[(HeaderName, &'static str)] = if is_preflight {
        &[
            (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, SENT),
            (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
        ]
    } else {
        &[(header::ACCESS_CONTROL_EXPOSE_HEADERS, READ)]
    };
    for (name, value) in fields {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
