//! `GET /api/v1/accounts/{aor}/messages`

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::mailbox::Mailbox;
use crate::store::messages::Filter;
use crate::web::auth::Caller;
use crate::web::cursor::CursorKey;
use crate::web::extract::{Path, Query};
use crate::web::problem::{INVALID_REQUEST, Problem, ProblemBody};
use crate::web::rest::account_path;
use crate::web::rest::view::{
    MessagePage, MessageView, Page, message_path, page_limit, page_response, too_long,
};
use crate::web::search;

/// Which messages. What is absent does not restrict.
#[derive(Debug, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessageQuery {
    /// A search: words that must all occur in sender, subject or beginning of the text, `"phrases"`,
    /// `from:`, `subject:`, `mode:`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(example = "site visit")]
    q: Option<String>,
    /// Text that the sender's address or display name contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// Text that the subject contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// `pager` or `large`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^(pager|large)$")]
    mode: Option<String>,
    /// Stored at this instant or after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    stored_after: Option<DateTime<Utc>>,
    /// Stored before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    stored_before: Option<DateTime<Utc>>,
    /// Expires before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_before: Option<DateTime<Utc>>,
    /// How many, 1 to 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// `next_cursor` of the page before, with the same filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

impl MessageQuery {
    fn filter(&self) -> Result<Filter, Problem> {
        let mode = self.mode.as_deref().map(str::parse).transpose();
        let mode = mode
            .map_err(|_| Problem::new(INVALID_REQUEST).field("mode", "expected pager or large"))?;
        let search = search::parse(self.q.as_deref().unwrap_or_default())
            .map_err(|error| Problem::new(INVALID_REQUEST).field("q", error.to_string()))?;
        let times = [
            ("stored_after", self.stored_after),
            ("stored_before", self.stored_before),
            ("expires_before", self.expires_before),
        ];
        for (name, time) in times {
            if time.is_some_and(|time| !(1..=9999).contains(&time.year())) {
                let detail = "expected a year from 0001 to 9999";
                return Err(Problem::new(INVALID_REQUEST).field(name, detail));
            }
        }
        for (name, text) in [("from", &self.from), ("subject", &self.subject)] {
            too_long(name, text.as_deref().unwrap_or_default())?;
        }
        Ok(Filter {
            words: search.words,
            from: self.from.clone().or(search.from),
            subject: self.subject.clone().or(search.subject),
            mode: mode.or(search.mode),
            stored_after: self.stored_after,
            stored_before: self.stored_before,
            expires_before: self.expires_before,
        })
    }
}

/// List messages
///
/// The messages that wait in an account, newest first. Messages past their expiry are never
/// listed.
#[utoipa::path(
    get, path = "/api/v1/accounts/{aor}/messages", tag = "messages", operation_id = "list_messages",
    params(
        ("aor" = String, Path, description = "Address of record, percent-encoded, or `me`",
            example = "sip:alice@example.org"),
        MessageQuery,
    ),
    responses(
        (status = 200, body = MessagePage, description = "A page of messages",
            headers(("link" = String, description = "The next page, `rel=\"next\"`"))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "A parameter is wrong"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope read is missing"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such account for this caller"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn list_messages(
    State(mailbox): State<Mailbox>,
    State(cursors): State<Arc<CursorKey>>,
    caller: Caller,
    Path(aor): Path<String>,
    Query(mut query): Query<MessageQuery>,
) -> Result<Response, Problem> {
    let scope = caller.reading()?;
    let limit = page_limit(query.limit.take())?;
    let filter = query.filter()?;
    let cursor = query.cursor.take();
    let account = account_path::account(&mailbox, &caller.principal, &scope, &aor).await?;
    let words = serde_urlencoded::to_string(&query).unwrap_or_default();
    let list = format!("messages {} {words}", account.id);
    let before = cursor
        .map(|cursor| cursors.open(&list, &cursor))
        .transpose()?;
    let before = before.and_then(|number| number.parse().ok());
    let messages = mailbox.list(&account, &filter, before, limit + 1).await?;
    let page = Page::cut(messages, limit, |last| {
        cursors.seal(&list, &last.key.number.to_string())
    });
    let next = page.next_cursor.as_ref().map(|cursor| {
        query.limit = Some(limit);
        query.cursor = Some(cursor.clone());
        let query = serde_urlencoded::to_string(&query).unwrap_or_default();
        format!("{}?{query}", message_path(&account, None))
    });
    let body = MessagePage {
        items: page
            .items
            .iter()
            .map(|m| MessageView::new(&account, m))
            .collect(),
        has_more: page.next_cursor.is_some(),
        next_cursor: page.next_cursor,
    };
    Ok(page_response(&body, next))
}
