//! Large messages to hand over: what a gateway received in one session.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use super::{Answer, TestApp};

/// A large message to be changed and written.
#[derive(Clone, Debug)]
pub struct Large {
    pub uri: String,
    pub call_id: String,
    pub message_id: String,
    /// Header fields of the INVITE beyond those that it needs, each with its CRLF.
    pub more: String,
    pub content_type: String,
    /// Header fields of the SEND requests beyond those that they need, each with its CRLF.
    pub send_more: String,
    pub content: Vec<u8>,
    /// Chunks: first octet from 0, the one after the last, flag. None: one chunk with all of it.
    pub chunks: Vec<(usize, usize, char)>,
    pub has_bye: bool,
}

impl Large {
    /// A message to Alice from Carol, unlike any other.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            uri: "sip:alice@example.org".into(),
            call_id: format!("large-{n}@proxy.example.org"),
            message_id: format!("msg-{n}"),
            more: String::new(),
            content_type: "text/plain;charset=UTF-8".into(),
            send_more: String::new(),
            content: b"Watson, come here.".to_vec(),
            chunks: Vec::new(),
            has_bye: true,
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        write!(self.more, "{name}: {value}\r\n").unwrap();
        self
    }

    pub fn content(mut self, content_type: &str, content: impl Into<Vec<u8>>) -> Self {
        content_type.clone_into(&mut self.content_type);
        self.content = content.into();
        self
    }

    pub fn chunks(mut self, chunks: &[(usize, usize, char)]) -> Self {
        self.chunks = chunks.to_vec();
        self
    }

    fn dialog(&self, method: &str, cseq: u32, to_tag: &str) -> String {
        format!(
            "From: \"Carol\" <sip:carol@example.org>;tag=c1\r\nTo: <{}>{to_tag}\r\n\
             Call-ID: {}\r\nCSeq: {cseq} {method}\r\n",
            self.uri, self.call_id
        )
    }

    pub fn invite(&self) -> Vec<u8> {
        let sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
            m=message 7654 TCP/MSRP *\r\na=accept-types:*\r\na=path:msrp://192.0.2.1:7654/jshA7we;tcp\r\n";
        format!(
            "INVITE {} SIP/2.0\r\nVia: SIP/2.0/TCP proxy.example.org;branch=z9hG4bKi\r\n\
             Max-Forwards: 69\r\n{}{}Contact: <sip:192.0.2.1>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{sdp}",
            self.uri,
            self.dialog("INVITE", 1, ""),
            self.more,
            sdp.len()
        )
        .into_bytes()
    }

    pub fn ok(&self) -> Vec<u8> {
        format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP proxy.example.org;branch=z9hG4bKi\r\n{}\
             Date: Thu, 01 Oct 2026 08:15:31 GMT\r\nContent-Length: 0\r\n\r\n",
            self.dialog("INVITE", 1, ";tag=r1")
        )
        .into_bytes()
    }

    pub fn bye(&self) -> Vec<u8> {
        format!(
            "BYE {} SIP/2.0\r\nVia: SIP/2.0/TCP proxy.example.org;branch=z9hG4bKb\r\n{}Max-Forwards: 69\r\n\
             Content-Length: 0\r\n\r\n",
            self.uri,
            self.dialog("BYE", 2, ";tag=r1")
        )
        .into_bytes()
    }

    /// The head of chunk `n`, counted from 0, and with it its octets and end-line.
    fn chunk(&self, n: usize, chunk: (usize, usize, char)) -> (Vec<u8>, Vec<u8>) {
        let (start, end, flag) = chunk;
        let head = format!(
            "MSRP tr{n:06} SEND\r\nTo-Path: msrp://im.example.org:2855/s1;tcp\r\n\
             From-Path: msrp://192.0.2.1:7654/jshA7we;tcp\r\nMessage-ID: {}\r\n\
             Byte-Range: {}-{end}/{}\r\n{}Content-Type: {}\r\n\r\n",
            self.message_id,
            start + 1,
            self.content.len(),
            self.send_more,
            self.content_type
        );
        let tail = format!("\r\n-------tr{n:06}{flag}\r\n");
        let rest = [&self.content[start..end], tail.as_bytes()].concat();
        (head.into_bytes(), rest)
    }

    fn all_chunks(&self) -> Vec<(usize, usize, char)> {
        if self.chunks.is_empty() {
            vec![(0, self.content.len(), '$')]
        } else {
            self.chunks.clone()
        }
    }

    /// The head of the first SEND request.
    pub fn send_head(&self) -> Vec<u8> {
        self.chunk(0, self.all_chunks()[0]).0
    }

    /// The SEND requests.
    pub fn sends(&self) -> Vec<Vec<u8>> {
        let chunks = self.all_chunks().into_iter().enumerate();
        chunks
            .map(|(n, chunk)| {
                let (head, rest) = self.chunk(n, chunk);
                [head, rest].concat()
            })
            .collect()
    }

    /// The parts in their order.
    pub fn parts(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut parts = vec![("invite", self.invite()), ("ok", self.ok())];
        parts.extend(self.sends().into_iter().map(|send| ("send", send)));
        if self.has_bye {
            parts.push(("bye", self.bye()));
        }
        parts
    }
}

/// A multipart body with the boundary `zzz`.
pub fn multipart(parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, octets) in parts {
        let head = format!("--zzz\r\nContent-Disposition: attachment; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(octets);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--zzz--\r\n");
    body
}

impl TestApp {
    /// Hands over the parts of a large message, as a gateway.
    pub async fn hand_over_parts(&self, parts: &[(&str, Vec<u8>)]) -> Answer {
        self.hand_over_body("multipart/mixed;boundary=zzz", multipart(parts))
            .await
    }

    /// Hands over a body as a large message.
    pub async fn hand_over_body(&self, content_type: &str, body: Vec<u8>) -> Answer {
        let request = self
            .request(Method::POST, "/gateway/v1/large-messages")
            .bearer_auth(&self.gateway)
            .header(CONTENT_TYPE, content_type)
            .body(body);
        self.send(request).await
    }

    /// Hands over a large message.
    pub async fn hand_over_large(&self, large: &Large) -> Answer {
        self.hand_over_parts(&large.parts()).await
    }

    /// Hands over a large message that must be stored; gives its id.
    pub async fn store_large(&self, large: Large) -> String {
        let answer = self.hand_over_large(&large).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }
}
