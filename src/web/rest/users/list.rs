//! `GET /api/v1/users`

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::view::{UserPage, UserView};
use crate::domain::access::TokenScope;
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
pub struct UserQuery {
    /// How many, 1 to 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// `next_cursor` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// List people
///
/// Everybody who may sign in, or might if they were not disabled, by name. For administrators.
#[utoipa::path(
    get, path = "/api/v1/users", tag = "users", operation_id = "list_users",
    params(UserQuery),
    responses(
        (status = 200, body = UserPage, description = "A page of people",
            headers(("link" = String, description = "The next page, `rel=\"next\"`"))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "A parameter is wrong"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The caller is no administrator"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn list_users(
    State(identity): State<Identity>,
    State(cursors): State<Arc<CursorKey>>,
    caller: Caller,
    Query(mut query): Query<UserQuery>,
) -> Result<Response, Problem> {
    caller.require(TokenScope::Admin)?;
    let (limit, cursor) = (query.limit.take(), query.cursor.take());
    let paging = Paging::new(&cursors, "users", limit, cursor.as_deref(), &query)?;
    let after: Option<String> = paging.after();
    let users = identity.users_page(after.as_deref(), paging.to_fetch());
    let page = paging.cut(users.await?, |last| last.name.clone());
    let body = UserPage {
        items: page.items.iter().map(UserView::from).collect(),
        has_more: page.next_cursor.is_some(),
        next_cursor: page.next_cursor,
    };
    Ok(paging.answer("/api/v1/users", body.next_cursor.as_deref(), &body))
}
