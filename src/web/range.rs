//! Which octets of a content a client wants (RFC 9110 sections 13 and 14). The content of a message never changes, so
//! its tag is a strong one.

use std::ops::Range;

use axum::http::{HeaderMap, Method, header};

/// What a client is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All of it.
    Whole,
    /// A part that is not empty, in octets from 0.
    Part(Range<u64>),
    /// Nothing: the part it wants lies behind the end.
    Outside,
    /// Nothing: it has it.
    Unchanged,
}

impl Wanted {
    /// What the header fields of a request ask for, of `len` octets with this entity tag. Several ranges at once are
    /// not given out: such a request gets all.
    #[must_use]
    pub fn by(method: &Method, headers: &HeaderMap, etag: &str, len: u64) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let known = |list: &str| {
            let mut tags = list.split(',').map(str::trim);
            tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
        };
        if text(header::IF_NONE_MATCH).is_some_and(known) {
            return Self::Unchanged;
        }
        // A date in If-Range names nothing, since we give none; nor does a weak tag.
        let stale = text(header::IF_RANGE).is_some_and(|tag| tag.trim() != etag);
        if method != Method::GET || stale {
            return Self::Whole;
        }
        text(header::RANGE).map_or(Self::Whole, |range| part(range, len))
    }
}

fn part(range: &str, len: u64) -> Wanted {
    let Some(part) = one_range(range) else {
        return Wanted::Whole;
    };
    let range = match part {
        (Some(first), last) => first..last.map_or(len, |last| last.saturating_add(1)).min(len),
        (None, Some(suffix)) => len.saturating_sub(suffix)..len,
        (None, None) => return Wanted::Whole,
    };
    if range.is_empty() {
        return Wanted::Outside;
    }
    Wanted::Part(range)
}

/// First and last octet of `bytes=first-last`; `None` if the field is malformed, which is as good as absent, or has
/// several ranges.
fn one_range(text: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, range) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    let number = |digits: &str| match digits {
        "" => Some(None),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
            // A number too large to read lies behind every end.
            Some(Some(digits.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    };
    let (first, last) = (number(first)?, number(last)?);
    let backwards = matches!((first, last), (Some(first), Some(last)) if last < first);
    (!backwards).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETAG: &str = "\"1\"";

    fn wanted(method: &Method, fields: &[(header::HeaderName, &str)]) -> Wanted {
        let headers = fields
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect();
        Wanted::by(method, &headers, ETAG, 100)
    }

    #[test]
    fn one_range_is_given() {
        for (range, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=10-19", 10..20),
            ("Bytes= 10-19 ", 10..20),
            ("bytes=90-", 90..100),
            ("bytes=90-200", 90..100),
            ("bytes=90-99999999999999999999999", 90..100),
            ("bytes=-10", 90..100),
            ("bytes=-200", 0..100),
        ] {
            let wanted = wanted(&Method::GET, &[(header::RANGE, range)]);
            assert_eq!(wanted, Wanted::Part(part), "{range}");
        }
    }

    #[test]
    fn what_lies_outside_is_said_to() {
        for range in [
            "bytes=100-",
            "bytes=100-200",
            "bytes=-0",
            "bytes=99999999999999999999999-",
        ] {
            let wanted = wanted(&Method::GET, &[(header::RANGE, range)]);
            assert_eq!(wanted, Wanted::Outside, "{range}");
        }
    }

    #[test]
    fn what_makes_no_sense_or_is_several_is_ignored() {
        for range in [
            "bytes=0-1,3-4",
            "bytes=5-4",
            "bytes=-",
            "bytes=+1-2",
            "bytes 1-2",
            "lines=1-2",
            "bytes=a-b",
        ] {
            let wanted = wanted(&Method::GET, &[(header::RANGE, range)]);
            assert_eq!(wanted, Wanted::Whole, "{range}");
        }
        assert_eq!(
            wanted(&Method::HEAD, &[(header::RANGE, "bytes=0-0")]),
            Wanted::Whole
        );
    }

    #[test]
    fn conditions() {
        let with =
            |name, value| wanted(&Method::GET, &[(header::RANGE, "bytes=0-0"), (name, value)]);
        assert_eq!(with(header::IF_RANGE, ETAG), Wanted::Part(0..1));
        for stale in ["\"2\"", "W/\"1\"", "Sat, 13 Nov 2010 23:29:00 GMT"] {
            assert_eq!(with(header::IF_RANGE, stale), Wanted::Whole, "{stale}");
        }
        for known in ["\"0\", \"1\"", "*", "W/\"1\""] {
            assert_eq!(
                with(header::IF_NONE_MATCH, known),
                Wanted::Unchanged,
                "{known}"
            );
        }
        assert_eq!(with(header::IF_NONE_MATCH, "\"2\""), Wanted::Part(0..1));
    }
}
