//! Tests of the reassembly. The totals that do not fit are those of RFC 4975 section 11.

use super::*;
use proptest::prelude::*;

fn range(start: u64, total: Option<u64>) -> ByteRange {
    ByteRange {
        start,
        end: None,
        total,
    }
}

/// A message and what a sink made of its writes.
struct Sink {
    message: Reassembly,
    content: Vec<u8>,
}

impl Sink {
    fn new(limit: u64) -> Self {
        Self {
            message: Reassembly::new(limit),
            content: Vec::new(),
        }
    }

    fn write(&mut self, octets: &[u8]) -> Result<(), ReassemblyError> {
        let write = self.message.octets(Bytes::copy_from_slice(octets))?;
        let offset = usize::try_from(write.offset).unwrap();
        let end = offset + write.octets.len();
        self.content.resize(self.content.len().max(end), 0);
        self.content[offset..end].copy_from_slice(&write.octets);
        Ok(())
    }

    fn chunk(
        &mut self,
        range: impl Into<Option<ByteRange>>,
        octets: &[u8],
        flag: Continuation,
    ) -> Result<Progress, ReassemblyError> {
        self.message.begin(range.into())?;
        if !octets.is_empty() {
            self.write(octets)?;
        }
        self.message.end(flag)
    }
}

use Continuation::{Abandoned, Complete, More};

#[test]
fn one_chunk() {
    for range in [
        None,
        Some(range(1, None)),
        Some(range(1, Some(14))),
        Some(range(1, Some(16))),
    ] {
        let mut sink = Sink::new(100);
        let progress = sink.chunk(range, b"Hi, I'm Alice!", Complete);
        assert_eq!(progress, Ok(Progress::Complete { octets: 14 }));
        assert_eq!(sink.content, b"Hi, I'm Alice!");
    }
    let progress = Sink::new(0).chunk(Some(ByteRange::whole(0)), b"", Complete);
    assert_eq!(progress, Ok(Progress::Complete { octets: 0 }));
}

#[test]
fn the_last_chunk_may_come_first() {
    let mut sink = Sink::new(100);
    assert_eq!(
        sink.chunk(range(5, Some(8)), b"EFGH", Complete),
        Ok(Progress::Incomplete)
    );
    assert_eq!(sink.message.received(), 4);
    assert_eq!(
        sink.chunk(range(1, None), b"abcd", More),
        Ok(Progress::Complete { octets: 8 })
    );
    assert_eq!(
        (&sink.content[..], sink.message.total()),
        (&b"abcdEFGH"[..], Some(8))
    );
}

/// RFC 4975 section 7.3.1: the second chunk overwrites octets 50 to 100.
#[test]
fn the_later_octets_win() {
    let mut sink = Sink::new(1000);
    sink.chunk(range(1, None), &[b'a'; 100], More).unwrap();
    let progress = sink.chunk(range(50, None), &[b'b'; 101], Complete);
    assert_eq!(progress, Ok(Progress::Complete { octets: 150 }));
    assert_eq!(sink.content, [[b'a'; 49].as_slice(), &[b'b'; 101]].concat());
}

#[test]
fn a_chunk_that_breaks_off_is_resumed() {
    let mut sink = Sink::new(100);
    sink.message.begin(Some(range(1, Some(8)))).unwrap();
    sink.write(b"ab").unwrap();
    // No end: the connection was lost. A new one goes on.
    assert_eq!(
        sink.chunk(range(3, Some(8)), b"cd", More),
        Ok(Progress::Incomplete)
    );
    assert_eq!(
        sink.chunk(range(5, Some(8)), b"EFGH", Complete),
        Ok(Progress::Complete { octets: 8 })
    );
    assert_eq!(sink.content, b"abcdEFGH");
    assert_eq!(
        sink.chunk(range(5, Some(8)), b"EF", Abandoned),
        Ok(Progress::Abandoned)
    );
}

