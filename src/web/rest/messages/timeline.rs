//! `GET /api/v1/accounts/{aor}/messages/{id}/timeline`

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::event::Cause;
use crate::mailbox::Mailbox;
use crate::mailbox::timeline::Timeline;
use crate::store::events::Event;
use crate::store::reports::Report;
use crate::web::auth::Caller;
use crate::web::extract::Path;
use crate::web::problem::{NOT_FOUND, Problem, ProblemBody};
use crate::web::rest::account_path;

/// What happened to a message.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimelineView {
    /// In the order it happened.
    items: Vec<TimelineItem>,
    /// The report to its sender, if one was due.
    report: Option<TimelineReport>,
}

/// Something that happened to a message.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimelineItem {
    /// When.
    at: DateTime<Utc>,
    /// `message.stored`, `message.expiring`, `message.changed`, `message.held`, `message.released`,
    /// `message.inspected` (an operator read it) or `message.removed`.
    #[schema(example = "message.removed")]
    kind: &'static str,
    /// Why it was removed: `requested`, `expired`, `delivered`, `purged` or `erased`.
    #[schema(example = "requested")]
    reason: Option<&'static str>,
    /// Who did it: `system`, `user`, `token` or `owner` (vouched for by the network).
    #[schema(example = "user")]
    by: Option<&'static str>,
    /// The name of the user or the token, while there is one.
    #[schema(example = "alice")]
    by_name: Option<String>,
    /// The expiry it had from then on; of `message.held`, when the deletion becomes final.
    until: Option<DateTime<Utc>>,
}

/// How the report to the sender fares.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimelineReport {
    /// `pending`, `leased` (somebody is sending it), `sent` or `dead` (given up).
    #[schema(example = "pending")]
    state: &'static str,
    /// When it was queued.
    created_at: DateTime<Utc>,
    /// How often somebody was to send it.
    #[schema(example = 1)]
    attempts: u32,
    /// What the last attempt came to, if it failed.
    #[schema(example = "480 Temporarily Unavailable")]
    last_error: Option<String>,
    /// When it is tried next.
    next_attempt_at: Option<DateTime<Utc>>,
    /// When it was sent or given up.
    ended_at: Option<DateTime<Utc>>,
}

/// Show what happened to a message
///
/// Also of messages that are gone, for as long as `policy.events_keep`.
#[utoipa::path(
    get, path = "/api/v1/accounts/{aor}/messages/{id}/timeline", tag = "messages", operation_id = "get_message_timeline",
    params(
        ("aor" = String, Path, description = "Address of record, percent-encoded, or `me`",
            example = "sip:alice@example.org"),
        ("id" = String, Path, description = "The Message-ID, whole or its decimal string alone",
            example = "10000000001"),
    ),
    responses(
        (status = 200, body = TimelineView, description = "What happened"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope read is missing"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such message for this caller, ever"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn get_message_timeline(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    Path((aor, id)): Path<(String, String)>,
) -> Result<Json<TimelineView>, Problem> {
    let scope = caller.reading()?;
    let account = account_path::account(&mailbox, &caller.principal, &scope, &aor).await?;
    let missing = || Problem::new(NOT_FOUND);
    let key = account_path::key(&account, &id).ok_or_else(missing)?;
    let timeline = mailbox.timeline(&account, key).await?;
    let Timeline { events, report } = timeline.ok_or_else(missing)?;
    Ok(Json(TimelineView {
        items: events.into_iter().map(item).collect(),
        report: report.map(TimelineReport::from),
    }))
}

fn item((event, by_name): (Event, Option<String>)) -> TimelineItem {
    TimelineItem {
        at: event.at,
        kind: event.kind.as_str(),
        reason: event.cause.map(Cause::as_str),
        by: event.actor.map(|actor| actor.kind.as_str()),
        by_name,
        until: event.until,
    }
}

impl From<Report> for TimelineReport {
    fn from(report: Report) -> Self {
        Self {
            state: report.state.as_str(),
            created_at: report.created_at,
            attempts: report.attempts,
            last_error: report.last_error,
            next_attempt_at: report.next_attempt_at,
            ended_at: report.ended_at,
        }
    }
}
