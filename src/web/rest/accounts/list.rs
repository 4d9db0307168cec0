//! `GET /api/v1/accounts`

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::mailbox::Mailbox;
use crate::web::auth::Caller;
use crate::web::cursor::CursorKey;
use crate::web::extract::Query;
use crate::web::problem::{Problem, ProblemBody};
use crate::web::rest::view::{AccountPage, AccountView, Paging, too_long};

/// Which accounts.
#[derive(Debug, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AccountQuery {
    /// Only accounts whose address or display name contains this text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(example = "alice", max_length = 256)]
    q: Option<String>,
    /// How many, 1 to 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// `next_cursor` of the page before, with the same filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// List accounts
///
/// The accounts the caller may read, by address. An operator sees all.
#[utoipa::path(
    get, path = "/api/v1/accounts", tag = "accounts", operation_id = "list_accounts",
    params(AccountQuery),
    responses(
        (status = 200, body = AccountPage, description = "A page of accounts",
            headers(("link" = String, description = "The next page, `rel=\"next\"`"))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "A parameter is wrong"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope read is missing"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn list_accounts(
    State(mailbox): State<Mailbox>,
    State(cursors): State<Arc<CursorKey>>,
    caller: Caller,
    Query(mut query): Query<AccountQuery>,
) -> Result<Response, Problem> {
    let scope = caller.reading()?;
    let (limit, cursor) = (query.limit.take(), query.cursor.take());
    let text = query.q.as_deref().unwrap_or_default();
    too_long("q", text)?;
    let paging = Paging::new(&cursors, "accounts", limit, cursor.as_deref(), &query)?;
    let after: Option<String> = paging.after();
    let accounts = mailbox.accounts(&scope, text, after.as_deref(), paging.to_fetch());
    let page = paging.cut(accounts.await?, |last| last.aor.to_string());
    let body = AccountPage {
        items: page
            .items
            .iter()
            .map(|a| AccountView::new(a, &mailbox.policy))
            .collect(),
        has_more: page.next_cursor.is_some(),
        next_cursor: page.next_cursor,
    };
    Ok(paging.answer("/api/v1/accounts", body.next_cursor.as_deref(), &body))
}