#[test]
fn limits() {
    let error = ReassemblyError::TooLarge { limit: 10 };
    assert_eq!(error.code(), Code::Stop);
    let too_large = Err(error);
    let mut sink = Sink::new(10);
    assert_eq!(sink.chunk(range(1, Some(11)), b"", More), too_large);
    assert_eq!(sink.chunk(range(12, None), b"", More), too_large);
    let end = Some(ByteRange {
        start: 1,
        end: Some(11),
        total: None,
    });
    assert_eq!(sink.chunk(end, b"", More), too_large);
    assert_eq!(sink.chunk(range(9, None), b"123", More), too_large);
    assert_eq!(sink.chunk(range(u64::MAX, None), b"1", More), too_large);
    assert_eq!(sink.content, b"");
    assert_eq!(
        sink.chunk(range(1, Some(10)), b"1234567890", Complete),
        Ok(Progress::Complete { octets: 10 })
    );
    let mut message = Reassembly::new(u64::MAX);
    message.begin(Some(range(u64::MAX, None))).unwrap();
    message.octets(Bytes::from_static(b"1")).unwrap();
    let error = message.octets(Bytes::from_static(b"2")).unwrap_err();
    assert_eq!(error, ReassemblyError::TooLarge { limit: u64::MAX });
}

#[test]
fn gaps_are_bounded() {
    let mut sink = Sink::new(1 << 20);
    let outcomes: Vec<_> = (0..=MAX_PARTS as u64)
        .map(|part| sink.chunk(range(part * 2 + 2, None), b"x", More))
        .collect();
    assert_eq!(
        outcomes.last().unwrap(),
        &Err(ReassemblyError::TooManyParts)
    );
    assert_eq!(
        outcomes.iter().filter(|outcome| outcome.is_err()).count(),
        1
    );
}

#[test]
fn contradictions() {
    let mut sink = Sink::new(100);
    sink.chunk(range(1, Some(8)), b"abcd", More).unwrap();
    let error = sink.chunk(range(5, Some(9)), b"EFGH", More).unwrap_err();
    assert_eq!(
        error,
        ReassemblyError::TotalMismatch {
            earlier: 8,
            later: 9
        }
    );
    assert_eq!(error.code(), Code::BadRequest);

    let end = |end| Err(ReassemblyError::EndMismatch { end });
    let mut sink = Sink::new(100);
    sink.chunk(range(5, None), b"EFGH", Complete).unwrap();
    assert_eq!(
        sink.chunk(range(8, None), b"HI", More),
        end(8),
        "octets behind the end"
    );
    assert_eq!(
        sink.chunk(range(1, None), b"ab", Complete),
        end(8),
        "another end"
    );
    let mut sink = Sink::new(100);
    sink.chunk(range(5, None), b"EFGH", More).unwrap();
    assert_eq!(
        sink.chunk(range(1, None), b"abcd", Complete),
        end(4),
        "an end before what is there"
    );
}

/// A message and chunks that together have all of it, some twice, in some order.
fn chunked() -> impl Strategy<Value = (Vec<u8>, Vec<(usize, usize)>)> {
    (1_usize..200).prop_flat_map(|len| {
        let cuts = proptest::collection::btree_set(1..=len, 0..20);
        let repeats = proptest::collection::vec((0..len, 0..len), 0..10);
        let content = proptest::collection::vec(any::<u8>(), len);
        (content, cuts, repeats).prop_flat_map(move |(content, cuts, repeats)| {
            let ends: Vec<usize> = cuts.into_iter().chain([len]).collect();
            let starts = [0].into_iter().chain(ends.clone());
            let mut chunks: Vec<(usize, usize)> = starts.zip(ends.clone()).collect();
            chunks.extend(repeats.into_iter().map(|(a, b)| (a.min(b), a.max(b))));
            (Just(content), Just(chunks).prop_shuffle())
        })
    })
}

proptest! {
    #[test]
    fn any_chunks_in_any_order_give_the_message((content, chunks) in chunked()) {
        let mut sink = Sink::new(1000);
        let total = Some(content.len() as u64);
        let mut complete = false;
        for (start, end) in chunks {
            let flag = if end == content.len() { Complete } else { More };
            let progress = sink.chunk(range(start as u64 + 1, total), &content[start..end], flag).unwrap();
            complete |= matches!(progress, Progress::Complete { octets } if octets == content.len() as u64);
        }
        prop_assert!(complete);
        prop_assert_eq!(sink.content, content);
    }

    #[test]
    fn complete_means_that_every_octet_was_written(chunks in proptest::collection::vec((0_u64..20, 0_usize..8, any::<bool>()), 0..20)) {
        let mut sink = Sink::new(30);
        let mut written = std::collections::BTreeSet::new();
        for (start, len, last) in chunks {
            let flag = if last { Complete } else { More };
            match sink.chunk(range(start + 1, None), &vec![1; len], flag) {
                Ok(progress) => {
                    written.extend(start..start + len as u64);
                    if let Progress::Complete { octets } = progress {
                        prop_assert_eq!(written.len() as u64, octets);
                    }
                }
                Err(_) => break,
            }
        }
    }
}
