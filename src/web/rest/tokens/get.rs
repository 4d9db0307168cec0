//! `GET /api/v1/tokens/{id}`

use axum::Json;
use axum::extract::State;

use super::require_handler;
use super::view::TokenView;
use crate::identity::Identity;
use crate::web::auth::Caller;
use crate::web::extract::Path;
use crate::web::gateway::reports::number;
use crate::web::problem::{NOT_FOUND, Problem, ProblemBody};

/// Show a token
///
/// Without its secret, which nobody knows but its holder.
#[utoipa::path(
    get, path = "/api/v1/tokens/{id}", tag = "tokens", operation_id = "get_token",
    params(("id" = String, Path, description = "The `id` of the token", example = "7")),
    responses(
        (status = 200, body = TokenView, description = "The token"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The caller is a program without the scope admin"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such token for this caller"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn get_token(
    State(identity): State<Identity>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<TokenView>, Problem> {
    require_handler(&caller)?;
    let token = identity.token_of(number(&id)?, &caller.principal).await?;
    let token = token.ok_or_else(|| Problem::new(NOT_FOUND))?;
    Ok(Json(TokenView::from(&token)))
}
