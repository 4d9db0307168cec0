//! One level of MIME: an entity into header fields and body (RFC 2045 section 3), a multipart body into its
//! entities (RFC 2046 section 5.1.1).
//!
//! Spans count from the first octet of the whole body, so that nothing is copied on the way down.
//! [`crate::mime::content`] does the descent, with its limits.

use std::ops::Range;

use mailparse::MailHeaderMap as _;

use crate::sip::Message;

/// The longest head of a body part, in octets. A longer one makes the part opaque.
const MAX_PART_HEAD: usize = 64 * 1024;

/// The header fields that say how to read a body, as received. `Default` is an entity that says nothing.
#[derive(Debug, Clone, Default)]
pub struct EntityHead {
    /// Content-Type.
    pub content_type: Option<String>,
    /// Content-Disposition.
    pub disposition: Option<String>,
    /// Content-Transfer-Encoding (RFC 2045 section 6); SIP itself has none for the whole body.
    pub transfer_encoding: Option<String>,
    /// Content-Encoding of SIP (RFC 3261 section 20.12), such as gzip.
    pub content_encoding: Option<String>,
    /// Content-ID.
    pub content_id: Option<String>,
}

impl EntityHead {
    /// The fields of a SIP message.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        let text = |name: &str| message.header(name).map(|field| field.text());
        Self {
            content_type: text("Content-Type"),
            disposition: text("Content-Disposition"),
            transfer_encoding: text("Content-Transfer-Encoding"),
            content_encoding: text("Content-Encoding"),
            content_id: text("Content-ID"),
        }
    }

    /// Whether the body has to be decoded before it can be looked into.
    pub(super) fn is_encoded(&self) -> bool {
        let identity = ["", "identity", "7bit", "8bit", "binary"];
        let plain = |value: &Option<String>| {
            value.as_deref().is_none_or(|value| {
                identity
                    .iter()
                    .any(|name| value.trim().eq_ignore_ascii_case(name))
            })
        };
        !plain(&self.transfer_encoding) || !plain(&self.content_encoding)
    }
}

/// Splits an entity at its first empty line. `None` if that is missing, too far away, or the head is garbage.
pub(super) fn read_entity(
    whole: &[u8],
    entity: Range<usize>,
) -> Option<(EntityHead, Range<usize>)> {
    let octets = whole.get(entity.clone())?;
    let head_len = head_len(octets)?;
    let (headers, _) = mailparse::parse_headers(octets.get(..head_len)?).ok()?;
    let text = |name: &str| headers.get_first_value(name);
    let head = EntityHead {
        content_type: text("Content-Type"),
        disposition: text("Content-Disposition"),
        transfer_encoding: text("Content-Transfer-Encoding"),
        content_encoding: text("Content-Encoding"),
        content_id: text("Content-ID"),
    };
    Some((head, entity.start + head_len..entity.end))
}

/// Octets up to and including the first empty line.
fn head_len(octets: &[u8]) -> Option<usize> {
    let mut pos = 0;
    loop {
        let limit = octets.len().min(MAX_PART_HEAD);
        let len = octets.get(pos..limit)?.iter().position(|&b| b == b'\n')?;
        let is_empty = matches!(octets.get(pos..pos + len)?, b"" | b"\r");
        pos += len + 1;
        if is_empty {
            return Some(pos);
        }
    }
}

/// The entities of a multipart body: what stands between the delimiter lines. Preamble and epilogue are
/// left out; without a closing delimiter the last entity runs to the end.
pub(super) struct Entities<'a> {
    whole: &'a [u8],
    delimiter: String,
    /// Where the next entity begins; `None` after the last one.
    next: Option<usize>,
    end: usize,
}

impl<'a> Entities<'a> {
    /// `None` if the body has no delimiter line, so that it is no multipart body at all.
    pub(super) fn new(whole: &'a [u8], body: Range<usize>, boundary: &str) -> Option<Self> {
        let mut entities = Self {
            whole,
            delimiter: format!("--{boundary}"),
            next: None,
            end: body.end,
        };
        let first = entities.find_delimiter(body.start)?;
        entities.next = (!first.closing).then_some(first.after);
        Some(entities)
    }

