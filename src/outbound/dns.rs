//! Asks DNS where the server of a SIP URI is (RFC 3263 section 4). The order of things is [`crate::sip::locate`]'s.

use std::net::SocketAddr;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use crate::clock;
use crate::sip::endpoint::Destination;
use crate::sip::hop::HopTransport;
use crate::sip::locate::{First, Locating, Naptr, Srv, in_order, offered, service_name};

/// The most servers that are found for one URI.
const MOST: usize = 8;

/// DNS does not answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("DNS: {0}")]
pub struct DnsError(#[from] NetError);

/// Finds servers. Answers are kept as long as they say.
#[derive(Clone)]
pub struct Dns(Result<TokioResolver, DnsError>);

impl Dns {
    /// Asks these servers; those of the system if there are none. Where it knows none either, only addresses are found.
    #[must_use]
    pub fn new(servers: &[SocketAddr]) -> Self {
        let resolver = resolver(servers);
        if let Err(error) = &resolver {
            tracing::warn!(error = %error, "SIP servers cannot be looked up by name: {error}");
        }
        Self(resolver)
    }

    fn resolver(&self) -> Result<&TokioResolver, DnsError> {
        self.0.as_ref().map_err(Clone::clone)
    }

    /// The servers to try, the best first; none if DNS knows none.
    ///
    /// # Errors
    /// When DNS does not answer.
    pub async fn locate(&self, locating: &Locating) -> Result<Vec<Destination>, DnsError> {
        let mut found = Found {
            name: &locating.host,
            destinations: Vec::new(),
        };
        match locating.first {
            First::Address(address, port, transport) => {
                found.add(SocketAddr::new(address, port), transport);
            }
            First::Addresses(port, transport) => {
                let host = &locating.host;
                self.add_addresses(&mut found, host, port, transport)
                    .await?;
            }
            First::Services(_) | First::Transports => {
                self.add_services(&mut found, locating).await?;
            }
        }
        found.destinations.truncate(MOST);
        Ok(found.destinations)
    }

    async fn add_services(
        &self,
        found: &mut Found<'_>,
        locating: &Locating,
    ) -> Result<(), DnsError> {
        let host = &locating.host;
        let mut services = Vec::new();
        if locating.first == First::Transports {
            services = offered(self.naptr(host).await, locating.is_secure);
        }
        if services.is_empty() {
            let named = |transport: &HopTransport| (*transport, service_name(*transport, host));
            services = locating.transports().iter().map(named).collect();
        }
        let mut has_records = false;
        for (transport, name) in services {
            let records = self.srv(&name).await?;
            has_records |= !records.is_empty();
            for record in in_order(records, chance) {
                self.add_addresses(found, &record.target, record.port, transport)
                    .await?;
            }
        }
        if !has_records {
            let (transport, port) = locating.fallback();
            self.add_addresses(found, host, port, transport).await?;
        }
        Ok(())
    }

    async fn naptr(&self, host: &str) -> Vec<Naptr> {
        let records = match self.records(host, RecordType::NAPTR).await {
            Ok(records) => records,
            // Many a small server has never heard of them; what it knows is asked for next.
            Err(error) => {
                tracing::debug!("no NAPTR records of {host}: {error}");
                return Vec::new();
            }
        };
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let naptr = records.into_iter().filter_map(|record| match record.data {
            RData::NAPTR(naptr) => Some(Naptr {
                order: naptr.order,
                preference: naptr.preference,
                flags: text(&naptr.flags),
                services: text(&naptr.services),
                replacement: naptr.replacement.to_utf8(),
            }),
            _ => None,
        });
        naptr.collect()
    }

    async fn srv(&self, name: &str) -> Result<Vec<Srv>, DnsError> {
        let records = self.records(name, RecordType::SRV).await?;
        let srv = records.into_iter().filter_map(|record| match record.data {
            RData::SRV(srv) => Some(Srv {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                target: srv.target.to_utf8(),
            }),
            _ => None,
        });
        Ok(srv.collect())
    }

    /// The records of a name that is whole as it stands; none if there are none.
    async fn records(&self, name: &str, of: RecordType) -> Result<Vec<Record>, DnsError> {
        let Ok(mut name) = Name::from_ascii(name) else {
            return Ok(Vec::new());
        };
        name.set_fqdn(true);
        match self.resolver()?.lookup(name, of).await {
            Ok(found) => Ok(found.answers().to_vec()),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    async fn add_addresses(
        &self,
        found: &mut Found<'_>,
        host: &str,
        port: u16,
        transport: HopTransport,
    ) -> Result<(), DnsError> {
        match self.resolver()?.lookup_ip(host).await {
            Ok(addresses) => {
                for address in addresses.iter() {
                    found.add(SocketAddr::new(address, port), transport);
                }
                Ok(())
            }
            Err(error) if error.is_no_records_found() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// What has been found for a host.
struct Found<'a> {
    /// A certificate is for what was looked for, not for what DNS makes of it (RFC 5922 section 4).
    name: &'a str,
    destinations: Vec<Destination>,
}

impl Found<'_> {
    fn add(&mut self, address: SocketAddr, transport: HopTransport) {
        let destination = Destination {
            address,
            transport,
            name: self.name.to_owned(),
        };
        if !self.destinations.contains(&destination) {
            self.destinations.push(destination);
        }
    }
}

fn resolver(servers: &[SocketAddr]) -> Result<TokioResolver, DnsError> {
    let mut builder = if servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = servers.iter().map(name_server).collect();
        let config = ResolverConfig::from_name_servers(servers);
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    Ok(builder.build()?)
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let at_port = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    let connections = vec![
        at_port(ConnectionConfig::udp()),
        at_port(ConnectionConfig::tcp()),
    ];
    NameServerConfig::new(address.ip(), true, connections)
}

/// A random number below another. Without randomness the first is taken.
fn chance(below: u32) -> u32 {
    let random = clock::random().map_or(0, u32::from_be_bytes);
    random.checked_rem(below).unwrap_or_default()
}
