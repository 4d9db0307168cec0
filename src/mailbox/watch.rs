//! What an `xcap-diff` subscription is to (RFC 5875 section 4.4), and what there is of it for whoever subscribed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::Mailbox;
use super::read::{History, list_etag};
use super::xdms::{self, derived_etag};
use crate::domain::access::Scope;
use crate::domain::address::Aor;
use crate::store::StoreError;
use crate::store::accounts::Account;
use crate::store::documents::{DocumentKey, GLOBAL};
use crate::xcap::diff::{Found, State};
use crate::xcap::document::Document;
use crate::xcap::selector::{Kind, NodeSelector, encode};
use crate::xcap::uri::{Collection, DocumentPath, Home, Homes, XcapUri};
use crate::xcap::usages::{Registry, ServerWritten, deferred_list, xcap_caps};

/// Where the resources are looked up.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Whose documents there are.
    pub mailbox: Mailbox,
    /// The kinds of documents.
    pub usages: Arc<Registry>,
    /// The absolute URI of the XCAP root, with its slash at the end.
    pub root: String,
    /// The paths of the XCAP root and of its aliases, without that slash.
    pub roots: Vec<String>,
}

/// Whoever has subscribed.
#[derive(Debug, Clone)]
pub struct Reader {
    /// The accounts whose documents it may read.
    pub scope: Scope,
    /// Its own addresses.
    pub own: Vec<Aor>,
}

impl Reader {
    /// The user in whose home something lies, if its documents may be read.
    fn may_read(&self, xui: &str) -> Option<Aor> {
        let aor = Aor::parse(xui).ok()?;
        self.scope.covers(&aor).then_some(aor)
    }
}

/// Whose changes a subscription waits for.
#[derive(Debug, Clone, Default)]
pub struct Interest {
    /// These accounts'.
    pub aors: BTreeSet<Aor>,
    /// Also those of documents that are everybody's.
    pub in_global: bool,
}

/// Why the state of something could not be found out.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Memory took no more.
    #[error("a document could not be written")]
    Write(#[from] std::io::Error),
}

/// One entry of the list.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Relative to the XCAP root, as the subscriber wrote it.
    sel: String,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Document(DocumentPath),
    Node(DocumentPath, NodeSelector),
    Collection(Collection),
}

impl Resource {
    /// Reads a URI of the list: absolute, from the root of the server, or relative to the XCAP root. `None` if there can
    /// never be anything to tell of it.
    #[must_use]
    pub fn read(uri: &str, desk: &Desk) -> Option<Self> {
        let sel = below_root(uri, &desk.roots)?;
        if let Some(collection) = Collection::parse(sel) {
            let what = What::Collection(collection);
            let sel = sel.to_owned();
            return Some(Self { sel, what });
        }
        let found = XcapUri::parse(sel).ok()?;
        let facts = desk.usages.facts(&found.document.auid)?;
        let what = match &found.node {
            None => What::Document(found.document),
            Some(path) => {
                let node = NodeSelector::read(path, facts.namespace).ok()?;
                if node.kind() == Kind::Namespaces {
                    return None;
                }
                What::Node(found.document, node)
            }
        };
        let sel = sel.to_owned();
        Some(Self { sel, what })
    }

    /// Whose changes matter to it.
    pub fn interest(&self, reader: &Reader, interest: &mut Interest) {
        let home = match &self.what {
            What::Document(path) | What::Node(path, _) => Some(&path.home),
            What::Collection(collection) => match &collection.homes {
                Homes::One(home) => Some(home),
                Homes::Users => None,
                Homes::All => {
                    interest.in_global = true;
                    None
                }
            },
        };
        match home {
            None => interest.aors.extend(reader.own.iter().cloned()),
            Some(Home::Global) => interest.in_global = true,
            Some(Home::User(xui)) => interest.aors.extend(reader.may_read(xui)),
        }
    }
}

