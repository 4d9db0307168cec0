//! `/gateway/v1/reports`: connectors that send delivery reports themselves fetch them here and say what became of
//! each. A report that nobody answers for is handed out again.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::clock;
use crate::config::Settings;
use crate::domain::access::TokenScope;
use crate::mailbox::Mailbox;
use crate::mailbox::outbox::{Failure, Handled};
use crate::mime::imdn_write::MEDIA_TYPE;
use crate::store::StoreError;
use crate::store::reports::Report;
use crate::web::auth::Caller;
use crate::web::extract::{OptionalJson, Path, Query};
use crate::web::problem::{INVALID_REQUEST, NOT_FOUND, Problem, ProblemBody, REPORT_STATE};

/// The most reports handed out at once, and how many when nothing is said.
const MOST: u64 = 100;
const USUAL: u64 = 10;
/// The longest wait that may be asked for, in seconds.
const LONGEST_WAIT: u64 = 60;
/// An answer goes out so long before `http.request_timeout` would cut it off.
const IN_TIME: Duration = Duration::from_secs(2);
/// The longest wait that a connector may ask for on behalf of the other side, in seconds: a year.
const LONGEST_RETRY_AFTER: u64 = 366 * 24 * 60 * 60;

/// How many reports, and how long to wait for them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PullQuery {
    /// Seconds to wait for a report if there is none, 0 to 60. The answer comes before `http.request_timeout`
    /// in any case.
    #[param(minimum = 0, maximum = 60, default = 0)]
    wait: Option<u64>,
    /// How many at most, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 10)]
    limit: Option<u64>,
}

/// Reports to send.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportBatch {
    /// The reports, the oldest first; of one sender and one `to` there is one at most.
    items: Vec<LeasedReport>,
}

/// A report to send.
#[derive(Debug, Serialize, ToSchema)]
pub struct LeasedReport {
    /// Names it in `ack` and `nack`.
    #[schema(example = "17")]
    id: String,
    /// Where to send it: the Request-URI and To of a SIP MESSAGE.
    #[schema(example = "sip:carol@example.org")]
    to: String,
    /// Whose the message was: who the MESSAGE is from.
    #[schema(example = "sip:alice@example.org")]
    account: String,
    /// The Message-ID of the message that went.
    #[schema(example = "sip:10000000001@mail.example.org")]
    message_id: String,
    /// Why it went: `requested`, `expired` or `purged`.
    #[schema(example = "expired")]
    reason: &'static str,
    /// The report's own IMDN Message-ID, the same at every attempt.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015")]
    imdn_message_id: String,
    /// When it was queued.
    created_at: DateTime<Utc>,
    /// How often it was handed out, this time included.
    #[schema(example = 1)]
    attempts: u32,
    /// Until when it is handed out to nobody else.
    lease_until: Option<DateTime<Utc>>,
    /// When it is given up.
    give_up_at: DateTime<Utc>,
    /// The Content-Type of the body.
    #[schema(example = "message/cpim")]
    content_type: &'static str,
    /// The body in base64, to be sent octet by octet.
    #[schema(content_encoding = "base64")]
    body: String,
}

impl From<Report> for LeasedReport {
    fn from(report: Report) -> Self {
        Self {
            id: report.id.to_string(),
            to: report.target,
            account: report.aor,
            message_id: report.message_id.to_string(),
            reason: report.cause.as_str(),
            imdn_message_id: report.imdn_message_id,
            created_at: report.created_at,
            attempts: report.attempts,
            lease_until: report.lease_until,
            give_up_at: report.give_up_at,
            content_type: MEDIA_TYPE,
            body: STANDARD.encode(report.body),
        }
    }
}

/// What became of an attempt that failed. All of it may be left out, and so may the body.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nack {
    /// Seconds that the other side wants to be left alone (Retry-After).
    #[schema(example = 120, minimum = 0, maximum = 31_622_400)]
    retry_after: Option<u64>,
    /// What the other side said; 500 characters are kept.
    #[schema(example = "480 Temporarily Unavailable")]
    error: Option<String>,
    /// Whether that is for good: the report is given up at once.
    #[serde(default)]
    #[schema(required = false, example = false)]
    permanent: bool,
    /// The `attempts` that it was handed out with. If it was handed out again since, to somebody else, this is refused
    /// (409) and changes nothing.
    #[schema(example = 1)]
    attempts: Option<u32>,
}

