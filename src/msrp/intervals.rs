//! Sets of octets as intervals: which parts of a message are there.

use std::ops::Range;

/// There would be more separate intervals than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

/// Intervals in ascending order that neither overlap nor touch; never empty ones.
#[derive(Debug, Clone)]
pub struct Intervals {
    list: Vec<Range<u64>>,
    max: usize,
}

impl Intervals {
    /// No octets yet. `max` bounds the memory that a peer can make us use by leaving gaps.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            list: Vec::new(),
            max,
        }
    }

    /// Adds these octets.
    ///
    /// # Errors
    /// [`TooMany`], with nothing added.
    pub fn insert(&mut self, octets: Range<u64>) -> Result<(), TooMany> {
        if octets.is_empty() {
            return Ok(());
        }
        let first = self.list.partition_point(|range| range.end < octets.start);
        let after = self.list.partition_point(|range| range.start <= octets.end);
        let joined = self.list.get(first..after).unwrap_or_default();
        let start = joined
            .first()
            .map_or(octets.start, |range| range.start.min(octets.start));
        let end = joined
            .last()
            .map_or(octets.end, |range| range.end.max(octets.end));
        if joined.is_empty() && self.list.len() >= self.max {
            return Err(TooMany);
        }
        self.list.splice(first..after, std::iter::once(start..end));
        Ok(())
    }

    /// Whether all of these octets are there.
    #[must_use]
    pub fn cover(&self, octets: &Range<u64>) -> bool {
        let at = self.list.partition_point(|range| range.end < octets.end);
        let covers = |range: &Range<u64>| range.start <= octets.start && octets.end <= range.end;
        octets.is_empty() || self.list.get(at).is_some_and(covers)
    }

    /// One more than the last octet; 0 if there is none.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.list.last().map_or(0, |range| range.end)
    }

    /// How many octets are there.
    #[must_use]
    pub fn octets(&self) -> u64 {
        self.list.iter().map(|range| range.end - range.start).sum()
    }

    /// How many separate intervals there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn neighbours_are_joined() {
        let mut set = Intervals::new(2);
        set.insert(0..3).unwrap();
        set.insert(3..5).unwrap();
        assert_eq!((set.count(), set.octets(), set.end()), (1, 5, 5));
        set.insert(7..9).unwrap();
        assert_eq!(set.insert(11..12), Err(TooMany));
        assert_eq!((set.count(), set.end()), (2, 9));
        set.insert(9..11).unwrap();
        set.insert(4..8).unwrap();
        assert_eq!((set.count(), set.octets()), (1, 11));
        assert!(set.cover(&(0..11)) && !set.cover(&(0..12)) && set.cover(&(20..20)));
        set.insert(30..30).unwrap();
        assert_eq!(set.count(), 1);
    }

    proptest! {
        #[test]
        fn same_as_a_set(ranges in proptest::collection::vec((0_u64..50, 0_u64..10), 0..30), asked in (0_u64..50, 0_u64..10)) {
            let mut set = Intervals::new(100);
            let mut plain = std::collections::BTreeSet::new();
            for (start, len) in ranges {
                set.insert(start..start + len).unwrap();
                plain.extend(start..start + len);
            }
            let asked = asked.0..asked.0 + asked.1;
            prop_assert_eq!(set.octets(), plain.len() as u64);
            prop_assert_eq!(set.end(), plain.last().map_or(0, |last| last + 1));
            prop_assert_eq!(set.cover(&asked), asked.clone().all(|octet| plain.contains(&octet)));
            prop_assert!(set.list.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
