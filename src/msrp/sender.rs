//! The sending end: one message of known length, cut into chunks (RFC 4975 sections 7.1.1 and 7.3.2).
//!
//! Sans-IO; the content stays with the owner, who per chunk
//! 1. reads the octets that [`Sender::wanted`] names,
//! 2. writes what [`Sender::begin_chunk`] gives, then the octets, looking now and then whether
//!    [`Sender::should_interrupt`],
//! 3. writes what [`Sender::end_chunk`] gives.
//!
//! Responses and reports go to [`Sender::on_response`] and [`Sender::on_report`], the time to
//! [`Sender::on_timer`] when [`Sender::next_deadline`] is reached. [`Sender::outcome`] tells how it ended.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::msrp::boundary::occurs_in;
use crate::msrp::code::Code;
use crate::msrp::fields::{ByteRange, Continuation, FailureReport};
use crate::msrp::frame::{Head, Start};
use crate::msrp::ident::Ident;
use crate::msrp::intervals::Intervals;
use crate::msrp::uri::{Path, Uri};
use crate::msrp::write::{SendHead, WriteError, end_of_chunk};

/// Chunks up to this many octets need not be interruptible (RFC 4975 section 7.1.1).
pub const PLAIN_CHUNK: usize = 2048;
/// How long a response may take (RFC 4975 section 7.1.1).
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a success report may take; two minutes are an example of RFC 4975 section 7.1.1.
pub const REPORT_TIMEOUT: Duration = Duration::from_mins(2);
/// Separate parts that success reports may leave.
const MAX_REPORTED_PARTS: usize = 256;

/// A message to be sent, and how.
#[derive(Debug, Clone)]
pub struct SenderConfig {
    /// The peer's path as negotiated.
    pub to: Path,
    /// Our URI in the session.
    pub from: Uri,
    /// Never used for another message.
    pub message_id: Ident,
    /// The media type, without line ends.
    pub content_type: String,
    /// Other MIME fields, such as Content-Disposition.
    pub mime_fields: Vec<(String, String)>,
    /// The length of the message.
    pub octets: u64,
    /// The most octets of a chunk; [`PLAIN_CHUNK`] by default.
    pub chunk_octets: usize,
    /// Which responses are wanted.
    pub failure_report: FailureReport,
    /// Whether a report is wanted when all has arrived.
    pub success_report: bool,
    /// How many chunks may be unanswered before no further one is begun.
    pub max_unanswered: usize,
    /// For each response, from the last octet of its request on.
    pub response_timeout: Duration,
    /// For the success report, from the last octet of the message on.
    pub report_timeout: Duration,
}

impl SenderConfig {
    /// A message with the values that RFC 4975 has for default, and its timeouts.
    #[must_use]
    pub fn new(to: Path, from: Uri, message_id: Ident, content_type: String, octets: u64) -> Self {
        Self {
            to,
            from,
            message_id,
            content_type,
            mime_fields: Vec::new(),
            octets,
            chunk_octets: PLAIN_CHUNK,
            failure_report: FailureReport::Yes,
            success_report: false,
            max_unanswered: 64,
            response_timeout: RESPONSE_TIMEOUT,
            report_timeout: REPORT_TIMEOUT,
        }
    }
}

/// Why a chunk cannot begin. None of these changes the sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The transaction identifier occurs in the content, or is that of a chunk still unanswered: choose
    /// another and begin again.
    #[error("the transaction identifier is in use or occurs in the content")]
    Clash,
    /// No chunk is to be begun now, or not with this many octets.
    #[error("no chunk with this many octets is to be begun now")]
    NotWanted,
    /// The head cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Why a message was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The peer, or a relay, answered or reported this code.
    #[error("the peer refused the message with code {0}")]
    Refused(u16),
    /// No response in time, or 408, which means the same.
    #[error("the peer did not answer in time")]
    NoResponse,
    /// No success report in time.
    #[error("the peer did not report in time that the message has arrived")]
    NoReport,
    /// [`Sender::cancel`] was called.
    #[error("the message was cancelled")]
    Cancelled,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All was sent, and everything asked for has come: the success report if that was wanted, else the
    /// responses if those were. If neither, it is only known that it was sent.
    Delivered,
    /// It was not, or that is not known. No further chunk is sent.
    Failed(Failure),
}

