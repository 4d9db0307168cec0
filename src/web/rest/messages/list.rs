//! `GET /api/v1/accounts/{aor}/messages`

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::IntoParams;

use super::criteria::Criteria;
use super::listed::{MOST_OPENED, MessagePage, Shown, Total};
use super::wait::Look;
use crate::config::Settings;
use crate::domain::listing::{By, MOST_BY_SIZE, Order, Place};
use crate::domain::search::Term;
use crate::mailbox::Mailbox;
use crate::mailbox::feed::Feed;
use crate::mailbox::inspect::Inspected;
use crate::web::auth::Caller;
use crate::web::cursor::CursorKey;
use crate::web::extract::{Path, Query};
use crate::web::problem::{INVALID_REQUEST, Problem, ProblemBody, REASON_REQUIRED};
use crate::web::rest::account_path;
use crate::web::rest::view::{Paging, message_path};

/// The longest that a caller may wait for a message, in seconds.
const LONGEST_WAIT: u64 = 60;
/// What is left of the time for a request when waiting ends.
const TO_ANSWER: Duration = Duration::from_secs(1);

/// Which messages. What is absent does not restrict.
#[derive(Debug, Default, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessageQuery {
    /// A search: words, of which sender, subject or text must have one that begins so; `"phrases"`; `from:` `subject:`
    /// `type:` `larger:` `smaller:` `before:` `after:` `expires:<2d` `has:attachment` `mode:large`. All must hold; `-`
    /// before one turns it round.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(example = "site visit -from:bob", format = "search", max_length = 256)]
    q: Option<String>,
    /// Text that the sender's address or display name contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(example = "carol", max_length = 256)]
    from: Option<String>,
    /// Text that the subject contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(example = "visit", max_length = 256)]
    subject: Option<String>,
    /// `pager` or `large`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^(pager|large)$")]
    mode: Option<String>,
    /// The Content-Type (`text/html`), its part before the slash (`image`), or what the content is to a reader
    /// (`multipart`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(example = "text/plain")]
    content_type: Option<String>,
    /// Stored at this instant or after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    stored_after: Option<DateTime<Utc>>,
    /// Stored before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    stored_before: Option<DateTime<Utc>>,
    /// Expires before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_before: Option<DateTime<Utc>>,
    /// The content has at least so many octets.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0)]
    min_size: Option<i64>,
    /// `waiting`, the one state in which a message can be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^waiting$")]
    state: Option<String>,
    /// The order: `stored`, `expires` or `size`, with `-` before it the last first. By size only in accounts of up to
    /// 10,000 messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^-?(stored|expires|size)$", default = "-stored")]
    sort: Option<String>,
    /// Only these fields of each message, comma-separated; `id` is always there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(example = "subject,from")]
    fields: Option<String>,
    /// Besides, comma-separated: `headers` and `parts` of each message, for which `limit` is 100 at most; `total`, how
    /// many there are on all pages, exact up to 10,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(example = "total")]
    include: Option<String>,
    /// If nothing matches, wait so many seconds for something that does. Ends a second before `http.request_timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 0, maximum = 60)]
    wait: Option<u64>,
    /// How many, 1 to 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// `next_cursor` of the page before, with the same filter and order.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

impl MessageQuery {
    fn criteria(&self) -> Criteria {
        Criteria {
            q: self.q.clone(),
            from: self.from.clone(),
            subject: self.subject.clone(),
            mode: self.mode.clone(),
            content_type: self.content_type.clone(),
            stored_after: self.stored_after,
            stored_before: self.stored_before,
            expires_before: self.expires_before,
            min_size: self.min_size,
            state: self.state.clone(),
        }
    }

    fn order(&self) -> Result<Order, Problem> {
        let Some(name) = &self.sort else {
            return Ok(Order::NEWEST_FIRST);
        };
        let wrong = |error: &dyn std::error::Error| {
            Problem::new(INVALID_REQUEST).field("sort", error.to_string())
        };
        name.parse().map_err(|error| wrong(&error))
    }

    /// Goes on only if so many messages can be shown in this way.
    fn check_limit(&self, shown: &Shown) -> Result<(), Problem> {
        if shown.opens() && self.limit.is_some_and(|limit| limit > MOST_OPENED) {
            let detail = format!("expected 1 to {MOST_OPENED} with headers or parts");
            return Err(Problem::new(INVALID_REQUEST).field("limit", detail));
        }
        Ok(())
    }

