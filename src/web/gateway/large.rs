//! `POST /gateway/v1/large-messages`: a gateway hands over a large message that it has received.
//!
//! The body is read as it comes, and its content goes to the disk at once.

use axum::body::{Body, BodyDataStream};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use super::{StoreQuery, StoredMessage, answer, require_media_type};
use crate::domain::access::TokenScope;
use crate::inbound::handed_over::{Pieces, PiecesError};
use crate::inbound::large_message;
use crate::inbound::pager::HandOver;
use crate::mailbox::Mailbox;
use crate::mime::parts_stream::{Event, SplitError, Splitter};
use crate::msrp::reassembly::ReassemblyError;
use crate::store::StoreError;
use crate::web::auth::Caller;
use crate::web::extract::Query;
use crate::web::problem::{self, Problem, ProblemBody};

/// What this operation is at.
pub const PATH: &str = "/gateway/v1/large-messages";

/// Octets that a body may have beyond twice the largest content: heads, and chunks that overlap.
const OVERHEAD: u64 = 16 * 1024 * 1024;

/// A body as a gateway hands it over.
const EXAMPLE: &str = "--parts\r\n\
    Content-Disposition: attachment; name=\"invite\"\r\n\
    Content-Type: message/sip\r\n\r\n\
    INVITE sip:alice@example.org SIP/2.0\r\n\
    Via: SIP/2.0/TCP proxy.example.org;branch=z9hG4bK776sgdkse\r\n\
    Max-Forwards: 70\r\n\
    From: \"Carol\" <sip:carol@example.org>;tag=49583\r\n\
    To: <sip:alice@example.org>\r\n\
    Call-ID: 9f3b1d@client.example.org\r\n\
    CSeq: 1 INVITE\r\n\
    Contact: <sip:carol@client.example.org>\r\n\
    Content-Length: 0\r\n\r\n\
    \r\n--parts\r\n\
    Content-Disposition: attachment; name=\"ok\"\r\n\
    Content-Type: message/sip\r\n\r\n\
    SIP/2.0 200 OK\r\n\
    Via: SIP/2.0/TCP proxy.example.org;branch=z9hG4bK776sgdkse\r\n\
    From: \"Carol\" <sip:carol@example.org>;tag=49583\r\n\
    To: <sip:alice@example.org>;tag=17\r\n\
    Call-ID: 9f3b1d@client.example.org\r\n\
    CSeq: 1 INVITE\r\n\
    Contact: <sip:proxy.example.org>\r\n\
    Content-Length: 0\r\n\r\n\
    \r\n--parts\r\n\
    Content-Disposition: attachment; name=\"send\"\r\n\r\n\
    MSRP a786hjs2 SEND\r\n\
    To-Path: msrp://proxy.example.org:2855/kjhd37s2s20w2a;tcp\r\n\
    From-Path: msrp://client.example.org:7654/jshA7weztas;tcp\r\n\
    Message-ID: 87652491\r\n\
    Byte-Range: 1-25/25\r\n\
    Content-Type: text/plain\r\n\r\n\
    The minutes of the visit.\r\n\
    -------a786hjs2$\r\n\
    \r\n--parts--\r\n";

/// Store a large message
///
/// The body is multipart/mixed. Its parts are named by `Content-Disposition: attachment; name="…"`, and each is exactly
/// what was received: `invite`, the INVITE that opened the session; `ok`, the 200 response to it; `send`, an MSRP SEND
/// request, as many of them as the message was sent in, in any order; and `bye`, the BYE, which may be absent. The
/// content is stored byte for byte, with the whole INVITE, 200 and BYE; the answer comes after it is on disk. The same
/// message again (Call-ID of the INVITE and Message-ID of the MSRP message) is answered like the first time and stored
/// once. The request may last as long as its body comes (`http.body_timeout`).
#[utoipa::path(
    post, path = "/gateway/v1/large-messages", tag = "gateway", operation_id = "store_large_message",
    params(StoreQuery),
    request_body(content_type = "multipart/mixed", description = "The parts `invite`, `ok`, `send` (one or more) and `bye` (none or one)",
        content = String, example = json!(EXAMPLE)),
    responses(
        (status = 201, body = StoredMessage, description = "Stored",
            headers(("location" = String, description = "The message in the REST API"))),
        (status = 200, body = StoredMessage, description = "This message had been stored before"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "Not the parts of one large message, or no served user"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "No token, or one that is not valid"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope gateway is missing, or the user is outside the token's accounts"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "The user is not served here"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "Larger than the limit"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "Not multipart/mixed"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "Octets of the message are missing, or its sender has given it up"),
        (status = 429, body = ProblemBody, content_type = "application/problem+json", description = "Too many messages of this sender for this user, or too many requests; Retry-After says when to come again"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database or the place of large contents is away; nothing was stored"),
        (status = 507, body = ProblemBody, content_type = "application/problem+json", description = "The account is full"),
    ),
    security(("token" = [])),
)]
pub async fn store_large_message(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    Query(query): Query<StoreQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    caller.require(TokenScope::Gateway)?;
    require_media_type(&headers, "multipart/mixed")?;
    let mut parts = Parts::new(&headers, body, &mailbox)?;
    let pieces = parts.pieces(&mailbox).await?;
    let scope = caller.principal.gateway_scope();
    let hand_over = HandOver {
        aor: query.aor.as_deref(),
        scope: &scope,
        domains: &[],
        trusted: true,
    };
    let large = pieces.message(&mailbox, hand_over)??;
    let (aor, stored) = large_message::accept(&mailbox, large).await?;
    Ok(answer(&aor, &stored))
}

