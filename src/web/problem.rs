//! Every error answer of the HTTP interfaces: RFC 9457 `application/problem+json` with a stable
//! `type`, and the one table of all types, which is also what `/problems` shows.

use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::StoreError;

/// A type of problem: what it is called, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The last segment of its `type`, which never changes.
    pub slug: &'static str,
    /// HTTP status.
    pub status: u16,
    /// What a SIP server that relays our answer may say (RFC 3261 section 21); 0 when the problem
    /// is not about a message.
    pub sip_status: u16,
    /// One line.
    pub title: &'static str,
    /// What happened.
    pub explanation: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// Declares the problem types and the table of them all at once.
macro_rules! kinds {
    ($($name:ident = ($slug:literal, $status:literal, $sip:literal, $title:literal, $explanation:literal, $remedy:literal);)+) => {
        $(
            #[doc = $title]
            pub const $name: &Kind = &Kind {
                slug: $slug, status: $status, sip_status: $sip, title: $title,
                explanation: $explanation, remedy: $remedy,
            };
        )+
        /// Every problem type there is.
        pub const KINDS: &[&Kind] = &[$($name),+];
    };
}

kinds! {
    NOT_SIP = ("not-sip", 400, 400, "Not a SIP message",
        "The body does not begin with a SIP request line, or a line of its head cannot be read.",
        "Send the request exactly as the proxy received it, with CRLF line ends.");
    SIP_TRUNCATED = ("sip-truncated", 400, 400, "SIP message cut short",
        "The head has no empty line at its end, or the body is shorter than Content-Length says.",
        "Send the whole request; check that nothing on the way cuts or converts it.");
    SIP_RESPONSE = ("sip-response", 400, 400, "A SIP response, not a request",
        "Only MESSAGE requests are stored.",
        "Hand over the request, not its answer.");
    SIP_METHOD = ("sip-method", 400, 405, "Not a MESSAGE request",
        "Only MESSAGE requests are stored in pager mode.",
        "Hand over only MESSAGE requests.");
    SIP_VERSION = ("sip-version", 400, 505, "SIP version not supported",
        "The request line names another version than SIP/2.0.",
        "Send SIP/2.0.");
    SIP_HEADER = ("sip-header", 400, 400, "SIP header field missing, repeated or malformed",
        "From, To, Call-ID and CSeq must each be there once and be readable; CSeq must name the request's method.",
        "Look at the header field that `detail` names.");
    SIP_CONTENT_LENGTH = ("sip-content-length", 400, 400, "Content-Length repeated or malformed",
        "The request has more than one Content-Length, or one that is no number.",
        "Send one Content-Length, or none.");
    SIP_TOO_LARGE_HEAD = ("sip-too-large-head", 400, 400, "SIP head too large",
        "The request has more header lines, or longer ones, than are accepted.",
        "Send fewer or shorter header fields.");
    SERVED_USER = ("served-user", 400, 404, "No served user",
        "The `aor` parameter, the P-Served-User header field or the Request-URI names no user: it cannot be read, or its scheme is not sip, sips or tel.",
        "Name the user by `?aor=sip:user@domain`.");
    NOT_SERVED = ("not-served", 404, 404, "User not served here",
        "There is no account for this user, and accounts are not made by themselves (`policy.auto_create_accounts`).",
        "Make an account for the user first.");
    NOT_DEFERRABLE = ("not-deferrable", 422, 480, "Message not deferrable",
        "The message's Expires has passed already, so there is nothing that could be delivered later.",
        "Tell the sender that the user is not there.");
    MESSAGE_TOO_LARGE = ("message-too-large", 413, 413, "Message too large",
        "The request is larger than `policy.max_message_bytes`, or the content of a large message than `policy.max_large_bytes`.",
        "Send large content by Large Message Mode, or raise the limit.");
    LARGE_PARTS = ("large-parts", 400, 400, "Not the parts of a large message",
        "The body is no multipart/mixed, or its parts invite, ok, send and bye are missing, repeated, unreadable or not of one session and one message.",
        "Send the INVITE, its 200, each MSRP SEND request and the BYE exactly as they were received, and look at `detail`.");
    LARGE_INCOMPLETE = ("large-incomplete", 422, 480, "Large message not complete",
        "Octets of the message are missing, or its sender has given it up. Nothing was stored.",
        "Hand over a message when all of it has come.");
    QUOTA_EXCEEDED = ("quota-exceeded", 507, 480, "Account full",
        "The account holds as many messages or octets as it may.",
        "Wait until messages are read, deleted or expired, or raise the quota.");
    UNSUPPORTED_MEDIA_TYPE = ("unsupported-media-type", 415, 0, "Content-Type not supported",
        "The body is of a type this resource does not take.",
        "Send the Content-Type that the documentation of the operation names.");
    UNAUTHENTICATED = ("unauthenticated", 401, 0, "Not signed in",
        "The request has no token or session, or one that nobody was given.",
        "Send `Authorization: Bearer rst_…`, or sign in.");
    TOKEN_EXPIRED = ("token-expired", 401, 0, "Token no longer valid",
        "The token has expired or was revoked.",
        "Make a new one with `restante token create`.");
    INSUFFICIENT_SCOPE = ("insufficient-scope", 403, 0, "Scope not sufficient",
        "The token or role does not allow this operation.",
        "Use a token with the scope that `detail` names.");
    REASON_REQUIRED = ("reason-required", 403, 0, "Reason required",
        "An operator reads what other people's messages say, and their documents, only for a reason.",
        "Send the header field Restante-Reason: 10 to 500 characters, percent-encoded UTF-8. The audit keeps it. On pages, open the account first.");
    FORGED_REQUEST = ("forged-request", 403, 0, "Request from another site",
        "A request that changes something came without proof that it was made on a page of this server.",
        "Reload the page and try again; programs use a token instead of a session.");
    NOT_FOUND = ("not-found", 404, 0, "Not found",
        "There is nothing here, or nothing that the caller may know of.",
        "Check the address.");
    METHOD_NOT_ALLOWED = ("method-not-allowed", 405, 0, "Method not allowed",
        "The resource exists but does not take this method.",
        "Use a method that the Allow header field lists.");
    NOT_ACCEPTABLE = ("not-acceptable", 406, 0, "No acceptable representation",
        "The Accept header field leaves out every media type that the operation answers with.",
        "Accept the media type that `detail` names, or leave Accept out.");
    URI_TOO_LONG = ("uri-too-long", 414, 0, "Address too long",
        "The path, or the node selector in it, is longer than is looked at.",
        "Select by an attribute instead of by many steps.");
    TOO_MANY_DOCUMENTS = ("too-many-documents", 507, 0, "Too many documents",
        "The user keeps as many XCAP documents as `xcap.max_documents` allows.",
        "Delete documents that are not needed, or raise the limit.");
    PRECONDITION_FAILED = ("precondition-failed", 412, 0, "Precondition failed",
        "What If-Match or If-None-Match demands does not hold.",
        "Read the resource again, and try with its new entity tag.");
    REQUEST_TIMEOUT = ("request-timeout",
        503,
        503,
        "Request took too long",
        "The request was not complete, or could not be answered, within `http.request_timeout`. A message handed over may have been stored.",
        "Send the same request again: what was stored is not stored twice.");
    INVALID_REQUEST = ("invalid-request", 400, 0, "Invalid request",
        "A parameter or the body is not as the documentation of the operation says.",
        "Look at `detail` and `errors`.");
    REPORT_STATE = ("report-state", 409, 0, "Report in another state",
        "What was asked for cannot be done to a delivery report in the state that `detail` names.",
        "Answer only for reports that were handed out and not answered for; let an operator retry what was given up.");
    IDEMPOTENCY_KEY_REUSED = ("idempotency-key-reused", 422, 0, "Idempotency-Key used for another request",
        "The same caller has sent another request under this Idempotency-Key within 24 hours.",
        "Make a new key for each request, and keep it only when that same request is sent again.");
    IDEMPOTENCY_IN_PROGRESS = ("idempotency-in-progress", 409, 0, "Request is being answered",
        "A request with this Idempotency-Key has come and is not answered yet.",
        "Send it again after the seconds in Retry-After, under the same key.");
    NAME_TAKEN = ("name-taken", 409, 0, "Name taken",
        "Somebody else has this name.",
        "Choose another name.");
    LAST_ADMINISTRATOR = ("last-administrator", 409, 0, "Last administrator",
        "Nobody could administer this server any more: this is the last administrator who may sign in.",
        "Make another administrator first.");
    INVALID_CURSOR = ("invalid-cursor", 400, 0, "Cursor not valid here",
        "The cursor was not given out by this server for this list and filter.",
        "Take `next_cursor` of the page before, with the same filter, or start without a cursor.");
    RANGE_NOT_SATISFIABLE = ("range-not-satisfiable", 416, 0, "Range lies behind the end",
        "The Range header field asks for octets that the content does not have.",
        "Content-Range says how many octets there are.");
    BODY_TOO_LARGE = ("body-too-large", 413, 0, "Body too large",
        "The body is larger than the operation takes.",
        "Send less.");
    TOO_SLOW = ("too-slow", 408, 0, "Request came too slowly",
        "The head of the request was not there within `http.header_timeout`, or nothing came of its body for `http.body_timeout`. Nothing was stored or changed.",
        "Send the same request again, without pauses.");
    HEADER_TOO_LARGE = ("header-too-large", 431, 0, "Head of the request too large",
        "The request line and the header fields have more octets than `http.max_header_bytes`, or there are more than 100 header fields.",
        "Send fewer or shorter header fields.");
    TOO_MANY_ATTEMPTS = ("too-many-attempts", 429, 0, "Too many attempts",
        "There were too many attempts in a short time.",
        "Wait as long as Retry-After says.");
    RATE_LIMITED = ("rate-limited", 429, 503, "Too many requests",
        "This caller asks more often than `http.rate_limits` allows for requests of this kind.",
        "Wait as long as Retry-After says; `RateLimit` says on each answer what is left.");
    SENDER_TOO_OFTEN = ("sender-too-often", 429, 480, "Too many messages of one sender",
        "The sender has stored as many messages for this user in a minute as `policy.sender_rate` allows.",
        "Send the same request again after the seconds in Retry-After.");
    STORAGE_UNAVAILABLE = ("storage-unavailable", 503, 503, "Storage not available",
        "The database does not answer or refused to work. Unless the connection to it broke at the very end, nothing was stored or changed.",
        "Try again after the seconds in Retry-After.");
    INTERNAL = ("internal", 500, 500, "Internal error",
        "Something went wrong in the server. It is in the server's log under the request's id.",
        "Tell the operator the value of the x-request-id header field.");
}

