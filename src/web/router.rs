//! All routes of the HTTP listener.

use std::any::Any;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{Extensions, HeaderMap, HeaderName, Request, StatusCode, Version, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use memory_serve::{CacheControl, load};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use utoipa_swagger_ui::SwaggerUi;

use super::auth::{origin, session};
use super::client::Client;
use super::conditions::Verbatim;
use super::problem::{INTERNAL, Problem};
use super::shape::Shapes;
use super::state::AppState;
use super::{client, cors, idempotency, limits, openapi, rates, shape, ui, xcap};

/// The most octets of a body, where an operation does not say otherwise.
pub(super) const BODY_LIMIT: usize = 256 * 1024;
/// Names a request in answers and log lines.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The application.
pub fn router(state: AppState) -> Router {
    let (documented, document) = openapi::documented();
    let shapes = Arc::new(Shapes::of(&document));
    let sessions = session::Sessions::new(
        state.mailbox.db.clone(),
        state.mailbox.clock.clone(),
        &state.settings,
    );
    let docs = utoipa_swagger_ui::Config::from("/openapi.json").validator_url("none");
    let routes = ui::router()
        .merge(documented)
        .merge(SwaggerUi::new("/docs").config(docs))
        .route("/openapi.json", get(move || async { Json(document) }))
        .nest("/static", static_files())
        .merge(xcap::router(&state.settings.xcap))
        .method_not_allowed_fallback(limits::method_not_allowed)
        .fallback(limits::not_found)
        .layer(from_fn_with_state(state.clone(), idempotency::remember))
        .layer(from_fn(limits::explained))
        .layer(from_fn_with_state(shapes, shape::as_documented))
        .layer(from_fn_with_state(state.clone(), origin::same_origin))
        .layer(from_fn_with_state(state.clone(), ui::show_problems))
        .layer(session::layer(sessions, &state.settings));
    let compressible = DefaultPredicate::new().and(may_be_others);
    let around = ServiceBuilder::new()
        .layer(from_fn_with_state(state.clone(), client::identify))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(from_fn_with_state(state.clone(), limits::careful))
        .layer(from_fn_with_state(state.clone(), cors::other_origins))
        .layer(CompressionLayer::new().compress_when(compressible))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(state.clone(), limits::time_limit))
        .layer(from_fn(limits::plain))
        .layer(from_fn(rates::told));
    routes
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(around)
        .with_state(state)
}

/// Whether nobody counts the octets of an answer, and no entity tag stands for them, so that they may be others on
/// the way.
fn may_be_others(_: StatusCode, _: Version, headers: &HeaderMap, extensions: &Extensions) -> bool {
    !headers.contains_key(header::ACCEPT_RANGES) && extensions.get::<Verbatim>().is_none()
}

/// Styles, script and icons, under names that change with their content.
fn static_files<S: Clone + Send + Sync + 'static>() -> Router<S> {
    load!()
        .index_file(None)
        .cache_control(CacheControl::Long)
        .into_router()
}

fn span<B>(request: &Request<B>) -> tracing::Span {
    let id = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    let client = Client::of(request.extensions()).map(|client| client.address.to_string());
    // The path only: a query may hold what is nobody's business.
    tracing::info_span!(
        "http",
        method = %request.method(),
        path = request.uri().path(),
        client.address = client.unwrap_or_default(),
        request.id = id.unwrap_or_default(),
    )
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands over the panic"
)]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let what = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned());
    tracing::error!("a handler panicked: {}", what.unwrap_or_default());
    Problem::new(INTERNAL).into_response()
}
