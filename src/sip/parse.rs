//! The sans-IO parser of a message head: start line and header fields (RFC 3261 sections 7.1 to 7.3).
//!
//! It splits and checks, it does not interpret values: those stay octets for [`crate::sip::header`], so that
//! an odd value in a field nobody asks for costs nothing. Line ends are strict, see
//! [`ParseError::BareLineEnd`]. [`crate::sip::message`] and [`crate::sip::framer`] build on it.

use std::ops::Range;

use crate::sip::error::ParseError;
use crate::sip::message::{StartLine, display_text};

/// The longest start line, in octets without its CRLF.
pub const MAX_START_LINE: usize = 8 * 1024;
/// The most header lines, continuation lines included.
pub const MAX_FIELD_LINES: usize = 4096;
/// The longest head, in octets: start line, header fields and the empty line.
pub const MAX_HEAD: usize = 256 * 1024;

/// A parsed head. Spans count from the first octet of the start line.
#[derive(Debug, Clone)]
pub struct Head {
    /// The request or status line.
    pub start: StartLine,
    /// The header fields in the order received.
    pub fields: Vec<FieldSpan>,
    /// Octets up to and including the empty line: the body begins here.
    pub len: usize,
}

/// Where one header field stands in the head.
#[derive(Debug, Clone)]
pub struct FieldSpan {
    /// The name, a token.
    pub name: Range<usize>,
    /// The value as received, folding included, without white space around it.
    pub value: Range<usize>,
}

/// Parses the head that `bytes` begins with; what follows the empty line is not looked at.
///
/// # Errors
/// [`ParseError::HeadTruncated`] if the empty line is missing, else what is wrong with the head.
pub fn parse_head(bytes: &[u8]) -> Result<Head, ParseError> {
    let mut lines = Lines {
        bytes,
        pos: 0,
        number: 0,
    };
    let start = lines.next_line()?;
    if start.len() > MAX_START_LINE {
        return Err(ParseError::StartLineTooLong);
    }
    let start = parse_start_line(slice(bytes, &start))?;
    let mut fields: Vec<FieldSpan> = Vec::with_capacity(16);
    loop {
        let line = lines.next_line()?;
        if line.is_empty() {
            break;
        }
        if lines.number > MAX_FIELD_LINES + 1 {
            return Err(ParseError::TooManyFields);
        }
        let text = slice(bytes, &line);
        if matches!(text.first(), Some(b' ' | b'\t')) {
            let reason = "it continues a header field, but none stands before it";
            let field = fields.last_mut().ok_or(ParseError::Field {
                line: lines.number,
                reason,
            })?;
            field.value.end = line.end;
        } else {
            let name = field_name(text).map_err(|reason| ParseError::Field {
                line: lines.number,
                reason,
            })?;
            fields.push(FieldSpan {
                name: line.start..line.start + name.len,
                value: line.start + name.value_at..line.end,
            });
        }
    }
    for field in &mut fields {
        field.value = trim(bytes, &field.value);
    }
    Ok(Head {
        start,
        fields,
        len: lines.pos,
    })
}

/// Walks over CRLF-ended lines.
struct Lines<'a> {
    bytes: &'a [u8],
    pos: usize,
    number: usize,
}

impl Lines<'_> {
    /// The next line without its CRLF.
    fn next_line(&mut self) -> Result<Range<usize>, ParseError> {
        self.number += 1;
        let start = self.pos;
        let limit = self.bytes.len().min(MAX_HEAD);
        let rest = slice(self.bytes, &(start..limit));
        let Some(len) = rest.iter().position(|b| matches!(b, b'\r' | b'\n')) else {
            // A first line without end is most likely not SIP at all: say so rather than "truncated".
            return Err(match (self.number, limit) {
                (1, _) if rest.len() > MAX_START_LINE => ParseError::StartLineTooLong,
                (_, MAX_HEAD) => ParseError::HeadTooLarge,
                _ => ParseError::HeadTruncated,
            });
        };
        let end = start + len;
        match (self.bytes.get(end), self.bytes.get(end + 1)) {
            (Some(b'\r'), Some(b'\n')) if end + 2 <= MAX_HEAD => {
                self.pos = end + 2;
                Ok(start..end)
            }
            (Some(b'\r'), Some(b'\n')) => Err(ParseError::HeadTooLarge),
            (Some(b'\r'), None) => Err(ParseError::HeadTruncated),
            _ => Err(ParseError::BareLineEnd { line: self.number }),
        }
    }
}

