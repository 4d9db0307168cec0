//! Writing requests and responses (RFC 4975 sections 7.1 and 7.2).
//!
//! A SEND is written as a head and an end-line, so that content can be streamed between them. Everything that
//! goes into a head is typed or checked, so no value can add header fields.

use std::fmt::Write as _;

use bytes::Bytes;

use crate::msrp::accept::media_type;
use crate::msrp::code::Code;
use crate::msrp::fields::{ByteRange, Continuation, FailureReport};
use crate::msrp::frame::{BadHead, Head, Method, Start};
use crate::msrp::ident::Ident;
use crate::msrp::uri::{Path, Uri, is_token};

/// Why a SEND cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The media type is no `type/subtype`, or has a control character.
    #[error("\"{0}\" is not a media type")]
    ContentType(String),
    /// A further field has a name that is no token or that is written here, or a value with a control
    /// character.
    #[error("the header field {0} cannot be written")]
    Field(String),
}

/// The head of a SEND with content, complete but for the content.
#[derive(Debug, Clone, Copy)]
pub struct SendHead<'a> {
    /// Must not occur in the content, see [`crate::msrp::boundary::occurs_in`].
    pub transaction: &'a Ident,
    /// The peer's path.
    pub to: &'a Path,
    /// Our URI in the session.
    pub from: &'a Uri,
    /// The same in all chunks of a message.
    pub message_id: &'a Ident,
    /// Without an end if the chunk has more than 2048 octets, for then it must be interruptible.
    pub byte_range: ByteRange,
    /// The same in all chunks of a message.
    pub failure_report: FailureReport,
    /// The same in all chunks of a message.
    pub success_report: bool,
    /// Other MIME fields, such as Content-Disposition.
    pub mime_fields: &'a [(String, String)],
    /// The media type of the message.
    pub content_type: &'a str,
}

impl SendHead<'_> {
    /// The octets up to the first one of the content.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn write(&self) -> Result<Bytes, WriteError> {
        let content_type = self.content_type;
        if media_type(content_type).is_none() || has_control_character(content_type) {
            return Err(WriteError::ContentType(content_type.to_owned()));
        }
        let mut head = start(self.transaction, "SEND", self.to, self.from);
        line(&mut head, "Message-ID", self.message_id);
        line(&mut head, "Byte-Range", self.byte_range);
        if self.success_report {
            line(&mut head, "Success-Report", "yes");
        }
        if self.failure_report != FailureReport::default() {
            line(&mut head, "Failure-Report", self.failure_report);
        }
        for (name, value) in self.mime_fields {
            let is_mime = name.len() > 8
                && name
                    .get(..8)
                    .is_some_and(|start| start.eq_ignore_ascii_case("Content-"));
            if !is_mime
                || name.eq_ignore_ascii_case("Content-Type")
                || !is_token(name)
                || has_control_character(value)
            {
                return Err(WriteError::Field(name.clone()));
            }
            line(&mut head, name, value);
        }
        line(&mut head, "Content-Type", content_type);
        head.push_str("\r\n");
        Ok(head.into())
    }
}

/// What follows the content of a chunk: the line end that is not content, and the end-line.
#[must_use]
pub fn end_of_chunk(transaction: &Ident, flag: Continuation) -> Bytes {
    let mut end = String::from("\r\n");
    end_line(&mut end, transaction, flag);
    end.into()
}

/// A SEND without content: it binds the connection to the session (RFC 4975 section 5.4) and keeps it open,
/// but is no message.
#[must_use]
pub fn bodiless_send(transaction: &Ident, to: &Path, from: &Uri, message_id: &Ident) -> Bytes {
    let mut head = start(transaction, "SEND", to, from);
    line(&mut head, "Message-ID", message_id);
    line(&mut head, "Byte-Range", ByteRange::whole(0));
    end_line(&mut head, transaction, Continuation::Complete);
    head.into()
}

/// A REPORT on a message, or on a part of it (RFC 4975 sections 7.1.2 to 7.1.4). `to` is the whole From-Path of
/// the SEND: reports go back to its sender, not to the previous hop alone.
#[must_use]
pub fn report(
    transaction: &Ident,
    to: &Path,
    from: &Uri,
    message_id: &Ident,
    byte_range: ByteRange,
    code: Code,
) -> Bytes {
    let mut head = start(transaction, "REPORT", to, from);
    line(&mut head, "Message-ID", message_id);
    line(&mut head, "Byte-Range", byte_range);
    line(&mut head, "Status", format_args!("000 {code}"));
    end_line(&mut head, transaction, Continuation::Complete);
    head.into()
}

/// The response to a request, `from` being our URI in the session. `None` if it must not be answered: it is a
/// REPORT, or a response, or its Failure-Report does not want this code (RFC 4975 section 7.2).
#[must_use]
pub fn respond(request: &Head, from: &Uri, code: Code) -> Option<Bytes> {
    let wanted = request.failure_report.wants(code);
    answer(
        &request.transaction,
        &request.start,
        &request.from_path,
        from,
        code,
    )
    .filter(|_| wanted)
}

/// The response to a request that belongs to no session here, or to one that cannot take it: 481 or 506. It
/// comes from the URI that was asked for.
#[must_use]
pub fn refuse(request: &Head, code: Code) -> Option<Bytes> {
    respond(request, request.to_path.first(), code)
}

/// The response to a request that cannot be understood: 400, if the request says where it came from.
#[must_use]
pub fn refuse_bad(bad: &BadHead) -> Option<Bytes> {
    let back = bad.from_path.as_ref()?;
    let from = bad.to_path.as_ref()?.first();
    let code = Code::BadRequest;
    let wanted = bad.failure_report.wants(code);
    answer(&bad.transaction, &bad.start, back, from, code).filter(|_| wanted)
}

/// A response. That to a SEND goes to the previous hop only, that to anything else back to the sender.
fn answer(
    transaction: &Ident,
    request: &Start,
    back: &Path,
    from: &Uri,
    code: Code,
) -> Option<Bytes> {
    let previous_hop;
    let to = match request {
        Start::Response { .. } | Start::Request(Method::Report) => return None,
        Start::Request(Method::Send) => {
            previous_hop = Path::from(back.first().clone());
            &previous_hop
        }
        Start::Request(Method::Other(_)) => back,
    };
    let mut head = start(transaction, &code.to_string(), to, from);
    end_line(&mut head, transaction, Continuation::Complete);
    Some(head.into())
}

fn start(transaction: &Ident, what: &str, to: &Path, from: &Uri) -> String {
    let mut head = format!("MSRP {transaction} {what}\r\n");
    line(&mut head, "To-Path", to);
    line(&mut head, "From-Path", from);
    head
}

fn line(head: &mut String, name: &str, value: impl std::fmt::Display) {
    // Writing to a string does not fail.
    let _ = write!(head, "{name}: {value}\r\n");
}

fn end_line(head: &mut String, transaction: &Ident, flag: Continuation) {
    let _ = write!(head, "-------{transaction}{}\r\n", flag.as_char());
}

fn has_control_character(value: &str) -> bool {
    value.bytes().any(|b| b.is_ascii_control() && b != b'\t')
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
