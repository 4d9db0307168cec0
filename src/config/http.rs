//! The settings of the HTTP listener.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use serde::Deserialize;

use super::settings::list;
use super::{Settings, SettingsError, invalid, is_host_name, is_name};
use crate::domain::address::Aor;
use crate::domain::domain_name::Domain;
use crate::sip::trust::TrustedPeer;

/// No head of a request can be bounded to less, in octets.
const LEAST_HEADER_BYTES: usize = 1024;
/// hyper's buffer has no room for more.
const MOST_HEADER_BYTES: usize = 256 * 1024;
/// No session is shorter: last use is written once a minute.
const SHORTEST_SESSION: Duration = Duration::from_mins(5);
/// None is longer.
const LONGEST_SESSION: Duration = Duration::from_hours(90 * 24);

/// `http.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSettings {
    /// Addresses to listen on.
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
    /// Gateways that are known by their certificates.
    #[serde(default)]
    pub gateways: Vec<GatewaySettings>,
    /// How browsers reach this server.
    pub public_url: Option<String>,
    /// Proxies that are believed on where a request comes from, and whether over TLS.
    #[serde(deserialize_with = "list")]
    pub trusted_proxies: Vec<TrustedPeer>,
    /// Origins of pages whose programs may call the API.
    #[serde(default, deserialize_with = "list")]
    pub cors_origins: Vec<String>,
    /// A request not answered within this time is given up.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    /// The head of a request must be there within this time.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// How long nothing may come of a body.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// How long a connection may stay without a request.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// The most octets in the head of a request.
    pub max_header_bytes: usize,
    /// The most connections at once.
    pub max_connections: usize,
    /// The most of them from one address.
    pub max_connections_per_peer: usize,
    /// How long somebody who is signed in may do nothing.
    #[serde(with = "humantime_serde")]
    pub session_idle_timeout: Duration,
    /// How long somebody stays signed in.
    #[serde(with = "humantime_serde")]
    pub session_total_timeout: Duration,
    /// How often what may be asked for.
    pub rate_limits: RateLimitSettings,
}

/// `http.rate_limits.*`: so many a minute; 0 is any number.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimitSettings {
    /// Attempts to sign in with one name from one address.
    pub sign_in: u32,
    /// Attempts to sign in from one address.
    pub sign_in_per_address: u32,
    /// Requests with a token that is no good, from one address.
    pub refused: u32,
    /// Requests of one person or token.
    pub api: u32,
    /// Searches among them.
    pub search: u32,
    /// Exports among them.
    pub export: u32,
    /// Requests of one gateway.
    pub gateway: u32,
}

/// `[[http.gateways]]`: a gateway that is known by the name in its TLS certificate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewaySettings {
    /// What it is called in logs.
    pub name: String,
    /// The host name, or the domain in a SIP URI, that its certificate is good for.
    pub certificate_name: String,
    /// For whom it may store; none of these and no domain means everybody.
    #[serde(default, deserialize_with = "list")]
    pub aors: Vec<Aor>,
    /// For whose accounts it may store.
    #[serde(default, deserialize_with = "list")]
    pub domains: Vec<Domain>,
}

impl HttpSettings {
    /// The gateway that has proved one of these names. Names must be equal: a wildcard stands for nobody in particular.
    #[must_use]
    pub fn gateway(&self, names: &[String]) -> Option<&GatewaySettings> {
        let is = |gateway: &&GatewaySettings| {
            let name = &gateway.certificate_name;
            names.iter().any(|proved| proved.eq_ignore_ascii_case(name))
        };
        self.gateways.iter().find(is)
    }

