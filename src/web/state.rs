//! What every handler has at hand.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRef;

use super::auth::XcapAuth;
use super::cursor::CursorKey;
use super::rates::Rates;
use crate::config::{RateLimitSettings, Settings};
use crate::identity::Identity;
use crate::mailbox::Mailbox;
use crate::mailbox::feed::Feed;
use crate::rate::Rate;
use crate::xcap::usages::Registry;

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
    /// How often callers may ask.
    pub rates: Arc<Rates>,
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
    by_name: Rate,
    by_address: Rate,
}

impl Throttle {
    /// As the settings have it.
    #[must_use]
    pub fn new(limits: &RateLimitSettings) -> Self {
        Self {
            by_name: Rate::per_minute(limits.sign_in),
            by_address: Rate::per_minute(limits.sign_in_per_address),
        }
    }

    /// Whether one more attempt for `name` from `address` is within bounds.
    #[must_use]
    pub fn allows(&self, address: IpAddr, name: &str) -> bool {
        let name = name.to_lowercase();
        self.by_address.check(&address).is_ok() && self.by_name.check(&(address, name)).is_ok()
    }

    /// Forgets those who have not tried for a while, so that memory stays bounded.
    pub fn tidy(&self) {
        self.by_name.tidy();
        self.by_address.tidy();
    }
}
