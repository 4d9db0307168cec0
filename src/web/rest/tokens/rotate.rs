//! `POST /api/v1/tokens/{id}/rotate`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::TimeDelta;
use serde::Deserialize;
use utoipa::ToSchema;

use super::require_handler;
use super::view::{TokenView, TokenWithSecret};
use crate::config::Settings;
use crate::identity::{Identity, LONGEST_GRACE};
use crate::web::auth::Caller;
use crate::web::extract::{OptionalJson, Path};
use crate::web::gateway::reports::number;
use crate::web::problem::{INVALID_REQUEST, Problem, ProblemBody};
use crate::web::rest::users::refused;

/// What becomes of the old secret. The body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// For how many seconds the old secret is good beside the new one, 30 days at most.
    #[serde(default)]
    #[schema(
        required = false,
        minimum = 0,
        maximum = 2_592_000,
        default = 0,
        example = 3600
    )]
    grace_seconds: u32,
}

/// Give a token another secret
///
/// The new secret is in this answer and nowhere else. All else of the token stays. The old secret is good for
/// `grace_seconds`, so that its holder has time to change over; with Digest it is not. A second rotation ends the grace
/// of the first.
#[utoipa::path(
    post, path = "/api/v1/tokens/{id}/rotate", tag = "tokens", operation_id = "rotate_token",
    params(("id" = String, Path, description = "The `id` of the token", example = "7")),
    request_body = Option<Rotation>,
    responses(
        (status = 200, body = TokenWithSecret, description = "The token and its new secret"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "The body is wrong"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The caller is a program without the scope admin"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such token for this caller, or it has ended"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn rotate_token(
    State(identity): State<Identity>,
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path(id): Path<String>,
    OptionalJson(rotation): OptionalJson<Rotation>,
) -> Result<Json<TokenWithSecret>, Problem> {
    require_handler(&caller)?;
    let rotation = rotation.unwrap_or_default();
    let grace = TimeDelta::seconds(rotation.grace_seconds.into());
    if grace > LONGEST_GRACE {
        let detail = format!("expected {} at most", LONGEST_GRACE.num_seconds());
        return Err(Problem::new(INVALID_REQUEST).field("/grace_seconds", detail));
    }
    let realm = settings.realm();
    let rotated = identity.rotate_token(number(&id)?, grace, &realm, &caller.principal);
    let rotated = rotated.await.map_err(refused)?;
    Ok(Json(TokenWithSecret {
        token: TokenView::from(&rotated.token),
        secret: rotated.text,
    }))
}