    fn find_delimiter(&self, from: usize) -> Option<Delimiter> {
        let mut line_start = from;
        while line_start < self.end {
            let rest = self.whole.get(line_start..self.end)?;
            let len = rest
                .iter()
                .position(|&b| b == b'\n')
                .map_or(rest.len(), |lf| lf + 1);
            if let Some(closing) = rest.get(..len).and_then(|line| self.match_delimiter(line)) {
                return Some(Delimiter {
                    start: self.without_line_end(from, line_start),
                    after: line_start + len,
                    closing,
                });
            }
            line_start += len;
        }
        None
    }

    /// Whether the line is the delimiter, and then whether it is the closing one. White space may follow.
    fn match_delimiter(&self, line: &[u8]) -> Option<bool> {
        let tail = line.strip_prefix(self.delimiter.as_bytes())?;
        match tail.trim_ascii_end() {
            b"" => Some(false),
            b"--" => Some(true),
            _ => None,
        }
    }

    /// The line end before a delimiter line belongs to the delimiter.
    fn without_line_end(&self, from: usize, line_start: usize) -> usize {
        let before = self.whole.get(from..line_start).unwrap_or_default();
        let before = before.strip_suffix(b"\n").unwrap_or(before);
        from + before.strip_suffix(b"\r").unwrap_or(before).len()
    }
}

struct Delimiter {
    start: usize,
    after: usize,
    closing: bool,
}

impl Iterator for Entities<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.next.take()?;
        let Some(delimiter) = self.find_delimiter(start) else {
            return (start < self.end).then_some(start..self.end);
        };
        self.next = (!delimiter.closing).then_some(delimiter.after);
        Some(start..delimiter.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split<'a>(body: &'a str, boundary: &str) -> Option<Vec<&'a str>> {
        let entities = Entities::new(body.as_bytes(), 0..body.len(), boundary)?;
        Some(entities.map(|span| &body[span]).collect())
    }

    #[test]
    fn splits_the_example_of_rfc_2046_section_5_1_1() {
        let body = "This is the preamble.\r\n--simple boundary\r\n\r\nNo final line end.\r\n\
            --simple boundary \t\r\nContent-type: text/plain\r\n\r\nFinal line end.\r\n\r\n--simple boundary--\r\n\r\nEpilogue.";
        let parts = split(body, "simple boundary").unwrap();
        assert_eq!(
            parts,
            [
                "\r\nNo final line end.",
                "Content-type: text/plain\r\n\r\nFinal line end.\r\n"
            ]
        );
    }

    #[test]
    fn a_longer_boundary_is_another_boundary() {
        assert_eq!(
            split("--b\r\n\r\n--b1\r\nx\r\n--b--", "b").unwrap(),
            ["\r\n--b1\r\nx"]
        );
        assert_eq!(
            split("--b\n\nunix\n--b\n--b--\n", "b").unwrap(),
            ["\nunix", ""]
        );
    }

    #[test]
    fn missing_delimiters() {
        assert_eq!(split("no delimiter", "b"), None);
        assert_eq!(split("--b--", "b").unwrap(), [""; 0]);
        assert_eq!(
            split("--b\r\n\r\nopen end\r\n", "b").unwrap(),
            ["\r\nopen end\r\n"]
        );
    }

    #[test]
    fn entities_have_a_head() {
        let entity = b"..Content-Type: text/html\r\nContent-ID: <a@b>\r\n\r\nbody";
        let (head, body) = read_entity(entity, 2..entity.len()).unwrap();
        assert_eq!(
            (head.content_type.as_deref(), &entity[body]),
            (Some("text/html"), &b"body"[..])
        );
        assert!(read_entity(b"no empty line", 0..13).is_none());
        let (head, body) = read_entity(b"\r\nbody", 0..6).unwrap();
        assert!(head.content_type.is_none() && body == (2..6));
    }
}