    /// Until when to wait for a message; nothing if not at all.
    fn waits_until(&self, settings: &Settings) -> Result<Option<Instant>, Problem> {
        let wait = self.wait.unwrap_or_default();
        if wait > LONGEST_WAIT {
            let detail = format!("expected 0 to {LONGEST_WAIT}");
            return Err(Problem::new(INVALID_REQUEST).field("wait", detail));
        }
        let most = settings.http.request_timeout.saturating_sub(TO_ANSWER);
        let wait = Duration::from_secs(wait).min(most);
        Ok((!wait.is_zero()).then(|| Instant::now() + wait))
    }
}

/// List messages
///
/// The messages that wait in an account, newest first if nothing else is asked for. Messages past their expiry are never
/// listed. Pages stay where they are when messages go or come: a cursor survives the message it stands at. Operators
/// who give no reason see of other people's messages neither subject nor preview (`sealed`).
#[utoipa::path(
    get, path = "/api/v1/accounts/{aor}/messages", tag = "messages", operation_id = "list_messages",
    params(
        ("aor" = String, Path, description = "Address of record, percent-encoded, or `me`",
            example = "sip:alice@example.org"),
        MessageQuery,
        ("Restante-Reason" = Option<String>, Header, description = "Why an operator reads what is somebody else's: 10 to 500 characters, percent-encoded UTF-8. The audit keeps it", example = "Ticket%204711"),
    ),
    responses(
        (status = 200, body = MessagePage, description = "A page of messages",
            headers(("link" = String, description = "The next page, `rel=\"next\"`"))),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "A parameter is wrong"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope read is missing, or an operator searches the text of somebody else's messages without a reason"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such account for this caller"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn list_messages(
    State(mailbox): State<Mailbox>,
    State(cursors): State<Arc<CursorKey>>,
    State(feed): State<Feed>,
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    Path(aor): Path<String>,
    Query(query): Query<MessageQuery>,
) -> Result<Response, Problem> {
    let scope = caller.reading()?;
    let shown = Shown::read(query.fields.as_deref(), query.include.as_deref())?;
    query.check_limit(&shown)?;
    let order = query.order()?;
    let until = query.waits_until(&settings)?;
    let criteria = query.criteria();
    let terms = criteria.terms(mailbox.clock.now(), "")?;
    let account = account_path::account(&mailbox, &caller.principal, &scope, &aor).await?;
    let principal = &caller.principal;
    let sees = caller
        .given
        .sees(&mailbox, principal, &account, Inspected::List)
        .await?;
    if !sees && (terms.iter().any(Term::looks_inside) || shown.opens()) {
        return Err(Problem::new(REASON_REQUIRED));
    }
    if order.by == By::Size && account.message_count > MOST_BY_SIZE {
        let detail = format!("the account has more than {MOST_BY_SIZE} messages: too many to sort");
        return Err(Problem::new(INVALID_REQUEST).field("sort", detail));
    }
    let sort = query.sort.as_deref();
    let name = format!("messages {} {}", account.id, sort.unwrap_or_default());
    let cursor = query.cursor.as_deref();
    let paging = Paging::new(&cursors, &name, query.limit, cursor, &criteria)?.also(&[
        ("sort", sort),
        ("fields", query.fields.as_deref()),
        ("include", query.include.as_deref()),
    ]);
    let look = Look {
        mailbox: &mailbox,
        account: &account,
        terms: &terms,
        order,
        after: paging.after(),
        limit: paging.to_fetch(),
    };
    let messages = match until {
        Some(end) => look.until(&feed, end).await?,
        None => look.now().await?,
    };
    let page = paging.cut(messages, |last| Place::behind(last, order).to_string());
    let total = if shown.total {
        Some(Total::of(
            mailbox.count(&account, &terms, Total::MOST + 1).await?,
        ))
    } else {
        None
    };
    let body = MessagePage {
        items: shown.show(&mailbox, &account, &page.items, !sees).await?,
        has_more: page.next_cursor.is_some(),
        next_cursor: page.next_cursor,
        total,
    };
    let path = message_path(&account, None);
    Ok(paging.answer(&path, body.next_cursor.as_deref(), &body))
}
