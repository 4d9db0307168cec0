//! What the receiver of a session does with each event.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::msrp::code::Code;
use crate::msrp::fields::{ByteRange, Continuation};
use crate::msrp::frame::{Head, Method, Start};
use crate::msrp::ident::Ident;
use crate::msrp::reassembly::{Progress, Reassembly};
use crate::msrp::receiver::{Abandon, Action, Phase, ReceiverConfig};
use crate::msrp::stream::Event;
use crate::msrp::uri::Path;
use crate::msrp::write::{refuse, refuse_bad, report, respond};

/// Refused messages remembered, so that further chunks of them are refused alike.
const MAX_REFUSED: usize = 8;
/// Chunks with content known already that may wait for the commit.
const MAX_WITHHELD: usize = 64;
/// The receiver of one session.
#[derive(Debug)]
pub struct Receiver {
    config: ReceiverConfig,
    bound: bool,
    message: Option<Message>,
    refused: VecDeque<(Ident, Code)>,
    current: Current,
    actions: VecDeque<Action>,
}

#[derive(Debug)]
struct Message {
    id: Ident,
    reassembly: Reassembly,
    stage: Stage,
    /// Whether any chunk asked for a success report.
    success_report: bool,
    /// Where the success report goes.
    back: Path,
}

#[derive(Debug)]
enum Stage {
    Receiving,
    /// Heads of the chunks to be answered after the commit.
    Committing {
        octets: u64,
        withheld: Vec<Head>,
    },
    Stored {
        octets: u64,
    },
}

/// What the events between a head and its end belong to.
#[derive(Debug)]
enum Current {
    /// Nothing of interest; what was to be answered has been.
    Discard,
    /// A SEND that is no message, or not yet known to be one: without body or without Content-Type.
    Bare(Box<Head>),
    /// A chunk of the message.
    Chunk(Box<Head>),
    /// A chunk of the message after it was complete.
    Repeat(Box<Head>),
}

impl Receiver {
    /// The receiver of a fresh session.
    #[must_use]
    pub fn new(config: ReceiverConfig) -> Self {
        Self {
            config,
            bound: false,
            message: None,
            refused: VecDeque::new(),
            current: Current::Discard,
            actions: VecDeque::new(),
        }
    }

    /// Takes an event of the connection.
    pub fn on_event(&mut self, event: Event) {
        match event {
            Event::Head(head) => self.current = self.head(head),
            Event::BadHead(bad) => self.transmit(refuse_bad(&bad)),
            Event::Body(octets) => self.body(octets),
            Event::End(flag) => self.end(flag),
        }
    }

    /// What to do next; `None` when everything is done.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The message is durable: what was held back is sent.
    pub fn committed(&mut self) {
        let Some(message) = &mut self.message else {
            return;
        };
        let Stage::Committing { octets, withheld } = &mut message.stage else {
            return;
        };
        let (octets, withheld) = (*octets, std::mem::take(withheld));
        let success_report = message.success_report;
        message.stage = Stage::Stored { octets };
        for head in withheld {
            self.respond(&head, Code::Ok);
        }
        if success_report {
            self.report_success();
        }
    }

    /// The message could not be made durable, or cannot even be written. `code` is the answer the sender gets,
    /// at once, and for each further chunk: 413 if the message is not wanted, such as over a quota, 408 if it
    /// may be sent again in another session. No [`Action::Abandoned`] follows.
    pub fn failed(&mut self, code: Code) {
        let Some(message) = self
            .message
            .take_if(|message| !matches!(message.stage, Stage::Stored { .. }))
        else {
            return;
        };
        if let Stage::Committing { withheld, .. } = message.stage {
            for head in withheld {
                self.respond(&head, code);
            }
        }
        self.current = match std::mem::replace(&mut self.current, Current::Discard) {
            Current::Chunk(head) | Current::Repeat(head) => self.refuse(&head, code),
            other => other,
        };
        self.remember(message.id, code);
    }

