//! One SIP message: the octets received, and spans into them (RFC 3261 section 7).
//!
//! [`Message::raw`] is what the store keeps, exactly as received. Every other accessor is a view on it.
//! Values of header fields are read by [`crate::sip::header`] and its neighbours, the body by [`crate::mime`].

use std::borrow::Cow;

use bytes::Bytes;

use crate::sip::error::ParseError;
use crate::sip::parse::{FieldSpan, Head, content_length, long_form, parse_head, slice};

/// A SIP request or response as received.
#[derive(Debug, Clone)]
pub struct Message {
    raw: Bytes,
    start: StartLine,
    fields: Vec<FieldSpan>,
    head_len: usize,
}

/// The first line of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartLine {
    /// RFC 3261 section 7.1.
    Request {
        /// Case-sensitive.
        method: String,
        /// The Request-URI as received: visible ASCII, not checked further.
        uri: String,
    },
    /// RFC 3261 section 7.2.
    Status {
        /// From 100 to 699.
        code: u16,
        /// For people; may be empty.
        reason: String,
    },
}

/// One header field of a [`Message`].
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    name: &'a str,
    value: &'a [u8],
}

impl Message {
    /// Parses what a message-oriented transport delivered (a UDP datagram, an HTTP body).
    ///
    /// Empty lines in front are skipped (RFC 3261 section 7.5). Octets after the end that Content-Length
    /// gives are discarded; without Content-Length the body runs to the end (section 18.3).
    ///
    /// # Errors
    /// What is wrong with the message; [`ParseError::sip_status`] is the answer it deserves.
    pub fn parse(mut bytes: Bytes) -> Result<Self, ParseError> {
        while bytes.starts_with(b"\r\n") {
            bytes = bytes.slice(2..);
        }
        if bytes.is_empty() {
            return Err(ParseError::Empty);
        }
        let head = parse_head(&bytes)?;
        let present = bytes.len().saturating_sub(head.len);
        let body_len = match content_length(&bytes, &head)? {
            Some(declared) if declared > present => {
                return Err(ParseError::BodyTooShort { declared, present });
            }
            Some(declared) => declared,
            None => present,
        };
        bytes.truncate(head.len + body_len);
        Ok(Self::from_parts(head, bytes))
    }

    /// Joins a head with the octets it was parsed from, which end where the body ends.
    pub(crate) fn from_parts(head: Head, raw: Bytes) -> Self {
        Self {
            raw,
            start: head.start,
            fields: head.fields,
            head_len: head.len,
        }
    }

    /// The head alone of what cannot be used as a message, so that it can be refused; of another version of
    /// SIP, too, as far as it looks like ours. `None` if not even that can be read.
    #[must_use]
    pub fn parse_head_only(mut bytes: Bytes) -> Option<Self> {
        while bytes.starts_with(b"\r\n") {
            bytes = bytes.slice(2..);
        }
        let head = match parse_head(&bytes) {
            Err(ParseError::Version(_)) => {
                let line = bytes.windows(2).position(|pair| pair == b"\r\n")?;
                let version = bytes
                    .get(..line)?
                    .iter()
                    .rposition(|&octet| octet == b' ')?;
                bytes = [bytes.get(..version)?, b" SIP/2.0", bytes.get(line..)?]
                    .concat()
                    .into();
                parse_head(&bytes).ok()?
            }
            head => head.ok()?,
        };
        bytes.truncate(head.len);
        Some(Self::from_parts(head, bytes))
    }

    /// Exactly the message as received, from the start line to the last octet of the body.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The request or status line.
    #[must_use]
    pub fn start(&self) -> &StartLine {
        &self.start
    }

    /// The method of a request; `None` of a response.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        match &self.start {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Status { .. } => None,
        }
    }

    /// Octets of the head: start line, header fields, empty line.
    #[must_use]
    pub fn head_len(&self) -> usize {
        self.head_len
    }

    /// The body; shares memory with [`Message::raw`].
    #[must_use]
    pub fn body(&self) -> Bytes {
        // `head_len` never passes the end; `min` keeps that from being a panic if it ever did.
        self.raw.slice(self.head_len.min(self.raw.len())..)
    }

    /// The header fields in the order received.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.fields.iter().map(|span| Field {
            // A name is a token, hence ASCII.
            name: std::str::from_utf8(slice(&self.raw, &span.name)).unwrap_or_default(),
            value: slice(&self.raw, &span.value),
        })
    }

    /// All header fields of this name, in order. Case does not matter, nor which of long and compact form
    /// is given or was received.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = Field<'_>> {
        let wanted = long_form(name);
        self.fields()
            .filter(move |field| field.canonical_name().eq_ignore_ascii_case(wanted))
    }

    /// The first header field of this name, as [`Message::headers`].
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Field<'_>> {
        self.headers(name).next()
    }
}

