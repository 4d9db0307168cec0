//! `GET /api/v1/accounts/{aor}/messages/{id}/raw`

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use crate::clock;
use crate::domain::hex::hex;
use crate::mailbox::Mailbox;
use crate::mailbox::large::{LargeSession, Payload};
use crate::msrp::fields::ByteRange;
use crate::msrp::frame::Head;
use crate::msrp::stream::read_head;
use crate::store::StoreError;
use crate::web::auth::Caller;
use crate::web::download::{Download, Shown};
use crate::web::extract::Path;
use crate::web::problem::{Problem, ProblemBody};
use crate::web::rest::account_path;

/// Download a message as it was received
///
/// A pager message: the stored request, byte for byte. A large message: multipart/mixed with the parts `invite`, `ok`,
/// `send` and, if there was one, `bye`, which `POST /gateway/v1/large-messages` takes again. Its one `send` request is
/// written anew, with the header fields of the first that came and the whole content; `session/send` has that head as
/// it was received.
#[utoipa::path(
    get, path = "/api/v1/accounts/{aor}/messages/{id}/raw", tag = "messages", operation_id = "get_message_raw",
    params(
        ("aor" = String, Path, description = "Address of record, percent-encoded, or `me`",
            example = "sip:alice@example.org"),
        ("id" = String, Path, description = "The Message-ID, whole or its decimal string alone",
            example = "10000000001"),
        ("Restante-Reason" = Option<String>, Header, description = "Why an operator reads what is somebody else's: 10 to 500 characters, percent-encoded UTF-8. The audit keeps it", example = "Ticket%204711"),
    ),
    responses(
        (status = 200, content(("message/sip"), ("multipart/mixed")), description = "The stored octets; of a large message, as multipart/mixed"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "The reason cannot be read"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope read is missing, or an operator gives no reason for reading what is somebody else's"),
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
    let opened = account_path::content(&mailbox, &caller, &account, &id).await?;
    let key = opened.summary.key;
    match opened.payload {
        Payload::Pager(raw) => Ok(Download {
            media_type: "message/sip",
            file_name: &format!("{key}.sip"),
            shown: Shown::Saved,
        }
        .response(raw)),
        Payload::Large { session, body } => {
            let size = u64::try_from(opened.summary.facts.size).unwrap_or_default();
            let content = mailbox.read(&body, 0..size).await?;
            let boundary = random_word()?;
            let (before, after) = around(&session, &boundary, &random_word()?, size);
            let whole = stream::iter([Ok(before)])
                .chain(content)
                .chain(stream::iter([Ok(after)]));
            Ok(Download {
                media_type: &format!("multipart/mixed;boundary={boundary}"),
                file_name: &format!("{key}.mime"),
                shown: Shown::Saved,
            }
            .response(Body::from_stream(whole)))
        }
    }
}

/// What stands in no content.
fn random_word() -> Result<String, StoreError> {
    Ok(hex(&clock::random::<16>()?))
}

/// What comes before and after the content of a large message of `size` octets; the SEND request has the transaction
/// identifier `transaction`.
fn around(session: &LargeSession, boundary: &str, transaction: &str, size: u64) -> (Bytes, Bytes) {
    let head = |name: &str, media_type: &str| {
        format!(
            "--{boundary}\r\nContent-Disposition: attachment; name=\"{name}\"\r\nContent-Type: {media_type}\r\n\r\n"
        )
        .into_bytes()
    };
    let mut before = Vec::new();
    for (name, octets) in [("invite", &session.invite), ("ok", &session.ok)] {
        before.extend_from_slice(&head(name, "message/sip"));
        before.extend_from_slice(octets);
        before.extend_from_slice(b"\r\n");
    }
    before.extend_from_slice(&head("send", "application/octet-stream"));
    before.extend_from_slice(format!("MSRP {transaction} SEND\r\n").as_bytes());
    let fields = read_head(&session.send_head);
    let fields = fields.iter().flat_map(Head::fields);
    let (mime, ours): (Vec<_>, Vec<_>) = fields
        .filter(|(name, _)| !name.eq_ignore_ascii_case("Byte-Range"))
        .partition(|(name, _)| name.to_ascii_lowercase().starts_with("content-"));
    let range = ByteRange::whole(size).to_string();
    let range = [("Byte-Range", range.as_bytes())];
    // The fields of MIME come last (RFC 4975 section 9).
    for (name, value) in ours.into_iter().chain(range).chain(mime) {
        before.extend_from_slice(name.as_bytes());
        before.extend_from_slice(b": ");
        before.extend_from_slice(value);
        before.extend_from_slice(b"\r\n");
    }
    before.extend_from_slice(b"\r\n");
    let mut after = format!("\r\n-------{transaction}$\r\n\r\n").into_bytes();
    if let Some(bye) = &session.bye {
        after.extend_from_slice(&head("bye", "message/sip"));
        after.extend_from_slice(bye);
        after.extend_from_slice(b"\r\n");
    }
    after.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (before.into(), after.into())
}
