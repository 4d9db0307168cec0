//! GET and HEAD (RFC 4825 section 7.7 to 7.9).

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::target::{Target, What};
use super::{Refusal, Xcap};
use crate::domain::access::Scope;
use crate::domain::address::Aor;
use crate::mailbox::inspect::Inspected;
use crate::mailbox::read::{History, list_etag};
use crate::mailbox::xdms;
use crate::store::accounts::Account;
use crate::web::problem::{INVALID_REQUEST, PRECONDITION_FAILED, Problem, internal};
use crate::web::rest::view::account_path_segment;
use crate::xcap::conditions::{Method, Verdict};
use crate::xcap::document::Document;
use crate::xcap::edit;
use crate::xcap::selector::{NodeSelector, encode};
use crate::xcap::uri::Home;
use crate::xcap::usages::xcap_directory::{Entry, Folder};
use crate::xcap::usages::{ServerWritten, deferred_list, xcap_caps, xcap_directory};

/// A document as it is now.
struct Current {
    octets: Vec<u8>,
    etag: String,
}

impl Xcap {
    pub(super) async fn get(&self) -> Result<Response, Refusal> {
        let target = self.target()?;
        self.allow(&target).await?;
        if target.uri.node.is_none()
            && let Some(unchanged) = self.unchanged(&target).await?
        {
            return Ok(unchanged);
        }
        let current = self.current(&target).await?;
        let Some(node) = target.node()? else {
            return self.answer_with(current.octets, &current.etag, target.media_type);
        };
        let part = part(&current.octets, &node)?;
        self.answer_with(part.into_bytes(), &current.etag, node.kind().media_type())
    }

    /// Goes on only if the caller may see what the document says: operators see those of others for a reason only.
    async fn allow(&self, target: &Target<'_>) -> Result<(), Refusal> {
        let personal = matches!(
            target.what,
            What::Kept(_) | What::Written(ServerWritten::DeferredList)
        );
        if !personal || target.uri.document.home == Home::Global {
            return Ok(());
        }
        let (scope, aor) = (self.caller.reading()?, target.owner()?);
        let principal = &self.caller.principal;
        if principal.aors.contains(&aor) {
            return Ok(());
        }
        // Where there is nothing to see, whoever looks for it says so.
        let Some(account) = self.mailbox.find_account(&scope, &aor).await? else {
            return Ok(());
        };
        let document = &target.uri.document;
        let name = format!("{}/{}", document.auid, document.name);
        let what = Inspected::Document(&name);
        let given = &self.caller.given;
        Ok(given
            .allow(&self.mailbox, principal, &account, what)
            .await?)
    }

    /// 304 or 412 where the version alone says so: most requests of a client that polls are answered by one row.
    async fn unchanged(&self, target: &Target<'_>) -> Result<Option<Response>, Refusal> {
        if self.preconditions.is_empty() {
            return Ok(None);
        }
        let etag = match &target.what {
            What::Kept(_) => {
                let place = self.place_to_read(target).await?;
                self.mailbox.document_etag(&target.key(place)).await?
            }
            What::Written(ServerWritten::DeferredList) => {
                let scope = self.caller.reading()?;
                Some(list_etag(
                    &self.deferred_list_account(target, &scope).await?,
                ))
            }
            What::Written(_) => return Ok(None),
        };
        match etag {
            Some(etag) => self.judged(&etag),
            None => Ok(None),
        }
    }

    /// What the preconditions make of something that is there; nothing if they hold.
    fn judged(&self, etag: &str) -> Result<Option<Response>, Refusal> {
        match self.preconditions.judge(Method::Read, Some(etag)) {
            Verdict::Proceed => Ok(None),
            Verdict::PreconditionFailed => Err(Problem::new(PRECONDITION_FAILED).into()),
            Verdict::NotModified => Ok(Some(
                (StatusCode::NOT_MODIFIED, validator(etag)).into_response(),
            )),
        }
    }

    fn answer_with(
        &self,
        octets: Vec<u8>,
        etag: &str,
        media_type: &str,
    ) -> Result<Response, Refusal> {
        if let Some(response) = self.judged(etag)? {
            return Ok(response);
        }
        let mut headers = validator(etag);
        // Media types of usages are checked when they are declared.
        if let Ok(media_type) = HeaderValue::try_from(media_type) {
            headers.insert(header::CONTENT_TYPE, media_type);
        }
        Ok((headers, octets).into_response())
    }

