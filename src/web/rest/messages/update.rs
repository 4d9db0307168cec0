//! `PATCH /api/v1/accounts/{aor}/messages/{id}`

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::message::Summary;
use crate::mailbox::Mailbox;
use crate::mailbox::extend::ExtendError;
use crate::web::auth::Caller;
use crate::web::conditions::{message_tag, preconditions, require, tagged};
use crate::web::extract::{Json as Body, Path};
use crate::web::problem::{INVALID_REQUEST, NOT_FOUND, PRECONDITION_FAILED, Problem, ProblemBody};
use crate::web::rest::account_path;
use crate::web::rest::view::MessageView;

/// What to change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageChange {
    /// When the message is to stop waiting: after now, and within `policy.max_expiry` from now.
    #[schema(example = "2026-10-08T08:15:30Z")]
    expires_at: DateTime<Utc>,
}

/// Change when a message expires
///
/// Later or earlier, up to `policy.max_expiry` from now. The metadata document shows it at once.
#[utoipa::path(
    patch, path = "/api/v1/accounts/{aor}/messages/{id}", tag = "messages", operation_id = "update_message",
    params(
        ("aor" = String, Path, description = "Address of record, percent-encoded, or `me`",
            example = "sip:alice@example.org"),
        ("id" = String, Path, description = "The Message-ID, whole or its decimal string alone",
            example = "10000000001"),
        ("if-match" = Option<String>, Header, description = "Change it only if this is its entity tag"),
    ),
    request_body = MessageChange,
    responses(
        (status = 200, body = MessageView, description = "The message as it is now",
            headers(("etag" = String, description = "The entity tag it has now"))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "The body is wrong, or the instant may not be chosen"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope delete is missing"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such message for this caller"),
        (status = 412, body = ProblemBody, content_type = "application/problem+json", description = "If-Match names another entity tag"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "Not JSON"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn update_message(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    headers: HeaderMap,
    Path((aor, id)): Path<(String, String)>,
    Body(change): Body<MessageChange>,
) -> Result<Response, Problem> {
    // Whoever may end the wait of a message may choose when it ends.
    let scope = caller.deleting()?;
    let account = account_path::account(&mailbox, &caller.principal, &scope, &aor).await?;
    let missing = || Problem::new(NOT_FOUND);
    let key = account_path::key(&account, &id).ok_or_else(missing)?;
    let conditions = preconditions(&headers);
    let is_as_wanted = |message: &Summary| require(&conditions, &message_tag(message)).is_ok();
    let by = caller.principal.actor;
    let changed = mailbox
        .set_expiry(key, change.expires_at, by, is_as_wanted)
        .await;
    let message = changed.map_err(|error| match error {
        ExtendError::Bounds(bounds) => {
            Problem::new(INVALID_REQUEST).field("/expires_at", bounds.to_string())
        }
        ExtendError::Changed => Problem::new(PRECONDITION_FAILED),
        ExtendError::Store(error) => error.into(),
    })?;
    let message = message.ok_or_else(missing)?;
    let sealed = !caller.principal.aors.contains(&account.aor);
    let shown = Json(MessageView::new(&account, &message, sealed)).into_response();
    Ok(tagged(shown, &message_tag(&message)))
}
