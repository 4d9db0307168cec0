//! Where a request comes from, and whether its sender is within the trust domain (RFC 3325 section 2.3, RFC
//! 5922): by network, or by a name that its TLS certificate proves.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;

/// Where a request comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The address it was sent from.
    pub source: SocketAddr,
    /// The address of ours that it was sent to; unspecified where a socket listens on all.
    pub local: SocketAddr,
    /// What it came by, as a Via says it: `UDP`, `TCP`, `TLS`, `WS` or `WSS`.
    pub transport: &'static str,
    /// Names that the certificate of a TLS client is good for; empty without one.
    pub names: Arc<[String]>,
}

impl Origin {
    /// An address that has proved no name.
    #[must_use]
    pub fn nameless(source: SocketAddr, local: SocketAddr, transport: &'static str) -> Self {
        Self {
            source,
            local,
            transport,
            names: Arc::from([]),
        }
    }
}

/// A peer whose requests are taken, and whose word on identities is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustedPeer {
    /// Whoever sends from one of these addresses.
    Network(IpNet),
    /// Whoever has a certificate for this name.
    Name(String),
}

/// A text that names no peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no network, no address and no host name")]
pub struct NoPeer(String);

impl FromStr for TrustedPeer {
    type Err = NoPeer;

    /// A network, an address, or else a name, which has a letter in it.
    fn from_str(text: &str) -> Result<Self, NoPeer> {
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        if text.bytes().all(fits) && text.bytes().any(|b| b.is_ascii_alphabetic()) {
            return Ok(Self::Name(text.to_ascii_lowercase()));
        }
        Err(NoPeer(text.to_owned()))
    }
}

impl TrustedPeer {
    /// Whether this is a network that holds the address.
    #[must_use]
    pub fn is_at(&self, address: IpAddr) -> bool {
        matches!(self, Self::Network(network) if network.contains(&address.to_canonical()))
    }

    /// Whether this is the peer that a request comes from. Names must be equal: a wildcard in a certificate
    /// stands for nobody in particular (RFC 5922 section 7.2).
    #[must_use]
    pub fn is(&self, origin: &Origin) -> bool {
        match self {
            Self::Network(_) => self.is_at(origin.source.ip()),
            Self::Name(name) => origin
                .names
                .iter()
                .any(|proved| proved.eq_ignore_ascii_case(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_trusted(peer: &str, source: &str, names: &[&str]) -> bool {
        let origin = Origin {
            source: SocketAddr::new(source.parse().unwrap(), 5060),
            local: "192.0.2.99:5060".parse().unwrap(),
            transport: "UDP",
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        peer.parse::<TrustedPeer>().unwrap().is(&origin)
    }

    #[test]
    fn networks_hold_addresses() {
        assert!(is_trusted("192.0.2.0/24", "192.0.2.7", &[]));
        assert!(is_trusted("192.0.2.7", "192.0.2.7", &[]));
        assert!(is_trusted("192.0.2.7", "::ffff:192.0.2.7", &[]));
        assert!(is_trusted("2001:db8::/32", "2001:db8::1", &[]));
        assert!(!is_trusted("192.0.2.7", "192.0.2.8", &["192.0.2.7"]));
    }

    #[test]
    fn what_is_mistyped_is_no_name() {
        for text in [
            "10.0.0.0/33",
            "10.0.0.256",
            "::1/129",
            "a b",
            "",
            "proxy.example.org/24",
        ] {
            assert!(text.parse::<TrustedPeer>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_equal_or_nothing() {
        assert!(is_trusted(
            "Proxy.example.org",
            "192.0.2.7",
            &["x.example.org", "proxy.EXAMPLE.org"]
        ));
        assert!(!is_trusted(
            "proxy.example.org",
            "192.0.2.7",
            &["*.example.org", "example.org"]
        ));
        assert!(!is_trusted("proxy.example.org", "192.0.2.7", &[]));
    }
}
