//! `POST /gateway/v1/messages`: a gateway hands over a SIP MESSAGE by HTTP. Large messages come in [`large`];
//! delivery reports go out in [`reports`].

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Caller;
use super::extract::Query;
use super::problem::{self, Kind, Problem, ProblemBody};
use super::rest::view::account_path_segment;
use super::state::AppState;
use crate::domain::access::TokenScope;
use crate::domain::address::Aor;
use crate::inbound::pager::{self, HandOver, Refusal};
use crate::mailbox::Mailbox;
use crate::mailbox::store::{StoreRefusal, Stored};
use crate::sip::ParseError;

pub mod large;
pub mod reports;

/// The gateway operations.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(store_message))
        .routes(routes!(large::store_large_message))
        .routes(routes!(reports::pull_reports))
        .routes(routes!(reports::ack_report))
        .routes(routes!(reports::nack_report))
}

/// What handing over a message is at.
pub const PATH: &str = "/gateway/v1/messages";
/// Where the first line of a SIP message must say that it is one, in octets.
const LOOKED_AT: usize = 8192;

/// A request as a gateway hands it over.
const EXAMPLE: &str = "MESSAGE sip:alice@example.org SIP/2.0\r\n\
    Via: SIP/2.0/UDP proxy.example.org;branch=z9hG4bK776sgdkse\r\n\
    Max-Forwards: 70\r\n\
    From: \"Carol\" <sip:carol@example.org>;tag=49583\r\n\
    To: <sip:alice@example.org>\r\n\
    Call-ID: a84b4c76e66710@client.example.org\r\n\
    CSeq: 1 MESSAGE\r\n\
    Subject: Site visit\r\n\
    Content-Type: text/plain\r\n\
    Content-Length: 24\r\n\r\n\
    Moved to Thursday at ten";

/// Whom a message is for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StoreQuery {
    /// The served user; else P-Served-User says, else the Request-URI.
    #[param(example = "sip:alice@example.org", format = "aor")]
    aor: Option<String>,
}

/// A stored message, as the gateway is told of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct StoredMessage {
    /// The Message-ID.
    #[schema(example = "sip:10000000001@mail.example.org")]
    message_id: String,
    /// Its decimal string alone, as it stands in paths.
    #[schema(example = "10000000001")]
    id: String,
    /// The served user, normalised.
    #[schema(example = "sip:alice@example.org")]
    account: String,
    /// When it was stored.
    stored_at: DateTime<Utc>,
    /// When it stops waiting.
    expires_at: DateTime<Utc>,
}

/// Store a SIP MESSAGE
///
/// The body is the complete request exactly as a proxy received it. It is stored byte for byte;
/// the answer comes after it is on disk. The same request again (Call-ID, CSeq number and From
/// tag; the Via branch does not count) is answered like the first time and stored once.
#[utoipa::path(
    post, path = "/gateway/v1/messages", tag = "gateway", operation_id = "store_message",
    params(StoreQuery),
    request_body(content_type = "message/sip", description = "A complete SIP MESSAGE request",
        content = String, example = json!(EXAMPLE)),
    responses(
        (status = 201, body = StoredMessage, description = "Stored",
            headers(("location" = String, description = "The message in the REST API"))),
        (status = 200, body = StoredMessage, description = "This request had been stored before"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "Not a readable SIP MESSAGE, or no served user"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "No token, or one that is not valid"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope gateway is missing, or the user is outside the token's accounts"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "The user is not served here"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json", description = "Larger than the limit"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "Not message/sip"),
        (status = 422, body = ProblemBody, content_type = "application/problem+json", description = "Expired already"),
        (status = 429, body = ProblemBody, content_type = "application/problem+json", description = "Too many messages of this sender for this user, or too many requests; Retry-After says when to come again"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away; nothing was stored"),
        (status = 507, body = ProblemBody, content_type = "application/problem+json", description = "The account is full"),
    ),
    security(("token" = [])),
)]
pub async fn store_message(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    Query(query): Query<StoreQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    caller.require(TokenScope::Gateway)?;
    require_media_type(&headers, "message/sip")?;
    let raw = read_limited(body, &headers, mailbox.policy.max_message_bytes).await?;
    let scope = caller.principal.gateway_scope();
    let hand_over = HandOver {
        aor: query.aor.as_deref(),
        scope: &scope,
        domains: &[],
        trusted: true,
    };
    let looks_like_sip = raw
        .windows(4)
        .take(LOOKED_AT)
        .any(|window| window == b"SIP/");
    let received = pager::receive(&mailbox, raw, hand_over).await;
    let (aor, stored) = received.map_err(|refusal| match refusal {
        Refusal::Sip(ParseError::HeadTruncated) if !looks_like_sip => {
            Problem::new(problem::NOT_SIP).detail("there is no SIP request line")
        }
        refusal => refusal.into(),
    })?;
    Ok(answer(&aor, &stored))
}

