//! `GET /api/v1/accounts/{aor}`

use axum::Json;
use axum::extract::State;

use crate::mailbox::Mailbox;
use crate::web::auth::Caller;
use crate::web::extract::Path;
use crate::web::problem::{Problem, ProblemBody};
use crate::web::rest::account_path;
use crate::web::rest::view::AccountView;

/// Show an account
///
/// How many messages wait, how much room they take, and what the account may hold.
#[utoipa::path(
    get, path = "/api/v1/accounts/{aor}", tag = "accounts", operation_id = "get_account",
    params(("aor" = String, Path, description = "Address of record, percent-encoded, or `me`",
        example = "sip:alice@example.org")),
    responses(
        (status = 200, body = AccountView, description = "The account"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope read is missing"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such account for this caller"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn get_account(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    Path(aor): Path<String>,
) -> Result<Json<AccountView>, Problem> {
    let scope = caller.reading()?;
    let account = account_path::account(&mailbox, &caller.principal, &scope, &aor).await?;
    Ok(Json(AccountView::new(&account, &mailbox.policy)))
}
