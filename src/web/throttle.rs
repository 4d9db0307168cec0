//! Slows down guessing of passwords and codes.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::header;

use super::problem::{Problem, TOO_MANY_ATTEMPTS};
use crate::config::RateLimitSettings;
use crate::rate::{Rate, TooOften};

/// For one name from anywhere, an hour (NIST SP 800-63B section 3.2.2 has 100). So many that somebody who guesses
/// from one place does not lock out whom the name belongs to.
const BY_NAME: u32 = 100;
/// Codes of a second factor for one person, an hour: with three of a million right, guessing takes years.
const CODES: u32 = 10;

/// Slows down guessing of passwords and codes. Counts attempts, right or wrong, before anything is looked up.
pub struct Throttle {
    by_name_and_network: Rate,
    by_network: Rate,
    by_name: Rate,
    codes: Rate,
}

/// There were too many attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// Seconds until there may be another.
    pub retry_after: u64,
}

impl From<TooOften> for TooMany {
    fn from(refused: TooOften) -> Self {
        Self {
            retry_after: refused.seconds(),
        }
    }
}

impl From<TooMany> for Problem {
    fn from(error: TooMany) -> Self {
        Self::new(TOO_MANY_ATTEMPTS).header_value(header::RETRY_AFTER, error.retry_after.into())
    }
}

impl Throttle {
    /// As the settings have it.
    #[must_use]
    pub fn new(limits: &RateLimitSettings) -> Self {
        Self {
            by_name_and_network: Rate::per_minute(limits.sign_in),
            by_network: Rate::per_minute(limits.sign_in_per_address),
            by_name: Rate::per_hour(BY_NAME),
            codes: Rate::per_hour(CODES),
        }
    }

    /// Goes on if one more attempt to prove the password of `name` from `address` is within bounds.
    ///
    /// # Errors
    /// When it is not.
    pub fn password(&self, address: IpAddr, name: &str) -> Result<(), TooMany> {
        let (network, name) = (network(address), name.to_lowercase());
        self.by_network.check(&network)?;
        self.by_name_and_network.check(&(network, name.as_str()))?;
        // Tokens have no names, and what is too long to be one is none.
        if !name.is_empty() {
            self.by_name.check(name.as_str())?;
        }
        Ok(())
    }

    /// Goes on if one more attempt of a person to prove a second factor is within bounds.
    ///
    /// # Errors
    /// When it is not.
    pub fn code(&self, person: i64) -> Result<(), TooMany> {
        self.codes.check(&person)?;
        Ok(())
    }

    /// Forgets those who have not tried for a while, so that memory stays bounded.
    pub fn tidy(&self) {
        self.by_name_and_network.tidy();
        self.by_network.tidy();
        self.by_name.tidy();
        self.codes.tidy();
    }
}

/// Whoever has one address of IPv6 has the 64 bits behind it as well.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let bits = address.to_bits() & (u128::MAX << 64);
            Ipv6Addr::from_bits(bits).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle() -> Throttle {
        Throttle::new(&RateLimitSettings {
            sign_in: 10,
            sign_in_per_address: 60,
            refused: 0,
            api: 0,
            search: 0,
            export: 0,
            gateway: 0,
        })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_network_of_ipv6_is_one_guesser() {
        let throttle = throttle();
        let mut passed = 0;
        for n in 0..20 {
            let address = address(&format!("2001:db8::{n:x}"));
            passed += usize::from(throttle.password(address, "alice").is_ok());
        }
        assert_eq!(passed, 10);
        assert!(
            throttle
                .password(address("2001:db8:0:1::1"), "ALICE")
                .is_ok()
        );
        let mapped = network(address("::ffff:192.0.2.1"));
        assert_eq!(mapped, address("192.0.2.1"));
    }

    #[test]
    fn a_name_is_guessed_at_from_everywhere_a_hundred_times() {
        let throttle = throttle();
        let from = |n: u32| address(&format!("10.{}.{}.1", n / 250, n % 250));
        let passed = (0..300).filter(|&n| throttle.password(from(n), "alice").is_ok());
        assert_eq!(passed.count(), 100);
        let refused = throttle.password(from(301), "Alice").unwrap_err();
        assert!((1..=37).contains(&refused.retry_after), "{refused:?}");
        assert!(throttle.password(from(302), "bob").is_ok());
    }

    #[test]
    fn codes_are_guessed_ten_times() {
        let throttle = throttle();
        assert_eq!((0..20).filter(|_| throttle.code(1).is_ok()).count(), 10);
        assert!(throttle.code(1).unwrap_err().retry_after > 300);
        assert!(throttle.code(2).is_ok());
    }
}
