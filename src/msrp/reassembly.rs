//! One message put together from its chunks (RFC 4975 section 7.3.1): of any size, in any order, overlapping.
//!
//! No content is kept here. Each piece becomes a [`Write`] at its place in the message, and where pieces
//! overlap the later one wins because it is written later.
//!
//! The length of a message is what its `$` chunk says by ending where it ends; the total in Byte-Range fields
//! is a hint. It must be the same in all chunks that have one, but the `$` may contradict it: RFC 4975 has it
//! so, and the examples in its own section 11 count some of their contents wrongly.

use bytes::Bytes;

use crate::msrp::code::Code;
use crate::msrp::fields::{ByteRange, Continuation};
use crate::msrp::intervals::Intervals;

/// How many separate parts of a message may be there while others are missing.
pub const MAX_PARTS: usize = 256;

/// Octets and their place in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Counted from 0.
    pub offset: u64,
    /// Never empty.
    pub octets: Bytes,
}

/// Where a message stands at the end of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Parts are missing.
    Incomplete,
    /// All octets are there.
    Complete {
        /// How many.
        octets: u64,
    },
    /// The sender gave the message up (`#`): what was written is to be discarded.
    Abandoned,
}

/// Why a message cannot be put together. Nothing more of it can be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReassemblyError {
    /// It is longer than allowed, or says it will be.
    #[error("the message has more than the {limit} octets allowed")]
    TooLarge {
        /// The most octets allowed.
        limit: u64,
    },
    /// Two chunks have different totals in Byte-Range.
    #[error("a chunk says the message has {later} octets, an earlier one said {earlier}")]
    TotalMismatch {
        /// What was said first.
        earlier: u64,
        /// What is said now.
        later: u64,
    },
    /// Octets lie beyond the end that the last chunk has set, or two chunks set different ends.
    #[error(
        "the message ends at octet {end}, but a chunk of it ends elsewhere or goes on behind it"
    )]
    EndMismatch {
        /// The end, in octets from the beginning.
        end: u64,
    },
    /// There are more gaps than [`MAX_PARTS`] allows.
    #[error("the message came in more than {MAX_PARTS} separate parts")]
    TooManyParts,
}

impl ReassemblyError {
    /// The code of the answer: 413 asks the sender to stop, 400 says that it contradicts itself.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::TooLarge { .. } | Self::TooManyParts => Code::Stop,
            Self::TotalMismatch { .. } | Self::EndMismatch { .. } => Code::BadRequest,
        }
    }
}

/// The state of one message. Per chunk: [`Reassembly::begin`], [`Reassembly::octets`] any number of times,
/// [`Reassembly::end`]. A chunk that breaks off keeps what it brought.
#[derive(Debug, Clone)]
pub struct Reassembly {
    limit: u64,
    received: Intervals,
    /// The end, when the `$` chunk has come.
    end: Option<u64>,
    /// The total in Byte-Range.
    total: Option<u64>,
    /// Where the next octet of the current chunk belongs.
    next: u64,
}

impl Reassembly {
    /// A message of which nothing has come yet. `limit` is in octets.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            received: Intervals::new(MAX_PARTS),
            end: None,
            total: None,
            next: 0,
        }
    }

    /// A chunk begins. One without Byte-Range begins where the message does.
    ///
    /// # Errors
    /// [`ReassemblyError::TooLarge`], before any octet of it has come; [`ReassemblyError::TotalMismatch`].
    pub fn begin(&mut self, range: Option<ByteRange>) -> Result<(), ReassemblyError> {
        let range = range.unwrap_or(ByteRange {
            start: 1,
            end: None,
            total: None,
        });
        self.next = range.start.saturating_sub(1);
        let furthest = [Some(self.next), range.end, range.total];
        if furthest
            .into_iter()
            .flatten()
            .any(|octet| octet > self.limit)
        {
            return Err(ReassemblyError::TooLarge { limit: self.limit });
        }
        match (self.total, range.total) {
            (Some(earlier), Some(later)) if earlier != later => {
                Err(ReassemblyError::TotalMismatch { earlier, later })
            }
            (earlier, later) => {
                self.total = earlier.or(later);
                Ok(())
            }
        }
    }

    /// The next octets of the chunk.
    ///
    /// # Errors
    /// All but [`ReassemblyError::TotalMismatch`].
    pub fn octets(&mut self, octets: Bytes) -> Result<Write, ReassemblyError> {
        let offset = self.next;
        let end = offset
            .checked_add(octets.len() as u64)
            .filter(|&end| end <= self.limit)
            .ok_or(ReassemblyError::TooLarge { limit: self.limit })?;
        if let Some(fixed) = self.end.filter(|&fixed| end > fixed) {
            return Err(ReassemblyError::EndMismatch { end: fixed });
        }
        self.received
            .insert(offset..end)
            .map_err(|_| ReassemblyError::TooManyParts)?;
        self.next = end;
        Ok(Write { offset, octets })
    }

    /// The chunk ends. The message may become complete with any chunk, not only with the `$` one.
    ///
    /// # Errors
    /// [`ReassemblyError::EndMismatch`].
    pub fn end(&mut self, flag: Continuation) -> Result<Progress, ReassemblyError> {
        match flag {
            Continuation::Abandoned => return Ok(Progress::Abandoned),
            Continuation::More => {}
            Continuation::Complete => {
                let end = self.end.unwrap_or(self.next);
                if end != self.next || self.received.end() > end {
                    return Err(ReassemblyError::EndMismatch { end });
                }
                self.end = Some(end);
            }
        }
        Ok(match self.end {
            Some(octets) if self.received.cover(&(0..octets)) => Progress::Complete { octets },
            _ => Progress::Incomplete,
        })
    }

    /// Octets that have come, each place counted once.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.octets()
    }

    /// The total that Byte-Range fields gave, which need not be the true one.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.total
    }
}

#[cfg(test)]
#[path = "reassembly_tests.rs"]
mod tests;
