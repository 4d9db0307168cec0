//! `POST /api/v1/accounts/{aor}/messages/delete`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::mailbox::Mailbox;
use crate::mailbox::delete::Reason;
use crate::web::auth::Caller;
use crate::web::extract::{Json as Body, Path};
use crate::web::problem::{INVALID_REQUEST, Problem, ProblemBody};
use crate::web::rest::account_path;

/// The most messages one request deletes.
const MOST: usize = 1000;

/// Which messages to delete.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteRequest {
    /// Message-IDs, whole or their decimal strings alone; 1 to 1,000.
    #[schema(min_items = 1, max_items = 1000, example = json!(["10000000001", "10000000002"]))]
    ids: Vec<String>,
}

/// What became of each.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeleteOutcome {
    /// How many were deleted.
    #[schema(example = 1)]
    deleted: usize,
    /// One entry per id of the request, in its order.
    items: Vec<DeletedItem>,
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
    /// It was not there.
    NotFound,
}

/// Delete several messages
///
/// All that are there go together or none does; ids that are not there do no harm.
#[utoipa::path(
    post, path = "/api/v1/accounts/{aor}/messages/delete", tag = "messages", operation_id = "delete_messages",
    params(("aor" = String, Path, description = "Address of record, percent-encoded, or `me`",
        example = "sip:alice@example.org")),
    request_body = DeleteRequest,
    responses(
        (status = 200, body = DeleteOutcome, description = "What became of each"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "The body is wrong"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope delete is missing"),
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
    if request.ids.is_empty() || request.ids.len() > MOST {
        return Err(
            Problem::new(INVALID_REQUEST).field("/ids", format!("expected 1 to {MOST} ids"))
        );
    }
    let account = account_path::account(&mailbox, &caller.principal, &scope, &aor).await?;
    let number = |id: &str| account_path::key(&account, id).map(|key| key.number);
    let numbers: Vec<i64> = request.ids.iter().filter_map(|id| number(id)).collect();
    let deleted = mailbox
        .delete(
            account.id,
            &numbers,
            Reason::Requested {
                by: caller.principal.actor,
            },
        )
        .await?;
    let outcome = |id: &str| match number(id) {
        Some(number) if deleted.contains(&number) => Outcome::Deleted,
        _ => Outcome::NotFound,
    };
    let items = request
        .ids
        .into_iter()
        .map(|id| DeletedItem {
            outcome: outcome(&id),
            id,
        })
        .collect();
    Ok(Json(DeleteOutcome {
        deleted: deleted.len(),
        items,
    }))
}
