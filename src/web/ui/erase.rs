//! Erasing an account: what goes and what stays, and its address typed to confirm.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::accounts::{base_href, head};
use super::form::Form;
use super::page::{PageError, Visitor, anonymous, html};
use super::pages::{ErasePage, ErasedPage, messages};
use super::undo;
use crate::domain::address::Aor;
use crate::domain::report::DeliveryReports;
use crate::identity::Identity;
use crate::mailbox::Mailbox;
use crate::mailbox::erase::Erased;
use crate::store::accounts::Account;
use crate::web::auth::caller;
use crate::web::auth::session::SessionError;
use crate::web::extract::Path;
use crate::web::problem::{NOT_FOUND, Problem};
use crate::web::rest::account_path;

pub(super) async fn show(
    State(mailbox): State<Mailbox>,
    visitor: Visitor,
    Path(aor): Path<String>,
) -> Result<Response, PageError> {
    let account =
        account_path::account(&mailbox, &visitor.principal, &visitor.scope(), &aor).await?;
    page(&mailbox, &visitor, &account, StatusCode::OK, "", None).await
}

async fn page(
    mailbox: &Mailbox,
    visitor: &Visitor,
    account: &Account,
    status: StatusCode,
    typed: &str,
    error: Option<&str>,
) -> Result<Response, PageError> {
    let base = base_href(account);
    let page = ErasePage {
        chrome: visitor.chrome("Erase account").await?,
        account: head(account, &mailbox.policy),
        action_href: format!("{base}/erase"),
        cancel_href: base,
        is_own: visitor.principal.aors.contains(&account.aor),
        comes_back: mailbox.policy.auto_create_accounts,
        reports: mailbox.policy.delivery_reports != DeliveryReports::Never,
        typed: typed.to_owned(),
        error: error.map(str::to_owned),
    };
    Ok(html(status, &page))
}

pub(super) async fn submit(
    State(mailbox): State<Mailbox>,
    State(identity): State<Identity>,
    visitor: Visitor,
    Path(aor): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    visitor.prove_own_page(form.get("csrf")).await?;
    let scope = visitor.scope();
    let account = account_path::account(&mailbox, &visitor.principal, &scope, &aor).await?;
    let typed = form.get("aor").trim();
    if Aor::parse(typed).ok().as_ref() != Some(&account.aor) {
        let error = if typed.is_empty() {
            "Type the address of the account to confirm."
        } else {
            "This is not the address of the account. Nothing was erased."
        };
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return page(&mailbox, &visitor, &account, status, typed, Some(error)).await;
    }
    let by = visitor.principal.actor;
    let erased = mailbox.erase(&scope, &account.aor, by).await?;
    let erased = erased.ok_or_else(|| Problem::new(NOT_FOUND))?;
    let gone = counted(erased);
    if caller::person(&visitor.session, &identity).await?.is_some() {
        let text = format!("{} is erased, with {gone}.", account.aor);
        visitor.flash(&text).await?;
        undo::forget(&visitor.session, account.id).await?;
        return Ok(Redirect::to("/").into_response());
    }
    visitor.session.flush().await.map_err(SessionError::from)?;
    let page = ErasedPage {
        chrome: anonymous("Account erased"),
        aor: account.aor.to_string(),
        gone,
    };
    Ok(html(StatusCode::OK, &page))
}

/// "3 messages, 1 person and 2 API tokens".
fn counted(erased: Erased) -> String {
    let people = match erased.users {
        1 => "1 person".to_owned(),
        n => format!("{n} people"),
    };
    let tokens = match erased.tokens {
        1 => "1 API token".to_owned(),
        n => format!("{n} API tokens"),
    };
    let messages = messages(erased.messages as u64);
    format!("{messages}, {people} and {tokens}")
}
