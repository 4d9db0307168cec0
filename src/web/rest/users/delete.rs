//! `DELETE /api/v1/users/{id}`

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use super::refused;
use super::view::UserView;
use crate::domain::access::TokenScope;
use crate::identity::Identity;
use crate::web::auth::Caller;
use crate::web::conditions::preconditions;
use crate::web::extract::Path;
use crate::web::gateway::reports::number;
use crate::web::problem::{Problem, ProblemBody};
use crate::xcap::conditions::{Method, Verdict};

/// Remove a person
///
/// Whoever is removed is signed out everywhere, and their tokens end. Accounts and messages stay: they are erased by
/// themselves. The last administrator stays. For administrators.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}", tag = "users", operation_id = "delete_user",
    params(
        ("id" = String, Path, description = "The `id` of the person", example = "3"),
        ("If-Match" = Option<String>, Header, description = "Only if the person has this entity tag still", example = "\"9f86d081884c7d659a2feaa0c55ad015\""),
    ),
    responses(
        (status = 204, description = "The person is gone"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The caller is no administrator"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such person"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "This is the last administrator"),
        (status = 412, body = ProblemBody, content_type = "application/problem+json", description = "The person was changed meanwhile"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn delete_user(
    State(identity): State<Identity>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require(TokenScope::Admin)?;
    let conditions = preconditions(&headers);
    let removed = identity.remove_user(number(&id)?, caller.principal.actor, |user| {
        let tag = UserView::from(user).etag();
        conditions.judge(Method::Delete, Some(&tag)) == Verdict::Proceed
    });
    removed.await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}