/// A sub-slice by a span that came from the same octets; empty should it ever not fit.
pub(crate) fn slice<'a>(bytes: &'a [u8], span: &Range<usize>) -> &'a [u8] {
    bytes.get(span.clone()).unwrap_or_default()
}

fn trim(bytes: &[u8], span: &Range<usize>) -> Range<usize> {
    let is_space = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    let text = slice(bytes, span);
    let before = text.iter().take_while(|b| is_space(b)).count();
    let after = text
        .iter()
        .skip(before)
        .rev()
        .take_while(|b| is_space(b))
        .count();
    span.start + before..span.end - after
}

/// `token` of RFC 3261 section 25.1.
pub(crate) fn is_token_char(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b)
}

/// Whether the text is a `token`: one or more token characters.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&b| is_token_char(b))
}

struct FieldName {
    len: usize,
    value_at: usize,
}

/// `token *(SP / HTAB) ":"` at the start of a header line.
fn field_name(line: &[u8]) -> Result<FieldName, &'static str> {
    let colon = line
        .iter()
        .position(|&b| b == b':')
        .ok_or("it has no colon")?;
    let before = slice(line, &(0..colon));
    let len = before
        .iter()
        .rposition(|b| !matches!(b, b' ' | b'\t'))
        .map_or(0, |last| last + 1);
    if len == 0 {
        return Err("its name is empty");
    }
    if !is_token(slice(line, &(0..len))) {
        return Err("its name has a character that a name cannot have");
    }
    Ok(FieldName {
        len,
        value_at: colon + 1,
    })
}

fn parse_start_line(line: &[u8]) -> Result<StartLine, ParseError> {
    // A method is a token and cannot have a slash, so "SIP/" in front is unambiguous.
    if line
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
    {
        return parse_status_line(line);
    }
    let mut parts = line.split(|&b| b == b' ');
    let (Some(method), Some(uri), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(ParseError::StartLine(
            "a request line is method, URI and SIP/2.0 with one space between them",
        ));
    };
    if !is_token(method) {
        return Err(ParseError::StartLine(
            "the method has a character that a method cannot have",
        ));
    }
    if uri.is_empty() || !uri.iter().all(u8::is_ascii_graphic) {
        return Err(ParseError::StartLine(
            "the Request-URI has a character that must be escaped",
        ));
    }
    check_version(version)?;
    Ok(StartLine::Request {
        method: display_text(method),
        uri: display_text(uri),
    })
}

fn parse_status_line(line: &[u8]) -> Result<StartLine, ParseError> {
    let mut parts = line.splitn(3, |&b| b == b' ');
    let (Some(version), Some(code), Some(reason)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(ParseError::StartLine(
            "a status line is SIP/2.0, status code and reason with one space between them",
        ));
    };
    check_version(version)?;
    let is_code = code.len() == 3 && code.iter().all(u8::is_ascii_digit);
    let code = code.iter().fold(0_u16, |n, b| {
        n.saturating_mul(10)
            .saturating_add(u16::from(b.wrapping_sub(b'0')))
    });
    if !is_code || !(100..700).contains(&code) {
        return Err(ParseError::StartLine(
            "the status code is not a number from 100 to 699",
        ));
    }
    Ok(StartLine::Status {
        code,
        reason: display_text(reason),
    })
}

/// `SIP-Version`; case-insensitive (RFC 3261 section 7.1).
fn check_version(version: &[u8]) -> Result<(), ParseError> {
    if version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Ok(());
    }
    let is_number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let mut numbers = version.get(4..).unwrap_or_default().split(|&b| b == b'.');
    let is_version = version
        .get(..4)
        .is_some_and(|sip| sip.eq_ignore_ascii_case(b"SIP/"))
        && numbers.next().is_some_and(is_number)
        && numbers.next().is_some_and(is_number)
        && numbers.next().is_none();
    Err(if is_version {
        ParseError::Version(display_text(version))
    } else {
        ParseError::StartLine("it does not end in SIP/2.0")
    })
}

