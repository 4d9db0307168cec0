//! Messages out of a byte stream such as TCP or TLS (RFC 3261 sections 7.5 and 18.3, RFC 5626 section 3.5.1).
//!
//! Sans-IO: [`Framer::push`] what was read, take [`Frame`]s from the iterator until it gives `None`, read
//! again. Every octet is looked at a fixed number of times however the stream is cut, and a message that is
//! too long is refused from its Content-Length, before its body is buffered.

use bytes::{Buf, Bytes, BytesMut};

use crate::sip::error::ParseError;
use crate::sip::message::Message;
use crate::sip::parse::{Head, MAX_HEAD, MAX_START_LINE, content_length, parse_head};

/// What a stream brings.
#[derive(Debug, Clone)]
pub enum Frame {
    /// A whole message.
    Message(Message),
    /// A double CRLF between messages: a ping, to be answered with one CRLF (RFC 5626 section 4.4.1).
    KeepAlive,
}

/// Why a stream cannot be read on. After any of these the place where the next message begins is unknown:
/// answer if that is possible and close the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The head of a message is malformed.
    #[error(transparent)]
    Head(#[from] ParseError),
    /// On a stream nothing but Content-Length shows where a message ends.
    #[error("the message has no Content-Length, which TCP and TLS require (RFC 3261 section 18.3)")]
    NoContentLength,
    /// Head and body together are longer than this element takes.
    #[error("the message has {octets} octets, more than the {limit} allowed")]
    TooLarge {
        /// Octets of head and body.
        octets: usize,
        /// The limit given to [`Framer::new`].
        limit: usize,
    },
}

impl FrameError {
    /// The status code of the response, as [`ParseError::sip_status`].
    #[must_use]
    pub fn sip_status(&self) -> u16 {
        match self {
            Self::Head(error) => error.sip_status(),
            Self::NoContentLength => 400,
            Self::TooLarge { .. } => 413,
        }
    }
}

/// Cuts one direction of one connection into frames.
#[derive(Debug)]
pub struct Framer {
    buffer: BytesMut,
    max_message: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Before the first octet of a message.
    Between,
    /// Inside a head. `scanned` octets hold no end of it; `line` is where the current line starts.
    Head { scanned: usize, line: usize },
    /// The head is complete; the message is when the buffer holds `len` octets.
    Body { head: Box<Head>, len: usize },
    /// An error was reported; nothing more comes.
    Failed,
}

/// The end of a head, as far as the buffer shows it.
enum HeadEnd {
    /// After this many octets.
    At(usize),
    /// A lone CR or LF is within this many octets.
    Broken(usize),
    NotYet,
}

