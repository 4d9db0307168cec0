//! Media types: the value of Content-Type (RFC 3261 section 20.15, RFC 2045 section 5.1).
//!
//! [`crate::mime::content`] reads the Content-Type of body parts more leniently; this is the strict reader for
//! the header field of the SIP message.

use std::fmt;

use crate::sip::error::ValueError;
use crate::sip::scan::{Scanner, param_value};

/// `type/subtype;name=value`. Type, subtype and parameter names are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    /// `text` of `text/plain`.
    pub type_: String,
    /// `plain` of `text/plain`.
    pub subtype: String,
    /// The parameters in order, values unquoted.
    pub params: Vec<(String, Option<String>)>,
}

impl MediaType {
    /// Reads a media type.
    ///
    /// # Errors
    /// [`ValueError`] at the first octet that breaks the grammar; a parameter needs a value here.
    pub fn parse(value: &[u8]) -> Result<Self, ValueError> {
        let mut scanner = Scanner::new(value);
        scanner.space();
        let type_ = scanner.token("a media type")?.to_ascii_lowercase();
        if !scanner.separator(b'/') {
            return scanner.fail("\"/\"");
        }
        let subtype = scanner.token("a media subtype")?.to_ascii_lowercase();
        let params = scanner.params()?;
        if params.iter().any(|(_, value)| value.is_none()) {
            return scanner.fail("a value for every parameter");
        }
        scanner.finish()?;
        Ok(Self {
            type_,
            subtype,
            params,
        })
    }

    /// `type/subtype` in lower case.
    #[must_use]
    pub fn essence(&self) -> String {
        format!("{}/{}", self.type_, self.subtype)
    }

    /// The value of a parameter, by name without regard to case.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        param_value(&self.params, name)
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.type_, self.subtype)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_types_and_parameters() {
        let plain = MediaType::parse(b" Text/HTML ; Charset = ISO-8859-4").unwrap();
        assert_eq!(
            (plain.essence().as_str(), plain.param("charset")),
            ("text/html", Some("ISO-8859-4"))
        );
        let mixed = MediaType::parse(b"multipart/mixed;boundary=\"a b\\\"c\"").unwrap();
        assert_eq!(mixed.param("BOUNDARY"), Some("a b\"c"));
        assert_eq!(mixed.to_string(), "multipart/mixed");
    }

    #[test]
    fn refuses_broken_types() {
        for bad in [
            "",
            "text",
            "text/",
            "/plain",
            "text/plain;",
            "text/plain;charset",
            "text/plain x",
            "a/b/c",
        ] {
            assert!(MediaType::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
