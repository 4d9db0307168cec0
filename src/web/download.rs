//! Giving out stored octets, which anybody may have sent, so that they cannot act in our origin.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// What a browser does with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Saved to a file.
    Saved,
    /// Shown in place.
    InPlace,
}

/// How stored octets are labelled.
#[derive(Debug)]
pub struct Download<'a> {
    /// Their media type.
    pub media_type: &'a str,
    /// A name for the file.
    pub file_name: &'a str,
    /// What a browser does with it.
    pub shown: Shown,
}

/// Whether a picture of this type can carry nothing but a picture.
#[must_use]
pub fn is_safe_picture(media_type: &str) -> bool {
    matches!(
        media_type,
        "image/png" | "image/jpeg" | "image/gif" | "image/webp"
    )
}

impl Download<'_> {
    /// The answer with `bytes`: never interpreted as another type, and in a sandbox of its own.
    #[must_use]
    pub fn response(&self, bytes: impl Into<Body>) -> Response {
        let disposition = match self.shown {
            Shown::Saved => "attachment",
            Shown::InPlace => "inline",
        };
        // RFC 6266 with RFC 8187: everything but letters and digits is percent-encoded.
        let name = utf8_percent_encode(self.file_name, NON_ALPHANUMERIC);
        let disposition = format!("{disposition}; filename*=UTF-8''{name}");
        let mut response = Response::new(bytes.into());
        let headers = response.headers_mut();
        let octets = HeaderValue::from_static("application/octet-stream");
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_str(self.media_type).unwrap_or(octets),
        );
        if let Ok(disposition) = HeaderValue::from_str(&disposition) {
            headers.insert(header::CONTENT_DISPOSITION, disposition);
        }
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("sandbox; default-src 'none'"),
        );
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-cache"),
        );
        response
    }
}