/// What the gateway is told of a stored message.
fn answer(aor: &Aor, stored: &Stored) -> Response {
    let id = stored.message_id.key.to_string();
    let location = format!(
        "/api/v1/accounts/{}/messages/{id}",
        account_path_segment(aor)
    );
    let body = StoredMessage {
        message_id: stored.message_id.to_string(),
        id,
        account: aor.to_string(),
        stored_at: stored.stored_at,
        expires_at: stored.expires_at,
    };
    let status = if stored.repeated {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    (status, [(header::LOCATION, location)], Json(body)).into_response()
}

/// Goes on only if the Content-Type is `essence`, whatever its parameters.
fn require_media_type(headers: &HeaderMap, essence: &'static str) -> Result<(), Problem> {
    let sent = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let sent = sent
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    if sent.eq_ignore_ascii_case(essence) {
        return Ok(());
    }
    Err(Problem::new(problem::UNSUPPORTED_MEDIA_TYPE)
        .detail(format!("expected Content-Type: {essence}"))
        .header(header::ACCEPT, essence))
}

/// Reads a body of `limit` octets at most: a larger one is refused before it is read where its
/// length is known, and else while it is read.
async fn read_limited(body: Body, headers: &HeaderMap, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        Problem::new(problem::MESSAGE_TOO_LARGE)
            .detail(format!("the request may have {limit} octets"))
    };
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    if announced
        .and_then(|text| text.parse::<usize>().ok())
        .is_some_and(|len| len > limit)
    {
        return Err(too_large());
    }
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(Problem::new(problem::INVALID_REQUEST)
            .detail("the connection ended before the body was complete")),
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let kind = match &refusal {
            Refusal::Sip(error) => sip_kind(error),
            Refusal::Response => problem::SIP_RESPONSE,
            Refusal::Method(_) => problem::SIP_METHOD,
            Refusal::ServedUser { .. } => problem::SERVED_USER,
            Refusal::OutOfScope(_) => problem::INSUFFICIENT_SCOPE,
            Refusal::UriTooLong(_) => problem::SIP_HEADER,
            Refusal::Store(StoreRefusal::Expired(_)) => problem::NOT_DEFERRABLE,
            Refusal::Domain(_) | Refusal::Store(StoreRefusal::NotServed(_)) => problem::NOT_SERVED,
            Refusal::Store(StoreRefusal::QuotaExceeded { .. }) => problem::QUOTA_EXCEEDED,
            Refusal::Store(StoreRefusal::TooOften(_)) => problem::SENDER_TOO_OFTEN,
            Refusal::Store(StoreRefusal::Store(_)) => {
                let Refusal::Store(StoreRefusal::Store(error)) = refusal else {
                    return Self::new(problem::INTERNAL);
                };
                return error.into();
            }
        };
        let sip_status = match &refusal {
            Refusal::Sip(error) => error.sip_status(),
            _ => kind.sip_status,
        };
        let why = problem::chain(&refusal);
        tracing::info!(problem.r#type = kind.slug, "refused a message: {why}");
        let problem = Self::new(kind)
            .sip_status(sip_status)
            .detail(problem::chain(&refusal));
        match &refusal {
            Refusal::Store(StoreRefusal::TooOften(too_often)) => {
                problem.header_value(header::RETRY_AFTER, too_often.seconds().into())
            }
            _ => problem,
        }
    }
}

fn sip_kind(error: &ParseError) -> &'static Kind {
    match error {
        ParseError::Empty
        | ParseError::StartLine(_)
        | ParseError::Field { .. }
        | ParseError::BareLineEnd { .. } => problem::NOT_SIP,
        ParseError::HeadTruncated | ParseError::BodyTooShort { .. } => problem::SIP_TRUNCATED,
        ParseError::HeadTooLarge | ParseError::StartLineTooLong | ParseError::TooManyFields => {
            problem::SIP_TOO_LARGE_HEAD
        }
        ParseError::Version(_) => problem::SIP_VERSION,
        ParseError::ContentLength | ParseError::Repeated("Content-Length") => {
            problem::SIP_CONTENT_LENGTH
        }
        ParseError::Missing(_)
        | ParseError::Repeated(_)
        | ParseError::Value { .. }
        | ParseError::FieldUri { .. }
        | ParseError::MethodMismatch { .. } => problem::SIP_HEADER,
        ParseError::RequestUri(_) => problem::SERVED_USER,
    }
}
