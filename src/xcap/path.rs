//! Where in an XCAP root a request points (RFC 4825 section 6.1 and 6.2).

use percent_encoding::percent_decode_str;

/// A document of a user: `AUID/users/XUI/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentPath {
    /// The application usage.
    pub auid: String,
    /// The user, as the client wrote it.
    pub xui: String,
    /// The path of the document below the user's home.
    pub name: String,
}

/// Reads the path below the XCAP root, as it stands in the request line. `None` when it selects
/// no document of a user: such a document does not exist.
#[must_use]
pub fn parse(path: &str) -> Option<DocumentPath> {
    let mut segments = path.splitn(4, '/');
    let auid = decode(segments.next()?)?;
    if segments.next()? != "users" {
        return None;
    }
    let xui = decode(segments.next()?)?;
    let name = decode(segments.next()?)?;
    Some(DocumentPath { auid, xui, name })
}

fn decode(segment: &str) -> Option<String> {
    let text = percent_decode_str(segment).decode_utf8().ok()?;
    (!text.is_empty()).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_may_be_encoded_or_not() {
        for path in [
            "a.b/users/sip:alice@example.org/deferred-list",
            "a.b/users/sip%3Aalice%40example.org/deferred-list",
            "a.b/users/sip%3aalice@example.org/deferred%2Dlist",
        ] {
            let parsed = parse(path).unwrap();
            assert_eq!(parsed.auid, "a.b");
            assert_eq!(parsed.xui, "sip:alice@example.org");
            assert_eq!(parsed.name, "deferred-list");
        }
    }

    #[test]
    fn what_is_no_user_document_is_nothing() {
        for path in [
            "",
            "a",
            "a/global/index",
            "a/users",
            "a/users/x",
            "a/users/x/",
            "a/users//d",
            "a/users/%FF/d",
        ] {
            assert_eq!(parse(path), None, "{path}");
        }
    }
}
