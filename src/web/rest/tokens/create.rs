//! `POST /api/v1/tokens`

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use super::require_handler;
use super::view::{TokenView, TokenWithSecret};
use crate::identity::{Identity, NewToken};
use crate::mailbox::Mailbox;
use crate::web::auth::Caller;
use crate::web::extract::Json as Body;
use crate::web::problem::{INVALID_REQUEST, Problem, ProblemBody};
use crate::web::rest::users::{read_all, read_bounds, refused};

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// What to call it: 1 to 128 octets.
    #[schema(example = "backup")]
    name: String,
    /// What it is for: of `gateway`, `read`, `delete`, `operator` and `admin`, one at least.
    #[schema(min_items = 1, example = json!(["read"]))]
    scopes: Vec<String>,
    /// The addresses of record it is bound to; one for reading or deleting needs one.
    #[serde(default)]
    #[schema(required = false, max_items = 1000, example = json!(["sip:alice@example.org"]))]
    aors: Vec<String>,
    /// The domains that one for operators or gateways is bound to.
    #[serde(default)]
    #[schema(required = false, max_items = 1000, example = json!([]))]
    domains: Vec<String>,
    /// When it ends by itself; never if absent.
    expires_at: Option<DateTime<Utc>>,
}

/// Make a token
///
/// Its secret is in this answer and nowhere else. People make tokens of their own, for their own addresses and domains;
/// nobody makes one that may more than they may, or one that outlives the token it is made with. Administrators make any.
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "tokens", operation_id = "create_token",
    request_body = TokenRequest,
    responses(
        (status = 201, body = TokenWithSecret, description = "The token and its secret",
            headers(("location" = String, description = "The token in this API"))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "The body is wrong"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The token would have more rights than the caller, or the caller is a program without the scope admin"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "Not JSON"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn create_token(
    State(identity): State<Identity>,
    State(mailbox): State<Mailbox>,
    caller: Caller,
    Body(request): Body<TokenRequest>,
) -> Result<Response, Problem> {
    require_handler(&caller)?;
    let (aors, domains) = read_bounds(&request.aors, &request.domains)?;
    let now = mailbox.clock.now();
    if request.expires_at.is_some_and(|end| end <= now) {
        return Err(Problem::new(INVALID_REQUEST).field("/expires_at", "expected a time to come"));
    }
    let new = NewToken {
        name: &request.name,
        scopes: &read_all("scopes", &request.scopes)?,
        aors: &aors,
        domains: &domains,
        expires_at: request.expires_at,
        ..NewToken::default()
    };
    let made = identity.grant_token(new, &caller.principal).await;
    let made = made.map_err(refused)?;
    let place = format!("/api/v1/tokens/{}", made.token.id);
    let place = [(header::LOCATION, place)];
    let body = TokenWithSecret {
        token: TokenView::from(&made.token),
        secret: made.text,
    };
    Ok((StatusCode::CREATED, place, Json(body)).into_response())
}
