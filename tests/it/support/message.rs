//! SIP requests to hand over.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

/// A MESSAGE request to be changed and written.
#[derive(Clone, Debug)]
pub struct Pager {
    pub uri: String,
    pub from: String,
    pub to: String,
    pub call_id: String,
    pub cseq: u32,
    pub branch: String,
    /// Header fields beyond those above, each with its CRLF.
    pub more: String,
    pub content_type: String,
    pub body: Vec<u8>,
}

impl Pager {
    /// A request to Alice from Carol, unlike any other.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            uri: "sip:alice@example.org".into(),
            from: format!("\"Carol\" <sip:carol@example.org>;tag=t{n}"),
            to: "<sip:alice@example.org>".into(),
            call_id: format!("call-{n}@proxy.example.org"),
            cseq: 1,
            branch: format!("z9hG4bK{n}"),
            more: String::new(),
            content_type: "text/plain;charset=UTF-8".into(),
            body: b"Watson, come here.".to_vec(),
        }
    }

    pub fn to(mut self, user: &str) -> Self {
        user.clone_into(&mut self.uri);
        self.to = format!("<{user}>");
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        write!(self.more, "{name}: {value}\r\n").unwrap();
        self
    }

    pub fn content(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        content_type.clone_into(&mut self.content_type);
        self.body = body.into();
        self
    }

    pub fn text(self, body: &str) -> Self {
        self.content("text/plain;charset=UTF-8", body)
    }

    /// An envelope (RFC 3862) with these lines and a text in it. RFC 5438 section 7.1.1.3 has one like it.
    pub fn enveloped(self, lines: &str) -> Self {
        let cpim = format!("{lines}\r\nContent-Type: text/plain\r\n\r\nWatson, come here.");
        self.content("message/cpim", cpim)
    }

    /// In an envelope that asks to be told if it is not delivered, with this IMDN Message-ID.
    pub fn asking(self, message_id: &str) -> Self {
        let lines = format!(
            "From: Carol <im:carol@example.org>\r\nTo: Alice <im:alice@example.org>\r\n\
             NS: q <urn:ietf:params:imdn>\r\nq.Message-ID: {message_id}\r\n\
             DateTime: 2026-10-01T10:15:29+02:00\r\n\
             q.Disposition-Notification: positive-delivery, negative-delivery\r\n"
        );
        self.enveloped(&lines)
    }

    /// From another sender.
    pub fn from(mut self, sender: &str) -> Self {
        let tag = self
            .from
            .split_once(";tag=")
            .map_or("t", |(_, tag)| tag)
            .to_owned();
        self.from = format!("<{sender}>;tag={tag}");
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let head = format!(
            "MESSAGE {} SIP/2.0\r\nVia: SIP/2.0/UDP proxy.example.org;branch={}\r\n\
             Max-Forwards: 69\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} MESSAGE\r\n\
             {}Content-Type: {}\r\nContent-Length: {}\r\n\r\n",
            self.uri,
            self.branch,
            self.from,
            self.to,
            self.call_id,
            self.cseq,
            self.more,
            self.content_type,
            self.body.len(),
        );
        [head.as_bytes(), &self.body].concat()
    }
}

impl From<Pager> for Vec<u8> {
    fn from(pager: Pager) -> Self {
        pager.bytes()
    }
}
