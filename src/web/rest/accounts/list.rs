//! `GET /api/v1/accounts`

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::mailbox::Mailbox;
use crate::web::auth::Caller;
use crate::web::cursor::CursorKey;
use crate::web::extract::Query;
use crate::web::problem::{Problem, ProblemBody};
use crate::web::rest::view::{AccountPage, AccountView, Page, page_limit, page_response, too_long};

/// Which accounts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AccountQuery {
    /// Only accounts whose address or display name contains this text.
    #[param(example = "alice", max_length = 256)]
    q: Option<String>,
    /// How many, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// `next_cursor` of the page before, with the same filter.
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
    Query(query): Query<AccountQuery>,
) -> Result<Response, Problem> {
    let scope = caller.reading()?;
    let limit = page_limit(query.limit)?;
    let text = query.q.unwrap_or_default();
    too_long("q", &text)?;
    let list = format!("accounts {text}");
    let after = query
        .cursor
        .map(|cursor| cursors.open(&list, &cursor))
        .transpose()?;
    let accounts = mailbox
        .accounts(&scope, &text, after.as_deref(), limit + 1)
        .await?;
    let page = Page::cut(accounts, limit, |last| {
        cursors.seal(&list, last.aor.as_str())
    });
    let next = page.next_cursor.as_ref().map(|cursor| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("limit", &limit.to_string())
            .append_pair("cursor", cursor);
        if !text.is_empty() {
            query.append_pair("q", &text);
        }
        format!("/api/v1/accounts?{}", query.finish())
    });
    let body = AccountPage {
        items: page
            .items
            .iter()
            .map(|a| AccountView::new(a, &mailbox.policy))
            .collect(),
        has_more: page.next_cursor.is_some(),
        next_cursor: page.next_cursor,
    };
    Ok(page_response(&body, next))
}
