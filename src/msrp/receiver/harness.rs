//! A session under test, from octets to octets. The messages are those of RFC 4975 section 11 with the URIs of
//! its section 11.1, or variations of them.

use crate::msrp::accept::AcceptTypes;
use crate::msrp::code::Code;
use crate::msrp::ident::Ident;
use crate::msrp::receiver::{Abandon, Action, Receiver, ReceiverConfig};
use crate::msrp::stream::Decoder;

pub const OURS: &str = "msrp://bob.example.com:8888/9di4eae923wzd;tcp";
pub const PEER: &str = "msrp://alicepc.example.com:7777/iau39soe2843z;tcp";

/// A session with its connection, its sink, and what was sent back.
pub struct Session {
    pub decoder: Decoder,
    pub receiver: Receiver,
    pub content: Vec<u8>,
    pub begun: Option<(Ident, String)>,
    pub complete: Option<(u64, Option<u64>)>,
    pub abandoned: Vec<Abandon>,
    pub handed_up: usize,
    pub sent: Vec<u8>,
}

impl Session {
    pub fn new() -> Self {
        let config = ReceiverConfig {
            ours: OURS.parse().unwrap(),
            peer: PEER.parse().unwrap(),
            accept: AcceptTypes::parse("message/cpim text/*").unwrap(),
            max_octets: 1000,
            report_transaction: "dkei38sd".parse().unwrap(),
        };
        Self {
            decoder: Decoder::new(),
            receiver: Receiver::new(config),
            content: Vec::new(),
            begun: None,
            complete: None,
            abandoned: Vec::new(),
            handed_up: 0,
            sent: Vec::new(),
        }
    }

    /// Octets come; the actions are done. What was sent back is returned.
    pub fn come(&mut self, octets: &str) -> String {
        self.decoder.push(octets.as_bytes());
        for event in self.decoder.by_ref() {
            self.receiver.on_event(event.unwrap());
        }
        self.act()
    }

    pub fn act(&mut self) -> String {
        while let Some(action) = self.receiver.next_action() {
            match action {
                Action::Transmit(octets) => self.sent.extend_from_slice(&octets),
                Action::Begun {
                    message_id,
                    content_type,
                    head,
                } => {
                    assert!(head.raw().starts_with(b"MSRP "));
                    assert!(self.begun.is_none() || !self.abandoned.is_empty());
                    self.content.clear();
                    self.begun = Some((message_id, content_type));
                }
                Action::Write(write) => {
                    let offset = usize::try_from(write.offset).unwrap();
                    let end = offset + write.octets.len();
                    self.content.resize(self.content.len().max(end), 0);
                    self.content[offset..end].copy_from_slice(&write.octets);
                }
                Action::Complete { octets, announced } => self.complete = Some((octets, announced)),
                Action::Abandoned(reason) => self.abandoned.push(reason),
                Action::Response(_) | Action::Report(_) => self.handed_up += 1,
            }
        }
        String::from_utf8(std::mem::take(&mut self.sent)).unwrap()
    }

    pub fn commit(&mut self) -> String {
        self.receiver.committed();
        self.act()
    }

    pub fn fail(&mut self, code: Code) -> String {
        self.receiver.failed(code);
        self.begun = None;
        self.act()
    }
}

/// A SEND of the message `12339sdqwer` with these further fields.
pub fn chunk(transaction: &str, range: &str, fields: &str, body: &str, flag: char) -> String {
    format!(
        "MSRP {transaction} SEND\r\nTo-Path: {OURS}\r\nFrom-Path: {PEER}\r\nMessage-ID: 12339sdqwer\r\n\
         Byte-Range: {range}\r\n{fields}Content-Type: text/plain\r\n\r\n{body}\r\n-------{transaction}{flag}\r\n"
    )
}

pub fn response(transaction: &str, status: &str) -> String {
    format!(
        "MSRP {transaction} {status}\r\nTo-Path: {PEER}\r\nFrom-Path: {OURS}\r\n-------{transaction}$\r\n"
    )
}

pub const STOP: &str = "413 Stop Sending Message";
