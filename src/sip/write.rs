//! Writing SIP messages (RFC 3261 section 7), for the command-line sender, for responses and for tests.
//!
//! Names and values with CR, LF or NUL are refused, so that no value taken from a user or from another
//! message can add header fields. Content-Length is written here and nowhere else.

use bytes::{BufMut, Bytes, BytesMut};

use crate::sip::message::Field;
use crate::sip::parse::{is_token, long_form};

/// Why a message cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The method is not a token.
    #[error("\"{0}\" is not a SIP method")]
    Method(String),
    /// The Request-URI is empty or has white space, control characters or characters beyond ASCII.
    #[error("the Request-URI has a character that must be escaped")]
    Uri,
    /// The status code is not from 100 to 699.
    #[error("{0} is not a SIP status code")]
    Status(u16),
    /// The header name is not a token.
    #[error("\"{0}\" is not a SIP header name")]
    Name(String),
    /// A header value or reason phrase has CR, LF or NUL.
    #[error("the value of {0} has a line end or a NUL")]
    Value(String),
    /// Content-Length is computed from the body.
    #[error("Content-Length is written by the server and cannot be set")]
    ContentLength,
    /// A CANCEL, an ACK where we sent no INVITE, or any request once the sequence numbers are used up.
    #[error("{0} cannot be sent in this dialog")]
    NotInDialog(String),
}

/// Collects a message line by line; [`MessageWriter::finish`] adds Content-Length and the body.
#[derive(Debug, Clone)]
pub struct MessageWriter {
    head: BytesMut,
}

impl MessageWriter {
    /// Begins a request.
    ///
    /// # Errors
    /// [`WriteError::Method`], [`WriteError::Uri`].
    pub fn request(method: &str, uri: &str) -> Result<Self, WriteError> {
        if !is_token(method.as_bytes()) {
            return Err(WriteError::Method(method.to_owned()));
        }
        if uri.is_empty() || !uri.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(WriteError::Uri);
        }
        Ok(Self::start(&[method, " ", uri, " SIP/2.0"]))
    }

    /// Begins a response.
    ///
    /// # Errors
    /// [`WriteError::Status`], [`WriteError::Value`].
    pub fn response(code: u16, reason: &str) -> Result<Self, WriteError> {
        if !(100..700).contains(&code) {
            return Err(WriteError::Status(code));
        }
        check_value("the reason phrase", reason.as_bytes())?;
        Ok(Self::start(&["SIP/2.0 ", &code.to_string(), " ", reason]))
    }

    /// Adds a header field.
    ///
    /// # Errors
    /// [`WriteError::Name`], [`WriteError::Value`], [`WriteError::ContentLength`].
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, WriteError> {
        if !is_token(name.as_bytes()) {
            return Err(WriteError::Name(name.to_owned()));
        }
        if long_form(name).eq_ignore_ascii_case("Content-Length") {
            return Err(WriteError::ContentLength);
        }
        check_value(name, value.as_ref())?;
        self.line(&[name.as_bytes(), b": ", value.as_ref()]);
        Ok(self)
    }

    /// Adds a header field of a received message as it is, under its long name and unfolded. It cannot
    /// fail: the parser has split the message at its line ends, so none is left in the value. A NUL or other
    /// odd octet is kept, because the value has to come back equal (RFC 3261 section 8.2.6.2, RFC 4475
    /// section 3.1.1.2).
    #[must_use]
    pub(crate) fn copied(self, field: &Field<'_>) -> Self {
        self.copied_value(field.canonical_name(), &field.value())
    }

    /// Adds a header field whose value was made from a received one by adding to it. Not for values from
    /// anywhere else: only line ends are looked at, and they become spaces.
    #[must_use]
    pub(crate) fn copied_value(mut self, name: &str, value: &[u8]) -> Self {
        let value: Vec<u8> = value
            .iter()
            .map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b })
            .collect();
        self.line(&[name.as_bytes(), b": ", &value]);
        self
    }

    /// Ends the message with its Content-Length and body.
    #[must_use]
    pub fn finish(mut self, body: &[u8]) -> Bytes {
        self.line(&[b"Content-Length: ", body.len().to_string().as_bytes()]);
        self.line(&[]);
        self.head.put_slice(body);
        self.head.freeze()
    }

    fn start(parts: &[&str]) -> Self {
        let mut writer = Self {
            head: BytesMut::with_capacity(512),
        };
        writer.line(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>());
        writer
    }

    fn line(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.head.put_slice(part);
        }
        self.head.put_slice(b"\r\n");
    }
}

fn check_value(name: &str, value: &[u8]) -> Result<(), WriteError> {
    if value.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
        return Err(WriteError::Value(name.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::Message;
    use proptest::prelude::*;

    #[test]
    fn writes_a_message() {
        let written = MessageWriter::request("MESSAGE", "sip:b@x")
            .unwrap()
            .header("Subject", "é")
            .unwrap()
            .finish(b"Hi");
        assert_eq!(
            written,
            "MESSAGE sip:b@x SIP/2.0\r\nSubject: é\r\nContent-Length: 2\r\n\r\nHi".as_bytes()
        );
        let answer = MessageWriter::response(202, "Accepted")
            .unwrap()
            .finish(b"");
        assert_eq!(
            answer,
            &b"SIP/2.0 202 Accepted\r\nContent-Length: 0\r\n\r\n"[..]
        );
    }

    #[test]
    fn refuses_injection() {
        let writer = || MessageWriter::request("MESSAGE", "sip:b@x").unwrap();
        assert_eq!(
            writer().header("Subject", "x\r\nRoute: y").unwrap_err(),
            WriteError::Value("Subject".into())
        );
        assert_eq!(
            writer().header("X: y\r\nZ", "w").unwrap_err(),
            WriteError::Name("X: y\r\nZ".into())
        );
        assert_eq!(
            writer().header("l", "3").unwrap_err(),
            WriteError::ContentLength
        );
        assert_eq!(
            MessageWriter::request("A B", "sip:b@x").unwrap_err(),
            WriteError::Method("A B".into())
        );
        assert_eq!(
            MessageWriter::request("A", "sip:b@x SIP/2.0").unwrap_err(),
            WriteError::Uri
        );
        assert_eq!(
            MessageWriter::response(200, "OK\r\nX: y").unwrap_err(),
            WriteError::Value("the reason phrase".into())
        );
        assert_eq!(
            MessageWriter::response(99, "").unwrap_err(),
            WriteError::Status(99)
        );
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in "[^\r\n\0]{0,60}", body in proptest::collection::vec(any::<u8>(), 0..60)) {
            let written = MessageWriter::request("MESSAGE", "sip:b@x").unwrap().header("X", &value).unwrap().finish(&body);
            let message = Message::parse(written.clone()).unwrap();
            prop_assert_eq!(message.raw(), &written);
            let spaces: &[_] = &[' ', '\t'];
            prop_assert_eq!(message.header("X").unwrap().raw_value(), value.trim_matches(spaces).as_bytes());
            prop_assert_eq!(&message.body()[..], &body[..]);
        }
    }
}