impl Framer {
    /// A framer for a fresh connection. `max_message` is in octets, head and body together.
    #[must_use]
    pub fn new(max_message: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            max_message,
            state: State::Between,
        }
    }

    /// Takes the next octets of the stream. Octets after an error are dropped.
    pub fn push(&mut self, octets: &[u8]) {
        if !matches!(self.state, State::Failed) {
            self.buffer.extend_from_slice(octets);
        }
    }

    /// Octets held back because the frame they belong to is not complete.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// What has not been made a frame of: after an error, the octets of the message that caused it.
    #[must_use]
    pub fn unread(&self) -> Bytes {
        Bytes::copy_from_slice(&self.buffer)
    }

    /// One step: a frame, or `None` if more octets are needed.
    fn step(&mut self) -> Result<Option<Frame>, FrameError> {
        if matches!(self.state, State::Between) {
            match self.start_message() {
                Some(Frame::KeepAlive) => return Ok(Some(Frame::KeepAlive)),
                _ if matches!(self.state, State::Between) => return Ok(None),
                _ => {}
            }
        }
        if let State::Head { scanned, line } = self.state {
            self.finish_head(scanned, line)?;
        }
        Ok(self.finish_body())
    }

    /// Skips empty lines in front of a message, two at a time being a keep-alive.
    fn start_message(&mut self) -> Option<Frame> {
        if self.buffer.starts_with(b"\r\n\r\n") {
            self.buffer.advance(4);
            return Some(Frame::KeepAlive);
        }
        // Up to here the buffer may still become a keep-alive.
        if b"\r\n\r".starts_with(&self.buffer) {
            return None;
        }
        if self.buffer.starts_with(b"\r\n") {
            self.buffer.advance(2);
        }
        self.state = State::Head {
            scanned: 0,
            line: 0,
        };
        None
    }

    fn finish_head(&mut self, scanned: usize, line: usize) -> Result<(), FrameError> {
        match self.head_end(scanned, line) {
            HeadEnd::At(len) => {
                let head = parse_head(self.buffer.get(..len).unwrap_or_default())?;
                let body =
                    content_length(&self.buffer, &head)?.ok_or(FrameError::NoContentLength)?;
                let octets = head.len.saturating_add(body);
                if octets > self.max_message {
                    return Err(FrameError::TooLarge {
                        octets,
                        limit: self.max_message,
                    });
                }
                self.state = State::Body {
                    head: Box::new(head),
                    len: octets,
                };
                Ok(())
            }
            // The parser finds the same fault and knows the number of the line.
            HeadEnd::Broken(len) => {
                parse_head(self.buffer.get(..len).unwrap_or_default())?;
                Err(ParseError::HeadTruncated.into())
            }
            HeadEnd::NotYet => Ok(()),
        }
    }

    /// Looks for the empty line from where the last look ended.
    fn head_end(&mut self, mut scanned: usize, mut line: usize) -> HeadEnd {
        while let Some(offset) = self
            .buffer
            .get(scanned..)
            .and_then(|rest| rest.iter().position(|b| matches!(b, b'\r' | b'\n')))
        {
            let at = scanned + offset;
            match (self.buffer.get(at), self.buffer.get(at + 1)) {
                (Some(b'\r'), Some(b'\n')) if at == line => return HeadEnd::At(at + 2),
                (Some(b'\r'), Some(b'\n')) => {
                    scanned = at + 2;
                    line = scanned;
                }
                (Some(b'\r'), None) => {
                    self.state = State::Head { scanned: at, line };
                    return HeadEnd::NotYet;
                }
                _ => return HeadEnd::Broken((at + 2).min(self.buffer.len())),
            }
        }
        self.state = State::Head {
            scanned: self.buffer.len(),
            line,
        };
        HeadEnd::NotYet
    }

    /// What an incomplete head has grown to, checked so that a peer cannot make us buffer without end.
    fn check_growth(&self) -> Result<(), FrameError> {
        match self.state {
            State::Head { line: 0, .. } if self.buffer.len() > MAX_START_LINE + 2 => {
                Err(ParseError::StartLineTooLong.into())
            }
            State::Head { .. } if self.buffer.len() >= MAX_HEAD => {
                Err(ParseError::HeadTooLarge.into())
            }
            State::Head { .. } if self.buffer.len() > self.max_message => {
                Err(FrameError::TooLarge {
                    octets: self.buffer.len(),
                    limit: self.max_message,
                })
            }
            _ => Ok(()),
        }
    }

    fn finish_body(&mut self) -> Option<Frame> {
        match std::mem::replace(&mut self.state, State::Between) {
            State::Body { head, len } if self.buffer.len() >= len => {
                let raw = self.buffer.split_to(len).freeze();
                Some(Frame::Message(Message::from_parts(*head, raw)))
            }
            unfinished => {
                self.state = unfinished;
                None
            }
        }
    }
}

/// `None` means that more octets are needed; after the next [`Framer::push`] there may be frames again.
impl Iterator for Framer {
    type Item = Result<Frame, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = match self.step() {
            Ok(None) => self.check_growth().map(|()| None),
            other => other,
        };
        if step.is_err() {
            self.state = State::Failed;
        }
        step.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: &[u8] =
        b"MESSAGE sip:b@x SIP/2.0\r\nFrom: <sip:a@x>\r\n ;tag=1\r\nl: 5\r\n\r\nHello";
    const TWO: &[u8] = b"SIP/2.0 202 Accepted\r\nContent-Length: 0\r\n\r\n";

