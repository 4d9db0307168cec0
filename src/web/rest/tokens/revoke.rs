//! `DELETE /api/v1/tokens/{id}`

use axum::extract::State;
use axum::http::StatusCode;

use super::require_handler;
use crate::identity::Identity;
use crate::web::auth::Caller;
use crate::web::extract::Path;
use crate::web::gateway::reports::number;
use crate::web::problem::{NOT_FOUND, Problem, ProblemBody};

/// Revoke a token
///
/// It opens nothing any more, from the next request on. It stays in the list. Revoking it again does no harm.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{id}", tag = "tokens", operation_id = "revoke_token",
    params(("id" = String, Path, description = "The `id` of the token", example = "7")),
    responses(
        (status = 204, description = "The token opens nothing any more"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The caller is a program without the scope admin"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such token for this caller"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn revoke_token(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    require_handler(&caller)?;
    let id = number(&id)?;
    if identity.revoke_token_of(id, &caller.principal).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::new(NOT_FOUND))
    }
}
