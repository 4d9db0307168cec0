//! `POST /api/v1/accounts/{aor}/messages/delete`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::criteria::Criteria;
use super::listed::Total;
use crate::domain::listing::Order;
use crate::domain::message::Summary;
use crate::domain::search::Term;
use crate::mailbox::Mailbox;
use crate::mailbox::delete::Reason;
use crate::mailbox::inspect::Inspected;
use crate::store::accounts::Account;
use crate::web::auth::Caller;
use crate::web::extract::{Json as Body, Path};
use crate::web::problem::{INVALID_REQUEST, Problem, ProblemBody, REASON_REQUIRED};
use crate::web::rest::account_path;
use crate::web::rest::view::MessageView;

/// The most messages one request deletes.
const MOST: usize = 1000;
/// How many messages a trial shows.
const SAMPLE: u64 = 10;

/// Which messages to delete: `ids` or `filter`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteRequest {
    /// Message-IDs, whole or their decimal strings alone; 1 to 1,000.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 1000, example = json!(["10000000001", "10000000002"]))]
    ids: Option<Vec<String>>,
    /// Those that the list shows with this filter, the oldest first and 1,000 at most; an empty filter is refused. Needs
    /// the scope `read` too, as the answer tells what is in the messages.
    #[serde(default)]
    filter: Option<Criteria>,
    /// Only say what would be deleted.
    #[serde(default)]
    dry_run: bool,
}

/// What became of each.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeleteOutcome {
    /// How many were deleted.
    #[schema(example = 1)]
    deleted: usize,
    /// One entry per id of the request, in its order; with `filter`, one per message deleted.
    items: Vec<DeletedItem>,
    /// How many messages there were to delete; only with `filter`.
    #[serde(skip_serializing_if = "Option::is_none")]
    matched: Option<Total>,
    /// Whether more match the filter than were deleted: ask again.
    has_more: bool,
    /// The first ten of those that would be deleted; only with `filter` and `dry_run`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sample: Vec<MessageView>,
}

/// What became of one message.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeletedItem {
    /// The id as the request had it.
    #[schema(example = "10000000001")]
    id: String,
    /// What became of it.
    outcome: Outcome,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was there and is gone.
    Deleted,
    /// It is there, and would be deleted without `dry_run`.
    WouldDelete,
    /// It was not there.
    NotFound,
}

/// Delete several messages
///
/// By their ids, or all that match a filter. All that are there go together or none does; ids that are not there do no
/// harm. With `dry_run` nothing goes, and the answer says what would.
#[utoipa::path(
    post, path = "/api/v1/accounts/{aor}/messages/delete", tag = "messages", operation_id = "delete_messages",
    params(("aor" = String, Path, description = "Address of record, percent-encoded, or `me`",
        example = "sip:alice@example.org")),
    request_body = DeleteRequest,
    responses(
        (status = 200, body = DeleteOutcome, description = "What became of each"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "The body is wrong"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope delete is missing, or read for a filter"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such account for this caller"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json", description = "Not JSON"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn delete_messages(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    Path(aor): Path<String>,
    Body(request): Body<DeleteRequest>,
) -> Result<Json<DeleteOutcome>, Problem> {
    let scope = caller.deleting()?;
    let account = || account_path::account(&mailbox, &caller.principal, &scope, &aor);
    let reason = Reason::Requested {
        by: caller.principal.actor,
    };
    let dry_run = request.dry_run;
    let outcome = match (request.ids, request.filter) {
        (Some(ids), None) => {
            if ids.is_empty() || ids.len() > MOST {
                let detail = format!("expected 1 to {MOST} ids");
                return Err(Problem::new(INVALID_REQUEST).field("/ids", detail));
            }
            by_ids(&mailbox, &account().await?, ids, dry_run, reason).await?
        }
        (None, Some(filter)) => {
            caller.reading()?;
            if filter == Criteria::default() {
                let detail = "an empty filter would take everything: say what to delete";
                return Err(Problem::new(INVALID_REQUEST).field("/filter", detail));
            }
            let account = account().await?;
            let terms = filter.terms(mailbox.clock.now(), "/filter/")?;
            // What is found, and the sample, tell of what messages say.
            let sees = caller
                .given
                .sees(&mailbox, &caller.principal, &account, Inspected::List)
                .await?;
            if !sees && terms.iter().any(Term::looks_inside) {
                return Err(Problem::new(REASON_REQUIRED));
            }
            by_filter(&mailbox, &account, &terms, dry_run.then_some(!sees), reason).await?
        }
        _ => {
            let detail = "expected either ids or filter";
            return Err(Problem::new(INVALID_REQUEST).field("", detail));
        }
    };
    Ok(Json(outcome))
}

async fn by_ids(
    mailbox: &Mailbox,
    account: &Account,
    ids: Vec<String>,
    dry_run: bool,
    reason: Reason,
) -> Result<DeleteOutcome, Problem> {
    let number = |id: &str| account_path::key(account, id).map(|key| key.number);
    let numbers: Vec<i64> = ids.iter().filter_map(|id| number(id)).collect();
    let (found, outcome) = if dry_run {
        let there = mailbox.which(account, &numbers).await?;
        (there, Outcome::WouldDelete)
    } else {
        let deleted = mailbox.delete(account.id, &numbers, reason).await?;
        (deleted, Outcome::Deleted)
    };
    let item = |id: String| DeletedItem {
        outcome: match number(&id) {
            Some(number) if found.contains(&number) => outcome,
            _ => Outcome::NotFound,
        },
        id,
    };
    Ok(DeleteOutcome {
        deleted: if dry_run { 0 } else { found.len() },
        items: ids.into_iter().map(item).collect(),
        matched: None,
        has_more: false,
        sample: Vec::new(),
    })
}

async fn by_filter(
    mailbox: &Mailbox,
    account: &Account,
    terms: &[Term],
    // Whether the sample of a trial is sealed.
    trial: Option<bool>,
    reason: Reason,
) -> Result<DeleteOutcome, Problem> {
    if terms.is_empty() {
        let detail = "a filter that matches everything: say what to delete";
        return Err(Problem::new(INVALID_REQUEST).field("/filter", detail));
    }
    let counted = mailbox.count(account, terms, Total::MOST + 1).await?;
    let most = if trial.is_some() { SAMPLE } else { MOST as u64 };
    let oldest = Order::OLDEST_FIRST;
    let messages = mailbox.list(account, terms, oldest, None, most).await?;
    let mut outcome = DeleteOutcome {
        deleted: 0,
        items: Vec::new(),
        matched: Some(Total::of(counted)),
        has_more: counted > MOST as u64,
        sample: Vec::new(),
    };
    if let Some(sealed) = trial {
        let show = |message: &Summary| MessageView::new(account, message, sealed);
        outcome.sample = messages.iter().map(show).collect();
        return Ok(outcome);
    }
    let numbers: Vec<i64> = messages.iter().map(|message| message.key.number).collect();
    let deleted = mailbox.delete(account.id, &numbers, reason).await?;
    let gone = messages
        .iter()
        .filter(|message| deleted.contains(&message.key.number));
    outcome.items = gone
        .map(|message| DeletedItem {
            id: message.key.to_string(),
            outcome: Outcome::Deleted,
        })
        .collect();
    outcome.deleted = deleted.len();
    Ok(outcome)
}
