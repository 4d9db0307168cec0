//! What the REST API shows of delivery reports.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::reports::Report;

/// A page of reports.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportPage {
    /// The reports, newest first.
    pub items: Vec<ReportView>,
    /// Where the next page begins; null on the last.
    pub next_cursor: Option<String>,
    /// Whether there is a next page.
    pub has_more: bool,
}

/// A delivery report.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportView {
    /// Its number, as it stands in paths.
    #[schema(example = "17")]
    id: String,
    /// `pending`, `leased` (somebody is sending it), `sent` or `dead` (given up).
    #[schema(example = "pending")]
    state: &'static str,
    /// Where it is sent.
    #[schema(example = "sip:carol@example.org")]
    to: String,
    /// Whose the message was.
    #[schema(example = "sip:alice@example.org")]
    account: String,
    /// The Message-ID of the message that went.
    #[schema(example = "sip:10000000001@mail.example.org")]
    message_id: String,
    /// Why it went: `requested`, `expired`, `purged` or `erased`.
    #[schema(example = "expired")]
    reason: &'static str,
    /// The report's own IMDN Message-ID, the same at every attempt.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015")]
    imdn_message_id: String,
    /// How often somebody was to send it.
    #[schema(example = 1)]
    attempts: u32,
    /// What the last attempt came to, if it failed.
    #[schema(example = "480 Temporarily Unavailable")]
    last_error: Option<String>,
    /// When it is tried next; of one that is being sent, when it is taken for lost.
    next_attempt_at: Option<DateTime<Utc>>,
    /// When it was queued.
    created_at: DateTime<Utc>,
    /// When it is given up.
    give_up_at: DateTime<Utc>,
    /// When it was sent or given up.
    ended_at: Option<DateTime<Utc>>,
}

impl From<&Report> for ReportView {
    fn from(report: &Report) -> Self {
        Self {
            id: report.id.to_string(),
            state: report.state.as_str(),
            to: report.target.clone(),
            account: report.aor.clone(),
            message_id: report.message_id.to_string(),
            reason: report.cause.as_str(),
            imdn_message_id: report.imdn_message_id.clone(),
            attempts: report.attempts,
            last_error: report.last_error.clone(),
            next_attempt_at: report.next_attempt_at,
            created_at: report.created_at,
            give_up_at: report.give_up_at,
            ended_at: report.ended_at,
        }
    }
}
