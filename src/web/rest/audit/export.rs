//! `GET /api/v1/audit/export`

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use utoipa::ToSchema;

use super::filter::query;
use crate::domain::audit_chain::time;
use crate::mailbox::Mailbox;
use crate::store::StoreError;
use crate::store::audit::{Entry, Filter};
use crate::web::auth::Caller;
use crate::web::extract::Query;
use crate::web::problem::{Problem, ProblemBody};

/// Entries that are read, and kept in memory, at a time.
const PER_READ: u64 = 500;

query! {
    /// Which entries. What is absent does not restrict.
    ExportQuery {
        /// Entries after this number only: the last one that was fetched before.
        #[param(minimum = 0, example = 4711)]
        after: Option<i64>,
    }
}

/// A line of the export: an entry as it is chained.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportedEntry {
    /// Its number in the chain.
    #[schema(example = 4712)]
    number: i64,
    /// SHA-256 over it and the hash before, in hexadecimal.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    hash: String,
    /// The database's number of the transaction that wrote it.
    #[schema(example = 0)]
    tx: i64,
    /// The database's number of the row.
    #[schema(example = 4712)]
    id: i64,
    /// When, in microseconds.
    #[schema(example = "2026-11-25T16:05:07.250000Z")]
    at: String,
    /// What was done.
    #[schema(example = "messages.removed")]
    action: &'static str,
    /// How it ended.
    #[schema(example = "done")]
    outcome: &'static str,
    /// What did it.
    #[schema(example = "user")]
    actor: &'static str,
    /// Which one.
    #[schema(example = 3)]
    actor_id: Option<i64>,
    /// The number of the account it was done to.
    #[schema(example = 1)]
    account_id: Option<i64>,
    /// What else there is to say.
    #[schema(value_type = Object, example = json!({"messages": ["10000000001"], "reason": "requested"}))]
    detail: serde_json::Value,
}

/// Export the audit
///
/// JSON lines, the oldest first, in the order of the chain and without names: an entry can be checked from its line and the
/// hash of the one before (docs/audit.md). Entries appear here a second or two after what they are about. Whoever fetches
/// again and again sends the number of the last line as `after`. A body that breaks off is not the whole export.
#[utoipa::path(
    get, path = "/api/v1/audit/export", tag = "audit", operation_id = "export_audit",
    params(ExportQuery),
    responses(
        (status = 200, content_type = "application/jsonl", body = ExportedEntry, description = "The entries, one a line"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "A parameter is wrong"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The caller is no operator, or one of some domains only"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn export_audit(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    let scope = caller.operating_everywhere()?;
    let after = query.after.unwrap_or(0).max(0);
    let filter = query.filter(&mailbox, &scope).await?;
    // The first lines at once, so that a database that is away is a 503.
    let first = mailbox.audit_after(&filter, after, PER_READ).await?;
    let rest = stream::try_unfold((mailbox, filter, Some(first)), next_lines);
    let mut response = Body::from_stream(rest).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "application/jsonl"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"audit.jsonl\"",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

type Reading = (Mailbox, Filter, Option<Vec<Entry>>);

/// The lines of what was read, and what comes after them.
async fn next_lines(
    (mailbox, filter, read): Reading,
) -> Result<Option<(Bytes, Reading)>, StoreError> {
    let Some(entries) = read else {
        return Ok(None);
    };
    let Some(last) = entries.last().and_then(|entry| entry.link.as_ref()) else {
        return Ok(None);
    };
    let is_full = u64::try_from(entries.len()).is_ok_and(|len| len == PER_READ);
    let next = if is_full {
        Some(mailbox.audit_after(&filter, last.number, PER_READ).await?)
    } else {
        None
    };
    let mut lines = Vec::new();
    for entry in entries {
        if let Some(line) = line(entry)
            && serde_json::to_writer(&mut lines, &line).is_ok()
        {
            lines.push(b'\n');
        }
    }
    Ok(Some((lines.into(), (mailbox, filter, next))))
}

fn line(entry: Entry) -> Option<ExportedEntry> {
    let link = entry.link?;
    Some(ExportedEntry {
        number: link.number,
        hash: link.hash,
        tx: entry.place.tx,
        id: entry.place.id,
        at: time(entry.at),
        action: entry.action.as_str(),
        outcome: entry.outcome.as_str(),
        actor: entry.actor.kind.as_str(),
        actor_id: entry.actor.id,
        account_id: entry.account_id,
        detail: entry.detail.unwrap_or_default(),
    })
}
