//! What a request points at, for this caller.

use super::{Refusal, Xcap};
use crate::domain::access::Scope;
use crate::domain::address::Aor;
use crate::store::accounts::Account;
use crate::store::documents::{DocumentKey, GLOBAL};
use crate::xcap::selector::NodeSelector;
use crate::xcap::uri::{Home, XcapUri};
use crate::xcap::usages::{ServerWritten, Usage};

/// A document, whether there is one or not.
pub(super) struct Target<'a> {
    pub(super) uri: XcapUri,
    /// The default namespace of names in node selectors.
    pub(super) namespace: &'a str,
    /// Its media type.
    pub(super) media_type: &'a str,
    pub(super) what: What<'a>,
}

/// Who writes it.
pub(super) enum What<'a> {
    /// Users do.
    Kept(&'a dyn Usage),
    /// The server does.
    Written(ServerWritten),
}

impl Target<'_> {
    /// The node it points at; none if at the whole document.
    pub(super) fn node(&self) -> Result<Option<NodeSelector>, Refusal> {
        let node = self.uri.node.as_ref();
        let read = node.map(|path| NodeSelector::read(path, self.namespace));
        Ok(read.transpose()?)
    }

    /// In whose home it lies.
    pub(super) fn owner(&self) -> Result<Aor, Refusal> {
        match &self.uri.document.home {
            Home::User(xui) => Aor::parse(xui).map_err(|_| Refusal::not_found()),
            Home::Global => Err(Refusal::not_found()),
        }
    }

    /// Where its rows are.
    pub(super) fn key(&self, account_id: i64) -> DocumentKey {
        DocumentKey {
            account_id,
            auid: self.uri.document.auid.clone(),
            name: self.uri.document.name.clone(),
        }
    }
}

impl Xcap {
    pub(super) fn target(&self) -> Result<Target<'_>, Refusal> {
        let uri = XcapUri::parse(&self.below)?;
        let facts = self.usages.facts(&uri.document.auid);
        let facts = facts.ok_or_else(Refusal::not_found)?;
        let what = match facts.server_written {
            Some(written) => What::Written(written),
            None => What::Kept(
                self.usages
                    .usage(&uri.document.auid)
                    .ok_or_else(Refusal::not_found)?,
            ),
        };
        Ok(Target {
            namespace: facts.namespace,
            media_type: facts.media_type,
            what,
            uri,
        })
    }

    /// The account in whose home the document lies. What lies outside the caller's scope does not exist.
    pub(super) async fn account(
        &self,
        target: &Target<'_>,
        scope: &Scope,
    ) -> Result<Account, Refusal> {
        let account = self.mailbox.find_account(scope, &target.owner()?).await?;
        account.ok_or_else(Refusal::not_found)
    }

    /// Where the document is to be read.
    pub(super) async fn place_to_read(&self, target: &Target<'_>) -> Result<i64, Refusal> {
        let scope = self.caller.reading()?;
        match target.uri.document.home {
            // For everybody who is signed in.
            Home::Global => Ok(GLOBAL),
            Home::User(_) => Ok(self.account(target, &scope).await?.id),
        }
    }

    /// Where the document is to be written. An owner's first document may make the account, if `may_begin`.
    pub(super) async fn place_to_write(
        &self,
        target: &Target<'_>,
        may_begin: bool,
    ) -> Result<i64, Refusal> {
        if target.uri.document.home == Home::Global {
            self.caller.reading()?;
            if !self.caller.principal.operates_everywhere() {
                return Err(Refusal::forbidden(
                    "operators of all domains alone write what is for everybody",
                ));
            }
            return Ok(GLOBAL);
        }
        let scope = self.caller.deleting()?;
        let aor = target.owner()?;
        if let Some(account) = self.mailbox.find_account(&scope, &aor).await? {
            return Ok(account.id);
        }
        let is_own = self.caller.principal.aors.contains(&aor);
        if !may_begin || !is_own || !self.mailbox.policy.auto_create_accounts {
            return Err(Refusal::not_found());
        }
        let account = self.mailbox.ensure_account(&aor).await?;
        Ok(account.ok_or_else(Refusal::not_found)?.id)
    }
}