/// Long forms of the one-letter header names: RFC 3261 section 7.3.3 and the IANA registry.
const COMPACT_FORMS: [(u8, &str); 20] = [
    (b'a', "Accept-Contact"), // RFC 3841
    (b'b', "Referred-By"),    // RFC 3892
    (b'c', "Content-Type"),
    (b'd', "Request-Disposition"), // RFC 3841
    (b'e', "Content-Encoding"),
    (b'f', "From"),
    (b'i', "Call-ID"),
    (b'j', "Reject-Contact"), // RFC 3841
    (b'k', "Supported"),
    (b'l', "Content-Length"),
    (b'm', "Contact"),
    (b'n', "Identity-Info"), // RFC 4474
    (b'o', "Event"),         // RFC 3265, RFC 6665
    (b'r', "Refer-To"),      // RFC 3515
    (b's', "Subject"),
    (b't', "To"),
    (b'u', "Allow-Events"), // RFC 3265, RFC 6665
    (b'v', "Via"),
    (b'x', "Session-Expires"), // RFC 4028
    (b'y', "Identity"),        // RFC 4474, RFC 8224
];

/// The long form of a header name; a name that is no compact form is returned as it is.
#[must_use]
pub fn long_form(name: &str) -> &str {
    match name.as_bytes() {
        [letter] => {
            let letter = letter.to_ascii_lowercase();
            COMPACT_FORMS
                .iter()
                .find(|(compact, _)| *compact == letter)
                .map_or(name, |(_, long)| long)
        }
        _ => name,
    }
}