/// The part of a URI below the XCAP root. Whom an absolute one names does not matter: it is us who are asked.
fn below_root<'a>(uri: &'a str, roots: &[String]) -> Option<&'a str> {
    let path = match uri.split_once("://") {
        Some(("http" | "https", rest)) => rest.get(rest.find('/')?..)?,
        _ if uri.starts_with('/') => uri,
        _ => return Some(uri),
    };
    let mut below = roots
        .iter()
        .filter_map(|root| path.strip_prefix(root.as_str()));
    below.find_map(|below| below.strip_prefix('/'))
}

/// Finds out what there is of the resources. What lies outside the reader's scope is left out, as if it was not there.
///
/// # Errors
/// [`WatchError`].
pub async fn state(
    desk: &Desk,
    reader: &Reader,
    resources: &[Resource],
) -> Result<State, WatchError> {
    let mut look = Look {
        desk,
        reader,
        accounts: HashMap::new(),
        told: HashSet::new(),
        state: State::default(),
    };
    // A document of its own name is told by that, not by a collection's.
    for resource in resources {
        match &resource.what {
            What::Document(path) => look.document(&resource.sel, path).await?,
            What::Node(path, node) => look.node(&resource.sel, path, node).await?,
            What::Collection(_) => {}
        }
    }
    for resource in resources {
        if let What::Collection(collection) = &resource.what {
            look.collection(&resource.sel, collection).await?;
        }
    }
    Ok(look.state)
}

/// A look at the resources of one subscription.
struct Look<'a> {
    desk: &'a Desk,
    reader: &'a Reader,
    accounts: HashMap<Aor, Option<Account>>,
    /// Documents that are told already.
    told: HashSet<DocumentKey>,
    state: State,
}

/// In whose home something lies.
enum Place {
    Global,
    Of(Account),
}

impl Place {
    fn id(&self) -> i64 {
        match self {
            Self::Global => GLOBAL,
            Self::Of(account) => account.id,
        }
    }
}

