//! Frames out of a byte stream such as TCP or TLS (RFC 4975 sections 7.1 and 7.3.1).
//!
//! Sans-IO, like [`crate::sip::framer`]: [`Decoder::push`] what was read, take [`Event`]s from the iterator
//! until it gives `None`, read again. The content of a SEND is passed on as it comes, so that no chunk is ever
//! in memory as a whole; what is held back is at most a head, or the beginning of an end-line.

use bytes::{Buf, Bytes, BytesMut};

use crate::msrp::boundary::{EndLine, Found, HYPHENS};
use crate::msrp::code::Code;
use crate::msrp::fields::Continuation;
use crate::msrp::frame::{BadHead, Head, Method, Start, StartLineError, read_start_line};
use crate::msrp::ident::{Ident, MAX_IDENT};

/// The longest head, in octets: start line, header fields and empty line.
pub const MAX_HEAD: usize = 16 * 1024;
/// The longest start line, in octets.
pub const MAX_START_LINE: usize = 1024;
/// The longest body of anything but a SEND, in octets (RFC 4975 section 7.1).
pub const MAX_OTHER_BODY: u64 = 10_240;

/// Octets of the longest end-line.
const MAX_END_LINE: usize = HYPHENS.len() + MAX_IDENT + 3;

/// What a stream brings. After a [`Event::Head`] come [`Event::Body`] any number of times and [`Event::End`]
/// once.
#[derive(Debug, Clone)]
pub enum Event {
    /// A request or response begins.
    Head(Box<Head>),
    /// A request or response begins that cannot be understood. Its body is skipped and its end not reported;
    /// 400 is the answer, see [`crate::msrp::write::refuse_bad`].
    BadHead(Box<BadHead>),
    /// The next octets of the body; never empty.
    Body(Bytes),
    /// The request or response is whole.
    End(Continuation),
}

/// Why a stream cannot be read on. After any of these the place where the next frame begins is unknown:
/// close the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// A frame does not begin with a start line.
    #[error("a start line was expected: {0}")]
    StartLine(#[from] StartLineError),
    /// The start line is longer than [`MAX_START_LINE`].
    #[error("the start line is longer than {MAX_START_LINE} octets")]
    StartLineTooLong,
    /// The head is longer than [`MAX_HEAD`].
    #[error("the head of transaction {transaction} is longer than {MAX_HEAD} octets")]
    HeadTooLarge {
        /// Which one.
        transaction: Ident,
    },
    /// The body of something other than a SEND is longer than [`MAX_OTHER_BODY`].
    #[error(
        "the body of transaction {transaction}, which is no SEND, is longer than {MAX_OTHER_BODY} octets"
    )]
    BodyTooLarge {
        /// Which one.
        transaction: Ident,
    },
}

impl StreamError {
    /// The code of the answer it deserves, if one is possible: 400, as the frame is unintelligible. What does
    /// not even begin like MSRP deserves none.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::StartLine(StartLineError::NotMsrp) => None,
            _ => Some(Code::BadRequest),
        }
    }
}

/// Cuts one direction of one connection into events.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Before or inside a start line.
    Between,
    /// Inside the header fields.
    Fields(Opening),
    /// After a head.
    Body(Body),
    /// The frame has no body, and its end is still to be reported.
    Ended(Continuation),
    /// An error was reported; nothing more comes.
    Failed,
}

/// A head of which the start line has been read.
#[derive(Debug)]
struct Opening {
    transaction: Ident,
    start: Start,
    /// Octets of the start line with its line end.
    start_len: usize,
    /// Where the current line begins.
    line: usize,
    /// Octets that hold no end of the current line.
    scanned: usize,
    end_line: EndLine,
}

#[derive(Debug)]
struct Body {
    transaction: Ident,
    end_line: EndLine,
    /// Nothing of it has been passed on yet.
    at_start: bool,
    /// Octets it may still have; of a SEND `None`.
    left: Option<u64>,
    /// The head was bad: pass nothing on.
    skip: bool,
}

