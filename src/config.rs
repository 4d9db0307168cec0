//! Settings: from a TOML file, the environment (`RESTANTE__SERVER__HOSTNAME`), and defaults, in
//! this order of strength from weakest to strongest: default, file, environment.
//!
//! [`KEYS`] is the one table of keys. The defaults are read from it and the documentation is
//! printed from it, so neither can say something else than the program does.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::TimeDelta;
use config::{Config, Environment, File, FileFormat};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::domain::policy::Policy;

/// One configuration key.
#[derive(Debug)]
pub struct Key {
    /// Its name in the file; `a.b` is `RESTANTE__A__B` in the environment.
    pub name: &'static str,
    /// Its default, as it would be written in the file; empty when there is none.
    pub default: &'static str,
    /// What it means, with the unit.
    pub meaning: &'static str,
}

const fn key(name: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key {
        name,
        default,
        meaning,
    }
}

/// Every configuration key there is.
pub const KEYS: &[Key] = &[
    key(
        "data_dir",
        "./restante-data",
        "Directory of the embedded database.",
    ),
    key(
        "database.url",
        "",
        "`postgres://user:password@host/name`, or `sqlite://path`. Absent: `restante.db` in `data_dir`.",
    ),
    key(
        "database.max_connections",
        "16",
        "The most connections to the database.",
    ),
    key(
        "server.hostname",
        "",
        "Host name in new accounts' Message-IDs. Absent: this machine's name. An account keeps the name it was made with.",
    ),
    key(
        "http.listen",
        "127.0.0.1:8080",
        "Addresses to serve HTTP on; port 0 takes a free one.",
    ),
    key(
        "http.public_url",
        "",
        "How browsers reach this server, if not by the listening address. With `https:` cookies are marked secure.",
    ),
    key(
        "http.request_timeout",
        "30s",
        "A request not answered within this time is given up.",
    ),
    key(
        "policy.auto_create_accounts",
        "true",
        "Store for an address that has no account yet by making one.",
    ),
    key(
        "policy.default_expiry",
        "7d",
        "Life of a message whose Expires is absent or above the maximum.",
    ),
    key(
        "policy.max_expiry",
        "30d",
        "The longest life a sender may ask for.",
    ),
    key(
        "policy.large_expiry",
        "7d",
        "Life of a message that came in Large Message Mode.",
    ),
    key(
        "policy.max_message_bytes",
        "1048576",
        "The largest request accepted, in octets.",
    ),
    key(
        "policy.quota_messages",
        "1000",
        "The most messages one account holds.",
    ),
    key(
        "policy.quota_bytes",
        "52428800",
        "The most octets one account holds.",
    ),
    key(
        "policy.sweep_interval",
        "2s",
        "How often expired messages are removed.",
    ),
    key("xcap.root", "/xcap-root", "Path of the XCAP root."),
    key(
        "log.format",
        "text",
        "`text` for people, `json` for programs.",
    ),
    key(
        "log.filter",
        "info",
        "What to log, as in `info,restante=debug`.",
    ),
];

/// All settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Directory of the embedded database.
    pub data_dir: PathBuf,
    /// The database.
    pub database: DatabaseSettings,
    /// The server as the field sees it.
    pub server: ServerSettings,
    /// The HTTP listener.
    pub http: HttpSettings,
    /// What the operator decides about messages.
    pub policy: PolicySettings,
    /// The XCAP server.
    pub xcap: XcapSettings,
    /// Logging.
    pub log: LogSettings,
}

/// `database.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// Where the database is; it may hold a password.
    pub url: Option<SecretString>,
    /// Bound of the connection pool.
    pub max_connections: u32,
}

/// `server.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// Host name in Message-IDs.
    pub hostname: Option<String>,
}

/// `http.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSettings {
    /// Addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// How browsers reach this server.
    pub public_url: Option<String>,
    /// A request not answered within this time is given up.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
}

/// `policy.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySettings {
    auto_create_accounts: bool,
    #[serde(with = "humantime_serde")]
    default_expiry: Duration,
    #[serde(with = "humantime_serde")]
    max_expiry: Duration,
    #[serde(with = "humantime_serde")]
    large_expiry: Duration,
    max_message_bytes: usize,
    quota_messages: i64,
    quota_bytes: i64,
    /// How often expired messages are removed.
    #[serde(with = "humantime_serde")]
    pub sweep_interval: Duration,
}

/// `xcap.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct XcapSettings {
    /// Path of the XCAP root, without a final slash.
    pub root: String,
}

/// `log.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// For people or for programs.
    pub format: LogFormat,
    /// What to log.
    pub filter: String,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file or variable cannot be read, is unknown or has the wrong type.
    #[error("the configuration cannot be read")]
    Read(#[from] config::ConfigError),
    /// A value is of the right type but makes no sense.
    #[error("{key}: {problem}")]
    Invalid {
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        problem: String,
    },
}

