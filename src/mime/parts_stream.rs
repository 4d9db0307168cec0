//! The parts of a multipart body that is too large for memory (RFC 2046 section 5.1), as it comes. Sans-IO:
//! [`Splitter::push`] what was read, take [`Event`]s until there are none, read again.
//!
//! Held back is at most a head, or the beginning of a delimiter. For bodies in memory there is `multipart`.

use bytes::{Buf as _, Bytes, BytesMut};
use mailparse::{MailHeaderMap as _, parse_content_disposition, parse_content_type};

/// The longest head of a part, in octets.
const MAX_HEAD: usize = 16 * 1024;
/// The longest line of white space after a delimiter, in octets.
const MAX_PADDING: usize = 256;
/// The longest boundary, in octets (RFC 2046 section 5.1.1).
const MAX_BOUNDARY: usize = 70;

/// What a body brings. After [`Event::Part`] come [`Event::Body`] any number of times and [`Event::End`] once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A part begins; its name, by Content-Disposition.
    Part(Option<String>),
    /// The next octets of the part; never empty.
    Body(Bytes),
    /// The part is whole.
    End,
}

/// Why a body cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// The Content-Type names no boundary, or one that is too long.
    #[error("the Content-Type has no usable boundary")]
    Boundary,
    /// The head of a part is too long or cannot be read.
    #[error("the head of a part cannot be read, or is longer than {MAX_HEAD} octets")]
    Head,
    /// A line begins like a delimiter and is none.
    #[error("a line begins with the boundary and goes on")]
    Delimiter,
    /// The body ended before its closing delimiter.
    #[error("the body ends before its closing delimiter")]
    Unclosed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first delimiter.
    Preamble,
    /// Behind the boundary of a delimiter.
    Delimiter,
    /// Inside the header fields of a part.
    Head,
    /// Inside a part.
    Body,
    /// After the closing delimiter.
    Closed,
}

/// Cuts a multipart body into its parts.
#[derive(Debug)]
pub struct Splitter {
    /// With the line end before it.
    delimiter: Vec<u8>,
    buffer: BytesMut,
    state: State,
}

impl Splitter {
    /// A splitter for a body of this Content-Type.
    ///
    /// # Errors
    /// [`SplitError::Boundary`].
    pub fn new(content_type: &str) -> Result<Self, SplitError> {
        let boundary = parse_content_type(content_type).params.remove("boundary");
        let boundary = boundary
            .filter(|boundary| (1..=MAX_BOUNDARY).contains(&boundary.len()))
            .ok_or(SplitError::Boundary)?;
        Ok(Self {
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            // The first delimiter may be the first line.
            buffer: BytesMut::from(&b"\r\n"[..]),
            state: State::Preamble,
        })
    }

    /// Takes the next octets of the body.
    pub fn push(&mut self, octets: &[u8]) {
        if self.state != State::Closed {
            self.buffer.extend_from_slice(octets);
        }
    }

    /// The next event; `None` if more octets are needed.
    ///
    /// # Errors
    /// [`SplitError`]; nothing more can be read then.
    pub fn next_event(&mut self) -> Result<Option<Event>, SplitError> {
        loop {
            match self.state {
                State::Closed => return Ok(None),
                State::Preamble | State::Body => {
                    let (content, found) = self.content();
                    if content > 0 {
                        let octets = self.buffer.split_to(content).freeze();
                        if self.state == State::Body {
                            return Ok(Some(Event::Body(octets)));
                        }
                    } else if found {
                        let in_part = self.state == State::Body;
                        self.buffer.advance(self.delimiter.len());
                        self.state = State::Delimiter;
                        if in_part {
                            return Ok(Some(Event::End));
                        }
                    } else {
                        return Ok(None);
                    }
                }
                State::Delimiter => {
                    if !self.delimiter_ends()? {
                        return Ok(None);
                    }
                }
                State::Head => return self.head(),
            }
        }
    }

    /// Says that no more octets come.
    ///
    /// # Errors
    /// [`SplitError::Unclosed`].
    pub fn finish(&self) -> Result<(), SplitError> {
        if self.state == State::Closed {
            Ok(())
        } else {
            Err(SplitError::Unclosed)
        }
    }

    /// How many octets at the beginning of the buffer are certainly content, and whether a delimiter follows them.
    fn content(&self) -> (usize, bool) {
        let mut from = 0;
        while let Some(rest) = self.buffer.get(from..) {
            let Some(at) = rest.iter().position(|&b| b == b'\r') else {
                break;
            };
            let candidate = rest.get(at..).unwrap_or_default();
            if candidate.starts_with(&self.delimiter) {
                return (from + at, true);
            }
            if self.delimiter.starts_with(candidate) {
                return (from + at, false);
            }
            from += at + 1;
        }
        (self.buffer.len(), false)
    }

