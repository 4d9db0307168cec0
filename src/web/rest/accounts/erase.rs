//! `DELETE /api/v1/accounts/{aor}`

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::access::{Rights, TokenScope};
use crate::mailbox::Mailbox;
use crate::web::auth::Caller;
use crate::web::extract::Path;
use crate::web::problem::{NOT_FOUND, Problem, ProblemBody};
use crate::web::rest::account_path;

/// What went with an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErasedView {
    /// Messages that were waiting.
    #[schema(example = 3)]
    messages: usize,
    /// People who could sign in for this account only.
    #[schema(example = 1)]
    users: u64,
    /// API tokens that were bound to this account only.
    #[schema(example = 0)]
    tokens: u64,
}

/// Erase an account
///
/// For operators, and for its owner when signed in. Messages go with reports to their senders as the policy has it,
/// and so do the people and API tokens that are bound to this account only. The audit keeps a line without a name. A
/// message that comes afterwards makes a new account, if `policy.auto_create_accounts` is on.
#[utoipa::path(
    delete, path = "/api/v1/accounts/{aor}", tag = "accounts", operation_id = "erase_account",
    params(("aor" = String, Path, description = "Address of record, percent-encoded, or `me`",
        example = "sip:alice@example.org")),
    responses(
        (status = 200, body = ErasedView, description = "The account is gone, and this with it"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The caller is neither an operator nor the owner in person"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such account for this caller"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn erase_account(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    Path(aor): Path<String>,
) -> Result<Json<ErasedView>, Problem> {
    // A program may delete its owner's messages, not its owner.
    if !matches!(caller.principal.rights, Rights::Role(_)) {
        caller.require(TokenScope::Operator)?;
    }
    let scope = caller.deleting()?;
    let account = account_path::account(&mailbox, &caller.principal, &scope, &aor).await?;
    let by = caller.principal.actor;
    let erased = mailbox.erase(&scope, &account.aor, by).await?;
    let erased = erased.ok_or_else(|| Problem::new(NOT_FOUND))?;
    Ok(Json(ErasedView {
        messages: erased.messages,
        users: erased.users,
        tokens: erased.tokens,
    }))
}
