//! The head of a request or response: start line and header fields (RFC 4975 section 9).
//!
//! [`crate::msrp::stream`] finds heads in a stream; here they are read. The received octets are kept, because
//! the store keeps them (OMA SIMPLE IM 12.4.2.3). A head whose start line is sound but whose fields are not
//! becomes a [`BadHead`]: its end can still be found, so that it is answered and the connection lives on.

use std::ops::Range;

use bytes::Bytes;

use crate::msrp::fields::{ByteRange, FailureReport, Status, split_code};
use crate::msrp::ident::Ident;
use crate::msrp::uri::{Path, is_token};

/// The method of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Method {
    /// Content for the peer.
    Send,
    /// The fate of content sent; never answered.
    Report,
    /// Any other, such as AUTH of RFC 4976.
    Other(String),
}

/// The first line of a frame, without its transaction identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// `MSRP d93kswow SEND`
    Request(Method),
    /// `MSRP d93kswow 200 OK`
    Response {
        /// From 000 to 999.
        code: u16,
        /// For people; may be empty.
        comment: String,
    },
}

/// Why a start line is refused. Without one the end of the frame cannot be found either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartLineError {
    /// It does not begin with `MSRP` and a space.
    #[error("this is not MSRP")]
    NotMsrp,
    /// The transaction identifier is no [`Ident`].
    #[error("the transaction identifier is not valid")]
    Transaction,
    /// What follows the identifier is neither a method in capitals nor a code of three digits.
    #[error("the start line has neither a method nor a status code")]
    MethodOrCode,
    /// A control character, such as a lone CR.
    #[error("the start line has a control character")]
    ControlCharacter,
}

