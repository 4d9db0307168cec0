//! `GET /api/v1/accounts/{aor}/messages/{id}/raw`

use axum::extract::State;
use axum::response::Response;

use crate::mailbox::Mailbox;
use crate::web::auth::Caller;
use crate::web::download::{Download, Shown};
use crate::web::extract::Path;
use crate::web::problem::{Problem, ProblemBody};
use crate::web::rest::account_path;

/// Download a message as it was received
///
/// The stored request, byte for byte.
#[utoipa::path(
    get, path = "/api/v1/accounts/{aor}/messages/{id}/raw", tag = "messages", operation_id = "get_message_raw",
    params(
        ("aor" = String, Path, description = "Address of record, percent-encoded, or `me`",
            example = "sip:alice@example.org"),
        ("id" = String, Path, description = "The Message-ID, whole or its decimal string alone",
            example = "10000000001"),
    ),
    responses(
        (status = 200, content_type = "message/sip", description = "The stored octets"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope read is missing"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such message for this caller"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn get_message_raw(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    Path((aor, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let scope = caller.reading()?;
    let account = account_path::account(&mailbox, &caller.principal, &scope, &aor).await?;
    let opened = account_path::message(&mailbox, &account, &id).await?;
    let file_name = format!("{}.sip", opened.summary.key);
    Ok(Download {
        media_type: "message/sip",
        file_name: &file_name,
        shown: Shown::Saved,
    }
    .response(opened.raw))
}
