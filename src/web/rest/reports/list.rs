//! `GET /api/v1/reports`

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::view::{ReportPage, ReportView};
use crate::domain::report;
use crate::mailbox::Mailbox;
use crate::web::auth::Caller;
use crate::web::cursor::CursorKey;
use crate::web::extract::Query;
use crate::web::problem::{INVALID_REQUEST, Problem, ProblemBody};
use crate::web::rest::view::Paging;

/// Which reports. What is absent does not restrict.
#[derive(Debug, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReportQuery {
    /// `pending`, `leased`, `sent` or `dead`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^(pending|leased|sent|dead)$")]
    state: Option<String>,
    /// How many, 1 to 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// `next_cursor` of the page before, with the same filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// List delivery reports
///
/// The reports that are on their way to senders of messages that went undelivered, and for `reports.keep` those that
/// were sent or given up; newest first.
#[utoipa::path(
    get, path = "/api/v1/reports", tag = "reports", operation_id = "list_reports",
    params(ReportQuery),
    responses(
        (status = 200, body = ReportPage, description = "A page of reports",
            headers(("link" = String, description = "The next page, `rel=\"next\"`"))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "A parameter is wrong"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The caller is no operator"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn list_reports(
    State(mailbox): State<Mailbox>,
    State(cursors): State<Arc<CursorKey>>,
    caller: Caller,
    Query(mut query): Query<ReportQuery>,
) -> Result<Response, Problem> {
    let scope = caller.operating()?;
    let state: Option<report::State> =
        query
            .state
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|_| {
                Problem::new(INVALID_REQUEST)
                    .field("state", "expected pending, leased, sent or dead")
            })?;
    let (limit, cursor) = (query.limit.take(), query.cursor.take());
    let paging = Paging::new(&cursors, "reports", limit, cursor.as_deref(), &query)?;
    let reports = mailbox.reports(&scope, state, paging.after(), paging.to_fetch());
    let page = paging.cut(reports.await?, |last| last.id.to_string());
    let body = ReportPage {
        items: page.items.iter().map(ReportView::from).collect(),
        has_more: page.next_cursor.is_some(),
        next_cursor: page.next_cursor,
    };
    Ok(paging.answer("/api/v1/reports", body.next_cursor.as_deref(), &body))
}
