//! Where a SIP URI sends a request: host, port and transport (RFC 3263 sections 4.1 and 4.2, as far as the
//! URI itself tells). Looking the host up is the caller's; [`crate::sip::locate`] says how.

use crate::domain::uri::{Uri, UriError};

/// The port of SIP, and of SIP over TLS (RFC 3261 section 19.1.2).
pub const PORT: u16 = 5060;
/// See [`PORT`].
pub const TLS_PORT: u16 = 5061;

/// A transport that requests can be sent over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HopTransport {
    /// Datagrams.
    Udp,
    /// A connection.
    Tcp,
    /// A connection behind TLS.
    Tls,
}

/// An element to send to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Hop {
    /// A domain name or an address; an IPv6 address without brackets.
    pub host: String,
    /// The port as written, else the default of the transport.
    pub port: u16,
    /// The transport as written, else UDP, or TLS for a SIPS URI.
    pub transport: HopTransport,
    /// What of this is written.
    pub named: Named,
    /// Whether it is a SIPS URI.
    pub is_secure: bool,
}

/// What a URI says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Named {
    /// The port.
    pub port: bool,
    /// The transport.
    pub transport: bool,
}

/// Why a URI names no place that we can send to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HopError {
    /// It is no SIP or SIPS URI.
    #[error("the URI names no SIP element")]
    Uri(#[from] UriError),
    /// A transport that we do not speak as a client, or datagrams for a SIPS URI.
    #[error("the transport \"{0}\" cannot be used here")]
    Transport(String),
}

impl Hop {
    /// Reads the URI of [`crate::sip::dialog::Dialog::next_hop`], a Request-URI or a Route.
    ///
    /// # Errors
    /// [`HopError`]: there is no way to that element.
    pub fn of(uri: &str) -> Result<Self, HopError> {
        let uri = Uri::parse(uri)?;
        let secure = match uri.scheme() {
            "sip" => false,
            "sips" => true,
            other => return Err(UriError::UnknownScheme(other.to_owned()).into()),
        };
        let named = uri.param("transport").map(str::to_ascii_lowercase);
        let transport = match (named.as_deref(), secure) {
            (None | Some("udp"), false) => HopTransport::Udp,
            (Some("tcp"), false) => HopTransport::Tcp,
            // "tls" is deprecated, and understood.
            (None | Some("tcp"), true) | (Some("tls"), _) => HopTransport::Tls,
            (Some(other), _) => return Err(HopError::Transport(other.to_owned())),
        };
        let default = match transport {
            HopTransport::Udp | HopTransport::Tcp => PORT,
            HopTransport::Tls => TLS_PORT,
        };
        // Always there in a SIP URI, which the reader has checked.
        let host = uri.param("maddr").or(uri.host()).unwrap_or_default();
        Ok(Self {
            host: host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port: uri.port().unwrap_or(default),
            transport,
            named: Named {
                port: uri.port().is_some(),
                transport: named.is_some(),
            },
            is_secure: secure,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(uri: &str) -> (String, u16, HopTransport) {
        let Hop {
            host,
            port,
            transport,
            ..
        } = Hop::of(uri).unwrap();
        (host, port, transport)
    }

    #[test]
    fn what_is_not_written_is_the_default() {
        use HopTransport::{Tcp, Tls, Udp};
        for (uri, host, port, transport) in [
            ("sip:b@h.example", "h.example", 5060, Udp),
            ("sip:b@h.example;transport=TCP", "h.example", 5060, Tcp),
            (
                "sip:h.example:5080;transport=udp;lr",
                "h.example",
                5080,
                Udp,
            ),
            ("sip:h.example;transport=tls", "h.example", 5061, Tls),
            ("sips:b@h.example", "h.example", 5061, Tls),
            (
                "sips:b@h.example:5090;transport=tcp",
                "h.example",
                5090,
                Tls,
            ),
            ("sip:b@[2001:db8::1]:5070", "2001:db8::1", 5070, Udp),
            ("sip:b@h.example;maddr=192.0.2.1", "192.0.2.1", 5060, Udp),
        ] {
            assert_eq!(hop(uri), (host.to_owned(), port, transport), "{uri}");
        }
    }

    #[test]
    fn there_is_not_a_way_to_everything() {
        for uri in ["tel:+123", "mailto:a@b", "nothing", "sip:"] {
            assert!(matches!(Hop::of(uri), Err(HopError::Uri(_))), "{uri}");
        }
        for uri in ["sip:b@h;transport=ws", "sips:b@h;transport=udp"] {
            assert!(matches!(Hop::of(uri), Err(HopError::Transport(_))), "{uri}");
        }
    }
}
