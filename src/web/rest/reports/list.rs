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
use crate::web::rest::view::{Page, page_limit, page_response};

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
    let limit = page_limit(query.limit.take())?;
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
    let cursor = query.cursor.take();
    let words = serde_urlencoded::to_string(&query).unwrap_or_default();
    let list = format!("reports {words}");
    let before = cursor
        .map(|cursor| cursors.open(&list, &cursor))
        .transpose()?;
    let before = before.and_then(|id| id.parse().ok());
    let reports = mailbox.reports(&scope, state, before, limit + 1).await?;
    let page = Page::cut(reports, limit, |last| {
        cursors.seal(&list, &last.id.to_string())
    });
    let next = page.next_cursor.as_ref().map(|cursor| {
        query.limit = Some(limit);
        query.cursor = Some(cursor.clone());
        let query = serde_urlencoded::to_string(&query).unwrap_or_default();
        format!("/api/v1/reports?{query}")
    });
    let body = ReportPage {
        items: page.items.iter().map(ReportView::from).collect(),
        has_more: page.next_cursor.is_some(),
        next_cursor: page.next_cursor,
    };
    Ok(page_response(&body, next))
}
