//! What the REST API shows of tokens.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::tokens::Token;

/// A page of tokens.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenPage {
    /// The tokens, newest first.
    pub items: Vec<TokenView>,
    /// Where the next page begins; null on the last.
    pub next_cursor: Option<String>,
    /// Whether there is a next page.
    pub has_more: bool,
}

/// A token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenView {
    /// Its number, as it stands in paths and in the audit.
    #[schema(example = "7")]
    id: String,
    /// What it is called.
    #[schema(example = "backup")]
    name: String,
    /// What it is for: of `gateway`, `read`, `delete`, `operator` and `admin`.
    #[schema(example = json!(["read"]))]
    scopes: Vec<&'static str>,
    /// The addresses of record it is bound to.
    #[schema(example = json!(["sip:alice@example.org"]))]
    aors: Vec<String>,
    /// The domains it is bound to.
    #[schema(example = json!([]))]
    domains: Vec<String>,
    /// The person whose it is; null if it is nobody's.
    #[schema(example = "3")]
    owner_id: Option<String>,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it ends by itself.
    expires_at: Option<DateTime<Utc>>,
    /// When somebody ended it.
    revoked_at: Option<DateTime<Utc>>,
    /// When it was used last, to the minute.
    last_used_at: Option<DateTime<Utc>>,
}

impl From<&Token> for TokenView {
    fn from(token: &Token) -> Self {
        Self {
            id: token.id.to_string(),
            name: token.name.clone(),
            scopes: token.scopes.iter().map(|scope| scope.as_str()).collect(),
            aors: token.aors.iter().map(ToString::to_string).collect(),
            domains: token.domains.iter().map(ToString::to_string).collect(),
            owner_id: token.owner_id.map(|id| id.to_string()),
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            last_used_at: token.last_used_at,
        }
    }
}

/// A token with its secret, which is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenWithSecret {
    /// The token.
    #[serde(flatten)]
    pub token: TokenView,
    /// What to send as `Authorization: Bearer`. It is not kept.
    #[schema(example = "rst_7Zb0m2nq1o8b1Zb0m2nq1o8b1Zb0m2nq1o8b1Zb0m2n")]
    pub secret: String,
}
