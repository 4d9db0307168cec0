//! `POST /api/v1/users`

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::UserView;
use super::{read_bounds, refused};
use crate::domain::access::{Role, TokenScope, UnknownName};
use crate::identity::{Identity, NewUser};
use crate::web::auth::Caller;
use crate::web::extract::Json as Body;
use crate::web::problem::{INVALID_REQUEST, Problem, ProblemBody};

/// A person to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserRequest {
    /// The name to sign in with, another than anybody else's: 1 to 128 octets.
    #[schema(example = "alice")]
    name: String,
    /// The password to sign in with, 10 characters at least.
    #[schema(example = "correct horse battery", format = "password")]
    password: String,
    /// `user`, `operator` or `admin`.
    #[schema(example = "user", pattern = "^(user|operator|admin)$")]
    role: String,
    /// The addresses of record the person owns; a user needs one. Accounts are made for those that have none.
    #[serde(default)]
    #[schema(required = false, max_items = 1000, example = json!(["sip:alice@example.org"]))]
    aors: Vec<String>,
    /// The domains an operator is bound to; without one it is all accounts.
    #[serde(default)]
    #[schema(required = false, max_items = 1000, example = json!([]))]
    domains: Vec<String>,
}

/// Reads a role.
///
/// # Errors
/// A [`Problem`] that points at it.
pub fn read_role(word: &str) -> Result<Role, Problem> {
    let wrong =
        |error: UnknownName| Problem::new(INVALID_REQUEST).field("/role", error.to_string());
    word.parse().map_err(wrong)
}

/// Add a person
///
/// For administrators.
#[utoipa::path(
    post, path = "/api/v1/users", tag = "users", operation_id = "create_user",
    request_body = UserRequest,
    responses(
        (status = 201, body = UserView, description = "The person",
            headers(
                ("location" = String, description = "The person in this API"),
                ("etag" = String, description = "The entity tag"),
            )),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "The body is wrong"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The caller is no administrator"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "Somebody else has the name"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "Not JSON"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn create_user(
    State(identity): State<Identity>,
    caller: Caller,
    Body(request): Body<UserRequest>,
) -> Result<Response, Problem> {
    caller.require(TokenScope::Admin)?;
    let (aors, domains) = read_bounds(&request.aors, &request.domains)?;
    let new = NewUser {
        name: &request.name,
        password: &request.password,
        role: read_role(&request.role)?,
        aors: &aors,
        domains: &domains,
    };
    let made = identity.make_user(new, caller.principal.actor).await;
    let user = made.map_err(refused)?;
    let view = UserView::from(&user);
    let place = [(header::LOCATION, format!("/api/v1/users/{}", user.id))];
    let tag = view.etag_header();
    Ok((StatusCode::CREATED, place, tag, Json(view)).into_response())
}
