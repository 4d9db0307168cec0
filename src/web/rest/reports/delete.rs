//! `DELETE /api/v1/reports/{id}`

use axum::extract::State;
use axum::http::StatusCode;

use crate::mailbox::Mailbox;
use crate::web::auth::Caller;
use crate::web::extract::Path;
use crate::web::gateway::reports::number;
use crate::web::problem::{NOT_FOUND, Problem, ProblemBody};

/// Drop a report
///
/// It is not sent, unless somebody is sending it at this moment, and forgotten.
#[utoipa::path(
    delete, path = "/api/v1/reports/{id}", tag = "reports", operation_id = "delete_report",
    params(("id" = String, Path, description = "The `id` of the report", example = "17")),
    responses(
        (status = 204, description = "The report is gone"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The caller is no operator"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such report"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn delete_report(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let scope = caller.operating()?;
    if mailbox
        .drop_report(&scope, number(&id)?, caller.principal.actor)
        .await?
    {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::new(NOT_FOUND))
    }
}
