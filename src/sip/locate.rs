//! Finding the server for a SIP URI (RFC 3263 section 4), sans-IO: what to ask DNS for, and in which order to take
//! what it answers. Whoever asks is the caller.

use std::cmp::Reverse;
use std::net::IpAddr;

use crate::sip::hop::{Hop, HopError, HopTransport, PORT, TLS_PORT};

/// A URI as far as it says itself where its server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locating {
    /// A domain name or an address; an IPv6 address without brackets.
    pub host: String,
    /// What is to be asked for first.
    pub first: First,
    /// Whether only TLS will do.
    pub is_secure: bool,
}

/// Where the search begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// The host is an address: nothing is to be asked for.
    Address(IpAddr, u16, HopTransport),
    /// The URI names a port: only the addresses of the host are missing.
    Addresses(u16, HopTransport),
    /// The URI names a transport: its SRV records, else the addresses of the host.
    Services(HopTransport),
    /// NAPTR, then SRV records of what they name, or of all transports; else the addresses of the host.
    Transports,
}

impl Locating {
    /// Begins the search.
    ///
    /// # Errors
    /// [`HopError`]: the URI names no SIP element, or one that we do not speak with.
    pub fn of(uri: &str) -> Result<Self, HopError> {
        let Hop {
            host,
            port,
            transport,
            named,
            is_secure,
        } = Hop::of(uri)?;
        let first = match (host.parse(), named.port, named.transport) {
            (Ok(address), _, _) => First::Address(address, port, transport),
            (Err(_), true, _) => First::Addresses(port, transport),
            (Err(_), false, true) => First::Services(transport),
            (Err(_), false, false) => First::Transports,
        };
        Ok(Self {
            host,
            first,
            is_secure,
        })
    }

    /// Whether it leads to TLS whatever DNS says.
    #[must_use]
    pub fn is_over_tls(&self) -> bool {
        match self.first {
            First::Address(_, _, transport)
            | First::Addresses(_, transport)
            | First::Services(transport) => transport == HopTransport::Tls,
            First::Transports => self.is_secure,
        }
    }

    /// The transport and port where DNS knows neither NAPTR nor SRV records.
    #[must_use]
    pub fn fallback(&self) -> (HopTransport, u16) {
        match (self.first, self.is_secure) {
            (First::Services(transport), _) => (transport, default_port(transport)),
            (_, true) => (HopTransport::Tls, TLS_PORT),
            (_, false) => (HopTransport::Udp, PORT),
        }
    }

    /// The transports whose SRV records are asked for where there are no NAPTR records, in the order of our liking.
    #[must_use]
    pub fn transports(&self) -> &'static [HopTransport] {
        match (self.first, self.is_secure) {
            (First::Services(HopTransport::Udp), _) => &[HopTransport::Udp],
            (First::Services(HopTransport::Tcp), _) => &[HopTransport::Tcp],
            (First::Services(HopTransport::Tls), _) | (_, true) => &[HopTransport::Tls],
            (_, false) => &[HopTransport::Udp, HopTransport::Tcp, HopTransport::Tls],
        }
    }
}

fn default_port(transport: HopTransport) -> u16 {
    match transport {
        HopTransport::Udp | HopTransport::Tcp => PORT,
        HopTransport::Tls => TLS_PORT,
    }
}

/// The name under which the SRV records of a transport lie.
#[must_use]
pub fn service_name(transport: HopTransport, host: &str) -> String {
    let service = match transport {
        HopTransport::Udp => "_sip._udp",
        HopTransport::Tcp => "_sip._tcp",
        HopTransport::Tls => "_sips._tcp",
    };
    format!("{service}.{host}")
}

/// What a NAPTR record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naptr {
    /// Records of a lower order come first.
    pub order: u16,
    /// Of one order, those of a lower preference.
    pub preference: u16,
    /// `s` for a name with SRV records.
    pub flags: String,
    /// `SIP+D2U`, say.
    pub services: String,
    /// The name to go on with.
    pub replacement: String,
}

/// The transports that the NAPTR records of a domain offer, and the names of their SRV records, in order. What we do
/// not speak is left out, and for a SIPS URI what is not TLS (RFC 3263 section 4.1).
#[must_use]
pub fn offered(mut records: Vec<Naptr>, is_secure: bool) -> Vec<(HopTransport, String)> {
    records.sort_by_key(|record| (record.order, record.preference));
    let named = records.into_iter().filter_map(|record| {
        let transport = match record.services.to_ascii_uppercase().as_str() {
            "SIP+D2U" => HopTransport::Udp,
            "SIP+D2T" => HopTransport::Tcp,
            "SIPS+D2T" => HopTransport::Tls,
            _ => return None,
        };
        let fits = record.flags.eq_ignore_ascii_case("s")
            && (!is_secure || transport == HopTransport::Tls);
        fits.then_some((transport, record.replacement))
    });
    named.collect()
}

/// What an SRV record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// Records of a lower priority come first.
    pub priority: u16,
    /// Of one priority, one of a higher weight is more likely to.
    pub weight: u16,
    /// Where the server listens.
    pub port: u16,
    /// Its name; empty where there is decidedly none.
    pub target: String,
}

/// SRV records in the order to try them: by priority, and among those of one by weight and chance (RFC 2782).
/// `chance` gives a number below its argument, which is above zero.
#[must_use]
pub fn in_order(mut records: Vec<Srv>, mut chance: impl FnMut(u32) -> u32) -> Vec<Srv> {
    records.retain(|record| !record.target.is_empty() && record.target != ".");
    // Those without weight come first, so that they have a chance at all.
    records.sort_by_key(|record| (Reverse(record.priority), Reverse(record.weight)));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(priority) = records.last().map(|record| record.priority) {
        let group = records.partition_point(|record| record.priority > priority);
        let weights = |records: &[Srv]| -> u32 {
            let weights = records.iter().map(|record| u32::from(record.weight));
            weights.sum()
        };
        let all = weights(records.get(group..).unwrap_or_default());
        let drawn = chance(all.saturating_add(1));
        let mut sum = 0;
        // From the end, where those without weight are.
        let chosen = records
            .iter()
            .enumerate()
            .skip(group)
            .rev()
            .find(|(_, record)| {
                sum += u32::from(record.weight);
                sum >= drawn
            });
        let index = chosen.map_or(group, |(index, _)| index);
        ordered.push(records.remove(index));
    }
    ordered
}

#[cfg(test)]
#[path = "locate_tests.rs"]
mod tests;
