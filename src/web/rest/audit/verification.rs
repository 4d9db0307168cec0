//! `GET /api/v1/audit/verification`

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::audit_chain::{End, Fault};
use crate::mailbox::Mailbox;
use crate::web::auth::Caller;
use crate::web::problem::{Problem, ProblemBody};

/// What following the chain of the audit has come to.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditVerification {
    /// Whether all entries are as they were chained.
    is_whole: bool,
    /// How many entries are, from the first one on.
    #[schema(example = 4711)]
    entries: u64,
    /// Entries that are not chained yet.
    #[schema(example = 0)]
    waiting: u64,
    /// What is wrong.
    #[schema(example = "entry 17 is missing")]
    fault: Option<String>,
    /// The number of the entry where it is wrong.
    #[schema(example = 17)]
    fault_at: Option<i64>,
    /// The entry before the first one there is: those before it were forgotten when their time was over.
    before_first: ChainEnd,
    /// The last entry that was chained.
    last: ChainEnd,
}

/// An entry of the audit by its number and hash.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChainEnd {
    /// Its number; 0 before the very first.
    #[schema(example = 4711)]
    number: i64,
    /// SHA-256 over it and the hash before, in hexadecimal.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    hash: String,
}

impl From<End> for ChainEnd {
    fn from(end: End) -> Self {
        Self {
            number: end.number,
            hash: end.hash,
        }
    }
}

/// Follow the chain of the audit
///
/// From its first entry to its last, as `restante audit verify` does, which has more time than a request: docs/audit.md
/// says what that proves.
#[utoipa::path(
    get, path = "/api/v1/audit/verification", tag = "audit", operation_id = "verify_audit",
    responses(
        (status = 200, body = AuditVerification, description = "What it has come to"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The caller is no operator, or one of some domains only"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn verify_audit(
    State(mailbox): State<Mailbox>,
    caller: Caller,
) -> Result<Json<AuditVerification>, Problem> {
    caller.operating_everywhere()?;
    let found = mailbox.verify_audit().await?;
    Ok(Json(AuditVerification {
        is_whole: found.fault.is_none(),
        entries: found.entries,
        waiting: found.waiting,
        fault: found.fault.map(|fault| fault.to_string()),
        fault_at: found.fault.map(Fault::number),
        before_first: found.before_first.into(),
        last: found.last.into(),
    }))
}