impl Settings {
    /// Reads the settings; `file` is the TOML file named on the command line.
    ///
    /// # Errors
    /// When a file or variable cannot be read, names an unknown key, or has a value that makes no
    /// sense.
    pub fn load(file: Option<&Path>) -> Result<Self, SettingsError> {
        let mut builder = Config::builder();
        for section in ["database", "server", "http", "policy", "xcap", "log"] {
            builder = builder.set_default(section, config::Map::<String, config::Value>::new())?;
        }
        for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
            builder = match key.name {
                LISTEN => builder.set_default(key.name, vec![key.default])?,
                name => builder.set_default(name, key.default)?,
            };
        }
        if let Some(path) = file {
            builder = builder.add_source(File::from(path).format(FileFormat::Toml));
        }
        let environment = Environment::with_prefix("RESTANTE")
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true)
            .list_separator(",")
            .with_list_parse_key(LISTEN);
        let settings: Self = builder.add_source(environment).build()?.try_deserialize()?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), SettingsError> {
        let invalid = |key, problem: &str| {
            Err(SettingsError::Invalid {
                key,
                problem: problem.to_owned(),
            })
        };
        if let Some(name) = &self.server.hostname
            && !is_host_name(name)
        {
            return invalid("server.hostname", "is not a host name");
        }
        if !self.xcap.root.starts_with('/') || self.xcap.root.ends_with('/') {
            return invalid("xcap.root", "must begin with a slash and not end with one");
        }
        if let Some(url) = &self.http.public_url
            && !(url.starts_with("http://") || url.starts_with("https://"))
        {
            return invalid("http.public_url", "must begin with http:// or https://");
        }
        let policy = self.policy();
        if policy.max_expiry < TimeDelta::seconds(1)
            || policy.default_expiry < TimeDelta::seconds(1)
        {
            return invalid(
                "policy.default_expiry",
                "messages must live a second at least",
            );
        }
        if self.policy.sweep_interval.is_zero() {
            return invalid("policy.sweep_interval", "must be above zero");
        }
        Ok(())
    }

    /// The database to connect to.
    #[must_use]
    pub fn database_url(&self) -> String {
        match &self.database.url {
            Some(url) => url.expose_secret().to_owned(),
            None => format!("sqlite://{}", self.data_dir.join("restante.db").display()),
        }
    }

    /// Whether the database is the embedded one in [`Settings::data_dir`].
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.database.url.is_none()
    }

    /// The host name that new accounts' Message-IDs get.
    #[must_use]
    pub fn hostname(&self) -> String {
        let machine = || {
            gethostname::gethostname()
                .to_string_lossy()
                .to_ascii_lowercase()
        };
        self.server
            .hostname
            .clone()
            .or_else(|| Some(machine()).filter(|name| is_host_name(name)))
            .unwrap_or_else(|| "localhost".to_owned())
    }

    /// The policy for messages.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let life = |duration| TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
        let policy = &self.policy;
        Policy {
            auto_create_accounts: policy.auto_create_accounts,
            default_expiry: life(policy.default_expiry),
            max_expiry: life(policy.max_expiry),
            large_expiry: life(policy.large_expiry),
            max_message_bytes: policy.max_message_bytes,
            quota_messages: policy.quota_messages,
            quota_bytes: policy.quota_bytes,
        }
    }

    /// Whether browsers reach this server by TLS.
    #[must_use]
    pub fn is_behind_tls(&self) -> bool {
        self.http
            .public_url
            .as_deref()
            .is_some_and(|url| url.starts_with("https://"))
    }
}

/// The one key that is a list.
const LISTEN: &str = "http.listen";

/// The table of keys in Markdown, as it stands in `docs/configuration.md`.
#[must_use]
pub fn markdown_table() -> String {
    let mut table = String::from("| key | default | meaning |\n| --- | --- | --- |\n");
    for key in KEYS {
        let default = match key.default {
            "" => String::new(),
            text => format!("`{text}`"),
        };
        // Writing to a String does not fail.
        let _ = writeln!(table, "| `{}` | {default} | {} |", key.name, key.meaning);
    }
    table
}

fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    text.len() <= 255 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(toml: &str) -> Result<Settings, SettingsError> {
        let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        std::fs::write(file.path(), toml).unwrap();
        Settings::load(Some(file.path()))
    }

    #[test]
    fn no_configuration_at_all_gives_the_documented_defaults() {
        let settings = load("").unwrap();
        assert_eq!(settings.policy(), Policy::default());
        assert_eq!(settings.http.listen, ["127.0.0.1:8080".parse().unwrap()]);
        assert_eq!(
            settings.database_url(),
            "sqlite://./restante-data/restante.db"
        );
    }

    #[test]
    fn a_file_changes_what_it_names() {
        let settings =
            load("[http]\nlisten = ['[::1]:0', '127.0.0.1:0']\n[policy]\nmax_expiry = '90d'")
                .unwrap();
        assert_eq!(settings.http.listen.len(), 2);
        assert_eq!(settings.policy().max_expiry, TimeDelta::days(90));
        assert_eq!(settings.policy().default_expiry, TimeDelta::days(7));
    }

    #[test]
    fn unknown_keys_and_senseless_values_are_refused_by_name() {
        for (toml, named) in [
            ("[http]\nlisten_on = '127.0.0.1:1'", "listen_on"),
            ("[policy]\nmax_expiry = 'soon'", "max_expiry"),
            ("[server]\nhostname = 'a b'", "server.hostname"),
            ("[xcap]\nroot = 'x'", "xcap.root"),
        ] {
            let error = anyhow::Error::from(load(toml).unwrap_err());
            assert!(format!("{error:#}").contains(named), "{toml}: {error:#}");
        }
    }

    #[test]
    fn a_database_password_is_not_printed() {
        let settings = load("[database]\nurl = 'postgres://u:geheim@h/d'").unwrap();
        assert!(!format!("{settings:?}").contains("geheim"));
    }
}
