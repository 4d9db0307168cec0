//! Finds what a path such as `/accounts/{aor}/messages/{id}` names, for this caller.

use crate::domain::access::{Principal, Scope};
use crate::domain::address::Aor;
use crate::domain::message_id::MessageKey;
use crate::mailbox::Mailbox;
use crate::mailbox::inspect::Inspected;
use crate::mailbox::read::Opened;
use crate::store::accounts::Account;
use crate::web::auth::Caller;
use crate::web::problem::{NOT_FOUND, Problem};

/// The account that `{aor}` names: an address of record, or `me` for the caller's own. What lies
/// outside `scope` is not found.
///
/// # Errors
/// A [`Problem`] when there is no such account for the caller, or the database fails.
pub async fn account(
    mailbox: &Mailbox,
    principal: &Principal,
    scope: &Scope,
    aor: &str,
) -> Result<Account, Problem> {
    let aor = match (aor, principal.aors.as_slice()) {
        ("me", [own]) => own.clone(),
        ("me", []) => {
            return Err(Problem::new(NOT_FOUND).detail("the caller is bound to no account"));
        }
        ("me", _) => {
            return Err(
                Problem::new(NOT_FOUND).detail("the caller is bound to several accounts: name one")
            );
        }
        (aor, _) => Aor::parse(aor).map_err(|_| Problem::new(NOT_FOUND))?,
    };
    mailbox
        .account(scope, &aor)
        .await?
        .ok_or_else(|| Problem::new(NOT_FOUND))
}

/// What `{id}` names in an account: a decimal string, or a whole Message-ID with this account's
/// host. `None` when it can name no message of it.
#[must_use]
pub fn key(account: &Account, id: &str) -> Option<MessageKey> {
    let key: MessageKey = id.parse().ok()?;
    let ours = id
        .split_once('@')
        .is_none_or(|(_, host)| host.eq_ignore_ascii_case(&account.host));
    (ours && key.account_id == account.id).then_some(key)
}

/// The message that `{id}` names in an account.
///
/// # Errors
/// A [`Problem`] when there is no such message, or the database fails.
pub async fn message(mailbox: &Mailbox, account: &Account, id: &str) -> Result<Opened, Problem> {
    let missing = || Problem::new(NOT_FOUND);
    let key = key(account, id).ok_or_else(missing)?;
    mailbox.open(account, key).await?.ok_or_else(missing)
}

/// The same, for a caller who sees its content then: its owner, or an operator who says why.
///
/// # Errors
/// A [`Problem`] when there is no such message, a reason is missing, or the database fails.
pub async fn content(
    mailbox: &Mailbox,
    caller: &Caller,
    account: &Account,
    id: &str,
) -> Result<Opened, Problem> {
    let opened = message(mailbox, account, id).await?;
    let what = Inspected::Message(opened.summary.key);
    caller
        .given
        .allow(mailbox, &caller.principal, account, what)
        .await?;
    Ok(opened)
}
