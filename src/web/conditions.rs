//! Conditions of requests (RFC 9110 section 13), and the entity tags that they are about.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::problem::{PRECONDITION_FAILED, Problem};
use crate::domain::message::Summary;
use crate::xcap::conditions::{Method, Preconditions, Verdict};

/// Marks an answer whose entity tag stands for its octets, so that they must not be compressed on the way.
#[derive(Clone, Copy)]
pub struct Verbatim;

/// What a request demands of the resource's entity tag.
pub fn preconditions(headers: &HeaderMap) -> Preconditions {
    let values = |name| headers.get_all(name).iter().map(HeaderValue::as_bytes);
    Preconditions::read(values(header::IF_MATCH), values(header::IF_NONE_MATCH))
}

/// The entity tag of a message in JSON: its expiry is all that changes, and the release may write it differently.
#[must_use]
pub fn message_tag(message: &Summary) -> String {
    let expiry = message.facts.expires_at.timestamp_micros();
    format!(
        "\"{}-{expiry:x}-{}\"",
        message.key,
        env!("CARGO_PKG_VERSION")
    )
}

/// Goes on only if what a request demands of a resource that it changes holds.
///
/// # Errors
/// A [`Problem`] when it does not.
pub fn require(conditions: &Preconditions, tag: &str) -> Result<(), Problem> {
    match conditions.judge(Method::Delete, Some(tag)) {
        Verdict::Proceed => Ok(()),
        Verdict::NotModified | Verdict::PreconditionFailed => {
            Err(Problem::new(PRECONDITION_FAILED))
        }
    }
}

/// Whether a client that reads a resource has it already, or demands what does not hold; else it is to be given.
pub fn unchanged(headers: &HeaderMap, tag: &str) -> Option<Response> {
    match preconditions(headers).judge(Method::Read, Some(tag)) {
        Verdict::Proceed => None,
        Verdict::NotModified => Some(tagged(StatusCode::NOT_MODIFIED.into_response(), tag)),
        Verdict::PreconditionFailed => Some(Problem::new(PRECONDITION_FAILED).into_response()),
    }
}

/// The answer with the entity tag of what it shows.
pub fn tagged(mut response: Response, tag: &str) -> Response {
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response.extensions_mut().insert(Verbatim);
    response
}
