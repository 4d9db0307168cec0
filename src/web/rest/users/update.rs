//! `PATCH /api/v1/users/{id}`

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::create::read_role;
use super::view::UserView;
use super::{read_all, refused};
use crate::domain::access::TokenScope;
use crate::identity::{Identity, UserChange};
use crate::web::auth::Caller;
use crate::web::conditions::preconditions;
use crate::web::extract::{Json as Body, Path};
use crate::web::gateway::reports::number;
use crate::web::problem::{INVALID_REQUEST, Problem, ProblemBody};
use crate::xcap::conditions::{Method, Verdict};

/// What to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserPatch {
    /// `user`, `operator` or `admin`.
    #[schema(example = "operator", pattern = "^(user|operator|admin)$")]
    role: Option<String>,
    /// All addresses of record the person owns from now on.
    #[schema(max_items = 1000, example = json!(["sip:alice@example.org"]))]
    aors: Option<Vec<String>>,
    /// All domains the operator is bound to from now on; none: it is all accounts.
    #[schema(max_items = 1000, example = json!(["example.org"]))]
    domains: Option<Vec<String>>,
    /// Whether the person may not sign in.
    #[schema(example = false)]
    disabled: Option<bool>,
}

impl UserPatch {
    fn read(&self) -> Result<UserChange, Problem> {
        let change = UserChange {
            role: self.role.as_deref().map(read_role).transpose()?,
            aors: self
                .aors
                .as_deref()
                .map(|words| read_all("aors", words))
                .transpose()?,
            domains: self
                .domains
                .as_deref()
                .map(|words| read_all("domains", words))
                .transpose()?,
            disabled: self.disabled,
        };
        if change == UserChange::default() {
            return Err(Problem::new(INVALID_REQUEST).detail("there is nothing to change"));
        }
        Ok(change)
    }
}

/// Change a person
///
/// Whoever is disabled is signed out everywhere and cannot sign in, and their tokens end for good. Tokens of a person
/// that may more than the person do after the change end too. The last administrator stays one. For administrators.
#[utoipa::path(
    patch, path = "/api/v1/users/{id}", tag = "users", operation_id = "update_user",
    params(
        ("id" = String, Path, description = "The `id` of the person", example = "3"),
        ("If-Match" = Option<String>, Header, description = "Only if the person has this entity tag still", example = "\"9f86d081884c7d659a2feaa0c55ad015\""),
    ),
    request_body = UserPatch,
    responses(
        (status = 200, body = UserView, description = "The person as they are now",
            headers(("etag" = String, description = "The entity tag"))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "The body is wrong"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The caller is no administrator"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such person"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "This is the last administrator"),
        (status = 412, body = ProblemBody, content_type = "application/problem+json", description = "The person was changed meanwhile"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "Not JSON"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn update_user(
    State(identity): State<Identity>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(patch): Body<UserPatch>,
) -> Result<Response, Problem> {
    caller.require(TokenScope::Admin)?;
    let change = patch.read()?;
    let conditions = preconditions(&headers);
    let changed = identity.change_user(number(&id)?, change, caller.principal.actor, |user| {
        let tag = UserView::from(user).etag();
        conditions.judge(Method::Put, Some(&tag)) == Verdict::Proceed
    });
    let user = changed.await.map_err(refused)?;
    let view = UserView::from(&user);
    Ok((view.etag_header(), Json(view)).into_response())
}
