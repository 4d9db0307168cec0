//! The Expire marking of a deferred message (OMA SIMPLE IM TS 12.4.2.3, RFC 3428 section 6).

use chrono::{DateTime, TimeDelta, Utc};

use super::policy::Policy;

/// The message is already dead on arrival: storing it would store nothing that can be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message expired at {expired_at}, before it could be stored")]
pub struct AlreadyExpired {
    /// The instant its Expires header field names.
    pub expired_at: DateTime<Utc>,
}

/// When a pager-mode message expires.
///
/// `expires` is the Expires header field in seconds: not above the local maximum it is obeyed,
/// absent or above it the default applies. It counts from `date`, the Date header field, where
/// there is one and else from `received` (RFC 3428 section 6). A Date in the future is a clock gone
/// wrong and stretches no life: then it counts from receipt.
///
/// # Errors
/// [`AlreadyExpired`] when the instant is not after `received`; `Expires: 0` is the usual case.
pub fn pager(
    expires: Option<u32>,
    date: Option<DateTime<Utc>>,
    received: DateTime<Utc>,
    policy: &Policy,
) -> Result<DateTime<Utc>, AlreadyExpired> {
    let asked = expires
        .map(|seconds| TimeDelta::seconds(i64::from(seconds)))
        .filter(|life| *life <= policy.max_expiry);
    let Some(life) = asked else {
        return Ok(received + policy.default_expiry);
    };
    let from = date.unwrap_or(received).min(received);
    let expires_at = from.checked_add_signed(life).unwrap_or(received);
    if expires_at <= received {
        return Err(AlreadyExpired {
            expired_at: expires_at,
        });
    }
    Ok(expires_at)
}

/// The instant is not one at which a message may expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an instant after now and not after {latest}")]
pub struct OutOfBounds {
    /// The last that may be chosen.
    pub latest: DateTime<Utc>,
}

/// The expiry that somebody chooses for a message that waits: after `now`, and no longer away than a sender may ask
/// for.
///
/// # Errors
/// [`OutOfBounds`] says how long it may be.
pub fn chosen(
    asked: DateTime<Utc>,
    now: DateTime<Utc>,
    policy: &Policy,
) -> Result<DateTime<Utc>, OutOfBounds> {
    let latest = now + policy.max_expiry;
    if asked <= now || asked > latest {
        return Err(OutOfBounds { latest });
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn policy() -> Policy {
        Policy::default()
    }

    const NOW: &str = "2026-10-01T08:00:00Z";

    #[test]
    fn an_expires_within_the_maximum_is_obeyed() {
        let now = at(NOW);
        assert_eq!(
            pager(Some(60), None, now, &policy()),
            Ok(now + TimeDelta::seconds(60))
        );
        let max = policy().max_expiry;
        let exactly = u32::try_from(max.num_seconds()).unwrap();
        assert_eq!(pager(Some(exactly), None, now, &policy()), Ok(now + max));
    }

    #[test]
    fn absent_or_above_the_maximum_means_the_default() {
        let now = at(NOW);
        let default = now + policy().default_expiry;
        assert_eq!(pager(None, None, now, &policy()), Ok(default));
        let above = u32::try_from(policy().max_expiry.num_seconds() + 1).unwrap();
        assert_eq!(pager(Some(above), None, now, &policy()), Ok(default));
        assert_eq!(pager(Some(u32::MAX), None, now, &policy()), Ok(default));
    }

    #[test]
    fn expires_counts_from_the_date_header() {
        let now = at(NOW);
        let sent = now - TimeDelta::seconds(40);
        assert_eq!(
            pager(Some(60), Some(sent), now, &policy()),
            Ok(now + TimeDelta::seconds(20))
        );
        assert_eq!(
            pager(Some(30), Some(sent), now, &policy()),
            Err(AlreadyExpired {
                expired_at: now - TimeDelta::seconds(10)
            })
        );
    }

    #[test]
    fn an_expiry_is_chosen_within_bounds() {
        let now = at(NOW);
        let second = TimeDelta::seconds(1);
        let latest = now + policy().max_expiry;
        for asked in [now + second, latest] {
            assert_eq!(chosen(asked, now, &policy()), Ok(asked));
        }
        for asked in [now - second, now, latest + second] {
            assert_eq!(chosen(asked, now, &policy()), Err(OutOfBounds { latest }));
        }
    }

    #[test]
    fn zero_is_dead_on_arrival() {
        let now = at(NOW);
        assert_eq!(
            pager(Some(0), None, now, &policy()),
            Err(AlreadyExpired { expired_at: now })
        );
    }

    #[test]
    fn a_date_in_the_future_stretches_no_life() {
        let now = at(NOW);
        let future = now + TimeDelta::days(365);
        let minute = TimeDelta::seconds(60);
        assert_eq!(
            pager(Some(60), Some(future), now, &policy()),
            Ok(now + minute)
        );
    }
}
