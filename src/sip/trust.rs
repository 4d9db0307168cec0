//! Where a request comes from, and whether its sender is within the trust domain (RFC 3325 section 2.3, RFC
//! 5922): by network, or by a name that its TLS certificate proves.

use std::convert::Infallible;
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
    /// Names that the certificate of a TLS client is good for; empty without one.
    pub names: Arc<[String]>,
}

impl Origin {
    /// An address that has proved no name.
    #[must_use]
    pub fn nameless(source: SocketAddr, local: SocketAddr) -> Self {
        Self {
            source,
            local,
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

impl FromStr for TrustedPeer {
    type Err = Infallible;

    /// A network, an address, or else a name.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let network = text.parse::<IpNet>().ok();
        let network = network.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        Ok(network.map_or_else(|| Self::Name(text.to_ascii_lowercase()), Self::Network))
    }
}

impl TrustedPeer {
    /// Whether this is the peer that a request comes from. Names must be equal: a wildcard in a certificate
    /// stands for nobody in particular (RFC 5922 section 7.2).
    #[must_use]
    pub fn is(&self, origin: &Origin) -> bool {
        match self {
            Self::Network(network) => network.contains(&origin.source.ip().to_canonical()),
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