    /// Reads what stands behind a boundary; says whether there was enough.
    fn delimiter_ends(&mut self) -> Result<bool, SplitError> {
        if self.buffer.starts_with(b"--") {
            self.state = State::Closed;
            self.buffer.clear();
            return Ok(true);
        }
        let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") else {
            let may_be = self.buffer.len() <= MAX_PADDING;
            return if may_be {
                Ok(false)
            } else {
                Err(SplitError::Delimiter)
            };
        };
        let padding = self.buffer.get(..end).unwrap_or_default();
        if !padding.iter().all(|b| b" \t".contains(b)) {
            return Err(SplitError::Delimiter);
        }
        // The line end stays: a part without header fields begins with an empty line.
        self.buffer.advance(end);
        self.state = State::Head;
        Ok(true)
    }

    /// Reads the head of a part, which begins with the end of the delimiter's line.
    fn head(&mut self) -> Result<Option<Event>, SplitError> {
        let end = self.buffer.windows(4).position(|four| four == b"\r\n\r\n");
        if end.unwrap_or(self.buffer.len()) > MAX_HEAD {
            return Err(SplitError::Head);
        }
        let Some(end) = end else {
            return Ok(None);
        };
        let head = self.buffer.split_to(end + 4);
        let fields = head.get(2..).unwrap_or_default();
        let (fields, _) = mailparse::parse_headers(fields).map_err(|_| SplitError::Head)?;
        let name = fields
            .get_first_value("Content-Disposition")
            .and_then(|value| parse_content_disposition(&value).params.remove("name"));
        self.state = State::Body;
        Ok(Some(Event::Part(name)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type NamedPart = (Option<String>, Vec<u8>);

    const TYPE: &str = "multipart/mixed; boundary=\"b-1\"";
    const BODY: &[u8] = b"preamble\r\n--b-1 \t\r\nContent-Disposition: attachment; name=\"invite\"\r\n\r\n\
        one\r\n--b-\r\n-\r\n--b-1\r\n\r\n\r\r\n--b-1\r\ncontent-disposition: x; name=ok\r\nX: y\r\n\r\n\r\n--b-1--\r\nepilogue";

    /// The names and contents of the parts of a body that is pushed in pieces.
    fn split(content_type: &str, pieces: &[&[u8]]) -> Result<Vec<NamedPart>, SplitError> {
        let mut splitter = Splitter::new(content_type)?;
        let mut parts: Vec<NamedPart> = Vec::new();
        let mut open = false;
        for piece in pieces {
            splitter.push(piece);
            while let Some(event) = splitter.next_event()? {
                match event {
                    Event::Part(name) => {
                        assert!(!open);
                        open = true;
                        parts.push((name, Vec::new()));
                    }
                    Event::Body(octets) => {
                        assert!(open && !octets.is_empty());
                        parts.last_mut().unwrap().1.extend_from_slice(&octets);
                    }
                    Event::End => {
                        assert!(open);
                        open = false;
                    }
                }
            }
        }
        splitter.finish()?;
        Ok(parts)
    }

    fn expected() -> Vec<NamedPart> {
        vec![
            (Some("invite".into()), b"one\r\n--b-\r\n-".to_vec()),
            (None, b"\r".to_vec()),
            (Some("ok".into()), Vec::new()),
        ]
    }

    #[test]
    fn parts_are_what_stands_between_delimiters() {
        assert_eq!(split(TYPE, &[BODY]).unwrap(), expected());
    }

    #[test]
    fn a_delimiter_may_be_the_first_line() {
        let parts = split(TYPE, &[b"--b-1\r\n\r\nx\r\n--b-1--"]).unwrap();
        assert_eq!(parts, [(None, b"x".to_vec())]);
    }

    #[test]
    fn what_is_no_multipart_is_refused() {
        assert_eq!(split("multipart/mixed", &[]), Err(SplitError::Boundary));
        let long = format!("multipart/mixed;boundary={}", "b".repeat(71));
        assert_eq!(split(&long, &[]), Err(SplitError::Boundary));
        for (body, error) in [
            ("", SplitError::Unclosed),
            ("nothing", SplitError::Unclosed),
            ("--b-1\r\n\r\nx", SplitError::Unclosed),
            ("--b-1x\r\n", SplitError::Delimiter),
        ] {
            assert_eq!(split(TYPE, &[body.as_bytes()]), Err(error), "{body}");
        }
        let endless = [b"--b-1\r\nX: ".to_vec(), vec![b'x'; MAX_HEAD]].concat();
        assert_eq!(split(TYPE, &[&endless]), Err(SplitError::Head));
        let padded = [b"--b-1".to_vec(), vec![b' '; MAX_PADDING + 1]].concat();
        assert_eq!(split(TYPE, &[&padded]), Err(SplitError::Delimiter));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_body_comes(cuts in proptest::collection::vec(0..BODY.len(), 0..20)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let mut pieces: Vec<&[u8]> = Vec::new();
            let mut at = 0;
            for cut in cuts {
                pieces.push(&BODY[at..cut]);
                at = cut;
            }
            pieces.push(&BODY[at..]);
            prop_assert_eq!(split(TYPE, &pieces).unwrap(), expected());
        }

        #[test]
        fn arbitrary_octets_never_panic(octets in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'b'), Just(b'1'), any::<u8>()], 0..200)) {
            let _ = split(TYPE, &[b"--b-1\r\n", &octets]);
        }
    }
}
