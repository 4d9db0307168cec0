//! `/healthz` and `/readyz`, for whoever restarts or routes.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::problem::{Problem, ProblemBody};
use super::state::AppState;
use crate::mailbox::Mailbox;

/// The health operations.
pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
}

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Is the process alive
///
/// Says nothing about the database: a restart would not bring it back.
#[utoipa::path(
    get, path = "/healthz", tag = "health", operation_id = "get_health",
    responses((status = 200, body = Health, description = "The process is alive")),
    security(()),
)]
pub(super) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Is the server ready for requests
///
/// Whoever routes requests to several nodes asks this: a node whose database does not answer gets none.
#[utoipa::path(
    get, path = "/readyz", tag = "health", operation_id = "get_readiness",
    responses(
        (status = 200, body = Health, description = "The database answers"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database does not answer"),
    ),
    security(()),
)]
pub(super) async fn readyz(State(mailbox): State<Mailbox>) -> Result<Json<Health>, Problem> {
    mailbox.db.ping().await?;
    Ok(Json(Health { status: "ok" }))
}
