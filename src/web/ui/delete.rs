//! Deleting messages from a page: asked about first, unless a script has asked already.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::accounts::base_href;
use super::form::Form;
use super::page::{PageError, Visitor, html};
use super::pages::ConfirmDeletePage;
use crate::domain::message::Summary;
use crate::domain::message_id::MessageKey;
use crate::mailbox::Mailbox;
use crate::mailbox::delete::Reason;
use crate::store::accounts::Account;
use crate::web::extract::Path;
use crate::web::rest::account_path;

/// The most messages one form deletes.
const MOST: usize = 1000;
/// The most messages the question names.
const NAMED: usize = 10;

pub(super) async fn submit(
    State(mailbox): State<Mailbox>,
    visitor: Visitor,
    Path(aor): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    visitor.prove_own_page(form.get("csrf")).await?;
    let account =
        account_path::account(&mailbox, &visitor.principal, &visitor.scope(), &aor).await?;
    let keys: Vec<MessageKey> = form
        .all("id")
        .filter_map(|id| id.parse().ok())
        .filter(|key: &MessageKey| key.account_id == account.id)
        .take(MOST)
        .collect();
    let base = base_href(&account);
    if keys.is_empty() {
        visitor.flash("No message was selected.").await?;
    } else if form.get("confirmed") == "yes" {
        let numbers: Vec<i64> = keys.iter().map(|key| key.number).collect();
        let deleted = mailbox
            .delete(
                account.id,
                &numbers,
                Reason::Requested {
                    by: visitor.principal.actor,
                },
            )
            .await?;
        visitor
            .flash(&format!("{} deleted.", counted(deleted.len())))
            .await?;
    } else {
        return ask(&mailbox, &visitor, &account, &keys).await;
    }
    Ok(Redirect::to(&base).into_response())
}

async fn ask(
    mailbox: &Mailbox,
    visitor: &Visitor,
    account: &Account,
    keys: &[MessageKey],
) -> Result<Response, PageError> {
    let mut items = Vec::new();
    for key in keys.iter().take(NAMED) {
        if let Some(opened) = mailbox.open(account, *key).await? {
            items.push(name(&opened.summary));
        }
    }
    let heading = format!("Delete {}?", counted(keys.len()).to_lowercase());
    let base = base_href(account);
    let page = ConfirmDeletePage {
        chrome: visitor.chrome(heading.clone()).await?,
        heading,
        items,
        ids: keys.iter().map(MessageKey::to_string).collect(),
        action_href: format!("{base}/delete"),
        cancel_href: base,
    };
    Ok(html(StatusCode::OK, &page))
}

fn name(message: &Summary) -> String {
    let facts = &message.facts;
    let from = facts.from_display.as_deref().unwrap_or(&facts.from_uri);
    format!(
        "{}, from {from}",
        facts.subject.as_deref().unwrap_or("(no subject)")
    )
}

fn counted(messages: usize) -> String {
    match messages {
        1 => "1 message".to_owned(),
        n => format!("{n} messages"),
    }
}
