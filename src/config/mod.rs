//! Settings: from a TOML file, the environment (`RESTANTE__SERVER__HOSTNAME`), and defaults, in
//! this order of strength from weakest to strongest: default, file, environment.
//!
//! [`keys()`] is the one table of keys. The defaults are read from it and the documentation is
//! printed from it, so neither can say something else than the program does.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::TimeDelta;
use config::{Config, Environment, File, FileFormat};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use secrecy::ExposeSecret;

use crate::domain::policy::Policy;
use crate::domain::report::ReportRoute;
use crate::sip::hop::Hop;
use crate::sip::trust::TrustedPeer;
use crate::store::objects::{Bucket, Place};

mod http;
mod http_keys;
mod keys;
mod secret_files;
mod settings;
mod xcap;

pub use http::{GatewaySettings, HttpSettings, RateLimitSettings, url_of};
pub use keys::{Key, keys, markdown_table};
pub use settings::{
    DatabaseSettings, LogFormat, LogSettings, MsrpSettings, ObjectSettings, PolicySettings,
    ReportSettings, ServerSettings, Settings, SipSettings, Strangers, UsageSettings, XcapSettings,
};

use keys::lists;

/// What a path in a database URL must not hold as it is.
const IN_PATH: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#');
/// The longest life of a message or a token that can be configured.
const LONGEST_LIFE: Duration = Duration::from_hours(24 * 365 * 100);
/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file or variable cannot be read, is unknown or has the wrong type.
    #[error("the configuration cannot be read")]
    Read(#[from] config::ConfigError),
    /// The file that holds a secret cannot be read.
    #[error("{key}: {path} cannot be read")]
    SecretFile {
        /// The key whose value the file holds.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
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
        for section in [
            "database", "objects", "server", "http", "sip", "msrp", "policy", "reports", "xcap",
            "log",
        ] {
            builder = builder.set_default(section, config::Map::<String, config::Value>::new())?;
        }
        for key in keys().filter(|key| !key.default.is_empty()) {
            builder = if lists().any(|name| name == key.name) {
                let entries: Vec<&str> = key.default.split(',').collect();
                builder.set_default(key.name, entries)?
            } else {
                builder.set_default(key.name, key.default)?
            };
        }
        if let Some(path) = file {
            builder = builder.add_source(File::from(path).format(FileFormat::Toml));
        }
        let environment = lists().fold(
            Environment::with_prefix("RESTANTE")
                .prefix_separator("__")
                .separator("__")
                .try_parsing(true)
                .ignore_empty(false)
                .list_separator(","),
            Environment::with_list_parse_key,
        );
        let read = builder.add_source(environment).build()?.cache;
        let settings: Self = secret_files::read(read)?.try_deserialize()?;
        settings.check()?;
        Ok(settings)
    }

    fn check_objects(&self) -> Result<(), SettingsError> {
        if self.objects_place().is_none() {
            return invalid("objects.url", "must be file:///path or s3://bucket/prefix");
        }
        if let Some(url) = &self.objects.endpoint
            && !(url.starts_with("http://") || url.starts_with("https://"))
        {
            return invalid("objects.endpoint", "must begin with http:// or https://");
        }
        if self.objects.access_key.is_some() != self.objects.secret_key.is_some() {
            return invalid("objects.access_key", "needs objects.secret_key beside it");
        }
        Ok(())
    }

    fn check_policy(&self) -> Result<(), SettingsError> {
        let lives = [
            self.policy.default_expiry,
            self.policy.max_expiry,
            self.policy.large_expiry,
        ];
        if lives
            .iter()
            .any(|life| life.as_secs() == 0 || *life > LONGEST_LIFE)
        {
            return invalid(
                "policy.*_expiry",
                "must be a second at least and 100 years at most",
            );
        }
        if [self.reports.give_up_after, self.reports.keep]
            .iter()
            .any(|time| *time > LONGEST_LIFE)
        {
            return invalid("reports.*", "must be 100 years at most");
        }
        if self.policy.quota_messages < 0 || self.policy.quota_bytes < 0 {
            return invalid("policy.quota_*", "must not be negative");
        }
        if self.policy.sweep_interval.is_zero() {
            return invalid("policy.sweep_interval", "must be above zero");
        }
        Ok(())
    }

    fn check_reports(&self) -> Result<(), SettingsError> {
        let proxy = self.sip.outbound_proxy.as_deref();
        if proxy.is_some_and(|uri| Hop::of(uri).is_err()) {
            return invalid(
                "sip.outbound_proxy",
                "must be a SIP URI, as in sip:proxy.example.org;lr",
            );
        }
        if self.report_route() == ReportRoute::Proxy && proxy.is_none() {
            return invalid("reports.route", "needs sip.outbound_proxy");
        }
        Ok(())
    }

    fn check(&self) -> Result<(), SettingsError> {
        self.check_objects()?;
        self.check_reports()?;
        if let Some(name) = &self.server.hostname
            && !is_host_name(name)
        {
            return invalid("server.hostname", "is not a host name");
        }
        self.check_xcap()?;
        self.http.check()?;
        self.check_policy()?;
        if let Some(realm) = &self.sip.realm
            && !realm
                .bytes()
                .all(|b| matches!(b, b' '..=b'~') && !b"\"\\".contains(&b))
        {
            return invalid("sip.realm", "must be printable ASCII without quotes");
        }
        if self.sip.tls_client_authorities.is_none() && self.sip.trusted_peers.iter().any(is_name) {
            return invalid(
                "sip.trusted_peers",
                "has a name, which only a certificate proves: set sip.tls_client_authorities",
            );
        }
        if let Some(host) = &self.msrp.host
            && !is_host_name(host)
            && host.parse::<IpAddr>().is_err()
        {
            return invalid("msrp.host", "is no host name and no address");
        }
        if self.sip.min_subscription > self.sip.max_subscription {
            return invalid("sip.min_subscription", "is above sip.max_subscription");
        }
        if self.msrp.idle_timeout.is_zero() || self.msrp.total_timeout.is_zero() {
            return invalid("msrp.*_timeout", "must be above zero");
        }
        if self.database.max_connections == 0 {
            return invalid("database.max_connections", "must be above zero");
        }
        Ok(())
    }

    /// The database to connect to.
    #[must_use]
    pub fn database_url(&self) -> String {
        if let Some(url) = &self.database.url {
            return url.expose_secret().to_owned();
        }
        let path = self.data_dir.join("restante.db").display().to_string();
        format!("sqlite://{}", utf8_percent_encode(&path, IN_PATH))
    }

    /// Whether the database is the embedded one in [`Settings::data_dir`].
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.database.url.is_none()
    }

    /// Where large contents are kept; `None` if the URL names no such place.
    #[must_use]
    pub fn objects_place(&self) -> Option<Place> {
        let settings = &self.objects;
        let Some(url) = &settings.url else {
            return Some(Place::Directory(self.data_dir.join("objects")));
        };
        if let Some(path) = url.strip_prefix("file://") {
            return path.starts_with('/').then(|| Place::Directory(path.into()));
        }
        let place = url.strip_prefix("s3://")?;
        let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
        (!name.is_empty()).then(|| {
            Place::Bucket(Bucket {
                name: name.to_owned(),
                prefix: prefix.trim_matches('/').to_owned(),
                endpoint: settings.endpoint.clone(),
                region: settings.region.clone(),
                access_key: settings.access_key.clone(),
                secret_key: settings.secret_key.clone(),
            })
        })
    }

    /// Where contents lie while they are being received.
    #[must_use]
    pub fn spool_directory(&self) -> PathBuf {
        self.data_dir.join("spool")
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

    /// Who sends delivery reports.
    #[must_use]
    pub fn report_route(&self) -> ReportRoute {
        let usual = match self.sip.outbound_proxy {
            Some(_) => ReportRoute::Proxy,
            None => ReportRoute::Connector,
        };
        self.reports.route.unwrap_or(usual)
    }

    /// The realm that Digest credentials are made for.
    #[must_use]
    pub fn realm(&self) -> String {
        self.sip.realm.clone().unwrap_or_else(|| self.hostname())
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
            max_large_bytes: policy.max_large_bytes,
            quota_messages: policy.quota_messages,
            quota_bytes: policy.quota_bytes,
            sender_rate: policy.sender_rate,
            delivery_reports: policy.delivery_reports,
            reports_give_up_after: life(self.reports.give_up_after),
            reports_keep: life(self.reports.keep),
            expiry_warning: life(policy.expiry_warning),
            undo_grace: life(policy.undo_grace),
            events_keep: life(policy.events_keep),
            audit_keep: life(policy.audit_keep),
            max_document_bytes: self.xcap.max_document_bytes,
            max_documents: self.xcap.max_documents,
        }
    }
}

