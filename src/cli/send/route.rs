//! How `restante send` reaches a server over SIP.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::lookup_host;

use crate::sip::client::{Client, Way};
use crate::sip::transport::tls;

/// The ports of SIP (RFC 3261 section 19.1.2).
const PORT: u16 = 5060;
const TLS_PORT: u16 = 5061;

#[derive(Debug, Args)]
pub(super) struct Route {
    /// How to send over SIP
    #[arg(long, value_enum, default_value_t = Transport::Udp, requires = "sip")]
    transport: Transport,
    /// PEM file with the authorities that the server's certificate is checked by; else the system's
    #[arg(long, value_name = "FILE", requires = "sip")]
    authorities: Option<PathBuf>,
    /// PEM file with a certificate to show to the server
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// PEM file with its private key
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
}

/// What TLS is spoken with, and to whom.
pub(super) type Secure = (Arc<ClientConfig>, ServerName<'static>);

/// A transport of SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Transport {
    Udp,
    Tcp,
    Tls,
}

impl Route {
    /// Connects to `HOST[:PORT]`; gives the name of the transport for a Via, too.
    pub(super) async fn connect(&self, peer: &str) -> anyhow::Result<(Client, &'static str)> {
        let (host, port) = self.split(peer);
        let way = match (self.transport, self.tls(peer)?) {
            (_, Some((config, name))) => Way::Tls(config, name),
            (Transport::Udp, None) => Way::Udp,
            (_, None) => Way::Tcp,
        };
        let mut targets = lookup_host((host, port))
            .await
            .with_context(|| format!("cannot find {host}"))?;
        let target = targets
            .next()
            .with_context(|| format!("{host} has no address"))?;
        let transport = way.name();
        let client = Client::connect(target, way).await;
        let client = client.with_context(|| format!("cannot connect to {target}"))?;
        Ok((client, transport))
    }

    /// The host without the brackets of an IPv6 address, and the port.
    fn split<'a>(&self, peer: &'a str) -> (&'a str, u16) {
        let default = match self.transport {
            Transport::Tls => TLS_PORT,
            Transport::Udp | Transport::Tcp => PORT,
        };
        let bare = |host: &'a str| host.trim_start_matches('[').trim_end_matches(']');
        match peer.rsplit_once(':') {
            // More colons without brackets are an IPv6 address alone.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                match port.parse() {
                    Ok(port) => (bare(host), port),
                    Err(_) => (bare(peer), default),
                }
            }
            _ => (bare(peer), default),
        }
    }

    /// Whether everything goes behind TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.transport == Transport::Tls
    }

    /// How to put a connection to `HOST[:PORT]` behind TLS, if it is to be.
    pub(super) fn tls(&self, peer: &str) -> anyhow::Result<Option<Secure>> {
        if !self.is_secure() {
            return Ok(None);
        }
        let (host, _) = self.split(peer);
        let name = ServerName::try_from(host.to_owned())
            .with_context(|| format!("no certificate can be for {host}"))?;
        Ok(Some((Arc::new(self.config()?), name)))
    }

    fn config(&self) -> anyhow::Result<ClientConfig> {
        let own = self.certificate.as_deref().zip(self.key.as_deref());
        Ok(tls::client_config(self.authorities.as_deref(), own)?)
    }
}
