//! `GET /api/v1/accounts/{aor}/messages/{id}/content`

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::mailbox::Mailbox;
use crate::web::auth::Caller;
use crate::web::download::{Download, Shown};
use crate::web::extract::Path;
use crate::web::letter::Envelope;
use crate::web::problem::{Problem, ProblemBody, RANGE_NOT_SATISFIABLE};
use crate::web::range::Wanted;
use crate::web::rest::account_path;

/// Download the content of a message
///
/// The body of a pager message, or what a large message brought, as its own type and byte for byte: nothing is
/// decoded or unwrapped. Takes Range with one range, and If-Range, so that a download can go on where it broke off.
#[utoipa::path(
    get, path = "/api/v1/accounts/{aor}/messages/{id}/content", tag = "messages", operation_id = "get_message_content",
    params(
        ("aor" = String, Path, description = "Address of record, percent-encoded, or `me`",
            example = "sip:alice@example.org"),
        ("id" = String, Path, description = "The Message-ID, whole or its decimal string alone",
            example = "10000000001"),
        ("Restante-Reason" = Option<String>, Header, description = "Why an operator reads what is somebody else's: 10 to 500 characters, percent-encoded UTF-8. The audit keeps it", example = "Ticket%204711"),
        ("range" = Option<String>, Header, description = "One range of octets (RFC 9110 section 14.2)", example = "bytes=0-1023"),
        ("if-range" = Option<String>, Header, description = "Range counts only if this is the ETag"),
    ),
    responses(
        (status = 200, content_type = "*/*", description = "The content, as its own type",
            headers(("etag" = String, description = "Never changes"), ("accept-ranges" = String, description = "`bytes`"))),
        (status = 206, content_type = "*/*", description = "The range of it",
            headers(("content-range" = String, description = "Which octets of how many"))),
        (status = 304, description = "If-None-Match names its ETag"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "The reason cannot be read"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope read is missing, or an operator gives no reason for reading what is somebody else's"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such message for this caller"),
        (status = 416, body = ProblemBody, content_type = "application/problem+json", description = "The range lies behind the end"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database or the place of large contents is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn get_message_content(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    method: Method,
    headers: HeaderMap,
    Path((aor, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let scope = caller.reading()?;
    let account = account_path::account(&mailbox, &caller.principal, &scope, &aor).await?;
    let envelope = Envelope::of(account_path::content(&mailbox, &caller, &account, &id).await?)?;
    let len = envelope.octets();
    let etag = format!("\"{}\"", envelope.summary.key);
    let (status, range, content_range) = match Wanted::by(&method, &headers, &etag, len) {
        Wanted::Whole => (StatusCode::OK, 0..len, None),
        Wanted::Part(part) => {
            let said = format!("bytes {}-{}/{len}", part.start, part.end - 1);
            (StatusCode::PARTIAL_CONTENT, part, Some(said))
        }
        Wanted::Unchanged => (StatusCode::NOT_MODIFIED, 0..0, None),
        Wanted::Outside => {
            let mut refusal = Problem::new(RANGE_NOT_SATISFIABLE).into_response();
            add(
                &mut refusal,
                header::CONTENT_RANGE,
                &format!("bytes */{len}"),
            );
            return Ok(refusal);
        }
    };
    let octets = range.end - range.start;
    let body = if method == Method::HEAD || octets == 0 {
        Body::empty()
    } else {
        Body::from_stream(mailbox.read(&envelope.body, range).await?)
    };
    let mut response = Download {
        media_type: envelope
            .entity
            .content_type
            .as_deref()
            .unwrap_or("text/plain"),
        file_name: &file_name(&envelope),
        shown: Shown::Saved,
    }
    .response(body);
    *response.status_mut() = status;
    add(&mut response, header::ETAG, &etag);
    add(&mut response, header::ACCEPT_RANGES, "bytes");
    if status != StatusCode::NOT_MODIFIED {
        add(&mut response, header::CONTENT_LENGTH, &octets.to_string());
    }
    if let Some(said) = content_range {
        add(&mut response, header::CONTENT_RANGE, &said);
    }
    Ok(response)
}

fn add(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// The name that the sender has given, or one of ours.
fn file_name(envelope: &Envelope) -> String {
    let suffix = match envelope.summary.facts.content_type.as_deref() {
        None | Some("text/plain") => ".txt",
        Some("message/cpim") => ".cpim",
        Some("image/png") => ".png",
        Some("image/jpeg") => ".jpg",
        Some("application/pdf") => ".pdf",
        Some(_) => "",
    };
    let ours = || format!("{}{suffix}", envelope.summary.key);
    envelope.entity.file_name().unwrap_or_else(ours)
}
