//! What the operator decides about messages: lifetimes, sizes, quotas.

use chrono::TimeDelta;

/// The limits that apply to every account that has none of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Store for an AoR that has no account yet by making one.
    pub auto_create_accounts: bool,
    /// Life of a message whose Expires is absent or above [`Policy::max_expiry`].
    pub default_expiry: TimeDelta,
    /// The longest life a sender may ask for.
    pub max_expiry: TimeDelta,
    /// Life of a message that came in Large Message Mode.
    pub large_expiry: TimeDelta,
    /// The largest SIP request accepted, in octets, header fields included.
    pub max_message_bytes: usize,
    /// The most octets of the content of a message in Large Message Mode.
    pub max_large_bytes: u64,
    /// The most messages one account holds.
    pub quota_messages: i64,
    /// The most octets of stored messages one account holds.
    pub quota_bytes: i64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            auto_create_accounts: true,
            default_expiry: TimeDelta::days(7),
            max_expiry: TimeDelta::days(30),
            large_expiry: TimeDelta::days(7),
            max_message_bytes: 1024 * 1024,
            max_large_bytes: 100 * 1024 * 1024,
            quota_messages: 1000,
            quota_bytes: 256 * 1024 * 1024,
        }
    }
}