/// Which field of a request is wrong, and how.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldError {
    /// The field: a JSON pointer into the body, or the parameter's name.
    pub pointer: String,
    /// What is wrong.
    pub detail: String,
}

/// An error answer.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: &'static Kind,
    sip_status: u16,
    detail: Option<String>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The body of an error answer (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemBody {
    /// The problem type: a relative reference that never changes, and a page to read.
    #[schema(example = "/problems/not-found")]
    r#type: String,
    /// One line, the same for all problems of a type.
    #[schema(example = "Not found")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// What is wrong with this very request.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The SIP status a proxy may answer with, where the problem is about a SIP message.
    #[serde(skip_serializing_if = "Option::is_none")]
    sip_status: Option<u16>,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

impl Problem {
    /// A problem of this type.
    #[must_use]
    pub fn new(kind: &'static Kind) -> Self {
        Self {
            kind,
            sip_status: kind.sip_status,
            detail: None,
            errors: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Says what is wrong with this very request.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The SIP status this very request deserves, where it is another than its type's.
    #[must_use]
    pub fn sip_status(mut self, status: u16) -> Self {
        self.sip_status = status;
        self
    }

    /// Names a field that is wrong.
    #[must_use]
    pub fn field(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError {
            pointer: pointer.into(),
            detail: detail.into(),
        });
        self
    }

    /// Adds a header field to the answer.
    #[must_use]
    pub fn header(self, name: HeaderName, value: &'static str) -> Self {
        self.header_value(name, HeaderValue::from_static(value))
    }

    /// The same with a value that is worked out.
    #[must_use]
    pub fn header_value(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The problem's type.
    #[must_use]
    pub fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// What is wrong with this very request, as far as it was said.
    #[must_use]
    pub fn detail_text(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The header fields beyond the content's own.
    pub(super) fn into_headers(self) -> Vec<(HeaderName, HeaderValue)> {
        self.headers
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            r#type: format!("/problems/{}", self.kind.slug),
            title: self.kind.title,
            status: self.kind.status,
            detail: self.detail,
            sip_status: (self.sip_status != 0).then_some(self.sip_status),
            errors: self.errors,
        };
        let status =
            StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.headers);
        response
    }
}

impl From<StoreError> for Problem {
    /// The caller learns that storage failed; the log learns why.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt { .. } | StoreError::Entropy(_) => internal(&error),
            StoreError::Database(_)
            | StoreError::Contents(_)
            | StoreError::Conflict
            | StoreError::Stopped => {
                tracing::error!(error = chain(&error), "storage failed: {}", chain(&error));
                Self::new(STORAGE_UNAVAILABLE).header(header::RETRY_AFTER, "5")
            }
        }
    }
}

/// A problem whose cause is for the log alone.
pub fn internal(error: &dyn std::error::Error) -> Problem {
    tracing::error!(error = chain(error), "internal error: {}", chain(error));
    Problem::new(INTERNAL)
}

/// An error and its sources on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Self {
        Self::new(NOT_FOUND)
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(BODY_TOO_LARGE),
            _ => Self::new(INVALID_REQUEST).detail(rejection.body_text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_distinct_and_have_a_status_of_an_error() {
        let mut slugs: Vec<&str> = KINDS.iter().map(|kind| kind.slug).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), KINDS.len());
        assert!(KINDS.iter().all(|kind| (400..600).contains(&kind.status)));
    }
}
