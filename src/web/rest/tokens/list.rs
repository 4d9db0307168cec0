//! `GET /api/v1/tokens`

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::require_handler;
use super::view::{TokenPage, TokenView};
use crate::identity::Identity;
use crate::web::auth::Caller;
use crate::web::cursor::CursorKey;
use crate::web::extract::Query;
use crate::web::problem::{Problem, ProblemBody};
use crate::web::rest::view::Paging;

/// Which part of the list.
#[derive(Debug, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TokenQuery {
    /// How many, 1 to 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// `next_cursor` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// List tokens
///
/// A person's own, or an administrator's view of all; newest first, with those that have ended.
#[utoipa::path(
    get, path = "/api/v1/tokens", tag = "tokens", operation_id = "list_tokens",
    params(TokenQuery),
    responses(
        (status = 200, body = TokenPage, description = "A page of tokens",
            headers(("link" = String, description = "The next page, `rel=\"next\"`"))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "A parameter is wrong"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The caller is a program without the scope admin"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn list_tokens(
    State(identity): State<Identity>,
    State(cursors): State<Arc<CursorKey>>,
    caller: Caller,
    Query(mut query): Query<TokenQuery>,
) -> Result<Response, Problem> {
    require_handler(&caller)?;
    let (limit, cursor) = (query.limit.take(), query.cursor.take());
    let paging = Paging::new(&cursors, "tokens", limit, cursor.as_deref(), &query)?;
    let before = paging.after();
    let tokens = identity.tokens_of(&caller.principal, before, paging.to_fetch());
    let page = paging.cut(tokens.await?, |last| last.id.to_string());
    let body = TokenPage {
        items: page.items.iter().map(TokenView::from).collect(),
        has_more: page.next_cursor.is_some(),
        next_cursor: page.next_cursor,
    };
    Ok(paging.answer("/api/v1/tokens", body.next_cursor.as_deref(), &body))
}
