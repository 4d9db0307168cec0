//! The settings as a file or the environment gives them, key by key.

use std::fmt::Display;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::http::HttpSettings;
use crate::domain::report::{DeliveryReports, ReportRoute};
use crate::sip::digest::Algorithm;
use crate::sip::trust::TrustedPeer;

/// All settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Directory of the embedded database.
    pub data_dir: PathBuf,
    /// The database.
    pub database: DatabaseSettings,
    /// Where large contents are kept.
    pub objects: ObjectSettings,
    /// The server as the field sees it.
    pub server: ServerSettings,
    /// The HTTP listener.
    pub http: HttpSettings,
    /// The SIP listener.
    pub sip: SipSettings,
    /// Large messages over MSRP.
    pub msrp: MsrpSettings,
    /// What the operator decides about messages.
    pub policy: PolicySettings,
    /// Delivery reports.
    pub reports: ReportSettings,
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

/// `objects.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectSettings {
    pub(super) url: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) region: String,
    pub(super) access_key: Option<String>,
    pub(super) secret_key: Option<SecretString>,
    /// Contents of so many octets at most are kept in the database.
    pub inline_bytes: usize,
}

/// `server.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// Host name in Message-IDs.
    pub hostname: Option<String>,
}

/// `sip.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SipSettings {
    /// Addresses to listen on, UDP and TCP.
    #[serde(deserialize_with = "list")]
    pub listen: Vec<SocketAddr>,
    /// Addresses to listen on, TLS.
    #[serde(default, deserialize_with = "list")]
    pub tls_listen: Vec<SocketAddr>,
    /// The certificate chain for TLS.
    pub tls_certificate: Option<PathBuf>,
    /// Its private key.
    pub tls_key: Option<PathBuf>,
    /// Authorities whose certificates of clients are believed.
    pub tls_client_authorities: Option<PathBuf>,
    /// Addresses to listen on, WebSocket.
    #[serde(default, deserialize_with = "list")]
    pub ws_listen: Vec<SocketAddr>,
    /// Addresses to listen on, WebSocket behind TLS.
    #[serde(default, deserialize_with = "list")]
    pub wss_listen: Vec<SocketAddr>,
    /// Origins of pages that may speak SIP over WebSocket.
    #[serde(default, deserialize_with = "list")]
    pub websocket_origins: Vec<String>,
    /// Domains whose users are served; none means any.
    #[serde(default, deserialize_with = "list")]
    pub domains: Vec<String>,
    /// Peers whose requests are taken.
    #[serde(deserialize_with = "list")]
    pub trusted_peers: Vec<TrustedPeer>,
    /// What becomes of others.
    pub strangers: Strangers,
    /// What Digest offers, in this order.
    #[serde(deserialize_with = "list")]
    pub digest_algorithms: Vec<Algorithm>,
    /// The realm of Digest; absent, the server's host name.
    pub realm: Option<String>,
    /// Where requests of ours go.
    pub outbound_proxy: Option<String>,
    /// The most octets of a request of ours over UDP.
    pub udp_limit: usize,
    /// Authorities that servers are known by.
    pub tls_authorities: Option<PathBuf>,
    /// DNS servers; none means those of the system.
    #[serde(default, deserialize_with = "list")]
    pub dns_servers: Vec<SocketAddr>,
    /// The most requests a second from one address.
    pub rate_limit: NonZeroU32,
    /// The most connections at once.
    pub max_connections: usize,
    /// The most of them from one address.
    pub max_connections_per_peer: usize,
    /// A connection on which nothing comes for so long is closed.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// The most subscriptions at once.
    pub max_subscriptions: usize,
    /// The most of them from one address.
    pub max_subscriptions_per_peer: usize,
    /// The shortest subscription, in whole seconds.
    #[serde(with = "humantime_serde")]
    pub min_subscription: Duration,
    /// The longest.
    #[serde(with = "humantime_serde")]
    pub max_subscription: Duration,
    /// The least time between notifications of changes to one subscriber.
    #[serde(with = "humantime_serde")]
    pub notify_interval: Duration,
}

