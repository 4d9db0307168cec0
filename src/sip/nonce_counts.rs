//! Which nonce counts have come (RFC 7616 section 3.4, `nc`), so that a request that was overheard is not good a second
//! time. Sans-IO.
//!
//! A client with several connections may be overtaken by itself, so the last counts below the highest are told apart.
//! Memory is bounded: a nonce is forgotten when it is too old anyway, and where there are too many the oldest ones are
//! declared too old. What came before this process, or to another node, is not known here.

use std::collections::BTreeMap;

use super::digest::{Nonce, NonceFault};

/// So many nonces are counted, at most: some 3 MB.
const MOST: usize = 1 << 16;

/// The counts of nonces that are not too old.
pub struct NonceCounts {
    /// How long a nonce is good, in the unit of the times in nonces.
    life: u64,
    /// What was made before is too old.
    floor: u64,
    most: usize,
    /// In the order in which they were made.
    counted: BTreeMap<Nonce, Window>,
}

/// Counts that have come.
struct Window {
    highest: u32,
    /// Bit n: `highest - n` has come.
    come: u64,
}

impl NonceCounts {
    /// Counts nonces made from `now` on that are good for `life`. What earlier processes have counted is not known, so
    /// the nonces of their time are too old.
    #[must_use]
    pub fn new(now: u64, life: u64) -> Self {
        Self {
            life,
            floor: now,
            most: MOST,
            counted: BTreeMap::new(),
        }
    }

    /// Takes a count down. To be called when the credentials have proved somebody, so that others take no room.
    ///
    /// # Errors
    /// [`NonceFault::Stale`] when the count has come before, or may have: challenge again.
    pub fn count(&mut self, nonce: Nonce, count: u32, now: u64) -> Result<(), NonceFault> {
        while let Some(oldest) = self.counted.first_entry()
            && now.saturating_sub(oldest.key().made_at) > self.life
        {
            oldest.remove();
        }
        if nonce.made_at < self.floor {
            return Err(NonceFault::Stale);
        }
        if let Some(window) = self.counted.get_mut(&nonce) {
            return if window.add(count) {
                Ok(())
            } else {
                Err(NonceFault::Stale)
            };
        }
        if self.counted.len() >= self.most
            && let Some((oldest, _)) = self.counted.pop_first()
        {
            self.floor = oldest.made_at.saturating_add(1);
            // Those of the same instant are below the floor as well.
            self.counted.retain(|nonce, _| nonce.made_at >= self.floor);
            if nonce.made_at < self.floor {
                return Err(NonceFault::Stale);
            }
        }
        let window = Window {
            highest: count,
            come: 1,
        };
        self.counted.insert(nonce, window);
        Ok(())
    }
}

impl Window {
    /// Whether a count comes for the first time.
    fn add(&mut self, count: u32) -> bool {
        if count > self.highest {
            let further = count - self.highest;
            self.come = self.come.checked_shl(further).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let bit = 1_u64.checked_shl(self.highest - count).unwrap_or(0);
        let first = bit != 0 && self.come & bit == 0;
        self.come |= bit;
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce(made_at: u64, salt: u8) -> Nonce {
        Nonce {
            made_at,
            salt: [salt; 8],
        }
    }

    #[test]
    fn each_count_is_good_once_in_any_order() {
        let mut counts = NonceCounts::new(0, 100);
        let stale = Err(NonceFault::Stale);
        for count in [1, 2, 5, 3, 4, 70, 7] {
            assert_eq!(counts.count(nonce(1, 1), count, 1), Ok(()), "{count}");
        }
        // 6 has not come, but lies too far back to know.
        for count in [1, 2, 5, 3, 4, 70, 7, 6, 0] {
            assert_eq!(counts.count(nonce(1, 1), count, 1), stale, "{count}");
        }
        assert_eq!(counts.count(nonce(1, 2), 1, 1), Ok(()), "another nonce");
        assert_eq!(counts.count(nonce(1, 1), u32::MAX, 1), Ok(()));
        assert_eq!(counts.count(nonce(1, 1), u32::MAX, 1), stale);
    }

    #[test]
    fn what_may_have_been_counted_before_is_too_old() {
        let mut counts = NonceCounts::new(50, 100);
        assert_eq!(counts.count(nonce(49, 1), 1, 60), Err(NonceFault::Stale));
        assert_eq!(counts.count(nonce(50, 1), 1, 60), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_nothing_is_good_twice_for_that() {
        let mut counts = NonceCounts {
            most: 3,
            ..NonceCounts::new(0, 100)
        };
        let stale = Err(NonceFault::Stale);
        for (made_at, salt) in [(1, 1), (1, 2), (2, 1), (3, 1)] {
            assert_eq!(counts.count(nonce(made_at, salt), 1, 3), Ok(()));
            assert!(counts.counted.len() <= 3);
        }
        // Those of instant 1 had to go.
        assert_eq!(counts.count(nonce(1, 1), 1, 3), stale);
        assert_eq!(counts.count(nonce(1, 3), 1, 3), stale);
        assert_eq!(counts.count(nonce(2, 1), 2, 3), Ok(()));
        // Age frees room by itself.
        assert_eq!(counts.count(nonce(200, 1), 1, 200), Ok(()));
        assert_eq!(counts.counted.len(), 1);
    }
}
