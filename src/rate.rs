//! How often something may happen: a bucket for each key, which fills up evenly (GCRA). Kept of a key are a few octets,
//! however long it is, and they are forgotten as soon as its bucket is full again.

use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

/// So many buckets there are at most. Where there are more keys some share one; nobody can choose with whom.
const MOST_BUCKETS: u64 = 1 << 21;

type Limiter = RateLimiter<u64, DashMapStateStore<u64>, DefaultClock, StateInformationMiddleware>;

/// A rate for each key; it may be that of everything, which is never too often.
#[derive(Debug)]
pub struct Rate {
    buckets: Option<Buckets>,
}

#[derive(Debug)]
struct Buckets {
    limiter: Limiter,
    /// Of a secret of this process.
    hasher: RandomState,
    most: NonZeroU32,
    window: Duration,
}

/// How a key stands after it was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How many the bucket holds.
    pub most: u32,
    /// In which time it fills up.
    pub window: Duration,
    /// How many are left.
    pub left: u32,
}

/// It was too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too often: the next may come in {} seconds", self.seconds())]
pub struct TooOften {
    /// How many the bucket holds.
    pub most: u32,
    /// In which time it fills up.
    pub window: Duration,
    /// When there is room for one.
    pub wait: Duration,
}

impl TooOften {
    /// The time to wait in whole seconds, one at least, as `Retry-After` has it.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        let begun = u64::from(self.wait.subsec_nanos() > 0);
        (self.wait.as_secs() + begun).max(1)
    }
}

impl Rate {
    /// So many in a minute, all at once if need be; 0 is any number.
    #[must_use]
    pub fn per_minute(most: u32) -> Self {
        Self::new(most, Duration::from_mins(1))
    }

    /// So many in an hour, all at once if need be.
    #[must_use]
    pub fn per_hour(most: u32) -> Self {
        Self::new(most, Duration::from_hours(1))
    }

    /// So many in a second, all at once if need be.
    #[must_use]
    pub fn per_second(most: NonZeroU32) -> Self {
        Self::new(most.get(), Duration::from_secs(1))
    }

    fn new(most: u32, window: Duration) -> Self {
        let buckets = NonZeroU32::new(most).and_then(|most| {
            let quota = Quota::with_period(window / most.get())?.allow_burst(most);
            Some(Buckets {
                limiter: RateLimiter::dashmap(quota).with_middleware(),
                hasher: RandomState::new(),
                most,
                window,
            })
        });
        Self { buckets }
    }

    /// Counts one for this key. Of a rate without bound nothing is said.
    ///
    /// # Errors
    /// When it is too often; then it is not counted.
    pub fn check<K: Hash + ?Sized>(&self, key: &K) -> Result<Option<Standing>, TooOften> {
        let Some(buckets) = &self.buckets else {
            return Ok(None);
        };
        let (most, window) = (buckets.most.get(), buckets.window);
        let bucket = buckets.hasher.hash_one(key) % MOST_BUCKETS;
        match buckets.limiter.check_key(&bucket) {
            Ok(state) => Ok(Some(Standing {
                most,
                window,
                left: state.remaining_burst_capacity(),
            })),
            Err(refused) => Err(TooOften {
                most,
                window,
                wait: refused.wait_time_from(DefaultClock::default().now()),
            }),
        }
    }

    /// Forgets those whose buckets are full again.
    pub fn tidy(&self) {
        if let Some(buckets) = &self.buckets {
            buckets.limiter.retain_recent();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_and_waits_for_the_next() {
        let rate = Rate::per_minute(3);
        for left in [2, 1, 0] {
            let standing = rate.check("a").unwrap().unwrap();
            assert_eq!((standing.most, standing.left), (3, left));
        }
        let refused = rate.check("a").unwrap_err();
        assert!(refused.wait > Duration::from_secs(19) && refused.wait <= Duration::from_secs(20));
        assert_eq!(refused.seconds(), 20);
        assert!(rate.check("b").is_ok());
        assert!(rate.check(&("a", "b")).is_ok());
    }

    #[test]
    fn zero_is_any_number() {
        let rate = Rate::per_minute(0);
        assert!((0..10_000).all(|_| rate.check("a") == Ok(None)));
    }

    #[test]
    fn what_is_full_again_is_forgotten() {
        let rate = Rate::per_second(NonZeroU32::new(1_000_000).unwrap());
        for key in 0..1000 {
            rate.check(&key).unwrap();
        }
        let len = || rate.buckets.as_ref().unwrap().limiter.len();
        assert!(len() > 990, "few of them share a bucket");
        while len() > 0 {
            rate.tidy();
        }
    }

    #[test]
    fn seconds_are_rounded_up() {
        for (wait, seconds) in [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (20_000, 20)] {
            let refused = TooOften {
                most: 1,
                window: Duration::from_mins(1),
                wait: Duration::from_millis(wait),
            };
            assert_eq!(refused.seconds(), seconds, "{wait}");
        }
    }
}
