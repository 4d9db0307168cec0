//! axum's extractors with our own error answers: theirs are plain text. What is wrong is named by its field.

#![expect(clippy::disallowed_types, reason = "these are wrapped here")]

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use serde::de::{DeserializeOwned, Deserializer};
use serde_path_to_error::{Segment, deserialize};

use super::problem::{INVALID_REQUEST, Problem, UNSUPPORTED_MEDIA_TYPE};

/// Path parameters.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub struct Path<T>(pub T);

/// Query parameters. NUL is in none that makes sense, and no database column can hold it.
pub struct Query<T>(pub T);

impl<S, T> FromRequestParts<S> for Query<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        if query.contains("%00") {
            return Err(Problem::new(INVALID_REQUEST).detail("a parameter holds a NUL"));
        }
        let pairs = form_urlencoded::parse(query.as_bytes());
        let reader = serde_urlencoded::Deserializer::new(pairs);
        read(reader, "a query parameter is wrong", |path| path.join(".")).map(Self)
    }
}

/// A JSON body, which is an object.
pub struct Json<T>(pub T);

impl<S, T> FromRequest<S> for Json<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        require_json(request.headers())?;
        let body = Bytes::from_request(request, state).await?;
        object(&body).map(Self)
    }
}

/// A JSON body that may be left out, or be `null`.
pub struct OptionalJson<T>(pub Option<T>);

impl<S, T> FromRequest<S> for OptionalJson<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, state).await?;
        if !body.is_empty() || headers.contains_key(header::CONTENT_TYPE) {
            require_json(&headers)?;
        }
        if body.is_empty() || body.trim_ascii() == b"null" {
            return Ok(Self(None));
        }
        object(&body).map(Some).map(Self)
    }
}

/// Goes on only if a request says that its body is JSON.
fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let sent = headers.get(header::CONTENT_TYPE);
    let sent = sent.and_then(|value| value.to_str().ok());
    let essence = sent.unwrap_or_default().split(';').next();
    let essence = essence.unwrap_or_default().trim().to_ascii_lowercase();
    let is_like_it = essence.starts_with("application/") && essence.ends_with("+json");
    if essence == "application/json" || is_like_it {
        return Ok(());
    }
    Err(Problem::new(UNSUPPORTED_MEDIA_TYPE)
        .detail("expected Content-Type: application/json")
        .header(header::ACCEPT, "application/json"))
}

fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // serde would take the values of an object in an array, too.
    let octets = body.trim_ascii_start();
    if octets.first() != Some(&b'{') {
        let detail = "the body is no JSON object";
        return Err(Problem::new(INVALID_REQUEST).detail(detail));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let pointer = |path: &[String]| format!("/{}", path.join("/"));
    let value = read(&mut reader, "the body is wrong", pointer)?;
    let end = reader.end();
    end.map_err(|error| Problem::new(INVALID_REQUEST).detail(error.to_string()))?;
    Ok(value)
}

fn read<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    reader: D,
    what: &str,
    pointer: impl Fn(&[String]) -> String,
) -> Result<T, Problem>
where
    D::Error: std::fmt::Display,
{
    deserialize(reader).map_err(|error| {
        let steps = error.path().iter().filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { variant } => Some(variant.clone()),
            Segment::Unknown => None,
        });
        let steps: Vec<String> = steps.collect();
        let inner = error.into_inner().to_string();
        let detail = format!("{what}: {inner}");
        Problem::new(INVALID_REQUEST)
            .detail(detail)
            .field(pointer(&steps), inner)
    })
}
