//! `GET /api/v1/users/{id}`

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::view::UserView;
use crate::domain::access::TokenScope;
use crate::identity::Identity;
use crate::web::auth::Caller;
use crate::web::conditions::preconditions;
use crate::web::extract::Path;
use crate::web::gateway::reports::number;
use crate::web::problem::{NOT_FOUND, Problem, ProblemBody};
use crate::xcap::conditions::{Method, Verdict};

/// Show a person
///
/// The entity tag is good for If-Match when the person is changed or removed. For administrators.
#[utoipa::path(
    get, path = "/api/v1/users/{id}", tag = "users", operation_id = "get_user",
    params(("id" = String, Path, description = "The `id` of the person", example = "3")),
    responses(
        (status = 200, body = UserView, description = "The person",
            headers(("etag" = String, description = "The entity tag"))),
        (status = 304, description = "As If-None-Match has it"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The caller is no administrator"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such person"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn get_user(
    State(identity): State<Identity>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    caller.require(TokenScope::Admin)?;
    let user = identity.user(number(&id)?).await?;
    let user = user.ok_or_else(|| Problem::new(NOT_FOUND))?;
    let view = UserView::from(&user);
    let verdict = preconditions(&headers).judge(Method::Read, Some(&view.etag()));
    Ok(match verdict {
        Verdict::NotModified => (StatusCode::NOT_MODIFIED, view.etag_header()).into_response(),
        Verdict::PreconditionFailed => {
            return Err(Problem::new(crate::web::problem::PRECONDITION_FAILED));
        }
        Verdict::Proceed => (view.etag_header(), Json(view)).into_response(),
    })
}
