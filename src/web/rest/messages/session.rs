//! `GET /api/v1/accounts/{aor}/messages/{id}/session/{part}`

use axum::extract::State;
use axum::response::Response;

use crate::mailbox::Mailbox;
use crate::mailbox::large::Payload;
use crate::web::auth::Caller;
use crate::web::download::{Download, Shown};
use crate::web::extract::Path;
use crate::web::problem::{NOT_FOUND, Problem, ProblemBody};
use crate::web::rest::account_path;

/// Download what was said in the session of a large message
///
/// Byte for byte: `invite`, the INVITE as it was received; `ok`, the 200 response to it; `send`, the head of the first
/// MSRP SEND request, up to its content; `bye`, the BYE. Pager messages have no session.
#[utoipa::path(
    get, path = "/api/v1/accounts/{aor}/messages/{id}/session/{part}", tag = "messages", operation_id = "get_message_session",
    params(
        ("aor" = String, Path, description = "Address of record, percent-encoded, or `me`",
            example = "sip:alice@example.org"),
        ("id" = String, Path, description = "The Message-ID, whole or its decimal string alone",
            example = "10000000001"),
        ("Restante-Reason" = Option<String>, Header, description = "Why an operator reads what is somebody else's: 10 to 500 characters, percent-encoded UTF-8. The audit keeps it", example = "Ticket%204711"),
        ("part" = String, Path, description = "`invite`, `ok`, `send` or `bye`", example = "invite"),
    ),
    responses(
        (status = 200, content(("message/sip"), ("application/octet-stream")), description = "The octets; of `send`, as application/octet-stream"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "The reason cannot be read"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope read is missing, or an operator gives no reason for reading what is somebody else's"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such message for this caller, no large one, or it has no such part (yet)"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn get_message_session(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    Path((aor, id, part)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let scope = caller.reading()?;
    let account = account_path::account(&mailbox, &caller.principal, &scope, &aor).await?;
    let opened = account_path::content(&mailbox, &caller, &account, &id).await?;
    let Payload::Large { session, .. } = opened.payload else {
        return Err(Problem::new(NOT_FOUND).detail("a pager message has no session"));
    };
    let (octets, media_type, suffix) = match part.as_str() {
        "invite" => (Some(session.invite), "message/sip", "sip"),
        "ok" => (Some(session.ok), "message/sip", "sip"),
        "bye" => (session.bye, "message/sip", "sip"),
        "send" => (Some(session.send_head), "application/octet-stream", "msrp"),
        _ => (None, "", ""),
    };
    let octets = octets.ok_or_else(|| Problem::new(NOT_FOUND))?;
    Ok(Download {
        media_type,
        file_name: &format!("{}-{part}.{suffix}", opened.summary.key),
        shown: Shown::Saved,
    }
    .response(octets))
}
