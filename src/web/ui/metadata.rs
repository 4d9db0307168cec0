//! The metadata document of an account, to read.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::accounts::{base_href, head};
use super::page::{PageError, Visitor, html};
use super::pages::MetadataPage;
use super::sealed;
use crate::config::Settings;
use crate::mailbox::Mailbox;
use crate::mailbox::inspect::Inspected;
use crate::mailbox::read::list_etag;
use crate::web::extract::Path;
use crate::web::problem::{NOT_FOUND, Problem, internal};
use crate::web::rest::account_path;
use crate::web::rest::view::account_path_segment;
use crate::xcap::usages::deferred_list::{AUID, DOCUMENT, document};

pub(super) async fn show(
    State(mailbox): State<Mailbox>,
    State(settings): State<Arc<Settings>>,
    visitor: Visitor,
    Path(aor): Path<String>,
) -> Result<Response, PageError> {
    let scope = visitor.scope();
    let account = account_path::account(&mailbox, &visitor.principal, &scope, &aor).await?;
    if !visitor.sees(&account, Inspected::List).await? {
        return Ok(sealed::ask(&account, "metadata"));
    }
    let history = mailbox.history(&scope, &account.aor).await?;
    let history = history.ok_or_else(|| Problem::new(NOT_FOUND))?;
    let account = history.account;
    let xml = document(&account.host, &history.messages).map_err(|error| internal(&error))?;
    let (root, xui) = (&settings.xcap.root, account_path_segment(&account.aor));
    let page = MetadataPage {
        chrome: visitor.chrome("Metadata").await?,
        account: head(&account, &mailbox.policy),
        back_href: base_href(&account),
        document_href: format!("{root}/{AUID}/users/{xui}/{DOCUMENT}"),
        etag: list_etag(&account),
        xml,
    };
    Ok(html(StatusCode::OK, &page))
}
