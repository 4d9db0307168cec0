//! What a user agent server checks before it acts on a request (RFC 3261 section 8.2), and what it says of
//! itself in the answer to OPTIONS (section 11.2).
//!
//! The order is the RFC's: method, Request-URI, merged requests, Require, content. Authentication stands
//! before all of it and whether the addressee exists after it; both are the caller's. Not looked at are:
//!
//! - Max-Forwards. At zero it forbids to forward; the server a request is for answers it as any other (section
//!   16.3 step 3 speaks of proxies; RFC 4475 section 3.3.11).
//! - Proxy-Require: for proxies (section 20.29).
//! - Content-Language: all are taken.
//! - ACK, which cannot be answered, and CANCEL, which every server has to understand (section 9.2) and whose
//!   Require must be ignored (section 8.2.2.3).

use crate::sip::error::{ParseError, ValueError};
use crate::sip::media_type::MediaType;
use crate::sip::message::{Message, StartLine};
use crate::sip::parse::is_token;
use crate::sip::scan::Scanner;
use crate::sip::status::reason_phrase;

/// What a server takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Methods, in the order for Allow.
    pub methods: Vec<String>,
    /// Schemes of the Request-URI, in lower case.
    pub schemes: Vec<String>,
    /// Option tags (Supported, Require).
    pub extensions: Vec<String>,
    /// Media ranges for Accept. What is really taken is for the predicate of [`Capabilities::inspect`].
    pub accept: Vec<String>,
}

impl Capabilities {
    /// Checks a request.
    ///
    /// `merged` says that the same request is being processed on another transaction
    /// ([`crate::sip::transaction::table::Received::New`]). `accepts` says whether a body of this type is
    /// taken with this method; it is asked only if there is a body that has to be understood.
    ///
    /// # Errors
    /// The [`Refusal`] to answer with.
    pub fn inspect(
        &self,
        request: &Message,
        merged: bool,
        accepts: impl FnOnce(&str, Option<&MediaType>) -> bool,
    ) -> Result<(), Refusal> {
        let StartLine::Request { method, uri } = request.start() else {
            return Ok(());
        };
        if matches!(method.as_str(), "ACK" | "CANCEL") {
            return Ok(());
        }
        if !self.methods.contains(method) {
            return Err(Refusal::Method {
                method: method.clone(),
                allow: self.methods.join(", "),
            });
        }
        let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
        if !contains(&self.schemes, scheme) {
            return Err(Refusal::Scheme(scheme.to_owned()));
        }
        if merged {
            return Err(Refusal::Merged);
        }
        let mut unknown = option_tags(request, "Require")?;
        unknown.retain(|tag| !contains(&self.extensions, tag));
        if !unknown.is_empty() {
            return Err(Refusal::Extension(unknown));
        }
        self.inspect_content(request, method, accepts)
    }

    fn inspect_content(
        &self,
        request: &Message,
        method: &str,
        accepts: impl FnOnce(&str, Option<&MediaType>) -> bool,
    ) -> Result<(), Refusal> {
        if request.body().is_empty() || is_optional(request) {
            return Ok(());
        }
        let encodings = list(request, "Content-Encoding");
        if let Some(encoding) = encodings
            .into_iter()
            .find(|encoding| !encoding.eq_ignore_ascii_case("identity"))
        {
            return Err(Refusal::Encoding(encoding));
        }
        let content_type = request.content_type()?;
        if accepts(method, content_type.as_ref()) {
            return Ok(());
        }
        Err(Refusal::MediaType {
            found: content_type.map(|found| found.essence()),
            accept: self.accept.join(", "),
        })
    }

    /// The header fields that the 200 of an OPTIONS carries. Accept-Language says that every language is taken.
    #[must_use]
    pub fn header_fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Allow", self.methods.join(", ")),
            ("Accept", self.accept.join(", ")),
            ("Accept-Encoding", "identity".to_owned()),
            ("Accept-Language", "*".to_owned()),
            ("Supported", self.extensions.join(", ")),
        ]
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 405.
    #[error("the method {method} is not supported")]
    Method {
        /// The method of the request.
        method: String,
        /// The value of Allow.
        allow: String,
    },
    /// 416.
    #[error("the Request-URI scheme \"{0}\" is not supported")]
    Scheme(String),
    /// 482: the same request came on another way and is being processed.
    #[error("this request has come on another way already")]
    Merged,
    /// 420, with the option tags of Require that are not known.
    #[error("these extensions are not supported: {}", .0.join(", "))]
    Extension(Vec<String>),
    /// 415: the body is of a type that is not taken.
    #[error("a body of type {} is not supported", found.as_deref().unwrap_or("unknown"))]
    MediaType {
        /// The media type of the body, if the request has one.
        found: Option<String>,
        /// The value of Accept.
        accept: String,
    },
    /// 415: the body is encoded, compressed for example.
    #[error("the content encoding {0} is not supported")]
    Encoding(String),
    /// 400, or another status that [`ParseError::sip_status`] gives.
    #[error(transparent)]
    Malformed(#[from] ParseError),
}