/// Reads Content-Length (RFC 3261 section 20.14) out of a parsed head; `None` if there is none.
///
/// # Errors
/// [`ParseError::Repeated`] for a second one, even an equal one (RFC 4475 section 3.3.9), and
/// [`ParseError::ContentLength`] for anything but a decimal number that fits.
pub fn content_length(bytes: &[u8], head: &Head) -> Result<Option<usize>, ParseError> {
    let is_length = |field: &&FieldSpan| {
        let name = slice(bytes, &field.name);
        name.eq_ignore_ascii_case(b"l") || name.eq_ignore_ascii_case(b"content-length")
    };
    let mut lengths = head.fields.iter().filter(is_length);
    let Some(first) = lengths.next() else {
        return Ok(None);
    };
    if lengths.next().is_some() {
        return Err(ParseError::Repeated("Content-Length"));
    }
    let digits = slice(bytes, &first.value);
    if digits.is_empty() {
        return Err(ParseError::ContentLength);
    }
    digits
        .iter()
        .try_fold(0_usize, |n, &b| {
            let digit = char::from(b)
                .to_digit(10)
                .and_then(|d| usize::try_from(d).ok())?;
            n.checked_mul(10)?.checked_add(digit)
        })
        .map(Some)
        .ok_or(ParseError::ContentLength)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> ParseError {
        parse_head(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn spans_are_exact() {
        let text = b"MESSAGE sip:a@b SIP/2.0\r\nf\t : <sip:x@y>\r\n ;tag=1 \r\nEmpty:\r\n\r\nbody";
        let head = parse_head(text).unwrap();
        assert_eq!(head.len, text.len() - 4);
        assert_eq!(
            head.start,
            StartLine::Request {
                method: "MESSAGE".into(),
                uri: "sip:a@b".into()
            }
        );
        assert_eq!(slice(text, &head.fields[0].name), b"f");
        assert_eq!(slice(text, &head.fields[0].value), b"<sip:x@y>\r\n ;tag=1");
        assert_eq!(slice(text, &head.fields[1].value), b"");
    }

    #[test]
    fn status_lines() {
        let head = parse_head(b"sip/2.0 100 \r\n\r\n").unwrap();
        assert_eq!(
            head.start,
            StartLine::Status {
                code: 100,
                reason: String::new()
            }
        );
        for bad in [
            "SIP/2.0 4294967301 x",
            "SIP/2.0 99 x",
            "SIP/2.0 700 x",
            "SIP/2.0 200",
            "SIP/2.0  200 OK",
        ] {
            assert!(
                matches!(error(&format!("{bad}\r\n\r\n")), ParseError::StartLine(_)),
                "{bad}"
            );
        }
    }

    #[test]
    fn start_lines_are_strict() {
        for bad in [
            "A  b SIP/2.0",
            "A b SIP/2.0 ",
            " A b SIP/2.0",
            "A b",
            "A b c SIP/2.0",
            "A/ b SIP/2.0",
            "A b HTTP/1.1",
            "A b SIP/x",
            "A \u{e9} SIP/2.0",
        ] {
            assert!(
                matches!(error(&format!("{bad}\r\n\r\n")), ParseError::StartLine(_)),
                "{bad}"
            );
        }
        assert_eq!(
            error("A b SIP/7.0\r\n\r\n"),
            ParseError::Version("SIP/7.0".into())
        );
        assert_eq!(error("SIP/3.0 200 OK\r\n\r\n").sip_status(), 505);
    }

    #[test]
    fn lone_line_ends_are_refused_with_their_line() {
        for (text, line) in [
            ("A b SIP/2.0\nX: y\r\n\r\n", 1),
            ("A b SIP/2.0\r\nX: y\nZ: w\r\n\r\n", 2),
            ("A b SIP/2.0\r\nX: y\r\nZ: w\rV: u\r\n\r\n", 3),
            ("A b SIP/2.0\r\nX: y\r\n\n", 3),
        ] {
            assert_eq!(error(text), ParseError::BareLineEnd { line }, "{text:?}");
        }
    }

    #[test]
    fn header_lines_are_checked() {
        for bad in ["no colon", ": no name", "b@d: x", " : x", "two words: x"] {
            assert!(
                matches!(
                    error(&format!("A b SIP/2.0\r\n{bad}\r\n\r\n")),
                    ParseError::Field { line: 2, .. }
                ),
                "{bad}"
            );
        }
        assert_eq!(error("A b SIP/2.0\r\nX: y\r\n"), ParseError::HeadTruncated);
        assert_eq!(error("A b SIP/2.0\r\nX: y\r"), ParseError::HeadTruncated);
    }

    #[test]
    fn limits() {
        assert_eq!(
            error(&"x".repeat(MAX_START_LINE + 1)),
            ParseError::StartLineTooLong
        );
        let many = |n: usize| format!("A b SIP/2.0\r\n{}\r\n", "X: y\r\n".repeat(n));
        assert!(parse_head(many(MAX_FIELD_LINES).as_bytes()).is_ok());
        assert_eq!(error(&many(MAX_FIELD_LINES + 1)), ParseError::TooManyFields);
        let start = "A b SIP/2.0\r\nX: ";
        let long = |n: usize| format!("{start}{}\r\n\r\n", "y".repeat(n - start.len() - 4));
        assert_eq!(parse_head(long(MAX_HEAD).as_bytes()).unwrap().len, MAX_HEAD);
        assert_eq!(error(&long(MAX_HEAD + 1)), ParseError::HeadTooLarge);
        assert_eq!(error(&long(MAX_HEAD * 2)).sip_status(), 513);
    }

    #[test]
    fn content_length_is_one_plain_number() {
        let read = |fields: &str| {
            let text = format!("A b SIP/2.0\r\n{fields}\r\n\r\n");
            content_length(text.as_bytes(), &parse_head(text.as_bytes()).unwrap())
        };
        assert_eq!(read("X: y"), Ok(None));
        assert_eq!(read("L:\r\n 0012"), Ok(Some(12)));
        assert_eq!(
            read("l: 5\r\nContent-Length: 5"),
            Err(ParseError::Repeated("Content-Length"))
        );
        for bad in [
            "",
            "-1",
            "+1",
            "5, 5",
            "1 2",
            "0x10",
            "99999999999999999999999",
        ] {
            assert_eq!(
                read(&format!("l: {bad}")),
                Err(ParseError::ContentLength),
                "{bad}"
            );
        }
    }

    #[test]
    fn compact_forms_have_long_forms() {
        assert_eq!(long_form("F"), "From");
        assert_eq!(long_form("r"), "Refer-To");
        assert_eq!(long_form("q"), "q");
        assert_eq!(long_form("X-Any"), "X-Any");
    }
}
