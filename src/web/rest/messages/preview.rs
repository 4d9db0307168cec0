//! `GET /api/v1/accounts/{aor}/messages/{id}/preview`

use std::collections::HashSet;

use ammonia::Builder;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use serde::Deserialize;
use tokio::task::spawn_blocking;
use utoipa::IntoParams;

use crate::mailbox::Mailbox;
use crate::mime::content::Part;
use crate::web::auth::Caller;
use crate::web::extract::{Path, Query};
use crate::web::letter::Letter;
use crate::web::problem::{INVALID_REQUEST, NOT_FOUND, Problem, ProblemBody, internal};
use crate::web::rest::account_path;

/// The most of a plain text that is shown, in octets.
const MOST_SHOWN: usize = 256 * 1024;
/// The most of HTML, before it is cleaned: of elements in disorder, twice as many take four times as long.
const MOST_CLEANED: usize = 16 * 1024;
/// What a browser may do with it: nothing.
const POLICY: &str = "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'self'";
/// Says whether the text goes on.
const TRUNCATED: HeaderName = HeaderName::from_static("preview-truncated");

/// Which text.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PreviewQuery {
    /// `text` or `html`; if nothing is said text, or HTML where there is no text.
    #[param(pattern = "^(text|html)$")]
    format: Option<String>,
}

/// Read the text of a message
///
/// The first plain text of the content in UTF-8, or the first HTML: cleaned of scripts, styles, pictures and whatever else
/// acts or fetches, and in a sandbox besides. Up to 256 KiB of text, 16 KiB of HTML; `preview-truncated` says whether there is
/// more.
#[utoipa::path(
    get, path = "/api/v1/accounts/{aor}/messages/{id}/preview", tag = "messages", operation_id = "preview_message",
    params(
        ("aor" = String, Path, description = "Address of record, percent-encoded, or `me`",
            example = "sip:alice@example.org"),
        ("id" = String, Path, description = "The Message-ID, whole or its decimal string alone",
            example = "10000000001"),
        PreviewQuery,
        ("Restante-Reason" = Option<String>, Header, description = "Why an operator reads what is somebody else's: 10 to 500 characters, percent-encoded UTF-8. The audit keeps it", example = "Ticket%204711"),
    ),
    responses(
        (status = 200, content_type = "text/plain", body = String, description = "The text, or as text/html what is left of the HTML",
            headers(("preview-truncated" = String, description = "`true` or `false`"))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "A parameter is wrong"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope read is missing, or an operator gives no reason for reading what is somebody else's"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such message for this caller, or none with such a text"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn preview_message(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    Path((aor, id)): Path<(String, String)>,
    Query(query): Query<PreviewQuery>,
) -> Result<Response, Problem> {
    let scope = caller.reading()?;
    let wanted: &[&str] = match query.format.as_deref() {
        None => &["text/plain", "text/html"],
        Some("text") => &["text/plain"],
        Some("html") => &["text/html"],
        Some(_) => {
            return Err(Problem::new(INVALID_REQUEST).field("format", "expected text or html"));
        }
    };
    let account = account_path::account(&mailbox, &caller.principal, &scope, &aor).await?;
    let opened = account_path::content(&mailbox, &caller, &account, &id).await?;
    let letter = Letter::open(&mailbox, opened).await?;
    let parts = &letter.content.parts;
    let part = wanted
        .iter()
        .find_map(|wanted| parts.iter().find(|part| part.content_type == *wanted));
    let Some((part, text)) = part.and_then(|part| Some((part, part.text()?))) else {
        return Err(Problem::new(NOT_FOUND).detail("the message has no such text"));
    };
    // Where the content was cut there may be half a character.
    let end = if letter.is_whole { "" } else { "\u{fffd}" };
    let text = text.strip_suffix(end).unwrap_or(&text);
    shown(part, text, letter.is_whole).await
}

async fn shown(part: &Part, text: &str, is_whole: bool) -> Result<Response, Problem> {
    let is_html = part.content_type == "text/html";
    let most = if is_html { MOST_CLEANED } else { MOST_SHOWN };
    let end = text.floor_char_boundary(most);
    let beginning = text.get(..end).unwrap_or_default().to_owned();
    let truncated = end < text.len() || !is_whole;
    let (media_type, body) = if is_html {
        // Others need not wait for it.
        let cleaned = spawn_blocking(move || clean(&beginning)).await;
        let cleaned = cleaned.map_err(|error| internal(&error))?;
        ("text/html; charset=utf-8", cleaned)
    } else {
        ("text/plain; charset=utf-8", beginning)
    };
    let mut response = Response::new(body.into());
    for (name, value) in [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (TRUNCATED, if truncated { "true" } else { "false" }),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// HTML that can do nothing: no scripts, no styles, nothing that is fetched.
fn clean(html: &str) -> String {
    let schemes = HashSet::from(["http", "https", "mailto", "sip", "sips", "tel"]);
    Builder::default()
        .rm_tags(["img", "map", "area"])
        .url_schemes(schemes)
        .link_rel(Some("noopener noreferrer nofollow"))
        .clean(html)
        .to_string()
}
