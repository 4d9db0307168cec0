//! The one table of application usages.

use std::collections::HashMap;
use std::io;

use super::built_in::BuiltIn;
use super::generic::{Generic, Wrong};
use super::{
    Usage, access_rules, conv_history, deferred_list, group_usage_list, groups, oma_pres_rules,
    pidf_manipulation, pres_content, pres_rules, resource_lists, rls_services, user_profile,
    xcap_caps, xcap_directory,
};

/// The usages whose documents users write.
static BUILT_IN: [&BuiltIn; 11] = [
    &resource_lists::USAGE,
    &rls_services::USAGE,
    &pres_rules::USAGE,
    &pidf_manipulation::USAGE,
    &oma_pres_rules::USAGE,
    &access_rules::USAGE,
    &conv_history::USAGE,
    &user_profile::USAGE,
    &pres_content::USAGE,
    &group_usage_list::USAGE,
    &groups::USAGE,
];

/// The usages whose documents the server writes.
const SERVER_WRITTEN: [Facts<'static>; 3] = [
    Facts {
        auid: deferred_list::AUID,
        namespace: deferred_list::NAMESPACE,
        media_type: deferred_list::MEDIA_TYPE,
        server_written: Some(ServerWritten::DeferredList),
    },
    Facts {
        auid: xcap_caps::AUID,
        namespace: xcap_caps::NAMESPACE,
        media_type: xcap_caps::MEDIA_TYPE,
        server_written: Some(ServerWritten::Capabilities),
    },
    Facts {
        auid: xcap_directory::AUID,
        namespace: xcap_directory::NAMESPACE,
        media_type: xcap_directory::MEDIA_TYPE,
        server_written: Some(ServerWritten::Directory),
    },
];

/// What reading a document needs to know of its usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The application unique ID.
    pub auid: &'a str,
    /// The default document namespace.
    pub namespace: &'a str,
    /// The media type of documents.
    pub media_type: &'a str,
    /// Which document the server writes itself; `None`: users write them.
    pub server_written: Option<ServerWritten>,
}

/// The documents that the server writes itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerWritten {
    /// [`deferred_list`]: `users/{XUI}/deferred-list`.
    DeferredList,
    /// [`xcap_caps`]: `global/index`.
    Capabilities,
    /// [`xcap_directory`]: `users/{XUI}/directory.xml`.
    Directory,
}

/// A declared usage cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("usage {number} ({auid}): {key}: {problem}")]
pub struct RegistryError {
    /// Which of the declared ones, from 1.
    pub number: usize,
    /// Its AUID, as declared.
    pub auid: String,
    /// The key, as in the configuration.
    pub key: &'static str,
    /// What is wrong with its value.
    pub problem: String,
}

/// The usages of this server.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    declared: Vec<Generic>,
    by_auid: HashMap<String, usize>,
}

impl Registry {
    /// The built-in usages and those that an operator declares.
    ///
    /// # Errors
    /// The first declaration that makes no sense, or has the AUID of another usage.
    pub fn new(declared: Vec<Generic>) -> Result<Self, RegistryError> {
        let mut by_auid = HashMap::new();
        for (at, usage) in declared.iter().enumerate() {
            let error = |wrong: Wrong| RegistryError {
                number: at + 1,
                auid: usage.auid.clone(),
                key: wrong.key,
                problem: wrong.problem,
            };
            usage.validate().map_err(error)?;
            let taken = built_in(&usage.auid).is_some() || server_written(&usage.auid).is_some();
            let problem = match by_auid.insert(usage.auid.clone(), at) {
                _ if taken => "is built in",
                Some(_) => "is declared twice",
                None => continue,
            };
            return Err(error(Wrong {
                key: "auid",
                problem: format!("\"{}\" {problem}", usage.auid),
            }));
        }
        Ok(Self { declared, by_auid })
    }

    /// The usage whose documents users write.
    #[must_use]
    pub fn usage(&self, auid: &str) -> Option<&dyn Usage> {
        let declared = || self.declared.get(*self.by_auid.get(auid)?);
        match built_in(auid) {
            Some(usage) => Some(usage),
            None => declared().map(|usage| usage as &dyn Usage),
        }
    }

    /// What is known of any usage, whoever writes its documents.
    #[must_use]
    pub fn facts(&self, auid: &str) -> Option<Facts<'_>> {
        server_written(auid).or_else(|| {
            let usage = self.usage(auid)?;
            Some(Facts {
                auid: usage.auid(),
                namespace: usage.namespace(),
                media_type: usage.media_type(),
                server_written: None,
            })
        })
    }

    /// The usages whose documents users write, built-in ones first.
    pub fn usages(&self) -> impl Iterator<Item = &dyn Usage> {
        let built_in = BUILT_IN.iter().map(|usage| *usage as &dyn Usage);
        built_in.chain(self.declared.iter().map(|usage| usage as &dyn Usage))
    }

    /// Writes the document of [`xcap_caps`].
    ///
    /// # Errors
    /// None in practice: memory takes every write.
    pub fn capabilities(&self) -> io::Result<String> {
        let written = SERVER_WRITTEN.iter();
        let auids = self
            .usages()
            .map(Usage::auid)
            .chain(written.clone().map(|facts| facts.auid));
        let namespaces = self.usages().flat_map(Usage::namespaces);
        xcap_caps::document(
            auids,
            namespaces.chain(written.map(|facts| facts.namespace)),
        )
    }
}

fn built_in(auid: &str) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().copied().find(|usage| usage.auid == auid)
}

fn server_written(auid: &str) -> Option<Facts<'static>> {
    SERVER_WRITTEN.into_iter().find(|facts| facts.auid == auid)
}