fn invalid(key: &'static str, problem: &str) -> Result<(), SettingsError> {
    Err(SettingsError::Invalid {
        key,
        problem: problem.to_owned(),
    })
}

fn is_name(peer: &TrustedPeer) -> bool {
    matches!(peer, TrustedPeer::Name(_))
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

    pub(super) fn load(toml: &str) -> Result<Settings, SettingsError> {
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

    /// A declared usage, with one line of it changed or added.
    fn usage(line: &str) -> String {
        let key = line.split(' ').next().unwrap();
        let lines = [
            "auid = 'org.example.notes'",
            "namespace = 'urn:example:notes'",
            "mime_type = 'application/xml'",
        ];
        let kept: Vec<&str> = lines
            .into_iter()
            .filter(|kept| !kept.starts_with(key))
            .collect();
        format!("[[xcap.usages]]\n{}\n{line}\n", kept.join("\n"))
    }

    #[test]
    fn usages_are_declared_in_tables() {
        let toml = usage("max_document_bytes = 1000") + &usage("auid = 'com.example.more'");
        let usages = load(&toml).unwrap().usages().unwrap();
        let notes = usages.usage("org.example.notes").unwrap();
        assert_eq!(notes.max_document_bytes(), Some(1000));
        assert_eq!(
            usages.usage("com.example.more").unwrap().namespace(),
            "urn:example:notes"
        );
        assert!(
            load("")
                .unwrap()
                .usages()
                .unwrap()
                .usage("resource-lists")
                .is_some()
        );
    }

    #[test]
    fn unknown_keys_and_senseless_values_are_refused_by_name() {
        for (toml, named) in [
            ("[http]\nlisten_on = '127.0.0.1:1'", "listen_on"),
            ("[policy]\nmax_expiry = 'soon'", "max_expiry"),
            ("[policy]\ndelivery_reports = 'yes'", "delivery_reports"),
            ("[reports]\nkeep = '8000y'", "reports.*"),
            ("[reports]\nroute = 'pigeon'", "route"),
            ("[reports]\nroute = 'proxy'", "reports.route"),
            ("[sip]\noutbound_proxy = 'proxy'", "sip.outbound_proxy"),
            (
                "[sip]\noutbound_proxy = 'sip:p;transport=ws'",
                "sip.outbound_proxy",
            ),
            ("[sip]\ndns_servers = ['192.0.2.1']", "dns_servers"),
            ("[server]\nhostname = 'a b'", "server.hostname"),
            ("[objects]\nurl = 'objects'", "objects.url"),
            ("[objects]\nurl = 's3:///prefix'", "objects.url"),
            ("[objects]\naccess_key = 'a'", "objects.access_key"),
            ("[xcap]\nroot = 'x'", "xcap.root"),
            ("[xcap]\nroot = '/accounts'", "xcap.root"),
            ("[xcap]\nroot = '/{'", "xcap.root"),
            ("[xcap]\nroot = '/reports'", "xcap.root"),
            ("[xcap]\nroot_aliases = ['/xcap-root']", "xcap.root_aliases"),
            ("[xcap]\nroot_aliases = ['/a', '/a']", "xcap.root_aliases"),
            ("[xcap]\nroot_aliases = ['/a', '/a/b']", "xcap.root_aliases"),
            (
                "[xcap]\nroot_aliases = ['/xcap-root/b']",
                "xcap.root_aliases",
            ),
            (
                "[xcap]\nroot = '/a/b'\nroot_aliases = ['/a']",
                "xcap.root_aliases",
            ),
            (&usage("auid = 'a/b'"), "xcap.usages: usage 1 (a/b): auid:"),
            (&usage("auid = 'pres-rules'"), "is built in"),
            (
                &usage("mime_type = 'xml'"),
                "mime_type: \"xml\" is no media type",
            ),
            (&usage("schema = 'a.xsd'"), "schema"),
            ("[policy]\ndefault_expiry = '8000y'", "policy.*_expiry"),
            ("[sip]\ntrusted_peers = ['10.0.0.0/33']", "10.0.0.0/33"),
            (
                "[sip]\ntrusted_peers = ['gw.example.org']",
                "sip.trusted_peers",
            ),
            (
                "[http]\ntrusted_proxies = ['proxy']",
                "http.trusted_proxies",
            ),
            ("[http]\ncors_origins = ['*']", "http.cors_origins"),
            ("[http]\ncors_origins = ['https://a/']", "http.cors_origins"),
            ("[http]\nmax_header_bytes = 1", "http.max_header_bytes"),
            ("[http]\nbody_timeout = '0s'", "http.body_timeout"),
            (
                "[[http.gateways]]\nname = 'a'\ncertificate_name = 'b'",
                "http.tls_client_authorities",
            ),
            (
                "[xcap]\ntrusted_proxies = ['proxy']",
                "xcap.trusted_proxies",
            ),
            ("[msrp]\nhost = 'a b'", "msrp.host"),
            ("[msrp]\nidle_timeout = '0s'", "msrp.*_timeout"),
            ("[sip]\nmin_subscription = '2d'", "sip.min_subscription"),
            (
                "[database]\nmax_connections = 0",
                "database.max_connections",
            ),
        ] {
            let error = anyhow::Error::from(load(toml).unwrap_err());
            assert!(format!("{error:#}").contains(named), "{toml}: {error:#}");
        }
    }

    #[test]
    fn reports_go_through_the_proxy_if_there_is_one() {
        let route = |toml| load(toml).unwrap().report_route();
        let proxy = "[sip]\noutbound_proxy = 'sip:proxy.example.org;lr'\n";
        assert_eq!(route(""), ReportRoute::Connector);
        assert_eq!(route(proxy), ReportRoute::Proxy);
        let fetched = format!("{proxy}[reports]\nroute = 'connector'");
        assert_eq!(route(&fetched), ReportRoute::Connector);
        assert_eq!(route("[reports]\nroute = 'direct'"), ReportRoute::Direct);
    }
}