/// Why the header fields of a frame are refused: 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// A line without a name and a colon.
    #[error("header line {line} is not a valid header field")]
    Syntax {
        /// Counted from 1, the first line after the start line.
        line: usize,
    },
    /// A control character other than the tab, such as a lone CR or LF.
    #[error("header line {line} has a control character")]
    ControlCharacter {
        /// Counted from 1, the first line after the start line.
        line: usize,
    },
    /// A field that every frame must have is absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field that may be there once is there twice.
    #[error("{0} is there twice")]
    Twice(&'static str),
    /// A field has a value that is not valid.
    #[error("the value of {0} is not valid")]
    Value(&'static str),
}

/// A head that could be read.
#[derive(Debug, Clone)]
pub struct Head {
    raw: Bytes,
    spans: Vec<FieldSpan>,
    /// Ties a response to its request, and marks the end of the frame.
    pub transaction: Ident,
    /// Request or response.
    pub start: Start,
    /// Where the frame goes; at its end point it has one URI.
    pub to_path: Path,
    /// Where the frame came from, the previous hop first.
    pub from_path: Path,
    /// The message that the octets, or the report, belong to.
    pub message_id: Option<Ident>,
    /// Which part of the message this is.
    pub byte_range: Option<ByteRange>,
    /// Which answers are wanted; `Yes` if the field is absent.
    pub failure_report: FailureReport,
    /// Whether a report is wanted when the message has arrived; `false` if the field is absent.
    pub success_report: bool,
    /// The fate of a message; of a REPORT only.
    pub status: Option<Status>,
    /// The media type of the message, as received.
    pub content_type: Option<String>,
    /// Whether an empty line followed, so that there is a body, if perhaps one of no octets. A SEND without a
    /// body is no message (RFC 4975 section 7.1).
    pub has_body: bool,
}

/// A head with a sound start line and a fault after it. What could be read nevertheless is here, as far as
/// an answer needs it.
#[derive(Debug, Clone)]
pub struct BadHead {
    /// The octets received.
    pub raw: Bytes,
    /// As in [`Head`].
    pub transaction: Ident,
    /// As in [`Head`].
    pub start: Start,
    /// `None` if it is missing or not valid.
    pub to_path: Option<Path>,
    /// `None` if it is missing or not valid.
    pub from_path: Option<Path>,
    /// `Yes` if it could not be read.
    pub failure_report: FailureReport,
    /// What is wrong.
    pub error: FieldError,
}

#[derive(Debug, Clone)]
struct FieldSpan {
    name: Range<usize>,
    value: Range<usize>,
}

/// The typed fields while they are collected.
#[derive(Default)]
struct Fields {
    to_path: Option<Path>,
    from_path: Option<Path>,
    message_id: Option<Ident>,
    byte_range: Option<ByteRange>,
    failure_report: Option<FailureReport>,
    success_report: Option<bool>,
    status: Option<Status>,
    content_type: Option<String>,
}

impl Head {
    /// Exactly the head as received, from `MSRP` to the line end before the body or the end-line. The empty
    /// line before a body belongs to it.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// All header fields in the order received: name and value, without the white space around it.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.spans.iter().map(|span| {
            // A name is a token, hence ASCII.
            let name = std::str::from_utf8(slice(&self.raw, &span.name)).unwrap_or_default();
            (name, slice(&self.raw, &span.value))
        })
    }

    /// The value of the first field of this name, which is compared without regard to case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The method of a request.
    #[must_use]
    pub fn method(&self) -> Option<&Method> {
        match &self.start {
            Start::Request(method) => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// Reads the fields of a head whose start line, of `start_len` octets with its line end, has been read.
    pub(super) fn read(
        raw: Bytes,
        transaction: Ident,
        start: Start,
        start_len: usize,
        has_body: bool,
    ) -> Result<Self, Box<BadHead>> {
        let mut fields = Fields::default();
        let mut spans = Vec::new();
        let fault = read_fields(&raw, start_len, &mut fields, &mut spans).err();
        let error = match (fault, fields.to_path, fields.from_path) {
            (None, Some(to_path), Some(from_path)) => {
                return Ok(Self {
                    raw,
                    spans,
                    transaction,
                    start,
                    to_path,
                    from_path,
                    message_id: fields.message_id,
                    byte_range: fields.byte_range,
                    failure_report: fields.failure_report.unwrap_or_default(),
                    success_report: fields.success_report.unwrap_or_default(),
                    status: fields.status,
                    content_type: fields.content_type,
                    has_body,
                });
            }
            (Some(error), to_path, from_path) => (error, to_path, from_path),
            (None, None, from_path) => (FieldError::Missing("To-Path"), None, from_path),
            (None, to_path, None) => (FieldError::Missing("From-Path"), to_path, None),
        };
        let (error, to_path, from_path) = error;
        Err(Box::new(BadHead {
            raw,
            transaction,
            start,
            to_path,
            from_path,
            failure_report: fields.failure_report.unwrap_or_default(),
            error,
        }))
    }
}

/// Reads all lines after the start line. The first fault is reported, but the lines after it are read as
/// well, for they may say where an answer goes and whether one is wanted.
fn read_fields(
    raw: &Bytes,
    start_len: usize,
    fields: &mut Fields,
    spans: &mut Vec<FieldSpan>,
) -> Result<(), FieldError> {
    let mut fault = None;
    let mut at = start_len;
    let mut line = 0;
    while let Some(len) = line_len(raw.get(at..).unwrap_or_default()) {
        line += 1;
        if len > 0 {
            let outcome = read_field(raw, at..at + len, line).and_then(|span| {
                let name = slice(raw, &span.name);
                let value = slice(raw, &span.value);
                fields.take(name, value)?;
                spans.push(span);
                Ok(())
            });
            fault = fault.or(outcome.err());
        }
        at += len + 2;
    }
    fault.map_or(Ok(()), Err)
}

/// One line into the spans of name and value.
fn read_field(raw: &Bytes, line: Range<usize>, number: usize) -> Result<FieldSpan, FieldError> {
    let octets = slice(raw, &line);
    if has_control_character(octets) {
        return Err(FieldError::ControlCharacter { line: number });
    }
    let colon = octets
        .iter()
        .position(|&b| b == b':')
        .ok_or(FieldError::Syntax { line: number })?;
    let (name, value) = octets.split_at_checked(colon).unwrap_or_default();
    let begins_with_letter = name.first().is_some_and(u8::is_ascii_alphabetic);
    if !begins_with_letter || !std::str::from_utf8(name).is_ok_and(is_token) {
        return Err(FieldError::Syntax { line: number });
    }
    let value = value.get(1..).unwrap_or_default();
    let value_start = line.end - value.trim_ascii_start().len();
    Ok(FieldSpan {
        name: line.start..line.start + colon,
        value: value_start..value_start + value.trim_ascii().len(),
    })
}

impl Fields {
    /// Reads a field if it is one of those we know.
    fn take(&mut self, name: &[u8], value: &[u8]) -> Result<(), FieldError> {
        let text = |name| std::str::from_utf8(value).map_err(|_| FieldError::Value(name));
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("To-Path") {
            let path = Path::parse(text("To-Path")?).ok();
            set("To-Path", &mut self.to_path, path)
        } else if is("From-Path") {
            let path = Path::parse(text("From-Path")?).ok();
            set("From-Path", &mut self.from_path, path)
        } else if is("Message-ID") {
            set("Message-ID", &mut self.message_id, Ident::parse(value).ok())
        } else if is("Byte-Range") {
            let range = ByteRange::parse(text("Byte-Range")?);
            set("Byte-Range", &mut self.byte_range, range)
        } else if is("Failure-Report") {
            let wanted = FailureReport::parse(text("Failure-Report")?);
            set("Failure-Report", &mut self.failure_report, wanted)
        } else if is("Success-Report") {
            let wanted = match value {
                _ if value.eq_ignore_ascii_case(b"yes") => Some(true),
                _ if value.eq_ignore_ascii_case(b"no") => Some(false),
                _ => None,
            };
            set("Success-Report", &mut self.success_report, wanted)
        } else if is("Status") {
            set("Status", &mut self.status, Status::parse(text("Status")?))
        } else if is("Content-Type") {
            let value = text("Content-Type")?.to_owned();
            set("Content-Type", &mut self.content_type, Some(value))
        } else {
            Ok(())
        }
    }
}

fn set<T>(name: &'static str, field: &mut Option<T>, value: Option<T>) -> Result<(), FieldError> {
    if field.is_some() {
        return Err(FieldError::Twice(name));
    }
    *field = Some(value.ok_or(FieldError::Value(name))?);
    Ok(())
}

/// The transaction identifier and the rest of a start line, given without its line end.
pub(super) fn read_start_line(line: &[u8]) -> Result<(Ident, Start), StartLineError> {
    let rest = line.strip_prefix(b"MSRP ").ok_or(StartLineError::NotMsrp)?;
    if has_control_character(rest) {
        return Err(StartLineError::ControlCharacter);
    }
    let mut parts = rest.splitn(2, |&b| b == b' ');
    let transaction =
        Ident::parse(parts.next().unwrap_or_default()).map_err(|_| StartLineError::Transaction)?;
    let rest = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let start = if let Some((code, comment)) = split_code(&rest) {
        Start::Response {
            code,
            comment: comment.to_owned(),
        }
    } else {
        Start::Request(match rest.trim_ascii_end() {
            "SEND" => Method::Send,
            "REPORT" => Method::Report,
            other if !other.is_empty() && other.bytes().all(|b| b.is_ascii_uppercase()) => {
                Method::Other(other.to_owned())
            }
            _ => return Err(StartLineError::MethodOrCode),
        })
    };
    Ok((transaction, start))
}

fn has_control_character(octets: &[u8]) -> bool {
    octets.iter().any(|&b| b.is_ascii_control() && b != b'\t')
}

/// Octets before the next CRLF.
fn line_len(octets: &[u8]) -> Option<usize> {
    octets.windows(2).position(|pair| pair == b"\r\n")
}

fn slice<'a>(raw: &'a Bytes, span: &Range<usize>) -> &'a [u8] {
    raw.get(span.clone()).unwrap_or_default()
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