impl Refusal {
    /// The status code of the response.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Method { .. } => 405,
            Self::Scheme(_) => 416,
            Self::Merged => 482,
            Self::Extension(_) => 420,
            Self::MediaType { .. } | Self::Encoding(_) => 415,
            Self::Malformed(error) => error.sip_status(),
        }
    }

    /// The reason phrase of the response.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        reason_phrase(self.status())
    }

    /// The header fields of the response: what would have been taken, and a [`warning`] that says in words
    /// what was wrong. `host` is our name.
    #[must_use]
    pub fn header_fields(&self, host: &str) -> Vec<(&'static str, String)> {
        let mut fields = match self {
            Self::Method { allow, .. } => vec![("Allow", allow.clone())],
            Self::Extension(tags) => vec![("Unsupported", tags.join(", "))],
            Self::MediaType { accept, .. } => vec![("Accept", accept.clone())],
            Self::Encoding(_) => vec![("Accept-Encoding", "identity".to_owned())],
            Self::Scheme(_) | Self::Merged | Self::Malformed(_) => Vec::new(),
        };
        fields.push(("Warning", warning(host, &self.to_string())));
        fields
    }
}

/// The value of a Warning with a text for people: code 399 (section 20.43). The text may quote the request:
/// quotes are escaped, control characters replaced.
#[must_use]
pub fn warning(host: &str, text: &str) -> String {
    let mut value = format!("399 {host} \"");
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            value.push('\\');
        }
        value.push(if c.is_control() { ' ' } else { c });
    }
    value.push('"');
    value
}

/// Whether the sender says that the body need not be understood (section 20.11).
fn is_optional(request: &Message) -> bool {
    let Some(field) = request.header("Content-Disposition") else {
        return false;
    };
    let mut scanner = Scanner::new(field.raw_value());
    scanner.space();
    // A malformed one is as good as none: then the body has to be understood.
    scanner.token("a disposition type").is_ok()
        && scanner.params().is_ok_and(|params| {
            params.iter().any(|(name, value)| {
                name == "handling"
                    && value
                        .as_deref()
                        .is_some_and(|value| value.eq_ignore_ascii_case("optional"))
            })
        })
}

/// Whether an answer or a NOTIFY may have a body of this type (section 20.1); `None` without Accept, when the method, or
/// the event package, says what is taken.
#[must_use]
pub fn accepts(request: &Message, media_type: &str) -> Option<bool> {
    request.header("Accept")?;
    let group = media_type.split('/').next().unwrap_or_default();
    let takes = |range: &String| {
        let mut parts = range.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default();
        let is_refused = parts.any(|param| {
            let value = param.strip_prefix("q=").map(str::parse::<f32>);
            matches!(value, Some(Ok(0.0)))
        });
        let is_group = || {
            let of = range.strip_suffix("/*");
            of.is_some_and(|of| of == "*" || of.eq_ignore_ascii_case(group))
        };
        !is_refused && (range.eq_ignore_ascii_case(media_type) || is_group())
    };
    Some(list(request, "Accept").iter().any(takes))
}

/// Whether a request requires this extension of whoever it is for.
#[must_use]
pub fn requires(request: &Message, tag: &str) -> bool {
    contains(&list(request, "Require"), tag)
}

/// The tokens of a comma-separated header field that may stand more than once.
fn option_tags(request: &Message, name: &'static str) -> Result<Vec<String>, ParseError> {
    let tags = list(request, name);
    if tags.iter().all(|tag| is_token(tag.as_bytes())) {
        return Ok(tags);
    }
    let source = ValueError {
        at: 0,
        expected: "a list of tokens",
    };
    Err(ParseError::Value { name, source })
}

/// The items of such a field that are not empty.
pub(in crate::sip) fn list(request: &Message, name: &str) -> Vec<String> {
    let mut items = Vec::new();
    for field in request.headers(name) {
        let text = field.text();
        let found = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        items.extend(found.map(str::to_owned));
    }
    items
}

/// Whether a list of tokens has this one, in whatever case.
pub(in crate::sip) fn contains(list: &[String], item: &str) -> bool {
    list.iter().any(|known| known.eq_ignore_ascii_case(item))
}

#[cfg(test)]
#[path = "inspect_tests.rs"]
mod tests;