    /// How far the session is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.message.as_ref().map(|message| &message.stage) {
            None => Phase::Waiting,
            Some(Stage::Receiving) => Phase::Receiving,
            Some(Stage::Committing { .. }) => Phase::Committing,
            Some(Stage::Stored { .. }) => Phase::Stored,
        }
    }

    /// Whether a SEND for this session has come, which binds it to the connection (RFC 4975 section 5.4).
    /// From then on a SEND on another connection deserves 506.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.bound
    }

    /// Octets of the message that have come.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.message
            .as_ref()
            .map_or(0, |message| message.reassembly.received())
    }

    fn head(&mut self, head: Box<Head>) -> Current {
        if let Start::Response { .. } = head.start {
            self.actions.push_back(Action::Response(head));
            return Current::Discard;
        }
        if !self.is_ours(&head) {
            self.transmit(refuse(&head, Code::NoSession));
            return Current::Discard;
        }
        match head.method() {
            Some(Method::Report) => {
                self.actions.push_back(Action::Report(head));
                Current::Discard
            }
            Some(Method::Send) => {
                self.bound = true;
                self.send(head)
            }
            _ => self.refuse(&head, Code::UnknownMethod),
        }
    }

    /// Whether a request belongs to this session: it is at its last hop, and comes from the peer. Relays on
    /// the way are not compared, for a sender may use them in one direction only.
    fn is_ours(&self, head: &Head) -> bool {
        !head.to_path.has_relays()
            && *head.to_path.last() == self.config.ours
            && head.from_path.last() == self.config.peer.last()
    }

    fn send(&mut self, head: Box<Head>) -> Current {
        if !head.has_body {
            return Current::Bare(head);
        }
        let Some(id) = head.message_id.clone() else {
            return self.refuse(&head, Code::BadRequest);
        };
        if let Some(&(_, code)) = self.refused.iter().find(|(refused, _)| *refused == id) {
            return self.refuse(&head, code);
        }
        match &self.message {
            Some(message) if message.id != id => {
                // Exactly what 413 is for: "in response to a chunk of an undesired message".
                self.remember(id, Code::Stop);
                self.refuse(&head, Code::Stop)
            }
            Some(Message {
                stage: Stage::Receiving,
                ..
            }) => self.further_chunk(head),
            Some(_) => Current::Repeat(head),
            None => match head.content_type.clone() {
                Some(content_type) => self.first_chunk(head, id, content_type),
                None => Current::Bare(head),
            },
        }
    }

    fn first_chunk(&mut self, head: Box<Head>, id: Ident, content_type: String) -> Current {
        if !self.config.accept.accepts(&content_type) {
            self.remember(id, Code::UnsupportedMedia);
            return self.refuse(&head, Code::UnsupportedMedia);
        }
        let mut reassembly = Reassembly::new(self.config.max_octets);
        if let Err(error) = reassembly.begin(head.byte_range) {
            self.remember(id, error.code());
            return self.refuse(&head, error.code());
        }
        self.actions.push_back(Action::Begun {
            message_id: id.clone(),
            content_type,
            head: head.clone(),
        });
        self.message = Some(Message {
            id,
            reassembly,
            stage: Stage::Receiving,
            success_report: head.success_report,
            back: head.from_path.clone(),
        });
        Current::Chunk(head)
    }

    fn further_chunk(&mut self, head: Box<Head>) -> Current {
        let Some(message) = &mut self.message else {
            return Current::Discard;
        };
        if head.byte_range.is_none() && message.reassembly.received() > 0 {
            return self.abandon(&head, Abandon::NoByteRange, Code::BadRequest);
        }
        if let Err(error) = message.reassembly.begin(head.byte_range) {
            let code = error.code();
            return self.abandon(&head, error.into(), code);
        }
        message.success_report |= head.success_report;
        message.back.clone_from(&head.from_path);
        Current::Chunk(head)
    }

    fn body(&mut self, octets: Bytes) {
        let current = std::mem::replace(&mut self.current, Current::Discard);
        self.current = match (current, &mut self.message) {
            (Current::Chunk(head), Some(message)) => match message.reassembly.octets(octets) {
                Ok(write) => {
                    self.actions.push_back(Action::Write(write));
                    Current::Chunk(head)
                }
                Err(error) => {
                    let code = error.code();
                    self.abandon(&head, error.into(), code)
                }
            },
            // Content without Content-Type.
            (Current::Bare(head), _) => self.refuse(&head, Code::BadRequest),
            (other, _) => other,
        };
    }

    fn end(&mut self, flag: Continuation) {
        match std::mem::replace(&mut self.current, Current::Discard) {
            Current::Discard => {}
            Current::Bare(head) => self.end_of_bare(&head, flag),
            Current::Chunk(head) => self.end_of_chunk(head, flag),
            Current::Repeat(head) => self.end_of_repeat(head, flag),
        }
    }

    /// A SEND that brings nothing may still give up the message that it names.
    fn end_of_bare(&mut self, head: &Head, flag: Continuation) {
        let gives_up = flag == Continuation::Abandoned
            && self.phase() == Phase::Receiving
            && self.message.as_ref().map(|message| &message.id) == head.message_id.as_ref();
        if gives_up {
            self.give_up(Abandon::BySender, Code::Stop);
        }
        self.respond(head, Code::Ok);
    }

    fn end_of_chunk(&mut self, head: Box<Head>, flag: Continuation) {
        let Some(message) = &mut self.message else {
            return;
        };
        match message.reassembly.end(flag) {
            Ok(Progress::Incomplete) => self.respond(&head, Code::Ok),
            Ok(Progress::Complete { octets }) => {
                let announced = message.reassembly.total();
                message.stage = Stage::Committing {
                    octets,
                    withheld: vec![*head],
                };
                self.actions
                    .push_back(Action::Complete { octets, announced });
            }
            Ok(Progress::Abandoned) => {
                self.give_up(Abandon::BySender, Code::Stop);
                self.respond(&head, Code::Ok);
            }
            Err(error) => {
                let code = error.code();
                self.abandon(&head, error.into(), code);
            }
        }
    }

    /// A chunk after all octets had come: its content is ignored, but answered like the first time (RFC 4975
    /// section 5.4).
    fn end_of_repeat(&mut self, head: Box<Head>, flag: Continuation) {
        match self.message.as_mut().map(|message| &mut message.stage) {
            Some(Stage::Committing { withheld, .. }) if withheld.len() < MAX_WITHHELD => {
                withheld.push(*head);
            }
            Some(Stage::Stored { .. }) => {
                self.respond(&head, Code::Ok);
                if head.success_report && flag == Continuation::Complete {
                    self.report_success();
                }
            }
            _ => self.respond(&head, Code::Stop),
        }
    }

    fn report_success(&mut self) {
        if let Some(message) = &self.message
            && let Stage::Stored { octets } = message.stage
        {
            let report = report(
                &self.config.report_transaction,
                &message.back,
                &self.config.ours,
                &message.id,
                ByteRange::whole(octets),
                Code::Ok,
            );
            self.transmit(Some(report));
        }
    }

    /// The message cannot be continued with the chunk of this head.
    fn abandon(&mut self, head: &Head, reason: Abandon, code: Code) -> Current {
        self.give_up(reason, code);
        self.refuse(head, code)
    }

    fn give_up(&mut self, reason: Abandon, code: Code) {
        if let Some(message) = self.message.take() {
            self.remember(message.id, code);
            self.actions.push_back(Action::Abandoned(reason));
        }
    }

    fn refuse(&mut self, head: &Head, code: Code) -> Current {
        self.respond(head, code);
        Current::Discard
    }

    fn respond(&mut self, head: &Head, code: Code) {
        self.transmit(respond(head, &self.config.ours, code));
    }

    fn transmit(&mut self, octets: Option<Bytes>) {
        self.actions.extend(octets.map(Action::Transmit));
    }

    fn remember(&mut self, id: Ident, code: Code) {
        if self.refused.len() >= MAX_REFUSED {
            self.refused.pop_front();
        }
        self.refused.push_back((id, code));
    }
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod refusal_tests;
#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
