//! `GET /api/v1/accounts/{aor}/messages/{id}`

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};

use crate::mailbox::Mailbox;
use crate::web::auth::Caller;
use crate::web::conditions::{message_tag, tagged, unchanged};
use crate::web::extract::Path;
use crate::web::letter::Letter;
use crate::web::problem::{Problem, ProblemBody};
use crate::web::rest::account_path;
use crate::web::rest::view::MessageDetail;

/// Read a message
///
/// Everything about one message: all header fields in their order, the CPIM and IMDN fields, and
/// the parts of its content.
#[utoipa::path(
    get, path = "/api/v1/accounts/{aor}/messages/{id}", tag = "messages", operation_id = "get_message",
    params(
        ("aor" = String, Path, description = "Address of record, percent-encoded, or `me`",
            example = "sip:alice@example.org"),
        ("id" = String, Path, description = "The Message-ID, whole or its decimal string alone",
            example = "10000000001"),
        ("Restante-Reason" = Option<String>, Header, description = "Why an operator reads what is somebody else's: 10 to 500 characters, percent-encoded UTF-8. The audit keeps it", example = "Ticket%204711"),
        ("if-none-match" = Option<String>, Header, description = "Entity tags that the client has"),
    ),
    responses(
        (status = 200, body = MessageDetail, description = "The message",
            headers(("etag" = String, description = "Changes with its expiry; for If-None-Match here, and If-Match to change or delete it"))),
        (status = 304, description = "If-None-Match names its entity tag"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "The reason cannot be read"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope read is missing, or an operator gives no reason for reading what is somebody else's"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such message for this caller"),
        (status = 412, body = ProblemBody, content_type = "application/problem+json", description = "If-Match names another entity tag"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn get_message(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    headers: HeaderMap,
    Path((aor, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let scope = caller.reading()?;
    let account = account_path::account(&mailbox, &caller.principal, &scope, &aor).await?;
    let opened = account_path::content(&mailbox, &caller, &account, &id).await?;
    let tag = message_tag(&opened.summary);
    if let Some(response) = unchanged(&headers, &tag) {
        return Ok(response);
    }
    let letter = Letter::open(&mailbox, opened).await?;
    let shown = Json(MessageDetail::new(&account, &letter)).into_response();
    Ok(tagged(shown, &tag))
}
