//! Refuses requests that change something and were made on another site's page.
//!
//! Browsers say on every such request where it was made: `Sec-Fetch-Site`, or `Origin` in older
//! ones. Programs send neither and bring no cookie, so they pass.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::web::cors;
use crate::web::limits::fitting;
use crate::web::problem::{FORGED_REQUEST, Problem};
use crate::web::state::AppState;

/// Middleware: lets safe methods and requests from our own pages pass.
pub async fn same_origin(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    let (headers, settings) = (request.headers(), &state.settings);
    if safe
        || is_own(headers, settings.http.public_url.as_deref())
        || cors::is_program(headers, request.uri().path(), settings)
    {
        return next.run(request).await;
    }
    fitting(
        request.uri(),
        request.headers(),
        Problem::new(FORGED_REQUEST),
    )
}

fn is_own(headers: &HeaderMap, public_url: Option<&str>) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let Some((_, origin_host)) = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"))
    else {
        return false;
    };
    let public_host = public_url
        .and_then(|url| url.split_once("://"))
        .map(|(_, rest)| rest.split_once('/').map_or(rest, |(host, _)| host));
    text(header::HOST.as_str()) == Some(origin_host) || public_host == Some(origin_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(fields: &[(&'static str, &'static str)], public_url: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.insert(*name, axum::http::HeaderValue::from_static(value));
        }
        is_own(&headers, public_url)
    }

    #[test]
    fn pages_of_other_sites_are_told_apart() {
        assert!(own(&[("host", "h:1")], None));
        assert!(own(&[("host", "h:1"), ("origin", "http://h:1")], None));
        assert!(own(
            &[("host", "h:1"), ("sec-fetch-site", "same-origin")],
            None
        ));
        assert!(own(
            &[("host", "in:1"), ("origin", "https://out")],
            Some("https://out/")
        ));
        assert!(!own(&[("host", "h:1"), ("origin", "http://evil")], None));
        assert!(!own(&[("host", "h:1"), ("origin", "null")], None));
        assert!(!own(
            &[
                ("host", "h:1"),
                ("origin", "http://h:1"),
                ("sec-fetch-site", "cross-site")
            ],
            None
        ));
        assert!(!own(
            &[("host", "h:1"), ("sec-fetch-site", "same-site")],
            None
        ));
    }
}