    async fn current(&self, target: &Target<'_>) -> Result<Current, Refusal> {
        match &target.what {
            What::Kept(_) => {
                let place = self.place_to_read(target).await?;
                let found = self.mailbox.document(&target.key(place)).await?;
                let found = found.ok_or_else(Refusal::not_found)?;
                Ok(Current {
                    etag: found.etag(),
                    octets: found.body,
                })
            }
            What::Written(ServerWritten::DeferredList) => {
                let scope = self.caller.reading()?;
                let (account, xml) = self.deferred_list(target, &scope).await?;
                Ok(Current {
                    etag: list_etag(&account),
                    octets: xml.into_bytes(),
                })
            }
            What::Written(ServerWritten::Capabilities) => {
                self.caller.reading()?;
                let document = &target.uri.document;
                if document.home != Home::Global || document.name != xcap_caps::DOCUMENT {
                    return Err(Refusal::not_found());
                }
                Ok(derived(self.usages.capabilities().to_owned()))
            }
            What::Written(ServerWritten::Directory) => self.directory(target).await,
        }
    }

    /// The account of a metadata document, with what is due gone: its version is the document's.
    pub(super) async fn deferred_list_account(
        &self,
        target: &Target<'_>,
        scope: &Scope,
    ) -> Result<Account, Refusal> {
        let aor = deferred_list_owner(target)?;
        let account = self.mailbox.account(scope, &aor).await?;
        account.ok_or_else(Refusal::not_found)
    }

    /// The metadata document, with the account whose version it has.
    pub(super) async fn deferred_list(
        &self,
        target: &Target<'_>,
        scope: &Scope,
    ) -> Result<(Account, String), Refusal> {
        let aor = deferred_list_owner(target)?;
        let history = self.mailbox.history(scope, &aor).await?;
        let History { account, messages } = history.ok_or_else(Refusal::not_found)?;
        let xml = deferred_list::document(&account.host, &messages);
        Ok((account, xml.map_err(|error| internal(&error))?))
    }

    async fn directory(&self, target: &Target<'_>) -> Result<Current, Refusal> {
        if target.uri.document.name != xcap_directory::DOCUMENT {
            return Err(Refusal::not_found());
        }
        // What is due goes first: the tag of the deferred list is shown.
        let (scope, aor) = (self.caller.reading()?, target.owner()?);
        let account = self.mailbox.account(&scope, &aor).await?;
        let account = account.ok_or_else(Refusal::not_found)?;
        let xui = account_path_segment(&account.aor);
        let uri = |auid: &str, name: &str| format!("{}/{auid}/users/{xui}/{name}", self.root);
        let mut folders = vec![Folder {
            auid: deferred_list::AUID,
            entries: vec![Entry {
                uri: uri(deferred_list::AUID, deferred_list::DOCUMENT),
                etag: list_etag(&account).trim_matches('"').to_owned(),
                last_modified: None,
                size: None,
            }],
        }];
        let kept = self.mailbox.documents(account.id).await?;
        for document in &kept {
            let entry = Entry {
                uri: uri(&document.auid, &encode(&document.name)),
                etag: xdms::etag(document.id, document.version)
                    .trim_matches('"')
                    .to_owned(),
                last_modified: Some(document.changed_at),
                size: u64::try_from(document.size).ok(),
            };
            match folders
                .iter_mut()
                .find(|folder| folder.auid == document.auid)
            {
                Some(folder) => folder.entries.push(entry),
                None => folders.push(Folder {
                    auid: &document.auid,
                    entries: vec![entry],
                }),
            }
        }
        let xml = xcap_directory::document(&folders);
        Ok(derived(xml.map_err(|error| internal(&error))?))
    }
}

/// Whose metadata document it is.
fn deferred_list_owner(target: &Target<'_>) -> Result<Aor, Refusal> {
    if target.uri.document.name != deferred_list::DOCUMENT {
        return Err(Refusal::not_found());
    }
    target.owner()
}

/// A document that is known by what is in it.
fn derived(xml: String) -> Current {
    Current {
        etag: xdms::derived_etag(&xml),
        octets: xml.into_bytes(),
    }
}

/// A node of a document.
pub(super) fn part(octets: &[u8], node: &NodeSelector) -> Result<String, Refusal> {
    let document = Document::parse(octets, usize::MAX).map_err(|error| {
        Problem::new(INVALID_REQUEST).detail(format!("no node can be selected: {error}"))
    })?;
    // Reading finds it or does not.
    edit::get(&document, node).map_err(|_| Refusal::not_found())
}

pub(super) fn validator(etag: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(header::ETAG, etag);
    }
    headers
}
