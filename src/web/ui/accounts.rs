//! The start page and the list of accounts.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};

use super::format;
use super::page::{PageError, Visitor, html};
use super::pages::{AccountHead, AccountList, AccountRow, AccountsPage, messages};
use crate::domain::policy::Policy;
use crate::mailbox::Mailbox;
use crate::store::accounts::Account;
use crate::web::cursor::CursorKey;
use crate::web::extract::Query;
use crate::web::rest::view::{Paging, account_path_segment, too_long};

/// Which accounts.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct AccountsQuery {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    q: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// Everybody's own start: the inbox of whoever has one, else the accounts.
pub(super) async fn home(visitor: Visitor) -> Response {
    let place = match visitor.principal.aors.as_slice() {
        [own] if !visitor.principal.is_operator() => {
            format!("/accounts/{}", account_path_segment(own))
        }
        _ => "/accounts".to_owned(),
    };
    Redirect::to(&place).into_response()
}

pub(super) async fn list(
    State(mailbox): State<Mailbox>,
    State(cursors): State<Arc<CursorKey>>,
    visitor: Visitor,
    Query(mut query): Query<AccountsQuery>,
) -> Result<Response, PageError> {
    let cursor = query.cursor.take();
    let text = query.q.trim();
    too_long("q", text)?;
    let paging = Paging::new(&cursors, "accounts page", None, cursor.as_deref(), &query)?;
    let after: Option<String> = paging.after();
    let scope = visitor.scope();
    let accounts = mailbox.accounts(&scope, text, after.as_deref(), paging.to_fetch());
    let page = paging.cut(accounts.await?, |last| last.aor.to_string());
    let next_href = page
        .next_cursor
        .map(|cursor| paging.href("/accounts", Some(&cursor)));
    let page = AccountsPage {
        chrome: visitor.chrome("Accounts").await?,
        list: AccountList {
            rows: page
                .items
                .iter()
                .map(|account| row(account, &mailbox.policy))
                .collect(),
            first_href: cursor.is_some().then(|| paging.href("/accounts", None)),
            next_href,
        },
        query: query.q,
    };
    Ok(html(StatusCode::OK, &page))
}

fn row(account: &Account, policy: &Policy) -> AccountRow {
    AccountRow {
        aor: account.aor.to_string(),
        href: base_href(account),
        display_name: account.display_name.clone(),
        message_count: account.message_count.unsigned_abs(),
        bytes_human: format::bytes(account.byte_count),
        quota_percent: quota_percent(account, policy),
    }
}

/// The page of an account.
pub(super) fn base_href(account: &Account) -> String {
    format!("/accounts/{}", account_path_segment(&account.aor))
}

/// An account at the head of its pages.
pub(super) fn head(account: &Account, policy: &Policy) -> AccountHead {
    let base_href = base_href(account);
    let (by_messages, by_octets) = quota_percents(account, policy);
    let quota = if by_octets > by_messages {
        format::bytes(account.byte_limit(policy))
    } else {
        messages(account.message_limit(policy).unsigned_abs())
    };
    AccountHead {
        aor: account.aor.to_string(),
        display_name: account.display_name.clone(),
        message_count: account.message_count.unsigned_abs(),
        bytes_human: format::bytes(account.byte_count),
        quota,
        quota_percent: quota_percent(account, policy),
        metadata_href: format!("{base_href}/metadata"),
        base_href,
    }
}

/// How full the account is, by whichever quota is closer.
fn quota_percent(account: &Account, policy: &Policy) -> u8 {
    let (messages, octets) = quota_percents(account, policy);
    messages.max(octets)
}

/// How full the account is, by each of its quotas: messages and octets.
fn quota_percents(account: &Account, policy: &Policy) -> (u8, u8) {
    let percent = |used: i64, limit: i64| {
        u8::try_from((used.max(0).saturating_mul(100) / limit.max(1)).min(100)).unwrap_or(100)
    };
    (
        percent(account.message_count, account.message_limit(policy)),
        percent(account.byte_count, account.byte_limit(policy)),
    )
}