impl<'a> Field<'a> {
    /// The name as received.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The name as received, or the long form of a compact one (`f` gives `From`). Compare it without regard
    /// to case.
    #[must_use]
    pub fn canonical_name(&self) -> &'a str {
        long_form(self.name)
    }

    /// The value as received, folding included, without the white space around it.
    #[must_use]
    pub fn raw_value(&self) -> &'a [u8] {
        self.value
    }

    /// The value with each fold (CRLF and the white space around it) made one space, which is what it means
    /// (RFC 3261 section 7.3.1).
    #[must_use]
    pub fn value(&self) -> Cow<'a, [u8]> {
        if !self.value.contains(&b'\n') {
            return Cow::Borrowed(self.value);
        }
        let mut unfolded: Vec<u8> = Vec::with_capacity(self.value.len());
        for line in self.value.split(|&b| b == b'\n') {
            let line = line.trim_ascii();
            if !unfolded.is_empty() && !line.is_empty() {
                unfolded.push(b' ');
            }
            unfolded.extend_from_slice(line);
        }
        Cow::Owned(unfolded)
    }

    /// The unfolded value for people and for text columns, see [`display_text`].
    #[must_use]
    pub fn text(&self) -> String {
        display_text(&self.value())
    }
}

/// Octets as text that a person can be shown and a database can hold: invalid UTF-8 and every control
/// character except the tab become U+FFFD. (`PostgreSQL` text cannot hold NUL.)
#[must_use]
pub fn display_text(octets: &[u8]) -> String {
    let replace = |c: char| {
        if c.is_control() && c != '\t' {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    String::from_utf8_lossy(octets)
        .chars()
        .map(replace)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const F1: &[u8] = b"MESSAGE sip:user2@domain.com SIP/2.0\r\n\
        Via: SIP/2.0/TCP user1pc.domain.com;branch=z9hG4bK776sgdkse\r\n\
        Max-Forwards: 70\r\n\
        From: sip:user1@domain.com;tag=49583\r\n\
        To: sip:user2@domain.com\r\n\
        Call-ID: asd88asd77a@1.2.3.4\r\n\
        CSeq: 1 MESSAGE\r\n\
        Content-Type: text/plain\r\n\
        Content-Length: 18\r\n\
        \r\n\
        Watson, come here.";

    fn parse(octets: &[u8]) -> Result<Message, ParseError> {
        Message::parse(Bytes::copy_from_slice(octets))
    }

    #[test]
    fn reads_the_example_of_rfc_3428_section_10() {
        let message = parse(F1).unwrap();
        assert_eq!(message.raw(), F1);
        assert_eq!(message.method(), Some("MESSAGE"));
        assert_eq!(message.fields().count(), 8);
        assert_eq!(
            message.header("t").unwrap().raw_value(),
            b"sip:user2@domain.com"
        );
        assert_eq!(&message.body()[..], b"Watson, come here.");
        assert_eq!(message.head_len(), F1.len() - 18);
    }

    #[test]
    fn raw_is_the_message_and_nothing_else() {
        let noisy = [b"\r\n\r\n", F1, b"INVITE noise"].concat();
        assert_eq!(parse(&noisy).unwrap().raw(), F1);
        let open = b"MESSAGE sip:a@b SIP/2.0\r\n\r\nall of it\r\n";
        assert_eq!(&parse(open).unwrap().body()[..], b"all of it\r\n");
    }

    #[test]
    fn a_short_body_is_reported_with_both_lengths() {
        let short = &F1[..F1.len() - 5];
        assert_eq!(
            parse(short).unwrap_err(),
            ParseError::BodyTooShort {
                declared: 18,
                present: 13
            }
        );
        assert_eq!(parse(b"\r\n\r\n").unwrap_err(), ParseError::Empty);
    }

    #[test]
    fn names_match_in_either_form_and_any_case() {
        let message = parse(b"A b SIP/2.0\r\ns: one\r\nSUBJECT: two\r\n\r\n").unwrap();
        assert_eq!(message.headers("subject").count(), 2);
        assert_eq!(
            message.headers("S").map(|f| f.text()).collect::<Vec<_>>(),
            ["one", "two"]
        );
        let first = message.header("Subject").unwrap();
        assert_eq!((first.name(), first.canonical_name()), ("s", "Subject"));
    }

    #[test]
    fn folds_are_one_space() {
        let message =
            parse(b"A b SIP/2.0\r\nX: a  b \t\r\n  \t c\r\n \r\n d\r\nY: \r\n z\r\n\r\n").unwrap();
        assert_eq!(message.header("x").unwrap().value().as_ref(), b"a  b c d");
        assert_eq!(
            message.header("x").unwrap().raw_value(),
            b"a  b \t\r\n  \t c\r\n \r\n d"
        );
        assert_eq!(message.header("y").unwrap().value().as_ref(), b"z");
    }

    #[test]
    fn text_for_display_has_no_control_characters() {
        assert_eq!(
            display_text(b"a\0b\x07\tc\x7f\xff\r\n"),
            "a\u{fffd}b\u{fffd}\tc\u{fffd}\u{fffd}\u{fffd}\u{fffd}"
        );
        assert_eq!(display_text("Größe".as_bytes()), "Größe");
    }

    proptest! {
        #[test]
        fn arbitrary_octets_never_panic(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&octets);
        }

        #[test]
        fn a_mutated_message_never_panics(edits in proptest::collection::vec((0..F1.len(), any::<u8>()), 1..6), cut in 0..F1.len()) {
            let mut octets = F1.to_vec();
            for (at, b) in edits {
                octets[at] = b;
            }
            for candidate in [&octets[..], &octets[..cut]] {
                if let Ok(message) = parse(candidate) {
                    prop_assert!(candidate.windows(message.raw().len()).any(|w| w == message.raw()));
                    for field in message.fields() {
                        let _ = (field.value(), field.text());
                    }
                    let _ = (message.basics(), message.content_type(), message.date(), message.asserted_identities());
                }
            }
        }
    }
}
