//! What every handler has at hand.

use std::sync::Arc;

use axum::extract::FromRef;

use super::auth::XcapAuth;
use super::cursor::CursorKey;
use super::rates::Rates;
use super::throttle::Throttle;
use crate::config::Settings;
use crate::identity::Identity;
use crate::mailbox::Mailbox;
use crate::mailbox::feed::Feed;
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
    /// Slows down guessing of passwords and codes.
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
