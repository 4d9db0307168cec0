//! The XCAP root (RFC 4825): the deferred-message metadata document, to read.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};

use super::auth::Caller;
use super::problem::{NOT_FOUND, Problem, internal};
use super::state::AppState;
use crate::config::Settings;
use crate::domain::address::Aor;
use crate::mailbox::Mailbox;
use crate::mailbox::read::History;
use crate::store::accounts::Account;
use crate::xcap::uri::{Home, XcapUri};
use crate::xcap::usages::deferred_list::{self, AUID, DOCUMENT, MEDIA_TYPE};

/// Serves what lies below the XCAP root.
pub fn route() -> MethodRouter<AppState> {
    get(get_document)
}

/// `GET {root}/org.openmobilealliance.deferred-list/users/{XUI}/deferred-list`
///
/// The owner and operators may read it; to everybody else it does not exist.
async fn get_document(
    State(mailbox): State<Mailbox>,
    State(settings): State<Arc<Settings>>,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let missing = || Problem::new(NOT_FOUND);
    let scope = caller.reading()?;
    let below = uri
        .path()
        .strip_prefix(&settings.xcap.root)
        .and_then(|p| p.strip_prefix('/'));
    let path = below.and_then(|path| XcapUri::parse(path).ok());
    let XcapUri { document, node } = path.ok_or_else(missing)?;
    let Home::User(xui) = document.home else {
        return Err(missing());
    };
    if document.auid != AUID || document.name != DOCUMENT || node.is_some() {
        return Err(missing());
    }
    let aor = Aor::parse(&xui).map_err(|_| missing())?;
    let unchanged = |account: &Account| {
        headers
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|list| matches_any(list, &etag(account)))
    };
    // The version alone answers most requests of a client that polls.
    let account = mailbox.account(&scope, &aor).await?.ok_or_else(missing)?;
    if unchanged(&account) {
        return Ok((StatusCode::NOT_MODIFIED, validators(&account)).into_response());
    }
    let History { account, messages } = mailbox.history(&scope, &aor).await?.ok_or_else(missing)?;
    let xml =
        deferred_list::document(&account.host, &messages).map_err(|error| internal(&error))?;
    let mut headers = validators(&account);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    Ok((headers, xml).into_response())
}

/// The entity tag of an account's document: another for each version, and for an account that was
/// made anew under the same address.
#[must_use]
pub fn etag(account: &Account) -> String {
    format!("\"{}-{}\"", account.id, account.list_version)
}

fn validators(account: &Account) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(etag) = HeaderValue::try_from(etag(account)) {
        headers.insert(header::ETAG, etag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers
}

/// If-None-Match compares weakly (RFC 9110 section 13.1.2).
fn matches_any(list: &str, etag: &str) -> bool {
    list.split(',').map(str::trim).any(|candidate| {
        candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate) == etag
    })
}