impl SipSettings {
    /// The file with the authorities that servers are known by, if not those of the system.
    #[must_use]
    pub fn server_authorities(&self) -> Option<&Path> {
        let file = self.tls_authorities.as_ref();
        file.or(self.tls_client_authorities.as_ref())
            .map(PathBuf::as_path)
    }
}

/// `msrp.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MsrpSettings {
    /// Addresses to listen on, TCP.
    #[serde(deserialize_with = "list")]
    pub listen: Vec<SocketAddr>,
    /// Addresses to listen on, TLS.
    #[serde(default, deserialize_with = "list")]
    pub tls_listen: Vec<SocketAddr>,
    /// The address or name that peers connect to; absent, the one listened on.
    pub host: Option<String>,
    /// The most sessions at once.
    pub max_sessions: usize,
    /// The most of them with one address.
    pub max_sessions_per_peer: usize,
    /// A session in which nothing comes for so long is ended.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// So is one that lasts so long.
    #[serde(with = "humantime_serde")]
    pub total_timeout: Duration,
}

/// What becomes of requests of peers that are not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strangers {
    /// 403.
    Refuse,
    /// They prove by Digest that they hold a gateway token.
    Digest,
}

/// `policy.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySettings {
    pub(super) auto_create_accounts: bool,
    #[serde(with = "humantime_serde")]
    pub(super) default_expiry: Duration,
    #[serde(with = "humantime_serde")]
    pub(super) max_expiry: Duration,
    #[serde(with = "humantime_serde")]
    pub(super) large_expiry: Duration,
    pub(super) max_message_bytes: usize,
    pub(super) max_large_bytes: u64,
    pub(super) quota_messages: i64,
    pub(super) quota_bytes: i64,
    pub(super) sender_rate: u32,
    #[serde(deserialize_with = "word")]
    pub(super) delivery_reports: DeliveryReports,
    #[serde(with = "humantime_serde")]
    pub(super) expiry_warning: Duration,
    #[serde(with = "humantime_serde")]
    pub(super) undo_grace: Duration,
    #[serde(with = "humantime_serde")]
    pub(super) events_keep: Duration,
    #[serde(with = "humantime_serde")]
    pub(super) audit_keep: Duration,
    /// How often expired messages are removed.
    #[serde(with = "humantime_serde")]
    pub sweep_interval: Duration,
}

/// `reports.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportSettings {
    #[serde(default, deserialize_with = "some_word")]
    pub(super) route: Option<ReportRoute>,
    #[serde(with = "humantime_serde")]
    pub(super) give_up_after: Duration,
    #[serde(with = "humantime_serde")]
    pub(super) keep: Duration,
}

/// `xcap.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct XcapSettings {
    /// Path of the XCAP root, without a final slash.
    pub root: String,
    /// Other paths that lead there.
    #[serde(default, deserialize_with = "list")]
    pub root_aliases: Vec<String>,
    /// Whether a PUT with the media type of a form, or none, is taken for what it should have said.
    pub lenient_content_type: bool,
    pub(super) max_document_bytes: usize,
    pub(super) max_documents: u64,
    /// Proxies that are believed when they say whom they have authenticated.
    #[serde(default, deserialize_with = "list")]
    pub trusted_proxies: Vec<TrustedPeer>,
    /// Further application usages.
    #[serde(default)]
    pub(super) usages: Vec<UsageSettings>,
}

/// `[[xcap.usages]]`: an application usage that is not built in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageSettings {
    pub(super) auid: String,
    pub(super) namespace: String,
    pub(super) mime_type: String,
    #[serde(default)]
    pub(super) namespaces: Vec<String>,
    pub(super) root_element: Option<String>,
    #[serde(default)]
    pub(super) document_names: Vec<String>,
    pub(super) max_document_bytes: Option<usize>,
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

/// A word of a fixed set.
fn word<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(D::Error::custom)
}

/// A word of a fixed set, or none.
fn some_word<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    word(deserializer).map(Some)
}

/// A list whose empty entries do not count, so that an empty variable is an empty list.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let entries = Vec::<String>::deserialize(deserializer)?;
    let entries = entries
        .iter()
        .map(|entry| entry.trim())
        .filter(|entry| !entry.is_empty());
    entries
        .map(|entry| entry.parse().map_err(D::Error::custom))
        .collect()
}
