//! References between documents, as URIs in documents (RFC 4826 section 3.1 and 4.1).

use percent_encoding::percent_decode_str;

use super::simple::is_scheme;

/// An absolute `http:` or `https:` URI, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct HttpUri<'a> {
    authority: String,
    /// From the first slash on, without a query.
    pub path: &'a str,
}

impl<'a> HttpUri<'a> {
    /// Reads a URI; `None` if it is no absolute HTTP URI, or not percent-encoded where it must be.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let port = match scheme.to_ascii_lowercase().as_str() {
            "http" => ":80",
            "https" => ":443",
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let path = rest.split('?').next().unwrap_or_default();
        let host = authority
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~:[]".contains(&b));
        if authority.is_empty() || !host || !is_encoded(rest) {
            return None;
        }
        let authority = authority.to_ascii_lowercase();
        let authority = authority
            .strip_suffix(port)
            .unwrap_or(&authority)
            .to_owned();
        Some(Self { authority, path })
    }

    /// What follows `root`, an absolute URI without a slash at the end. Whether TLS ends before the server is none of
    /// a document's business, so `http` and `https` are the same.
    #[must_use]
    pub fn below(&self, root: &str) -> Option<&'a str> {
        let root = HttpUri::parse(root)?;
        let rest = self.path.strip_prefix(root.path)?.strip_prefix('/')?;
        (self.authority == root.authority).then_some(rest)
    }
}

/// Whether `text` is a relative path reference: no scheme, no authority, no slash at its beginning, and
/// percent-encoded (RFC 3986 section 4.2).
#[must_use]
pub fn is_relative_path(text: &str) -> bool {
    let first = text.split(['/', '?', '#']).next().unwrap_or_default();
    !first.is_empty() && !first.contains(':') && is_encoded(text)
}

/// Whether `text` is an absolute URI.
#[must_use]
pub fn is_absolute(text: &str) -> bool {
    text.split_once(':')
        .is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty())
}

/// Decodes a path segment; `None` if it is not UTF-8 then.
#[must_use]
pub fn decoded(segment: &str) -> Option<String> {
    let text = percent_decode_str(segment).decode_utf8().ok()?;
    Some(text.into_owned())
}

/// Whether all characters are those that a path or query may hold as they are (RFC 3986 section 3.3).
fn is_encoded(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@/?".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_uris_are_compared_with_the_root() {
        let root = "https://XCAP.example.com:443/root";
        let below =
            |uri: &str| HttpUri::parse(uri).and_then(|uri| uri.below(root).map(str::to_owned));
        assert_eq!(
            below("http://xcap.example.com:80/root/a/b?q").as_deref(),
            Some("a/b")
        );
        assert_eq!(
            below("https://xcap.example.com/root/a%5b").as_deref(),
            Some("a%5b")
        );
        for other in [
            "https://xcap.example.org/root/a",
            "https://xcap.example.com:8443/root/a",
            "https://xcap.example.com/rooted/a",
            "https://xcap.example.com/root",
            "https://xcap.example.com/root/a[1]",
            "https://u@xcap.example.com/root/a",
            "ftp://xcap.example.com/root/a",
            "/root/a",
            "https:///root/a",
        ] {
            assert_eq!(below(other), None, "{other}");
        }
    }

    #[test]
    fn a_relative_path_begins_with_a_segment() {
        let good = "resource-lists/users/sip:bill@example.com/index/~~/resource-lists/list%5b1%5d";
        assert!(is_relative_path(good));
        for bad in [
            "",
            "/a",
            "//h/a",
            "http://h/a",
            "a:b/c",
            "a/list[1]",
            "a/ b",
            "a/\"",
            "?a",
        ] {
            assert!(!is_relative_path(bad), "{bad}");
        }
    }
}
