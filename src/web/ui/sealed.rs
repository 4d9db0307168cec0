//! Operators and other people's messages: an envelope until they give a reason.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::accounts::{base_href, head};
use super::extend::{self, Refused};
use super::form::Form;
use super::format;
use super::message::is_contradicted;
use super::page::{PageError, Visitor, html};
use super::pages::{ReasonForm, ReasonPage, SealedPage};
use super::sign_in::sentence;
use super::timeline;
use crate::domain::message::Summary;
use crate::mailbox::Mailbox;
use crate::mailbox::read::message_id;
use crate::store::accounts::Account;
use crate::web::auth::reason::{self, OPEN_MINUTES};
use crate::web::extract::{Path, Query};
use crate::web::rest::account_path;

/// Where to go on to.
#[derive(Debug, Deserialize)]
pub(super) struct ReasonQuery {
    #[serde(default)]
    next: String,
}

fn form(account: &Account, next: &str) -> ReasonForm {
    ReasonForm {
        action_href: format!("{}/reason", base_href(account)),
        next: next.to_owned(),
        typed: String::new(),
        error: None,
        minutes: OPEN_MINUTES,
    }
}

/// Sends the visitor to where the reason is asked for.
pub(super) fn ask(account: &Account, next: &str) -> Response {
    Redirect::to(&format!("{}/reason?next={next}", base_href(account))).into_response()
}

/// The page of a message whose content the visitor has given no reason to see.
pub(super) async fn page(
    mailbox: &Mailbox,
    visitor: &Visitor,
    account: &Account,
    message: &Summary,
    status: StatusCode,
    refused: Refused,
) -> Result<Response, PageError> {
    let (facts, id) = (&message.facts, message.key.to_string());
    let base = base_href(account);
    let now = mailbox.clock.now();
    let extend = extend::form(
        format!("{base}/messages/{id}/extend"),
        facts.expires_at,
        now,
        &mailbox.policy,
        refused,
    );
    let timeline = mailbox.timeline(account, message.key).await?;
    let from = facts.from_display.as_ref().unwrap_or(&facts.from_uri);
    let page = SealedPage {
        chrome: visitor.chrome("Message").await?,
        account: head(account, &mailbox.policy),
        message_id: message_id(account, message.key).to_string(),
        from_display: from.clone(),
        from_uri: facts.from_uri.clone(),
        to_uri: facts.to_uri.clone(),
        asserted: facts.auth_id.clone(),
        identity_warning: is_contradicted(facts),
        kind_label: format::kind_label(message).to_owned(),
        sent: facts.sent_at.map(format::moment),
        stored: format::moment(facts.stored_at),
        expires: format::moment(facts.expires_at),
        expires_soon: format::is_soon(facts.expires_at, now),
        size_human: format::bytes(facts.size),
        content_type: facts.content_type.clone().unwrap_or_default(),
        delete_href: format!("{base}/delete"),
        back_href: base,
        reason: form(account, &id),
        extend,
        timeline: timeline.as_ref().map(timeline::told),
        id,
    };
    Ok(html(status, &page))
}

pub(super) async fn show(
    State(mailbox): State<Mailbox>,
    visitor: Visitor,
    Path(aor): Path<String>,
    Query(query): Query<ReasonQuery>,
) -> Result<Response, PageError> {
    visitor.operating()?;
    let account = account(&mailbox, &visitor, &aor).await?;
    let page = ReasonPage {
        chrome: visitor.chrome("Reason").await?,
        reason: form(&account, &query.next),
        account: head(&account, &mailbox.policy),
    };
    Ok(html(StatusCode::OK, &page))
}

pub(super) async fn submit(
    State(mailbox): State<Mailbox>,
    visitor: Visitor,
    Path(aor): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    visitor.operating()?;
    visitor.prove_own_page(form.get("csrf")).await?;
    let account = account(&mailbox, &visitor, &aor).await?;
    let (typed, next) = (form.get("reason"), form.get("next"));
    let reason = match reason::checked(typed) {
        Ok(reason) => reason,
        Err(why) => {
            let page = ReasonPage {
                chrome: visitor.chrome("Reason").await?,
                reason: ReasonForm {
                    typed: typed.to_owned(),
                    error: Some(sentence(why)),
                    ..self::form(&account, next)
                },
                account: head(&account, &mailbox.policy),
            };
            return Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page));
        }
    };
    let by = visitor.principal.actor;
    reason::open_account(&mailbox, &visitor.session, by, &account, reason).await?;
    let text = format!("This account is open to you for {OPEN_MINUTES} minutes.");
    visitor.flash(&text).await?;
    let base = base_href(&account);
    let place = match (next, account_path::key(&account, next)) {
        ("metadata", _) => format!("{base}/metadata"),
        (_, Some(key)) => format!("{base}/messages/{key}"),
        (_, None) => base,
    };
    Ok(Redirect::to(&place).into_response())
}

async fn account(mailbox: &Mailbox, visitor: &Visitor, aor: &str) -> Result<Account, PageError> {
    let scope = visitor.scope();
    Ok(account_path::account(mailbox, &visitor.principal, &scope, aor).await?)
}
