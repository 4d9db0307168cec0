//! What the REST API shows of people.

use axum::http::{HeaderName, HeaderValue, header};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::identity::secret;
use crate::store::identity::User;

/// A page of people.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserPage {
    /// The people, by name.
    pub items: Vec<UserView>,
    /// Where the next page begins; null on the last.
    pub next_cursor: Option<String>,
    /// Whether there is a next page.
    pub has_more: bool,
}

/// A person who may sign in.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserView {
    /// The person's number, as it stands in paths and in the audit.
    #[schema(example = "3")]
    id: String,
    /// The name to sign in with.
    #[schema(example = "alice")]
    name: String,
    /// `user`, `operator` or `admin`.
    #[schema(example = "user")]
    role: &'static str,
    /// The addresses of record the person owns, by address.
    #[schema(example = json!(["sip:alice@example.org"]))]
    aors: Vec<String>,
    /// The domains that an operator is bound to, by name; none of one who handles all accounts, and of others.
    #[schema(example = json!([]))]
    domains: Vec<String>,
    /// Whether the person may not sign in.
    #[schema(example = false)]
    disabled: bool,
    /// When the person was added.
    created_at: DateTime<Utc>,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            name: user.name.clone(),
            role: user.role.as_str(),
            aors: user.aors.iter().map(ToString::to_string).collect(),
            domains: user.domains.iter().map(ToString::to_string).collect(),
            disabled: user.disabled_at.is_some(),
            created_at: user.created_at,
        }
    }
}

impl UserView {
    /// The entity tag in its quotes: another for whatever else is shown.
    #[must_use]
    pub fn etag(&self) -> String {
        // It has nothing that cannot be written as JSON.
        let shown = serde_json::to_string(self).unwrap_or_default();
        let hash = secret::hash(&shown);
        format!("\"{}\"", hash.get(..32).unwrap_or(&hash))
    }

    /// The header field with the entity tag.
    #[must_use]
    pub fn etag_header(&self) -> [(HeaderName, HeaderValue); 1] {
        // Hexadecimal digits in quotes make a header field.
        let value = HeaderValue::try_from(self.etag());
        let value = value.unwrap_or(HeaderValue::from_static("\"\""));
        [(header::ETAG, value)]
    }
}