/// The outcome of one look at the buffer.
enum Step {
    Event(Event),
    /// Look again.
    Again,
    /// More octets are needed.
    Wait,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder for a fresh connection.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buffer: BytesMut::new(),
            state: State::Between,
        }
    }

    /// Takes the next octets of the stream. Octets after an error are dropped.
    pub fn push(&mut self, octets: &[u8]) {
        if !self.has_failed() {
            self.buffer.extend_from_slice(octets);
        }
    }

    /// Octets held back until more come.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Whether the stream is between two frames, so that nothing is lost if it ends here.
    #[must_use]
    pub fn is_between(&self) -> bool {
        matches!(self.state, State::Between) && self.buffer.is_empty()
    }

    /// Whether an error was reported, after which nothing more comes.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        matches!(self.state, State::Failed)
    }

    fn step(&mut self) -> Result<Step, StreamError> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Between => self.start_line(),
            State::Fields(opening) => self.fields(opening),
            State::Body(body) => self.body(body),
            State::Ended(flag) => {
                self.state = State::Between;
                Ok(Step::Event(Event::End(flag)))
            }
            State::Failed => Ok(Step::Wait),
        }
    }

    /// Reads the start line. Empty lines in front of it are skipped: they mean nothing in MSRP, but some
    /// send them to keep a connection open.
    fn start_line(&mut self) -> Result<Step, StreamError> {
        while self.buffer.starts_with(b"\r\n") {
            self.buffer.advance(2);
        }
        // What is no MSRP is noticed before its first line ends.
        let beginning = self.buffer.get(..5).unwrap_or(&self.buffer);
        if !b"MSRP ".starts_with(beginning) && *beginning != b"\r"[..] {
            return Err(StartLineError::NotMsrp.into());
        }
        let len = find_crlf(&self.buffer, 0);
        if len.unwrap_or(self.buffer.len().saturating_sub(1)) > MAX_START_LINE {
            return Err(StreamError::StartLineTooLong);
        }
        let Some(len) = len else {
            self.state = State::Between;
            return Ok(Step::Wait);
        };
        let line = self.buffer.get(..len).unwrap_or_default();
        let (transaction, start) = read_start_line(line)?;
        self.state = State::Fields(Opening {
            end_line: EndLine::new(&transaction),
            transaction,
            start,
            start_len: len + 2,
            line: len + 2,
            scanned: len + 2,
        });
        Ok(Step::Again)
    }

    /// Looks for the end of the head: the empty line before a body, or the end-line if there is no body.
    fn fields(&mut self, mut opening: Opening) -> Result<Step, StreamError> {
        while let Some(at) = find_crlf(&self.buffer, opening.scanned) {
            let line = self.buffer.get(opening.line..at).unwrap_or_default();
            let flag = opening.end_line.is_line(line);
            if line.is_empty() || flag.is_some() {
                let head_len = if flag.is_some() { opening.line } else { at + 2 };
                if head_len > MAX_HEAD {
                    return Err(too_large(opening.transaction));
                }
                let raw = self.buffer.split_to(head_len).freeze();
                if flag.is_some() {
                    self.buffer.advance(at + 2 - head_len);
                }
                return Ok(self.head(opening, raw, flag));
            }
            opening.line = at + 2;
            opening.scanned = at + 2;
        }
        if opening.line > MAX_HEAD || self.buffer.len() > MAX_HEAD + MAX_END_LINE {
            return Err(too_large(opening.transaction));
        }
        // The last octet may be the CR of a line end.
        opening.scanned = self.buffer.len().saturating_sub(1).max(opening.line);
        self.state = State::Fields(opening);
        Ok(Step::Wait)
    }

    /// A head is complete; `flag` is that of the end-line if there is no body.
    fn head(&mut self, opening: Opening, raw: Bytes, flag: Option<Continuation>) -> Step {
        let is_send = opening.start == Start::Request(Method::Send);
        let transaction = opening.transaction.clone();
        let head = Head::read(
            raw,
            opening.transaction,
            opening.start,
            opening.start_len,
            flag.is_none(),
        );
        self.state = match flag {
            Some(flag) if head.is_ok() => State::Ended(flag),
            Some(_) => State::Between,
            None => State::Body(Body {
                transaction,
                end_line: opening.end_line,
                at_start: true,
                left: (!is_send).then_some(MAX_OTHER_BODY),
                skip: head.is_err(),
            }),
        };
        Step::Event(match head {
            Ok(head) => Event::Head(Box::new(head)),
            Err(bad) => Event::BadHead(bad),
        })
    }

    fn body(&mut self, mut body: Body) -> Result<Step, StreamError> {
        let found = if body.at_start {
            body.end_line.at_start(&self.buffer)
        } else {
            None
        };
        let found = found.unwrap_or_else(|| body.end_line.find(&self.buffer));
        let (Found::Content { body: content } | Found::End { body: content, .. }) = found;
        if content > 0 {
            return self.content(body, content);
        }
        let Found::End { after, flag, .. } = found else {
            // Of a body that begins like an end-line, the beginning has to be looked at again.
            body.at_start &= self.buffer.is_empty() || self.buffer.starts_with(b"-");
            self.state = State::Body(body);
            return Ok(Step::Wait);
        };
        self.buffer.advance(after);
        self.state = State::Between;
        Ok(if body.skip {
            Step::Again
        } else {
            Step::Event(Event::End(flag))
        })
    }

    /// Passes on what certainly is content.
    fn content(&mut self, mut body: Body, octets: usize) -> Result<Step, StreamError> {
        let mut take = octets;
        if let Some(left) = &mut body.left {
            take = take.min(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= take as u64;
        }
        if take == 0 {
            return Err(StreamError::BodyTooLarge {
                transaction: body.transaction,
            });
        }
        let piece = self.buffer.split_to(take).freeze();
        body.at_start = false;
        let skip = body.skip;
        self.state = State::Body(body);
        Ok(if skip {
            Step::Again
        } else {
            Step::Event(Event::Body(piece))
        })
    }
}

/// `None` means that more octets are needed; after the next [`Decoder::push`] there may be events again.
impl Iterator for Decoder {
    type Item = Result<Event, StreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.step() {
                Ok(Step::Event(event)) => return Some(Ok(event)),
                Ok(Step::Again) => {}
                Ok(Step::Wait) => return None,
                Err(error) => {
                    self.buffer.clear();
                    return Some(Err(error));
                }
            }
        }
    }
}

/// The head of a frame alone, as [`Head::raw`] has it; `None` if it is none.
#[must_use]
pub fn read_head(raw: &[u8]) -> Option<Head> {
    let mut decoder = Decoder::new();
    decoder.push(raw);
    match decoder.next() {
        Some(Ok(Event::Head(head))) => Some(*head),
        _ => None,
    }
}

fn too_large(transaction: Ident) -> StreamError {
    StreamError::HeadTooLarge { transaction }
}

/// Where the next CRLF begins.
fn find_crlf(octets: &[u8], from: usize) -> Option<usize> {
    let rest = octets.get(from..)?;
    rest.windows(2)
        .position(|pair| pair == b"\r\n")
        .map(|at| from + at)
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