/// The sender of one message.
#[derive(Debug)]
pub struct Sender {
    config: SenderConfig,
    /// Octets that whole chunks have carried.
    sent: u64,
    /// The `$` was sent.
    finished: bool,
    chunk: Option<Chunk>,
    /// Chunks without an answer, the oldest first.
    unanswered: VecDeque<(Ident, Instant)>,
    /// Octets that success reports cover.
    reported: Intervals,
    report_deadline: Option<Instant>,
    outcome: Option<Outcome>,
}

/// The chunk between its head and its end.
#[derive(Debug)]
struct Chunk {
    transaction: Ident,
    octets: Range<u64>,
    answered: bool,
}

impl Sender {
    /// A sender that has sent nothing. Chunks have at least one octet whatever the configuration says.
    #[must_use]
    pub fn new(config: SenderConfig) -> Self {
        Self {
            config,
            sent: 0,
            finished: false,
            chunk: None,
            unanswered: VecDeque::new(),
            reported: Intervals::new(MAX_REPORTED_PARTS),
            report_deadline: None,
            outcome: None,
        }
    }

    /// The octets of the message that the next chunk carries; an empty range if the message is empty. `None`
    /// if no chunk is to be begun: now, because one is under way or too many are unanswered, or for good.
    #[must_use]
    pub fn wanted(&self) -> Option<Range<u64>> {
        let waits = self.unanswered.len() >= self.config.max_unanswered.max(1);
        if self.finished || self.outcome.is_some() || self.chunk.is_some() || waits {
            return None;
        }
        let end = self
            .sent
            .saturating_add(self.config.chunk_octets.max(1) as u64)
            .min(self.config.octets);
        Some(self.sent..end)
    }

    /// Begins the chunk with the octets wanted, and gives its head. `transaction` is a fresh
    /// [`Ident::from_random`].
    ///
    /// # Errors
    /// [`ChunkError`]; on [`ChunkError::Clash`] try again with another identifier.
    pub fn begin_chunk(&mut self, content: &[u8], transaction: Ident) -> Result<Bytes, ChunkError> {
        let octets = content.len() as u64;
        let wanted = self
            .wanted()
            .filter(|wanted| wanted.end - wanted.start == octets)
            .ok_or(ChunkError::NotWanted)?;
        let in_use = self
            .unanswered
            .iter()
            .any(|(other, _)| *other == transaction);
        if in_use || occurs_in(&transaction, content) {
            return Err(ChunkError::Clash);
        }
        let config = &self.config;
        let head = SendHead {
            transaction: &transaction,
            to: &config.to,
            from: &config.from,
            message_id: &config.message_id,
            byte_range: ByteRange {
                start: wanted.start + 1,
                end: (content.len() <= PLAIN_CHUNK).then_some(wanted.end),
                total: Some(config.octets),
            },
            failure_report: config.failure_report,
            success_report: config.success_report,
            mime_fields: &config.mime_fields,
            content_type: &config.content_type,
        };
        let head = head.write()?;
        self.chunk = Some(Chunk {
            transaction,
            octets: wanted,
            answered: false,
        });
        Ok(head)
    }

    /// Whether the rest of the current chunk need not be sent, because the message has failed.
    #[must_use]
    pub fn should_interrupt(&self) -> bool {
        self.chunk.is_some() && matches!(self.outcome, Some(Outcome::Failed(_)))
    }

    /// Ends the current chunk after `written` of its octets, and gives its end-line. Fewer than all interrupt
    /// it, and the rest goes into the next chunk; the owner does so to let other traffic pass, but only with
    /// chunks of more than [`PLAIN_CHUNK`] octets, whose head says so. Empty if there is no current chunk.
    pub fn end_chunk(&mut self, written: u64, now: Instant) -> Bytes {
        let Some(chunk) = self.chunk.take() else {
            return Bytes::new();
        };
        self.sent = chunk
            .octets
            .start
            .saturating_add(written)
            .min(chunk.octets.end);
        let flag = if self
            .outcome
            .is_some_and(|outcome| outcome != Outcome::Delivered)
        {
            Continuation::Abandoned
        } else if self.sent == self.config.octets {
            Continuation::Complete
        } else {
            Continuation::More
        };
        let end = end_of_chunk(&chunk.transaction, flag);
        if self.outcome.is_none() {
            if self.config.failure_report == FailureReport::Yes && !chunk.answered {
                let deadline = now + self.config.response_timeout;
                self.unanswered.push_back((chunk.transaction, deadline));
            }
            if flag == Continuation::Complete {
                self.finished = true;
                if self.config.success_report {
                    self.report_deadline = Some(now + self.config.report_timeout);
                }
            }
            self.settle();
        }
        end
    }

