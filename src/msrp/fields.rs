//! Values of the header fields of RFC 4975 section 9, and the flag of the end-line.

use std::fmt;

use crate::msrp::code::Code;

/// What follows a chunk: the last octet of the end-line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Continuation {
    /// `$`: this chunk has the end of the message.
    Complete,
    /// `+`: more chunks follow, or came before (a relay may change their order).
    More,
    /// `#`: the sender gives the message up.
    Abandoned,
}

impl Continuation {
    /// Reads the flag.
    #[must_use]
    pub fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            b'$' => Some(Self::Complete),
            b'+' => Some(Self::More),
            b'#' => Some(Self::Abandoned),
            _ => None,
        }
    }

    /// The flag as written.
    #[must_use]
    pub fn as_char(self) -> char {
        match self {
            Self::Complete => '$',
            Self::More => '+',
            Self::Abandoned => '#',
        }
    }
}

/// `Failure-Report`: which answers the sender of a SEND wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FailureReport {
    /// A response to every request, within 30 seconds. Also when the field is absent.
    #[default]
    Yes,
    /// Only responses that report an error.
    Partial,
    /// None at all.
    No,
}

impl FailureReport {
    /// Whether a response with this code is to be sent (RFC 4975 section 7.1.4).
    #[must_use]
    pub fn wants(self, code: Code) -> bool {
        match self {
            Self::Yes => true,
            Self::Partial => code != Code::Ok,
            Self::No => false,
        }
    }

    pub(super) fn parse(value: &str) -> Option<Self> {
        [Self::Yes, Self::Partial, Self::No]
            .into_iter()
            .find(|known| value.eq_ignore_ascii_case(&known.to_string()))
    }
}

impl fmt::Display for FailureReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "yes",
            Self::Partial => "partial",
            Self::No => "no",
        })
    }
}

/// `Byte-Range: start-end/total`, in octets counted from 1. `None` is `*`: not known, or, for the end, a
/// chunk that may be interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRange {
    /// The place of the first octet of the chunk in the message.
    pub start: u64,
    /// The place of its last octet. Of a chunk without octets it is one less than `start`.
    pub end: Option<u64>,
    /// Octets of the whole message.
    pub total: Option<u64>,
}

impl ByteRange {
    /// The range of a whole message; `1-0/0` if it is empty.
    #[must_use]
    pub fn whole(octets: u64) -> Self {
        Self {
            start: 1,
            end: Some(octets),
            total: Some(octets),
        }
    }

    pub(super) fn parse(value: &str) -> Option<Self> {
        let (range, total) = value.split_once('/')?;
        let (start, end) = range.split_once('-')?;
        let range = Self {
            start: number(start.trim())?,
            end: number_or_star(end.trim())?,
            total: number_or_star(total.trim())?,
        };
        let before_start = range.start.checked_sub(1)?;
        let ends_before_it_starts = range.end.is_some_and(|end| end < before_start);
        let ends_after_total =
            matches!((range.end, range.total), (Some(end), Some(total)) if end > total);
        (!ends_before_it_starts && !ends_after_total).then_some(range)
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |number: Option<u64>| number.map_or_else(|| "*".to_owned(), |n| n.to_string());
        write!(f, "{}-{}/{}", self.start, text(self.end), text(self.total))
    }
}

/// Digits only: Rust's parser would take a plus sign, too.
pub(super) fn number(digits: &str) -> Option<u64> {
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        digits.parse().ok()
    } else {
        None
    }
}

#[expect(
    clippy::option_option,
    reason = "the outer one says whether the text is valid, the inner one is None for the star"
)]
fn number_or_star(text: &str) -> Option<Option<u64>> {
    if text == "*" {
        Some(None)
    } else {
        number(text).map(Some)
    }
}

/// `Status: 000 200 OK` of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// What the code belongs to; 0 are the codes of MSRP responses, the only ones defined.
    pub namespace: u16,
    /// Read like the code of a response if the namespace is 0.
    pub code: u16,
    /// For people; may be empty.
    pub comment: String,
}

impl Status {
    pub(super) fn parse(value: &str) -> Option<Self> {
        let (namespace, rest) = value.split_once(' ')?;
        let (code, comment) = split_code(rest.trim_start())?;
        Some(Self {
            namespace: three_digits(namespace)?,
            code,
            comment: comment.to_owned(),
        })
    }
}

/// A status code and the comment after it.
pub(super) fn split_code(text: &str) -> Option<(u16, &str)> {
    let (code, comment) = text.split_once(' ').unwrap_or((text, ""));
    Some((three_digits(code)?, comment.trim()))
}

fn three_digits(text: &str) -> Option<u16> {
    if text.len() != 3 {
        return None;
    }
    number(text).and_then(|number| u16::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_ranges() {
        for text in ["1-16/16", "1-*/8", "5-*/*", "1-0/0", "138-148/148", "9-8/*"] {
            assert_eq!(ByteRange::parse(text).unwrap().to_string(), text);
        }
        for bad in [
            "",
            "1-2",
            "1/2",
            "0-5/5",
            "*-5/5",
            "5-3/9",
            "1-9/8",
            "+1-2/2",
            "-1-2/2",
            "1-2/-",
            "a-b/c",
            "1-2/3/4",
            "99999999999999999999-*/*",
        ] {
            assert_eq!(ByteRange::parse(bad), None, "{bad}");
        }
        assert_eq!(ByteRange::whole(0).to_string(), "1-0/0");
    }

    #[test]
    fn statuses() {
        let ok = Status::parse("000 200 OK").unwrap();
        assert_eq!((ok.namespace, ok.code, ok.comment.as_str()), (0, 200, "OK"));
        let bare = Status::parse("000 413").unwrap();
        assert_eq!((bare.code, bare.comment.as_str()), (413, ""));
        for bad in [
            "",
            "000",
            "200 OK",
            "0 200 OK",
            "000 20 OK",
            "000 +20",
            "xyz 200",
        ] {
            assert_eq!(Status::parse(bad), None, "{bad}");
        }
    }

    /// RFC 4975 section 7.1.4.
    #[test]
    fn failure_report_decides_which_answers_are_sent() {
        let wanted = |value: FailureReport| (value.wants(Code::Ok), value.wants(Code::Stop));
        assert_eq!(wanted(FailureReport::Yes), (true, true));
        assert_eq!(wanted(FailureReport::Partial), (false, true));
        assert_eq!(wanted(FailureReport::No), (false, false));
        assert_eq!(
            FailureReport::parse("Partial"),
            Some(FailureReport::Partial)
        );
        assert_eq!(FailureReport::parse("maybe"), None);
    }

    #[test]
    fn flags() {
        for flag in *b"$+#" {
            let read = Continuation::from_octet(flag).unwrap();
            assert_eq!(read.as_char(), char::from(flag));
        }
        assert_eq!(Continuation::from_octet(b'-'), None);
    }
}
