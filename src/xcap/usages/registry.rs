//! The one table of application usages.

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
#[derive(Debug, Clone)]
pub struct Registry {
    declared: Vec<Generic>,
    capabilities: String,
}

impl Default for Registry {
    fn default() -> Self {
        Self::of(Vec::new())
    }
}

impl Registry {
    /// The built-in usages and those that an operator declares.
    ///
    /// # Errors
    /// The first declaration that makes no sense, or has the AUID of another usage.
    pub fn new(declared: Vec<Generic>) -> Result<Self, RegistryError> {
        for (at, usage) in declared.iter().enumerate() {
            let error = |wrong: Wrong| RegistryError {
                number: at + 1,
                auid: usage.auid.clone(),
                key: wrong.key,
                problem: wrong.problem,
            };
            usage.validate().map_err(error)?;
            let problem =
                if built_in(&usage.auid).is_some() || server_written(&usage.auid).is_some() {
                    "is built in"
                } else if declared[..at].iter().any(|other| other.auid == usage.auid) {
                    "is declared twice"
                } else {
                    continue;
                };
            return Err(error(Wrong {
                key: "auid",
                problem: format!("\"{}\" {problem}", usage.auid),
            }));
        }
        Ok(Self::of(declared))
    }

    fn of(declared: Vec<Generic>) -> Self {
        let mut registry = Self {
            declared,
            capabilities: String::new(),
        };
        registry.capabilities = registry.write_capabilities();
        registry
    }

    /// The usage whose documents users write.
    #[must_use]
    pub fn usage(&self, auid: &str) -> Option<&dyn Usage> {
        self.usages().find(|usage| usage.auid() == auid)
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

    /// The document of [`xcap_caps`].
    #[must_use]
    pub fn capabilities(&self) -> &str {
        &self.capabilities
    }

    fn write_capabilities(&self) -> String {
        let written = SERVER_WRITTEN.iter();
        let auids = self
            .usages()
            .map(Usage::auid)
            .chain(written.clone().map(|facts| facts.auid));
        let namespaces = self.usages().flat_map(Usage::namespaces);
        let namespaces = namespaces.chain(written.map(|facts| facts.namespace));
        // Memory takes every write.
        xcap_caps::document(auids, namespaces).unwrap_or_default()
    }
}

fn built_in(auid: &str) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().copied().find(|usage| usage.auid == auid)
}

fn server_written(auid: &str) -> Option<Facts<'static>> {
    SERVER_WRITTEN.into_iter().find(|facts| facts.auid == auid)
}