    /// A response came. Those to other transactions are ignored; says whether it was to one of ours.
    pub fn on_response(&mut self, response: &Head) -> bool {
        let Start::Response { code, .. } = response.start else {
            return false;
        };
        let transaction = &response.transaction;
        let unanswered = self.unanswered.len();
        self.unanswered.retain(|(ours, _)| ours != transaction);
        let mut is_ours = self.unanswered.len() < unanswered;
        if let Some(chunk) = self
            .chunk
            .as_mut()
            .filter(|chunk| chunk.transaction == *transaction)
        {
            chunk.answered = true;
            is_ours = true;
        }
        // Where only errors are answered, transactions are forgotten at once; a message is sent alone in its
        // session, so an error is taken for one of it.
        is_ours |= self.config.failure_report == FailureReport::Partial && code != Code::Ok.value();
        if is_ours {
            self.on_code(code);
        }
        is_ours
    }

    /// A report came. One on another message, or in a namespace we do not know, is ignored.
    pub fn on_report(&mut self, report: &Head) {
        let Some(status) = report
            .status
            .as_ref()
            .filter(|status| status.namespace == 0)
        else {
            return;
        };
        if report.message_id.as_ref() != Some(&self.config.message_id) {
            return;
        }
        if status.code == Code::Ok.value() {
            let whole = ByteRange::whole(self.config.octets);
            let range = report.byte_range.unwrap_or(whole);
            let end = range.end.or(range.total).unwrap_or(self.config.octets);
            let end = end.min(self.config.octets);
            let start = range.start.saturating_sub(1).min(end);
            // A peer that reports too many separate parts is not followed; the timeout ends that.
            let _ = self.reported.insert(start..end);
            let all = self.reported.cover(&(0..self.config.octets));
            if self.config.success_report && self.finished && all {
                self.end(Outcome::Delivered);
            }
        } else {
            self.on_code(status.code);
        }
    }

    /// When [`Sender::on_timer`] is to be called at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let response = self.unanswered.front().map(|(_, deadline)| *deadline);
        response.into_iter().chain(self.report_deadline).min()
    }

    /// The time has come, or may have.
    pub fn on_timer(&mut self, now: Instant) {
        let is_due = |deadline: &Instant| *deadline <= now;
        if self
            .unanswered
            .front()
            .is_some_and(|(_, deadline)| is_due(deadline))
        {
            self.end(Outcome::Failed(Failure::NoResponse));
        } else if self.report_deadline.as_ref().is_some_and(is_due) {
            self.end(Outcome::Failed(Failure::NoReport));
        }
    }

    /// Gives the message up. The current chunk, if there is one, still has to be ended.
    pub fn cancel(&mut self) {
        self.end(Outcome::Failed(Failure::Cancelled));
    }

    /// How it ended; `None` while it has not.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// Octets sent in chunks that have ended.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// The code of a response, or of a report, which means the same (RFC 4975 section 7.3.2).
    fn on_code(&mut self, code: u16) {
        if code == Code::Ok.value() {
            self.settle();
        } else if code == Code::Timeout.value() {
            self.end(Outcome::Failed(Failure::NoResponse));
        } else {
            self.end(Outcome::Failed(Failure::Refused(code)));
        }
    }

    /// Whether everything that was asked for has come.
    fn settle(&mut self) {
        if self.finished && self.unanswered.is_empty() && !self.config.success_report {
            self.end(Outcome::Delivered);
        }
    }

    /// The first outcome stays.
    fn end(&mut self, outcome: Outcome) {
        if self.outcome.is_none() {
            self.outcome = Some(outcome);
            self.unanswered.clear();
            self.report_deadline = None;
        }
    }
}

#[cfg(test)]
#[path = "sender_tests.rs"]
mod tests;