impl Look<'_> {
    /// Whose home it is, if the reader may read there and there is one.
    async fn place(&mut self, home: &Home) -> Result<Option<Place>, WatchError> {
        match home {
            Home::Global => Ok(Some(Place::Global)),
            Home::User(xui) => match self.reader.may_read(xui) {
                None => Ok(None),
                Some(aor) => Ok(self.account(aor).await?.map(Place::Of)),
            },
        }
    }

    async fn account(&mut self, aor: Aor) -> Result<Option<Account>, WatchError> {
        if let Some(known) = self.accounts.get(&aor) {
            return Ok(known.clone());
        }
        let found = self.desk.mailbox.account(&self.reader.scope, &aor).await?;
        self.accounts.insert(aor, found.clone());
        Ok(found)
    }

    async fn document(&mut self, sel: &str, path: &DocumentPath) -> Result<(), WatchError> {
        let Some(place) = self.place(&path.home).await? else {
            return Ok(());
        };
        let key = DocumentKey {
            account_id: place.id(),
            auid: path.auid.clone(),
            name: path.name.clone(),
        };
        let etag = match (self.written(&path.auid), &place) {
            (None, _) => self.desk.mailbox.document_etag(&key).await?,
            (Some(ServerWritten::DeferredList), Place::Of(account)) => {
                (path.name == deferred_list::DOCUMENT).then(|| list_etag(account))
            }
            (Some(ServerWritten::Capabilities), Place::Global) => {
                let xml = self.desk.usages.capabilities();
                (path.name == xcap_caps::DOCUMENT).then(|| derived_etag(xml))
            }
            // The directory is another for each root that it is asked for by.
            (Some(_), _) => None,
        };
        if let Some(etag) = etag {
            self.tell(sel, key, &etag);
        }
        Ok(())
    }

    fn tell(&mut self, sel: &str, key: DocumentKey, etag: &str) {
        if self.told.insert(key) {
            self.state.insert(sel, Found::document(etag));
        }
    }

    fn written(&self, auid: &str) -> Option<ServerWritten> {
        self.desk.usages.facts(auid)?.server_written
    }

    async fn node(
        &mut self,
        sel: &str,
        path: &DocumentPath,
        node: &NodeSelector,
    ) -> Result<(), WatchError> {
        let Some(place) = self.place(&path.home).await? else {
            return Ok(());
        };
        let octets = match (self.written(&path.auid), &place) {
            (None, _) => {
                let key = DocumentKey {
                    account_id: place.id(),
                    auid: path.auid.clone(),
                    name: path.name.clone(),
                };
                let stored = self.desk.mailbox.document(&key).await?;
                stored.map(|stored| stored.body)
            }
            (Some(ServerWritten::DeferredList), Place::Of(account))
                if path.name == deferred_list::DOCUMENT =>
            {
                let history = self.desk.mailbox.history(&self.reader.scope, &account.aor);
                let xml = history.await?.map(|History { account, messages }| {
                    deferred_list::document(&account.host, &messages)
                });
                xml.transpose()?.map(String::into_bytes)
            }
            (Some(ServerWritten::Capabilities), Place::Global)
                if path.name == xcap_caps::DOCUMENT =>
            {
                Some(self.desk.usages.capabilities().as_bytes().to_vec())
            }
            (Some(_), _) => None,
        };
        let octets = octets.unwrap_or_default();
        // What cannot be parsed has no nodes.
        let found = Document::parse(&octets, usize::MAX)
            .ok()
            .and_then(|document| Found::node(&document, node));
        if let Some(found) = found {
            self.state.insert(sel, found);
        }
        Ok(())
    }

    async fn collection(&mut self, sel: &str, collection: &Collection) -> Result<(), WatchError> {
        let own = match &collection.homes {
            Homes::One(home) => {
                if let Some(place) = self.place(home).await? {
                    self.below(sel, &place, collection).await?;
                }
                return Ok(());
            }
            Homes::Users => sel.to_owned(),
            Homes::All => {
                let sel_global = format!("{sel}global/");
                self.below(&sel_global, &Place::Global, collection).await?;
                format!("{sel}users/")
            }
        };
        // Of all users those that the subscriber is; it may be one that may read everybody's.
        for aor in self.reader.own.clone() {
            let sel = format!("{own}{}/", encode(aor.as_str()));
            if let Some(account) = self.account(aor).await? {
                self.below(&sel, &Place::Of(account), collection).await?;
            }
        }
        Ok(())
    }

    /// The documents of a collection in one home; `sel` is how it is written with its folder.
    async fn below(
        &mut self,
        sel: &str,
        place: &Place,
        collection: &Collection,
    ) -> Result<(), WatchError> {
        let Collection { auid, folder, .. } = collection;
        let documents: Vec<(String, String)> = match (self.written(auid), place) {
            (None, _) => {
                let kept = self.desk.mailbox.documents(place.id()).await?;
                let kept = kept.into_iter().filter(|document| document.auid == *auid);
                kept.map(|document| {
                    let etag = xdms::etag(document.id, document.version);
                    (document.name, etag)
                })
                .collect()
            }
            (Some(ServerWritten::DeferredList), Place::Of(account)) => {
                vec![(deferred_list::DOCUMENT.to_owned(), list_etag(account))]
            }
            (Some(ServerWritten::Capabilities), Place::Global) => {
                let etag = derived_etag(self.desk.usages.capabilities());
                vec![(xcap_caps::DOCUMENT.to_owned(), etag)]
            }
            (Some(_), _) => Vec::new(),
        };
        for (name, etag) in documents {
            let Some(below) = name.strip_prefix(folder.as_str()) else {
                continue;
            };
            let sel = format!("{sel}{}", encode(below));
            let key = DocumentKey {
                account_id: place.id(),
                auid: auid.clone(),
                name,
            };
            self.tell(&sel, key, &etag);
        }
        Ok(())
    }
}
