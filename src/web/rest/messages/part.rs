//! `GET /api/v1/accounts/{aor}/messages/{id}/parts/{n}`

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::mailbox::Mailbox;
use crate::web::auth::Caller;
use crate::web::download::{Download, Shown, is_safe_picture};
use crate::web::extract::{Path, Query};
use crate::web::letter::Letter;
use crate::web::problem::{NOT_FOUND, Problem, ProblemBody};
use crate::web::rest::account_path;

/// How a part is given.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PartQuery {
    /// Show a picture in place instead of saving it. Ignored for anything but PNG, JPEG, GIF and WebP.
    #[serde(default)]
    inline: bool,
}

/// Download a part of a message
///
/// The decoded octets of one part. A large message whose content does not lie in the database (`objects.inline_bytes`)
/// has no parts: `content` gives it whole. Nothing but plain pictures is ever shown in place.
#[utoipa::path(
    get, path = "/api/v1/accounts/{aor}/messages/{id}/parts/{n}", tag = "messages", operation_id = "get_message_part",
    params(
        ("aor" = String, Path, description = "Address of record, percent-encoded, or `me`",
            example = "sip:alice@example.org"),
        ("id" = String, Path, description = "The Message-ID, whole or its decimal string alone",
            example = "10000000001"),
        ("Restante-Reason" = Option<String>, Header, description = "Why an operator reads what is somebody else's: 10 to 500 characters, percent-encoded UTF-8. The audit keeps it", example = "Ticket%204711"),
        ("n" = usize, Path, description = "The part's number, from 1", example = 1),
        PartQuery,
    ),
    responses(
        (status = 200, content_type = "*/*", description = "The octets of the part, as its own type"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "A parameter is wrong"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope read is missing, or an operator gives no reason for reading what is somebody else's"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such part for this caller"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn get_message_part(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    Path((aor, id, number)): Path<(String, String, usize)>,
    Query(query): Query<PartQuery>,
) -> Result<Response, Problem> {
    let scope = caller.reading()?;
    let account = account_path::account(&mailbox, &caller.principal, &scope, &aor).await?;
    let opened = account_path::content(&mailbox, &caller, &account, &id).await?;
    let letter = Letter::open(&mailbox, opened).await?;
    let key = letter.summary.key;
    if !letter.is_whole {
        let detail = "the content is too large to be taken apart: get it whole, by content";
        return Err(Problem::new(NOT_FOUND).detail(detail));
    }
    let mut parts = letter.content.parts.into_iter();
    let part = parts.find(|part| part.number == number);
    let part = part.ok_or_else(|| Problem::new(NOT_FOUND))?;
    let in_place = query.inline && is_safe_picture(&part.content_type);
    let shown = if in_place {
        Shown::InPlace
    } else {
        Shown::Saved
    };
    let file_name = part.filename.unwrap_or_else(|| format!("{key}-{number}"));
    let media_type = match &part.charset {
        Some(charset) if part.content_type.starts_with("text/") => {
            format!("{};charset={charset}", part.content_type)
        }
        _ => part.content_type.clone(),
    };
    Ok(Download {
        media_type: &media_type,
        file_name: &file_name,
        shown,
    }
    .response(part.bytes))
}
