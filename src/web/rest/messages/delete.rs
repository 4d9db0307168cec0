//! `DELETE /api/v1/accounts/{aor}/messages/{id}`

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use crate::mailbox::Mailbox;
use crate::mailbox::delete::Reason;
use crate::web::auth::Caller;
use crate::web::conditions::{message_tag, preconditions, require};
use crate::web::extract::Path;
use crate::web::problem::{NOT_FOUND, Problem, ProblemBody};
use crate::web::rest::account_path;

/// Delete a message
///
/// The content, the message's `<history>` element and its place in the quota go at once.
#[utoipa::path(
    delete, path = "/api/v1/accounts/{aor}/messages/{id}", tag = "messages", operation_id = "delete_message",
    params(
        ("aor" = String, Path, description = "Address of record, percent-encoded, or `me`",
            example = "sip:alice@example.org"),
        ("id" = String, Path, description = "The Message-ID, whole or its decimal string alone",
            example = "10000000001"),
        ("if-match" = Option<String>, Header, description = "Delete it only if this is its entity tag"),
    ),
    responses(
        (status = 204, description = "The message is gone"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope delete is missing"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such message for this caller"),
        (status = 412, body = ProblemBody, content_type = "application/problem+json", description = "If-Match names another entity tag"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn delete_message(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    headers: HeaderMap,
    Path((aor, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let scope = caller.deleting()?;
    let account = account_path::account(&mailbox, &caller.principal, &scope, &aor).await?;
    let missing = || Problem::new(NOT_FOUND);
    let key = account_path::key(&account, &id).ok_or_else(missing)?;
    let conditions = preconditions(&headers);
    if !conditions.is_empty() {
        let opened = account_path::message(&mailbox, &account, &id).await?;
        require(&conditions, &message_tag(&opened.summary))?;
    }
    let deleted = mailbox
        .delete(
            account.id,
            &[key.number],
            Reason::Requested {
                by: caller.principal.actor,
            },
        )
        .await?;
    if deleted.is_empty() {
        return Err(missing());
    }
    Ok(StatusCode::NO_CONTENT)
}
