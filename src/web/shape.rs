//! What the `OpenAPI` document says of a request holds for every operation, without its doing: query parameters that it
//! does not name are refused by name, and so is an Accept that leaves out everything it answers with.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::idempotency::REPLAYED;
use super::problem::{INVALID_REQUEST, NOT_ACCEPTABLE, Problem};

/// What requests of each operation may be like.
#[derive(Default)]
pub(super) struct Shapes(HashMap<(String, String), Shape>);

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

#[derive(Default)]
struct Shape {
    /// Whether `Prefer: return=minimal` is for it.
    may_be_minimal: bool,
    /// The query parameters there are.
    parameters: Vec<String>,
    /// The media types of answers; none when they can be anything.
    produces: Vec<String>,
}

impl Shapes {
    /// The shapes that a document describes.
    pub(super) fn of(document: &Value) -> Self {
        let mut shapes = HashMap::new();
        let paths = document["paths"].as_object().into_iter().flatten();
        for (path, item) in paths.filter(|(path, _)| is_api(path)) {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let shape = Shape::of(operation);
                shapes.insert((method.to_uppercase(), path.clone()), shape);
            }
        }
        Self(shapes)
    }

    fn find(&self, method: &Method, path: &str) -> Option<&Shape> {
        let method = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        self.0.get(&(method.to_string(), path.to_owned()))
    }
}

/// Probes are sent by programs that may add what they like.
fn is_api(path: &str) -> bool {
    path.starts_with("/api/") || path.starts_with("/gateway/")
}

impl Shape {
    fn of(operation: &Value) -> Self {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameters = parameters
            .filter(|parameter| parameter["in"] == "query")
            .filter_map(|parameter| parameter["name"].as_str().map(ToOwned::to_owned));
        let answers = operation["responses"].as_object().into_iter().flatten();
        let good = answers.filter(|(status, _)| status.starts_with('2'));
        let types = good.filter_map(|(_, answer)| answer["content"].as_object());
        let produces: Vec<String> = types.flat_map(|content| content.keys().cloned()).collect();
        let anything = produces.iter().any(|media_type| {
            !["application/json", "text/event-stream"].contains(&media_type.as_str())
        });
        let prefer = operation["parameters"].as_array().into_iter().flatten();
        let mut prefer = prefer.filter_map(|parameter| parameter["$ref"].as_str());
        Self {
            may_be_minimal: prefer.any(|name| name.ends_with("/Prefer")),
            parameters: parameters.collect(),
            produces: if anything { Vec::new() } else { produces },
        }
    }

    fn check(&self, query: &str, headers: &HeaderMap) -> Result<(), Problem> {
        for (name, _) in form_urlencoded::parse(query.as_bytes()) {
            if !self.parameters.iter().any(|known| *known == name) {
                return Err(Problem::new(INVALID_REQUEST)
                    .detail("a query parameter is not known")
                    .field(name, "this operation has no such parameter"));
            }
        }
        let accept = headers.get_all(header::ACCEPT).iter();
        let accept: Vec<&str> = accept.filter_map(|value| value.to_str().ok()).collect();
        let accept = accept.join(",");
        let accepts = |media_type: &String| accepts(&accept, media_type);
        if self.produces.is_empty() || self.produces.iter().any(accepts) {
            return Ok(());
        }
        let detail = format!("this operation answers with {}", self.produces.join(", "));
        Err(Problem::new(NOT_ACCEPTABLE).detail(detail))
    }
}

/// Whether an Accept header field allows a media type (RFC 9110 section 12.5.1): the most specific range that fits it
/// says so, by its weight. An empty one allows everything.
fn accepts(accept: &str, media_type: &str) -> bool {
    if accept.trim().is_empty() {
        return true;
    }
    let all = media_type
        .split_once('/')
        .map(|(all, _)| format!("{all}/*"));
    let all = all.unwrap_or_default();
    let weight = |wanted: &str| {
        accept.split(',').find_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let q = parts.find_map(|part| part.strip_prefix("q="));
            let q: f32 = q.and_then(|q| q.parse().ok()).unwrap_or(1.0);
            name.eq_ignore_ascii_case(wanted).then_some(q > 0.0)
        })
    };
    weight(media_type)
        .or_else(|| weight(&all))
        .or_else(|| weight("*/*"))
        .unwrap_or(false)
}

/// Lets only requests pass that are as the document says, and leaves out what the client does not want to see.
pub(super) async fn as_documented(
    State(shapes): State<Arc<Shapes>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    let shape = path.and_then(|path| shapes.find(request.method(), path.as_str()));
    let Some(shape) = shape else {
        return next.run(request).await;
    };
    let query = request.uri().query().unwrap_or_default();
    if let Err(problem) = shape.check(query, request.headers()) {
        return problem.into_response();
    }
    let is_minimal = shape.may_be_minimal && prefers_minimal(request.headers());
    let response = next.run(request).await;
    if is_minimal && response.status() == StatusCode::OK {
        return minimal(&response);
    }
    response
}

/// Whether a request has `Prefer: return=minimal` (RFC 7240 section 4.2).
fn prefers_minimal(headers: &HeaderMap) -> bool {
    let fields = headers.get_all(PREFER).iter();
    let fields = fields.filter_map(|value| value.to_str().ok());
    let mut preferences = fields.flat_map(|value| value.split(','));
    preferences.any(|preference| {
        let word = preference.split(';').next().unwrap_or_default();
        word.trim().eq_ignore_ascii_case("return=minimal")
    })
}

/// The answer without what it shows.
fn minimal(response: &Response) -> Response {
    let mut short = StatusCode::NO_CONTENT.into_response();
    let headers = short.headers_mut();
    for name in [header::ETAG, header::LOCATION, REPLAYED] {
        if let Some(value) = response.headers().get(&name) {
            headers.insert(name, value.clone());
        }
    }
    headers.insert(
        PREFERENCE_APPLIED,
        HeaderValue::from_static("return=minimal"),
    );
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_range_decides() {
        let json = "application/json";
        for accept in [
            "",
            "*/*",
            "application/*",
            json,
            "text/html, */*;q=0.1",
            "APPLICATION/JSON; q=0.5",
        ] {
            assert!(accepts(accept, json), "{accept}");
        }
        for accept in [
            "text/html",
            "application/xml",
            "application/json;q=0, */*",
            "*/*;q=0",
        ] {
            assert!(!accepts(accept, json), "{accept}");
        }
    }
}