    /// Frames of a stream that arrives in these chunks; `None` stands for a keep-alive.
    fn frames<'a>(
        chunks: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Vec<Option<Vec<u8>>>, FrameError> {
        let mut framer = Framer::new(1000);
        let mut found = Vec::new();
        for octets in chunks {
            framer.push(octets);
            for frame in framer.by_ref() {
                found.push(match frame? {
                    Frame::Message(message) => Some(message.raw().to_vec()),
                    Frame::KeepAlive => None,
                });
            }
        }
        Ok(found)
    }

    fn stream() -> Vec<u8> {
        [
            b"\r\n\r\n",
            ONE,
            TWO,
            b"\r\n",
            ONE,
            b"\r\n\r\n\r\n\r\n\r\n",
            TWO,
        ]
        .concat()
    }

    fn expected() -> Vec<Option<Vec<u8>>> {
        [None, Some(ONE), Some(TWO), Some(ONE), None, None, Some(TWO)]
            .map(|frame| frame.map(<[u8]>::to_vec))
            .to_vec()
    }

    #[test]
    fn the_same_frames_at_every_split() {
        let stream = stream();
        for at in 0..=stream.len() {
            let (left, right) = stream.split_at(at);
            assert_eq!(frames([left, right]).unwrap(), expected(), "split at {at}");
        }
        assert_eq!(frames(stream.chunks(1)).unwrap(), expected());
    }

    #[test]
    fn content_length_is_mandatory() {
        let error = frames([&b"MESSAGE sip:b@x SIP/2.0\r\n\r\n"[..]]).unwrap_err();
        assert_eq!(
            (error.sip_status(), error),
            (400, FrameError::NoContentLength)
        );
    }

    #[test]
    fn too_long_is_known_before_the_body_comes() {
        let error = frames([&b"MESSAGE sip:b@x SIP/2.0\r\nl: 999999\r\n\r\n"[..]]).unwrap_err();
        assert!(
            matches!(
                error,
                FrameError::TooLarge {
                    octets: 1_000_037..,
                    limit: 1000
                }
            ),
            "{error}"
        );
        assert_eq!(error.sip_status(), 413);
    }

    #[test]
    fn faults_are_reported_at_once() {
        let bare = frames([&b"MESSAGE sip:b@x SIP/2.0\r\nX: y\nZ"[..]]).unwrap_err();
        assert_eq!(bare, ParseError::BareLineEnd { line: 2 }.into());
        let garbage = vec![b'x'; MAX_START_LINE + 3];
        let mut framer = Framer::new(1 << 20);
        framer.push(&garbage);
        assert_eq!(
            framer.next().unwrap().unwrap_err(),
            ParseError::StartLineTooLong.into()
        );
        framer.push(ONE);
        assert!(framer.next().is_none());
        assert_eq!(
            framer.unread(),
            garbage,
            "what caused it can be answered, and nothing is added"
        );
    }

    #[test]
    fn an_endless_head_ends() {
        let mut framer = Framer::new(1 << 20);
        framer.push(b"MESSAGE sip:b@x SIP/2.0\r\nX: ");
        let error = (0..1000).find_map(|_| {
            framer.push(&[b'x'; 1000]);
            framer.next()
        });
        assert_eq!(error.unwrap().unwrap_err(), ParseError::HeadTooLarge.into());
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_frames(cuts in proptest::collection::vec(1_usize..40, 1..60)) {
            let stream = stream();
            let mut rest = &stream[..];
            let mut chunks = Vec::new();
            for cut in cuts {
                let (chunk, tail) = rest.split_at(cut.min(rest.len()));
                chunks.push(chunk);
                rest = tail;
            }
            chunks.push(rest);
            prop_assert_eq!(frames(chunks).unwrap(), expected());
        }

        #[test]
        fn arbitrary_octets_fail_alike_at_every_split(octets in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), any::<u8>()], 0..80), at in 0_usize..80) {
            let (left, right) = octets.split_at(at.min(octets.len()));
            prop_assert_eq!(frames([&octets[..]]), frames([left, right]));
        }
    }
}