    /// Finds what makes no sense about gateways.
    fn check_gateways(&self) -> Result<(), SettingsError> {
        let Some(authorities) = &self.tls_client_authorities else {
            if self.gateways.is_empty() {
                return Ok(());
            }
            return invalid(
                "http.gateways",
                "names in certificates are proved by http.tls_client_authorities only",
            );
        };
        if self.tls_certificate.is_none() {
            return invalid(
                "http.tls_client_authorities",
                &format!(
                    "is {}, but there is no http.tls_certificate",
                    authorities.display()
                ),
            );
        }
        for (at, gateway) in self.gateways.iter().enumerate() {
            if gateway.name.trim().is_empty() || !is_host_name(&gateway.certificate_name) {
                return invalid(
                    "http.gateways",
                    "each needs a name, and a certificate_name that is a host name",
                );
            }
            let mut before = self.gateways.iter().take(at);
            let name = &gateway.certificate_name;
            if before.any(|other| other.certificate_name.eq_ignore_ascii_case(name)) {
                return invalid("http.gateways", "has one certificate_name twice");
            }
        }
        Ok(())
    }

    /// Finds what makes no sense.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        if let Some(url) = &self.public_url
            && !(url.starts_with("http://") || url.starts_with("https://"))
        {
            return invalid("http.public_url", "must begin with http:// or https://");
        }
        self.check_gateways()?;
        if self.trusted_proxies.iter().any(is_name) {
            return invalid(
                "http.trusted_proxies",
                "has a name: networks and addresses only",
            );
        }
        if !self.cors_origins.iter().all(|origin| is_origin(origin)) {
            return invalid(
                "http.cors_origins",
                "must be origins, as in https://app.example.org, without a path",
            );
        }
        for (key, time) in [
            ("http.request_timeout", self.request_timeout),
            ("http.header_timeout", self.header_timeout),
            ("http.body_timeout", self.body_timeout),
            ("http.idle_timeout", self.idle_timeout),
        ] {
            if time.is_zero() {
                return invalid(key, "must be above zero");
            }
        }
        if !(LEAST_HEADER_BYTES..=MOST_HEADER_BYTES).contains(&self.max_header_bytes) {
            return invalid("http.max_header_bytes", "must be from 1024 to 262144");
        }
        for (key, time) in [
            ("http.session_idle_timeout", self.session_idle_timeout),
            ("http.session_total_timeout", self.session_total_timeout),
        ] {
            if !(SHORTEST_SESSION..=LONGEST_SESSION).contains(&time) {
                return invalid(key, "must be 5 minutes at least and 90 days at most");
            }
        }
        Ok(())
    }
}

/// Whether this is how a browser writes an origin (RFC 6454 section 6.2), other than `null`.
fn is_origin(text: &str) -> bool {
    let host = ["https://", "http://"]
        .into_iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._:[]".contains(&b);
    host.is_some_and(|host| !host.is_empty() && host.bytes().all(fits))
}

impl Settings {
    /// Whether browsers reach this server by TLS.
    #[must_use]
    pub fn is_behind_tls(&self) -> bool {
        match &self.http.public_url {
            Some(url) => url.starts_with("https://"),
            None => !self.http.tls_listen.is_empty(),
        }
    }

    /// How browsers reach this server, without a final slash: `http.public_url`, or the first address listened on.
    #[must_use]
    pub fn url(&self) -> String {
        if let Some(url) = &self.http.public_url {
            return url.trim_end_matches('/').to_owned();
        }
        let secure = self.http.tls_listen.first();
        let address = secure.or(self.http.listen.first());
        let url = address.map(|address| url_of(*address, secure.is_some()));
        url.unwrap_or_default()
    }

    /// How long somebody who is signed in may do nothing.
    #[must_use]
    pub fn session_idle(&self) -> TimeDelta {
        TimeDelta::from_std(self.http.session_idle_timeout).unwrap_or(TimeDelta::MAX)
    }

    /// How long somebody stays signed in.
    #[must_use]
    pub fn session_total(&self) -> TimeDelta {
        TimeDelta::from_std(self.http.session_total_timeout).unwrap_or(TimeDelta::MAX)
    }
}

/// How browsers on this machine reach an address that is listened on. Listening everywhere is no address to go to.
#[must_use]
pub fn url_of(mut address: SocketAddr, is_secure: bool) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let scheme = if is_secure { "https" } else { "http" };
    format!("{scheme}://{address}")
}
