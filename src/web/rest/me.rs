//! `GET /api/v1/me`

use axum::Json;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::access::{Principal, Rights, TokenScope};
use crate::web::auth::Caller;
use crate::web::problem::ProblemBody;

/// What a caller may be allowed.
const SCOPES: [TokenScope; 5] = [
    TokenScope::Gateway,
    TokenScope::Read,
    TokenScope::Delete,
    TokenScope::Operator,
    TokenScope::Admin,
];

/// Who the caller is, and what the caller may do.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    /// `user`: a person who signed in; `token`: a program.
    #[schema(example = "token")]
    kind: &'static str,
    /// The number of the person or token, as it stands in paths and in the audit.
    #[schema(example = "3")]
    id: Option<String>,
    /// The name of the person or token.
    #[schema(example = "backup")]
    name: String,
    /// A person's role: `user`, `operator` or `admin`.
    #[schema(example = json!(null))]
    role: Option<&'static str>,
    /// What the caller may do, of `gateway`, `read`, `delete`, `operator` and `admin`.
    #[schema(example = json!(["read"]))]
    scopes: Vec<&'static str>,
    /// The addresses of record the caller is bound to.
    #[schema(example = json!(["sip:alice@example.org"]))]
    aors: Vec<String>,
    /// The domains that an operator or a gateway is bound to.
    #[schema(example = json!([]))]
    domains: Vec<String>,
    /// When the token ends by itself, or, of one that has another secret by now, this secret.
    expires_at: Option<DateTime<Utc>>,
}

impl From<Principal> for Me {
    fn from(principal: Principal) -> Self {
        let granted = SCOPES.into_iter().filter(|scope| principal.may(*scope));
        Self {
            kind: principal.actor.kind.as_str(),
            id: principal.actor.id.map(|id| id.to_string()),
            role: match &principal.rights {
                Rights::Role(role) => Some(role.as_str()),
                Rights::Scopes(_) => None,
            },
            scopes: granted.map(TokenScope::as_str).collect(),
            aors: principal.aors.iter().map(ToString::to_string).collect(),
            domains: principal.domains.iter().map(ToString::to_string).collect(),
            expires_at: principal.expires_at,
            name: principal.name,
        }
    }
}

/// Who am I
///
/// The person or token that this request is made by, and what that is allowed.
#[utoipa::path(
    get, path = "/api/v1/me", tag = "users", operation_id = "get_me",
    responses(
        (status = 200, body = Me, description = "The caller"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The caller may not"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn get_me(caller: Caller) -> Json<Me> {
    Json(Me::from(caller.principal))
}