/// Fetch delivery reports to send
///
/// Reports that senders are due because their messages were deleted or have expired (RFC 5438). Each is handed out to
/// nobody else for 60 seconds; answer with `ack` once it is sent, or with `nack`. What is not answered is handed out
/// again, under the same IMDN Message-ID, so that a receiver can drop repeats. No report is handed out before the
/// earlier ones of its sender with the same `to` are done. A token bound to accounts gets the reports of those.
#[utoipa::path(
    get, path = "/gateway/v1/reports", tag = "reports", operation_id = "pull_reports",
    params(PullQuery),
    responses(
        (status = 200, body = ReportBatch, description = "Reports to send, perhaps none"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "A parameter is wrong"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "No token, or one that is not valid"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope gateway is missing"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away"),
    ),
    security(("token" = [])),
)]
pub async fn pull_reports(
    State(mailbox): State<Mailbox>,
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Query(query): Query<PullQuery>,
) -> Result<Json<ReportBatch>, Problem> {
    caller.require(TokenScope::Gateway)?;
    let limit = query.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        let detail = format!("expected 1 to {MOST}");
        return Err(Problem::new(INVALID_REQUEST).field("limit", detail));
    }
    let wait = query.wait.unwrap_or_default();
    if wait > LONGEST_WAIT {
        let detail = format!("expected 0 to {LONGEST_WAIT}");
        return Err(Problem::new(INVALID_REQUEST).field("wait", detail));
    }
    let longest = settings.http.request_timeout.saturating_sub(IN_TIME);
    let patience = Duration::from_secs(wait).min(longest);
    let scope = caller.principal.gateway_scope();
    let reports = mailbox.await_reports(&scope, limit, patience).await?;
    let items = reports.into_iter().map(LeasedReport::from).collect();
    Ok(Json(ReportBatch { items }))
}

/// Say that a report was sent
///
/// It is not handed out again. Saying so again does no harm, and neither does saying so late.
#[utoipa::path(
    post, path = "/gateway/v1/reports/{id}/ack", tag = "reports", operation_id = "ack_report",
    params(("id" = String, Path, description = "The `id` of the report", example = "17")),
    responses(
        (status = 204, description = "The report is done"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "No token, or one that is not valid"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope gateway is missing"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such report for this caller"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "The report is not handed out"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = [])),
)]
pub async fn ack_report(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require(TokenScope::Gateway)?;
    let scope = caller.principal.gateway_scope();
    done(mailbox.report_sent(&scope, number(&id)?).await?)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Say that a report could not be sent
///
/// It is handed out again after a while that grows with each attempt and is `retry_after` at least; when
/// `reports.give_up_after` has passed, or the other side has refused it for good (`permanent`), it is given up. Send the
/// `attempts` that it came with, so that a `nack` that comes late does not spoil the attempt of somebody else.
#[utoipa::path(
    post, path = "/gateway/v1/reports/{id}/nack", tag = "reports", operation_id = "nack_report",
    params(("id" = String, Path, description = "The `id` of the report", example = "17")),
    request_body = Option<Nack>,
    responses(
        (status = 204, description = "The report is tried again later, or was given up"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "The body is wrong"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "No token, or one that is not valid"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope gateway is missing"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such report for this caller"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json", description = "The report is not handed out"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "Not JSON"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = [])),
)]
pub async fn nack_report(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    Path(id): Path<String>,
    OptionalJson(nack): OptionalJson<Nack>,
) -> Result<StatusCode, Problem> {
    caller.require(TokenScope::Gateway)?;
    let nack = nack.unwrap_or_default();
    let retry_after = nack.retry_after.unwrap_or_default();
    if retry_after > LONGEST_RETRY_AFTER {
        let detail = format!("expected {LONGEST_RETRY_AFTER} at most");
        return Err(Problem::new(INVALID_REQUEST).field("/retry_after", detail));
    }
    let failure = Failure {
        retry_after: TimeDelta::from_std(Duration::from_secs(retry_after)).ok(),
        error: nack.error,
        is_final: nack.permanent,
    };
    let chance = u32::from_be_bytes(clock::random().map_err(StoreError::from)?);
    let scope = caller.principal.gateway_scope();
    let handled = mailbox.report_failed(&scope, number(&id)?, nack.attempts, failure, chance);
    done(handled.await?)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The report that a path names.
///
/// # Errors
/// A [`Problem`] when it can name none.
pub fn number(id: &str) -> Result<i64, Problem> {
    id.parse().map_err(|_| Problem::new(NOT_FOUND))
}

/// The report, if what was asked for was done to it.
///
/// # Errors
/// A [`Problem`] when there is none, or it is in another state.
pub fn done(handled: Handled) -> Result<Report, Problem> {
    match handled {
        Handled::Done(report) => Ok(*report),
        Handled::NotThere => Err(Problem::new(NOT_FOUND)),
        Handled::NotNow(state) => {
            Err(Problem::new(REPORT_STATE).detail(format!("the report is {state}")))
        }
    }
}
