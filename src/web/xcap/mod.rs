//! The XCAP root (RFC 4825): documents that users keep, and those that the server writes itself.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use super::auth::{Caller, XcapCaller};
use super::conditions::{Verbatim, preconditions};
use super::problem::{
    BODY_TOO_LARGE, INSUFFICIENT_SCOPE, INVALID_REQUEST, METHOD_NOT_ALLOWED, NOT_FOUND,
    PRECONDITION_FAILED, Problem, TOO_MANY_DOCUMENTS, URI_TOO_LONG, internal,
};
use super::state::AppState;
use crate::config::{Settings, XcapSettings};
use crate::mailbox::Mailbox;
use crate::mailbox::xdms::ChangeError;
use crate::store::StoreError;
use crate::xcap::conditions::Preconditions;
use crate::xcap::conflict::{Condition, Conflict};
use crate::xcap::error;
use crate::xcap::selector::SelectorError;
use crate::xcap::uri::UriError;
use crate::xcap::usages::Registry;

mod deferred;
mod read;
mod target;
mod write;

/// What a resource that users write takes.
const ALLOW: &str = "GET, HEAD, PUT, DELETE";
/// What one takes that the server writes.
const ALLOW_READING: &str = "GET, HEAD";

/// Everything below the XCAP root and the other paths that lead there.
pub fn router(settings: &XcapSettings) -> Router<AppState> {
    let mut router = Router::new();
    for root in settings.roots() {
        router = router.route(&format!("{root}/{{*path}}"), any(serve));
    }
    router
}

/// What a request is answered with.
struct Xcap {
    mailbox: Mailbox,
    usages: Arc<Registry>,
    settings: Arc<Settings>,
    caller: Caller,
    headers: HeaderMap,
    preconditions: Preconditions,
    /// Path and query below the root, as they stand in the request line.
    below: String,
    /// The absolute URI of the root that was used.
    root: String,
}

async fn serve(
    State(state): State<AppState>,
    caller: XcapCaller,
    OriginalUri(uri): OriginalUri,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    let AppState {
        mailbox,
        usages,
        settings,
        ..
    } = state;
    let found = settings.xcap.roots().find_map(|root| {
        let below = target.strip_prefix(root)?.strip_prefix('/')?;
        Some((root.to_owned(), below.to_owned()))
    });
    let Some((root, below)) = found else {
        return Problem::new(NOT_FOUND).into_response();
    };
    let xcap = Xcap {
        root: format!("{}{root}", base(&settings, &headers)),
        mailbox,
        usages,
        settings,
        caller: Caller::from(caller),
        preconditions: preconditions(&headers),
        headers,
        below,
    };
    let mut response = match xcap.answer(&method, body).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    };
    response.extensions_mut().insert(Verbatim);
    let caching = HeaderValue::from_static("no-cache");
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(caching);
    response
}

/// How clients reach this server.
fn base(settings: &Settings, headers: &HeaderMap) -> String {
    if let Some(url) = &settings.http.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    format!("http://{}", host.unwrap_or("localhost"))
}

impl Xcap {
    async fn answer(self, method: &Method, body: Body) -> Result<Response, Refusal> {
        match *method {
            Method::GET | Method::HEAD => self.get().await,
            Method::PUT => self.put(body).await,
            Method::DELETE => self.delete().await,
            Method::OPTIONS => {
                let allow = [(header::ALLOW, HeaderValue::from_static(ALLOW))];
                Ok((StatusCode::NO_CONTENT, allow).into_response())
            }
            _ => Err(Refusal::NotAllowed(ALLOW, "XCAP has GET, PUT and DELETE")),
        }
    }

    /// The conflict with the URI of an ancestor made absolute.
    fn absolute(&self, mut conflict: Conflict) -> Refusal {
        if let Condition::NoParent(Some(ancestor)) = &mut conflict.condition {
            let document = self.below.split("/~~/").next().unwrap_or_default();
            *ancestor = format!("{}/{document}/~~/{ancestor}", self.root);
        }
        Refusal::Conflict(conflict)
    }
}

/// Why a request is not carried out.
enum Refusal {
    Problem(Problem),
    Conflict(Conflict),
    /// What the resource takes instead, and why.
    NotAllowed(&'static str, &'static str),
}

impl Refusal {
    fn not_found() -> Self {
        Self::Problem(Problem::new(NOT_FOUND))
    }

    fn forbidden(why: &str) -> Self {
        Self::Problem(Problem::new(INSUFFICIENT_SCOPE).detail(why))
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Problem(error.into())
    }
}

impl From<UriError> for Refusal {
    fn from(error: UriError) -> Self {
        match error {
            UriError::NoDocument => Self::not_found(),
            UriError::TooLong => Self::Problem(Problem::new(URI_TOO_LONG)),
        }
    }
}

impl From<SelectorError> for Refusal {
    fn from(error: SelectorError) -> Self {
        let kind = match error {
            SelectorError::Syntax(_) | SelectorError::UndefinedPrefix(_) => INVALID_REQUEST,
            SelectorError::Unsupported(_) => NOT_FOUND,
            SelectorError::TooManySteps => URI_TOO_LONG,
        };
        Self::Problem(Problem::new(kind).detail(error.to_string()))
    }
}

impl From<ChangeError> for Refusal {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NotFound => Self::not_found(),
            ChangeError::PreconditionFailed => Self::Problem(Problem::new(PRECONDITION_FAILED)),
            ChangeError::MethodNotAllowed => {
                Self::NotAllowed(ALLOW_READING, "namespace bindings can only be read")
            }
            ChangeError::TooLarge(_) => {
                Self::Problem(Problem::new(BODY_TOO_LARGE).detail(error.to_string()))
            }
            ChangeError::TooMany(_) => {
                Self::Problem(Problem::new(TOO_MANY_DOCUMENTS).detail(error.to_string()))
            }
            ChangeError::Conflict(conflict) => Self::Conflict(conflict),
            ChangeError::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::NotAllowed(allow, why) => Problem::new(METHOD_NOT_ALLOWED)
                .detail(why)
                .header(header::ALLOW, allow)
                .into_response(),
            Self::Conflict(conflict) => match error::document(&conflict) {
                Ok(xml) => {
                    let media_type = HeaderValue::from_static(error::MEDIA_TYPE);
                    (
                        StatusCode::CONFLICT,
                        [(header::CONTENT_TYPE, media_type)],
                        xml,
                    )
                        .into_response()
                }
                Err(error) => internal(&error).into_response(),
            },
        }
    }
}
