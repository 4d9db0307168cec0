//! Taking a deletion back: what was deleted is remembered in the session, so that every page offers it until it is
//! too late.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tower_sessions::Session;

use super::accounts::base_href;
use super::form::Form;
use super::format;
use super::page::{PageError, Visitor};
use super::pages::{UndoBar, messages};
use crate::domain::policy::Policy;
use crate::mailbox::Mailbox;
use crate::mailbox::hold::Held;
use crate::store::accounts::Account;
use crate::web::auth::session::SessionError;
use crate::web::extract::Path;
use crate::web::rest::account_path;

/// The session key of deletions that may be taken back, the latest last.
const DELETIONS: &str = "deletions";
/// The most deletions remembered; who deletes more in so short a time may take back the latest.
const MOST: usize = 20;

/// A deletion that may be taken back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Deletion {
    /// What the form calls it.
    id: String,
    account_id: i64,
    /// The page of the account.
    base_href: String,
    numbers: Vec<i64>,
    until: DateTime<Utc>,
}

/// Remembers a deletion, to be taken back from any page.
pub(super) async fn remember(
    session: &Session,
    account: &Account,
    held: Held,
    now: DateTime<Utc>,
) -> Result<(), SessionError> {
    let mut deletions = open(session, now).await?;
    deletions.push(Deletion {
        id: held.until.timestamp_micros().to_string(),
        account_id: account.id,
        base_href: base_href(account),
        numbers: held.numbers,
        until: held.until,
    });
    let surplus = deletions.len().saturating_sub(MOST);
    deletions.drain(..surplus);
    Ok(session.insert(DELETIONS, deletions).await?)
}

/// Forgets the deletions of an account that is gone.
pub(super) async fn forget(session: &Session, account_id: i64) -> Result<(), SessionError> {
    let deletions: Option<Vec<Deletion>> = session.get(DELETIONS).await?;
    if let Some(mut deletions) = deletions {
        deletions.retain(|deletion| deletion.account_id != account_id);
        session.insert(DELETIONS, deletions).await?;
    }
    Ok(())
}

/// The deletions that may still be taken back.
async fn open(session: &Session, now: DateTime<Utc>) -> Result<Vec<Deletion>, SessionError> {
    let deletions: Option<Vec<Deletion>> = session.get(DELETIONS).await?;
    let mut deletions = deletions.unwrap_or_default();
    deletions.retain(|deletion| deletion.until > now);
    Ok(deletions)
}

/// What offers to take back the latest deletion.
pub(super) async fn bar(
    session: &Session,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Option<UndoBar>, SessionError> {
    let latest = open(session, now).await?.pop();
    Ok(latest.map(|deletion| UndoBar {
        is_one: deletion.numbers.len() == 1,
        count: messages(deletion.numbers.len() as u64),
        action_href: format!("{}/undo", deletion.base_href),
        left_ms: (deletion.until - now).num_milliseconds(),
        grace_ms: policy.undo_grace.num_milliseconds(),
        until: format::instant(deletion.until),
        deletion: deletion.id,
    }))
}

pub(super) async fn submit(
    State(mailbox): State<Mailbox>,
    visitor: Visitor,
    Path(aor): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    visitor.prove_own_page(form.get("csrf")).await?;
    let account =
        account_path::account(&mailbox, &visitor.principal, &visitor.scope(), &aor).await?;
    let mut deletions = open(&visitor.session, mailbox.clock.now()).await?;
    let wanted = deletions.iter().position(|deletion| {
        deletion.id == form.get("deletion") && deletion.account_id == account.id
    });
    let numbers = match wanted {
        Some(place) => {
            let numbers = deletions.remove(place).numbers;
            let kept = visitor.session.insert(DELETIONS, deletions).await;
            kept.map_err(SessionError::from)?;
            numbers
        }
        None => Vec::new(),
    };
    let by = visitor.principal.actor;
    let back = mailbox.release(account.id, &numbers, by).await?;
    match (back.len(), numbers.len()) {
        (0, _) => {
            let text = "It is too late to undo: what was deleted is gone for good.";
            visitor.flash_error(text).await?;
        }
        (1, 1) => visitor.flash("1 message is back.").await?,
        (back, all) if back == all => {
            let text = format!("{} are back.", messages(back as u64));
            visitor.flash(&text).await?;
        }
        (back, all) => {
            let text = format!("{back} of {all} messages are back. The others are gone for good.");
            visitor.flash_error(&text).await?;
        }
    }
    Ok(Redirect::to(&base_href(&account)).into_response())
}