/// The parts of a request's body, as they come.
struct Parts {
    body: BodyDataStream,
    splitter: Splitter,
    /// Octets that may still come.
    left: u64,
    /// The most octets of a part that is a SIP message.
    most: usize,
}

impl Parts {
    fn new(headers: &HeaderMap, body: Body, mailbox: &Mailbox) -> Result<Self, Problem> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let splitter = Splitter::new(text(header::CONTENT_TYPE).unwrap_or_default())?;
        let left = mailbox
            .policy
            .max_large_bytes
            .saturating_mul(2)
            .saturating_add(OVERHEAD);
        let announced = text(header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
        if announced.is_some_and(|announced| announced > left) {
            return Err(too_large(mailbox));
        }
        Ok(Self {
            body: body.into_data_stream(),
            splitter,
            left,
            most: mailbox.policy.max_message_bytes,
        })
    }

    /// The next event of the body; `None` at its end.
    async fn next(&mut self, mailbox: &Mailbox) -> Result<Option<Event>, Problem> {
        loop {
            if let Some(event) = self.splitter.next_event()? {
                return Ok(Some(event));
            }
            let Some(octets) = self.body.next().await else {
                self.splitter.finish()?;
                return Ok(None);
            };
            let octets = octets.map_err(|_| {
                Problem::new(problem::INVALID_REQUEST)
                    .detail("the connection ended before the body was complete")
            })?;
            self.left = self
                .left
                .checked_sub(octets.len() as u64)
                .ok_or_else(|| too_large(mailbox))?;
            self.splitter.push(&octets);
        }
    }

    /// Reads the whole body.
    async fn pieces(&mut self, mailbox: &Mailbox) -> Result<Pieces, Problem> {
        let mut pieces = Pieces::new(mailbox);
        while let Some(event) = self.next(mailbox).await? {
            let Event::Part(name) = event else { continue };
            match name.as_deref() {
                Some("send") => self.send(mailbox, &mut pieces).await?,
                Some("invite") => pieces.invite(self.small(mailbox).await?)?,
                Some("ok") => pieces.ok(self.small(mailbox).await?)?,
                Some("bye") => pieces.bye(self.small(mailbox).await?)?,
                _ => {
                    return Err(Problem::new(problem::LARGE_PARTS)
                        .detail("a part is named neither invite, ok, send nor bye"));
                }
            }
        }
        Ok(pieces)
    }

    async fn send(&mut self, mailbox: &Mailbox, pieces: &mut Pieces) -> Result<(), Problem> {
        while let Some(Event::Body(octets)) = self.next(mailbox).await? {
            pieces.send(&octets).await?;
        }
        Ok(pieces.send_ends().await?)
    }

    /// The octets of a part that is a SIP message.
    async fn small(&mut self, mailbox: &Mailbox) -> Result<Bytes, Problem> {
        let mut part = BytesMut::new();
        while let Some(Event::Body(octets)) = self.next(mailbox).await? {
            part.extend_from_slice(&octets);
            if part.len() > self.most {
                return Err(Problem::new(problem::MESSAGE_TOO_LARGE)
                    .detail(format!("invite, ok and bye may have {} octets", self.most)));
            }
        }
        Ok(part.freeze())
    }
}

fn too_large(mailbox: &Mailbox) -> Problem {
    let limit = mailbox.policy.max_large_bytes;
    Problem::new(problem::MESSAGE_TOO_LARGE).detail(format!(
        "the content of a large message may have {limit} octets"
    ))
}

impl From<SplitError> for Problem {
    fn from(error: SplitError) -> Self {
        Self::new(problem::LARGE_PARTS).detail(error.to_string())
    }
}

impl From<PiecesError> for Problem {
    fn from(error: PiecesError) -> Self {
        let kind = match error {
            PiecesError::Spool(error) => return StoreError::from(error).into(),
            PiecesError::Chunks(ReassemblyError::TooLarge { .. }) => problem::MESSAGE_TOO_LARGE,
            PiecesError::Abandoned | PiecesError::Incomplete { .. } => problem::LARGE_INCOMPLETE,
            _ => problem::LARGE_PARTS,
        };
        tracing::info!(
            problem.r#type = kind.slug,
            "refused a large message: {error}"
        );
        Self::new(kind).detail(error.to_string())
    }
}
