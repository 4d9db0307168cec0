//! Deleting messages from a page. Nobody is asked first: it may be taken back for a while.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};

use super::accounts::base_href;
use super::form::Form;
use super::page::{PageError, Visitor};
use super::pages::messages;
use super::undo;
use crate::domain::message_id::MessageKey;
use crate::mailbox::Mailbox;
use crate::web::extract::Path;
use crate::web::rest::account_path;

/// The most messages one form deletes.
const MOST: usize = 1000;

pub(super) async fn submit(
    State(mailbox): State<Mailbox>,
    visitor: Visitor,
    Path(aor): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    visitor.prove_own_page(form.get("csrf")).await?;
    let account =
        account_path::account(&mailbox, &visitor.principal, &visitor.scope(), &aor).await?;
    let numbers: Vec<i64> = form
        .all("id")
        .filter_map(|id| id.parse().ok())
        .filter(|key: &MessageKey| key.account_id == account.id)
        .map(|key| key.number)
        .take(MOST)
        .collect();
    if numbers.is_empty() {
        visitor.flash("No message was selected.").await?;
    } else {
        let by = visitor.principal.actor;
        let held = mailbox.hold(account.id, &numbers, by).await?;
        let now = mailbox.clock.now();
        if held.numbers.is_empty() {
            let text = "Nothing was deleted: what you selected was gone already.";
            visitor.flash(text).await?;
        } else if held.until > now {
            undo::remember(&visitor.session, &account, held, now).await?;
        } else {
            // The policy grants no time to think again.
            let text = format!("{} deleted.", messages(held.numbers.len() as u64));
            visitor.flash(&text).await?;
        }
    }
    Ok(Redirect::to(&base_href(&account)).into_response())
}
