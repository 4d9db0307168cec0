//! The one place where time and randomness come from, so that everything else can be tested
//! with both passed in.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Tells the time, in UTC with the microseconds that the database keeps.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// Microseconds a test has moved this clock ahead of the system's.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// The present instant.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place the others call"
    )]
    pub fn now(&self) -> DateTime<Utc> {
        (Utc::now() + TimeDelta::microseconds(self.ahead.load(Ordering::Relaxed))).trunc_subsecs(6)
    }

    /// Moves the clock on, for every holder of this clock: how tests live through a week.
    pub fn advance(&self, by: TimeDelta) {
        let micros = by.num_microseconds().unwrap_or(i64::MAX);
        self.ahead.fetch_add(micros, Ordering::Relaxed);
    }
}

/// Random octets from the operating system, for secrets.
///
/// # Errors
/// When the operating system has no randomness to give.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the place the others call"
)]
pub fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
