//! `GET /api/v1/accounts/{aor}/messages/{id}`

use axum::Json;
use axum::extract::State;

use crate::mailbox::Mailbox;
use crate::web::auth::Caller;
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
    ),
    responses(
        (status = 200, body = MessageDetail, description = "The message"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "The reason cannot be read"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope read is missing, or an operator gives no reason for reading what is somebody else's"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such message for this caller"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn get_message(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    Path((aor, id)): Path<(String, String)>,
) -> Result<Json<MessageDetail>, Problem> {
    let scope = caller.reading()?;
    let account = account_path::account(&mailbox, &caller.principal, &scope, &aor).await?;
    let opened = account_path::content(&mailbox, &caller, &account, &id).await?;
    let letter = Letter::open(&mailbox, opened).await?;
    Ok(Json(MessageDetail::new(&account, &letter)))
}
