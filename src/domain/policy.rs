//! What the operator decides about messages: lifetimes, sizes, quotas, reports.

use chrono::TimeDelta;

use super::report::DeliveryReports;

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
    /// The most messages a minute from one sender to one user; 0 is any number.
    pub sender_rate: u32,
    /// When senders of messages that go undelivered are told.
    pub delivery_reports: DeliveryReports,
    /// How long a report is tried before it is given up.
    pub reports_give_up_after: TimeDelta,
    /// How long a report is kept after it was sent or given up.
    pub reports_keep: TimeDelta,
    /// How long before its expiry those who follow along are told of a message; none are if it is zero.
    pub expiry_warning: TimeDelta,
    /// How long a deletion in the browser may be taken back.
    pub undo_grace: TimeDelta,
    /// How long is kept what happened to messages.
    pub events_keep: TimeDelta,
    /// How long the audit is kept.
    pub audit_keep: TimeDelta,
    /// The largest XCAP document, in octets.
    pub max_document_bytes: usize,
    /// The most XCAP documents of one user.
    pub max_documents: u64,
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
            sender_rate: 20,
            delivery_reports: DeliveryReports::OnRequest,
            reports_give_up_after: TimeDelta::hours(24),
            reports_keep: TimeDelta::days(30),
            expiry_warning: TimeDelta::hours(24),
            undo_grace: TimeDelta::seconds(10),
            events_keep: TimeDelta::days(30),
            audit_keep: TimeDelta::days(400),
            max_document_bytes: 1024 * 1024,
            max_documents: 100,
        }
    }
}
