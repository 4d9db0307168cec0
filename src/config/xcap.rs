//! The settings of the XCAP server: its root, and the application usages that an operator declares.

use super::{Settings, SettingsError, UsageSettings, XcapSettings, invalid, is_name};
use crate::xcap::usages::Registry;
use crate::xcap::usages::generic::Generic;

/// What the server's own paths begin with.
const OWN_PATHS: [&str; 17] = [
    "",
    "accounts",
    "api",
    "audit",
    "docs",
    "gateway",
    "healthz",
    "me",
    "openapi.json",
    "problems",
    "readyz",
    "reports",
    "setup",
    "sign-in",
    "sign-out",
    "static",
    "welcome",
];

impl Settings {
    /// The application usages: those that are built in and those that are declared.
    ///
    /// # Errors
    /// When a declaration makes no sense; [`Settings::load`] has found that out.
    pub fn usages(&self) -> Result<Registry, SettingsError> {
        let declared = self.xcap.usages.iter().map(UsageSettings::usage).collect();
        Registry::new(declared).map_err(|error| SettingsError::Invalid {
            key: "xcap.usages",
            problem: error.to_string(),
        })
    }

    pub(super) fn check_xcap(&self) -> Result<(), SettingsError> {
        check_root("xcap.root", &self.xcap.root)?;
        for (at, alias) in self.xcap.root_aliases.iter().enumerate() {
            check_root("xcap.root_aliases", alias)?;
            // The root comes first, so these are those before it.
            let mut others = self.xcap.roots().take(at + 1);
            if others.any(|other| is_below(alias, other) || is_below(other, alias)) {
                return invalid(
                    "xcap.root_aliases",
                    "has one path twice, or one below another",
                );
            }
        }
        if self.xcap.trusted_proxies.iter().any(is_name) {
            return invalid(
                "xcap.trusted_proxies",
                "has a name: networks and addresses only",
            );
        }
        self.usages().map(|_| ())
    }
}

impl XcapSettings {
    /// All paths that lead to the XCAP root.
    pub fn roots(&self) -> impl Iterator<Item = &str> {
        let aliases = self.root_aliases.iter();
        std::iter::once(&self.root)
            .chain(aliases)
            .map(String::as_str)
    }
}

/// Whether a path is another, or lies below it.
fn is_below(path: &str, other: &str) -> bool {
    path.strip_prefix(other)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn check_root(key: &'static str, root: &str) -> Result<(), SettingsError> {
    if !root.starts_with('/') || root.ends_with('/') {
        return invalid(key, "must begin with a slash and not end with one");
    }
    let first = root.split('/').nth(1).unwrap_or_default();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~".contains(&b);
    if OWN_PATHS.contains(&first) || !root.bytes().all(plain) {
        return invalid(
            key,
            "is used otherwise, or has characters a path should not",
        );
    }
    Ok(())
}

impl UsageSettings {
    fn usage(&self) -> Generic {
        Generic {
            auid: self.auid.clone(),
            namespace: self.namespace.clone(),
            media_type: self.mime_type.clone(),
            more_namespaces: self.namespaces.clone(),
            root_element: self.root_element.clone(),
            document_names: self.document_names.clone(),
            max_document_bytes: self.max_document_bytes,
        }
    }
}
