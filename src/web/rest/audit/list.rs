//! `GET /api/v1/audit`

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::filter::query;
use crate::domain::address::Aor;
use crate::mailbox::Mailbox;
use crate::mailbox::audit::Audited;
use crate::web::auth::Caller;
use crate::web::cursor::CursorKey;
use crate::web::extract::Query;
use crate::web::problem::{Problem, ProblemBody};
use crate::web::rest::view::Paging;

query! {
    /// Which entries. What is absent does not restrict.
    AuditQuery {
        /// How many, 1 to 500.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[param(minimum = 1, maximum = 500, default = 50)]
        limit: Option<u64>,
        /// `next_cursor` of the page before, with the same filter.
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
    }
}

/// A page of the audit.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditPage {
    /// The entries, newest first.
    items: Vec<AuditEntry>,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
    /// Whether there is a next page.
    has_more: bool,
}

/// An entry of the audit.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    /// When.
    at: DateTime<Utc>,
    /// What was done.
    #[schema(example = "messages.removed")]
    action: &'static str,
    /// How it ended: `done` or `refused`.
    #[schema(example = "done")]
    outcome: &'static str,
    /// What did it: `system`, `user`, `token`, `owner` (vouched for by the network), `console` (the command line of a
    /// node) or `nobody` (who did not prove who they are).
    #[schema(example = "user")]
    actor: &'static str,
    /// Which one: it stays when its name is gone.
    #[schema(example = "3")]
    actor_id: Option<String>,
    /// What it is called, while there is one.
    #[schema(example = "alice")]
    actor_name: Option<String>,
    /// The number of the account it was done to.
    #[schema(example = "1")]
    account_id: Option<String>,
    /// Whose account that is; null when it has been erased.
    #[schema(example = "sip:alice@example.org")]
    account: Option<String>,
    /// Its number in the chain, which it has a second or two later.
    #[schema(example = 4711)]
    number: Option<i64>,
    /// SHA-256 over it and the hash before, in hexadecimal.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    hash: Option<String>,
    /// What else there is to say: of removals the reason and the decimal strings of the Message-IDs.
    #[schema(value_type = Object, example = json!({"reason": "requested", "messages": ["10000000001"]}))]
    detail: serde_json::Value,
}

/// Read the audit
///
/// Who did what: sign-ins, changes of people and tokens, removals, changes of expiry, erasing, decisions on reports, reads
/// of other people's messages by operators; newest first, kept for `policy.audit_keep`. Entries are numbers without names;
/// names are added as long as there are any. An operator of some domains sees what was done to their accounts, as long as
/// those are there.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "audit", operation_id = "list_audit",
    params(AuditQuery),
    responses(
        (status = 200, body = AuditPage, description = "A page of the audit",
            headers(("link" = String, description = "The next page, `rel=\"next\"`"))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "A parameter is wrong"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The caller is no operator"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn list_audit(
    State(mailbox): State<Mailbox>,
    State(cursors): State<Arc<CursorKey>>,
    caller: Caller,
    Query(mut query): Query<AuditQuery>,
) -> Result<Response, Problem> {
    let scope = caller.operating()?;
    let (limit, cursor) = (query.limit.take(), query.cursor.take());
    let paging = Paging::new(&cursors, "audit", limit, cursor.as_deref(), &query)?;
    let filter = query.filter(&mailbox, &scope).await?;
    let entries = mailbox.audit(&scope, &filter, paging.after(), paging.to_fetch());
    let page = paging.cut(entries.await?, |last| last.entry.place.to_string());
    let body = AuditPage {
        items: page.items.iter().map(view).collect(),
        has_more: page.next_cursor.is_some(),
        next_cursor: page.next_cursor,
    };
    Ok(paging.answer("/api/v1/audit", body.next_cursor.as_deref(), &body))
}

fn view(audited: &Audited) -> AuditEntry {
    let entry = &audited.entry;
    AuditEntry {
        at: entry.at,
        action: entry.action.as_str(),
        outcome: entry.outcome.as_str(),
        actor: entry.actor.kind.as_str(),
        actor_id: entry.actor.id.map(|id| id.to_string()),
        actor_name: audited.actor_name.clone(),
        account_id: entry.account_id.map(|id| id.to_string()),
        account: audited.aor.as_ref().map(Aor::to_string),
        number: entry.link.as_ref().map(|link| link.number),
        hash: entry.link.as_ref().map(|link| link.hash.clone()),
        detail: entry.detail.clone().unwrap_or_default(),
    }
}
