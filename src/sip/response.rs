//! The answer to a request: building it (RFC 3261 section 8.2.6), noting in its top Via where the request came
//! from (section 18.2.1, RFC 3581), and where to send it (section 18.2.2).
//!
//! The request stays as it was received. What the RFC has the server write into the request's Via is written
//! into the response's, and the target is computed from the Via as received and the source of the packet.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use crate::sip::header::NameAddr;
use crate::sip::message::Message;
use crate::sip::parse::is_token;
use crate::sip::status::reason_phrase;
use crate::sip::transaction::Transport;
use crate::sip::via::Via;
use crate::sip::write::{MessageWriter, WriteError};

/// A response of ours, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    status: u16,
    bytes: Bytes,
}

/// Collects what a response says.
#[derive(Debug, Clone)]
pub struct ResponseBuilder<'a> {
    request: &'a Message,
    status: u16,
    reason: Option<&'a str>,
    to_tag: &'a str,
    source: Option<SocketAddr>,
    headers: Vec<(&'a str, String)>,
    body: &'a [u8],
}

impl Response {
    /// Begins the response to a request.
    ///
    /// The tag goes into To if the request's has none, except of a 100 (section 8.2.6.2). All responses to one
    /// request take the same tag; outside a transaction it has to be derived from the request (section 8.2.7).
    #[must_use]
    pub fn to<'a>(request: &'a Message, status: u16, to_tag: &'a str) -> ResponseBuilder<'a> {
        ResponseBuilder {
            request,
            status,
            reason: None,
            to_tag,
            source: None,
            headers: Vec::new(),
            body: b"",
        }
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The whole message.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl<'a> ResponseBuilder<'a> {
    /// Another reason phrase than the usual one.
    #[must_use]
    pub fn reason(mut self, reason: &'a str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Where the request came from, to be noted in the top Via.
    #[must_use]
    pub fn received_from(mut self, source: SocketAddr) -> Self {
        self.source = Some(source);
        self
    }

    /// A further header field.
    #[must_use]
    pub fn header(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Further header fields.
    #[must_use]
    pub fn headers(mut self, fields: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        self.headers.extend(fields);
        self
    }

    /// The body; its Content-Type is a header field to add.
    #[must_use]
    pub fn body(mut self, body: &'a [u8]) -> Self {
        self.body = body;
        self
    }

    /// Writes the response. Via, From, To, Call-ID and `CSeq` are the request's, and Record-Route where the
    /// response makes a dialog (section 12.1.1), Timestamp in a 100 (section 8.2.6.1). A field that the
    /// request lacks is left out: even such a request can be refused.
    ///
    /// # Errors
    /// [`WriteError`] for a status, tag, reason or header field that cannot be written.
    pub fn build(self) -> Result<Response, WriteError> {
        let reason = self.reason.unwrap_or(reason_phrase(self.status));
        let mut writer = self.vias(MessageWriter::response(self.status, reason)?);
        if self.makes_dialog() {
            for field in self.request.headers("Record-Route") {
                writer = writer.copied(&field);
            }
        }
        if let Some(from) = self.request.header("From") {
            writer = writer.copied(&from);
        }
        writer = self.to_field(writer)?;
        let timestamp = (self.status == 100).then_some("Timestamp");
        for name in ["Call-ID", "CSeq"].into_iter().chain(timestamp) {
            if let Some(field) = self.request.header(name) {
                writer = writer.copied(&field);
            }
        }
        for (name, value) in &self.headers {
            writer = writer.header(name, value)?;
        }
        Ok(Response {
            status: self.status,
            bytes: writer.finish(self.body),
        })
    }

    fn vias(&self, mut writer: MessageWriter) -> MessageWriter {
        for (index, field) in self.request.headers("Via").enumerate() {
            writer = match self.source.filter(|_| index == 0) {
                Some(source) => writer.copied_value("Via", &mark_via(&field.value(), source)),
                None => writer.copied(&field),
            };
        }
        writer
    }

    fn to_field(&self, writer: MessageWriter) -> Result<MessageWriter, WriteError> {
        let Some(to) = self.request.header("To") else {
            return Ok(writer);
        };
        // A To that cannot be read gets no tag: who knows what it would become part of.
        let has_room = NameAddr::parse(to.raw_value()).is_ok_and(|to| !to.has_param("tag"));
        if self.status == 100 || !has_room {
            return Ok(writer.copied(&to));
        }
        if !is_token(self.to_tag.as_bytes()) {
            return Err(WriteError::Value("To".to_owned()));
        }
        let value = [to.value().as_ref(), b";tag=", self.to_tag.as_bytes()].concat();
        Ok(writer.copied_value("To", &value))
    }

    fn makes_dialog(&self) -> bool {
        let method = self.request.method().unwrap_or_default();
        (101..300).contains(&self.status) && matches!(method, "INVITE" | "SUBSCRIBE" | "REFER")
    }
}

/// The value of the first Via field with the source of the packet noted in its first hop: `received` where
/// sent-by is a name or another address or the client asks for `rport`; `rport` filled in where it stands. What
/// the client itself has put in either is replaced: it is not the one to know.
#[must_use]
pub fn mark_via(value: &[u8], source: SocketAddr) -> Vec<u8> {
    let Some(via) = top_of(value) else {
        return value.to_vec();
    };
    let ip = source.ip().to_canonical();
    let hop = first_hop(value);
    let rest = value.get(hop.len()..).unwrap_or_default();
    let mut marked = Vec::with_capacity(value.len() + 48);
    for (index, part) in split_quoted(hop, b';').enumerate() {
        let name = part.split(|&b| b == b'=').next().unwrap_or_default();
        let is = |wanted: &str| name.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes());
        if index == 0 {
            marked.extend_from_slice(part.trim_ascii_end());
        } else if is("rport") {
            marked.extend_from_slice(format!(";rport={}", source.port()).as_bytes());
        } else if !is("received") {
            marked.push(b';');
            marked.extend_from_slice(part.trim_ascii());
        }
    }
    if via.has_param("rport") || sent_by_ip(&via) != Some(ip) {
        marked.extend_from_slice(format!(";received={ip}").as_bytes());
    }
    marked.extend_from_slice(rest);
    marked
}

/// Where a response goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseTarget {
    /// Back on the connection that brought the request; should it be closed, on a new one to this address.
    Connection {
        /// The source, with the port of sent-by.
        otherwise: SocketAddr,
    },
    /// To this address, from the socket that received the request.
    Datagram(SocketAddr),
    /// To the address that the `maddr` of the client names. Anybody can name anybody's: honour it only for
    /// clients that may.
    Maddr {
        /// A name or an address.
        host: String,
        /// The port of sent-by, or 5060.
        port: u16,
        /// For a multicast address; 1 if the client names none.
        ttl: u8,
    },
}

/// Where the response to a request goes that came from `source` and has this top Via.
#[must_use]
pub fn response_target(via: &Via, transport: Transport, source: SocketAddr) -> ResponseTarget {
    let default_port = if via.transport == "TLS" { 5061 } else { 5060 };
    let port = via.port.unwrap_or(default_port);
    if transport == Transport::Reliable {
        let otherwise = SocketAddr::new(source.ip(), port);
        return ResponseTarget::Connection { otherwise };
    }
    if let Some(host) = via.param("maddr") {
        return ResponseTarget::Maddr {
            host: host.to_owned(),
            port,
            ttl: via
                .param("ttl")
                .and_then(|ttl| ttl.parse().ok())
                .unwrap_or(1),
        };
    }
    if via.has_param("rport") {
        return ResponseTarget::Datagram(source);
    }
    // With `received`, or with sent-by equal to it, the address is the source's in either case.
    ResponseTarget::Datagram(SocketAddr::new(source.ip(), port))
}

fn sent_by_ip(via: &Via) -> Option<IpAddr> {
    let host = via.host.trim_start_matches('[').trim_end_matches(']');
    host.parse().ok()
}

fn top_of(value: &[u8]) -> Option<Via> {
    Via::parse_list(value).ok()?.into_iter().next()
}

/// The first hop of a Via value.
pub(crate) fn first_hop(value: &[u8]) -> &[u8] {
    split_quoted(value, b',').next().unwrap_or_default()
}

/// Splits at an octet wherever it is not in a quoted string.
fn split_quoted(value: &[u8], at: u8) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let mut escaped = false;
    value.split(move |&b| {
        let splits = b == at && !quoted;
        if escaped {
            escaped = false;
        } else if b == b'"' {
            quoted = !quoted;
        } else {
            escaped = quoted && b == b'\\';
        }
        splits
    })
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
