//! `POST /api/v1/reports/{id}/retry`

use axum::Json;
use axum::extract::State;

use super::view::ReportView;
use crate::mailbox::Mailbox;
use crate::web::auth::Caller;
use crate::web::extract::Path;
use crate::web::gateway::reports::{done, number};
use crate::web::problem::{Problem, ProblemBody};

/// Try a report again
///
/// A report that waits is tried at once. So is one that was given up, and again for as long as a new one. It keeps its
/// IMDN Message-ID.
#[utoipa::path(
    post, path = "/api/v1/reports/{id}/retry", tag = "reports", operation_id = "retry_report",
    params(("id" = String, Path, description = "The `id` of the report", example = "17")),
    responses(
        (status = 200, body = ReportView, description = "The report, which waits to be sent"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The caller is no operator"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such report"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "Somebody is sending the report, or it was sent"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn retry_report(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ReportView>, Problem> {
    let scope = caller.operating()?;
    let report = done(
        mailbox
            .retry_report(&scope, number(&id)?, caller.principal.actor)
            .await?,
    )?;
    Ok(Json(ReportView::from(&report)))
}
