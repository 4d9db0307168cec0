//! What every handler has at hand.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::FromRef;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::auth::XcapAuth;
use super::cursor::CursorKey;
use crate::config::Settings;
use crate::identity::Identity;
use crate::mailbox::Mailbox;
use crate::mailbox::feed::Feed;
use crate::xcap::usages::Registry;

/// Sign-in attempts for one name from one address, and from one address for any name, a minute.
const ATTEMPTS_BY_NAME: NonZeroU32 = NonZeroU32::new(10).unwrap();
const ATTEMPTS_BY_ADDRESS: NonZeroU32 = NonZeroU32::new(60).unwrap();

/// The parts every handler may ask for.
#[derive(Clone, FromRef)]
pub struct AppState {
    /// The procedures.
    pub mailbox: Mailbox,
    /// The application usages of the XCAP server.
    pub usages: Arc<Registry>,
    /// News of what happens.
    pub feed: Feed,
    /// People and tokens.
    pub identity: Identity,
    /// The settings.
    pub settings: Arc<Settings>,
    /// Signs cursors.
    pub cursor_key: Arc<CursorKey>,
    /// Slows down guessing of passwords.
    pub throttle: Arc<Throttle>,
    /// What proving oneself at the XCAP root needs.
    pub xcap_auth: XcapAuth,
    /// Whether the data goes away at the end.
    pub demo: Demo,
}

/// Whether this is `restante demo`.
#[derive(Clone, Copy, Debug)]
pub struct Demo(pub bool);

/// Slows down guessing of passwords.
pub struct Throttle {
    by_name: DefaultKeyedRateLimiter<(IpAddr, String)>,
    by_address: DefaultKeyedRateLimiter<IpAddr>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            by_name: RateLimiter::keyed(Quota::per_minute(ATTEMPTS_BY_NAME)),
            by_address: RateLimiter::keyed(Quota::per_minute(ATTEMPTS_BY_ADDRESS)),
        }
    }
}

impl Throttle {
    /// Whether one more attempt for `name` from `address` is within bounds.
    #[must_use]
    pub fn allows(&self, address: IpAddr, name: &str) -> bool {
        let by_address = self.by_address.check_key(&address).is_ok();
        by_address
            && self
                .by_name
                .check_key(&(address, name.to_lowercase()))
                .is_ok()
    }

    /// Forgets those who have not tried for a while, so that memory stays bounded.
    pub fn tidy(&self) {
        self.by_name.retain_recent();
        self.by_address.retain_recent();
    }
}
