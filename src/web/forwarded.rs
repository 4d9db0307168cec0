//! What proxies say of a request that they pass on: `Forwarded` (RFC 7239), or `X-Forwarded-For` and
//! `X-Forwarded-Proto`. Each proxy adds what it knows on the right, so the list is read from there, as long as the one
//! that says something is trusted.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};

/// No longer way is looked at.
const MOST_PROXIES: usize = 32;

const FORWARDED: &str = "forwarded";
const FOR: &str = "x-forwarded-for";
const PROTO: &str = "x-forwarded-proto";

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// The address that no trusted proxy has.
    pub(super) address: IpAddr,
    /// Whether it came from there over TLS.
    pub(super) is_secure: bool,
}

/// A step of the way, as the one who was reached says it.
struct Step {
    address: Option<IpAddr>,
    is_secure: bool,
}

/// Where a request comes from that a trusted proxy at `peer` passes on. Where both kinds of header fields are there they
/// must agree: a proxy that sets one may let the other pass as its client sent it.
pub(super) fn origin(
    headers: &HeaderMap,
    peer: IpAddr,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Origin {
    let unknown = Origin {
        address: peer,
        is_secure: false,
    };
    let walk = |steps: Vec<Step>| {
        let mut origin = unknown;
        for step in steps.into_iter().rev().take(MOST_PROXIES) {
            let Some(address) = step.address else {
                break;
            };
            origin = Origin {
                address,
                is_secure: step.is_secure,
            };
            if !is_trusted(address) {
                break;
            }
        }
        origin
    };
    let standard = steps(headers).map(walk);
    let usual = headers.contains_key(FOR).then(|| walk(usual(headers)));
    let is_secure = says_tls(headers);
    match (standard, usual) {
        (None, None) => Origin {
            is_secure,
            ..unknown
        },
        (None, Some(usual)) => Origin { is_secure, ..usual },
        (Some(standard), None) => Origin {
            is_secure: standard.is_secure || is_secure,
            ..standard
        },
        (Some(standard), Some(usual)) if standard.address == usual.address => Origin {
            is_secure: standard.is_secure || is_secure,
            ..standard
        },
        (Some(_), Some(_)) => unknown,
    }
}

/// Whether a proxy says that its client came over TLS. It says it once: what came before it may be the client's.
fn says_tls(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(PROTO).iter();
    let https = values
        .next()
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"https"));
    https && values.next().is_none()
}

/// All values of a list, in their order; what is no text is an entry that says nothing.
fn entries<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok();
    let values = name
        .map(|name| headers.get_all(name).iter())
        .into_iter()
        .flatten();
    values.flat_map(|value| {
        let mut quoted = false;
        let text = value.to_str().unwrap_or("?");
        text.split(move |c| {
            quoted ^= c == '"';
            c == ',' && !quoted
        })
    })
}

fn usual(headers: &HeaderMap) -> Vec<Step> {
    let step = |entry: &str| Step {
        address: address(entry.trim()),
        is_secure: false,
    };
    entries(headers, FOR).map(step).collect()
}

/// The steps that Forwarded names, if it is there.
fn steps(headers: &HeaderMap) -> Option<Vec<Step>> {
    if !headers.contains_key(FORWARDED) {
        return None;
    }
    let step = |entry: &str| {
        let mut step = Step {
            address: None,
            is_secure: false,
        };
        for pair in entry.split(';') {
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let value = value.trim();
            let value = value
                .strip_prefix('"')
                .and_then(|value| value.strip_suffix('"'))
                .unwrap_or(value);
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => step.address = address(value),
                "proto" => step.is_secure = value.eq_ignore_ascii_case("https"),
                _ => {}
            }
        }
        step
    };
    Some(entries(headers, FORWARDED).map(step).collect())
}

/// An address, alone or with a port (RFC 7239 section 6); names that hide it are none.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    address
        .or_else(with_port)
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    /// 10.0.0.0/8 is trusted, and 10.0.0.1 is connected.
    fn read(fields: &[(&'static str, &'static str)]) -> (String, bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let is_trusted = |address: IpAddr| address.to_string().starts_with("10.");
        let origin = origin(&headers, "10.0.0.1".parse().unwrap(), is_trusted);
        (origin.address.to_string(), origin.is_secure)
    }

    #[test]
    fn the_list_is_read_from_the_right_through_trusted_proxies() {
        for (value, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1, 10.0.0.2", "192.0.2.1"),
            // What the client itself has put in front counts for nothing.
            ("127.0.0.1, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
            ("10.9.9.9,192.0.2.1", "192.0.2.1"),
            // All of them are proxies: the first of them asks for itself.
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("", "10.0.0.1"),
            ("unknown", "10.0.0.1"),
            ("192.0.2.1, unknown", "10.0.0.1"),
            ("192.0.2.1, unknown, 10.0.0.2", "10.0.0.2"),
            ("192.0.2.1,", "10.0.0.1"),
            ("192.0.2.1, 999.0.0.1", "10.0.0.1"),
        ] {
            assert_eq!(read(&[(FOR, value)]).0, expected, "{value}");
        }
        // Several fields are one list.
        assert_eq!(
            read(&[(FOR, "192.0.2.7"), (FOR, "192.0.2.1")]).0,
            "192.0.2.1"
        );
    }

    #[test]
    fn forwarded_says_the_same_in_its_own_form() {
        for (value, expected) in [
            ("for=192.0.2.1", ("192.0.2.1", false)),
            ("for=192.0.2.1;proto=https;by=10.0.0.1", ("192.0.2.1", true)),
            (
                "For=\"[2001:db8::1]:4711\" ; PROTO=HTTPS",
                ("2001:db8::1", true),
            ),
            (
                "for=127.0.0.1;proto=https, for=192.0.2.1;proto=http",
                ("192.0.2.1", false),
            ),
            (
                "for=192.0.2.1;proto=https, for=10.0.0.2;proto=http",
                ("192.0.2.1", true),
            ),
            ("for=_hidden;proto=https", ("10.0.0.1", false)),
            ("for=unknown", ("10.0.0.1", false)),
            ("for=\"a,b\", for=192.0.2.1", ("192.0.2.1", false)),
            ("proto=https", ("10.0.0.1", false)),
            (";;=;", ("10.0.0.1", false)),
        ] {
            let (address, is_secure) = read(&[(FORWARDED, value)]);
            assert_eq!((address.as_str(), is_secure), expected, "{value}");
        }
    }

    #[test]
    fn two_that_disagree_say_nothing() {
        let forged = [(FORWARDED, "for=127.0.0.9;proto=https"), (FOR, "192.0.2.1")];
        assert_eq!(read(&forged), ("10.0.0.1".to_owned(), false));
        let both = [(FORWARDED, "for=192.0.2.1;proto=https"), (FOR, "192.0.2.1")];
        assert_eq!(read(&both), ("192.0.2.1".to_owned(), true));
    }

    #[test]
    fn tls_is_said_once() {
        assert!(read(&[(PROTO, "https")]).1);
        assert!(read(&[(PROTO, "HTTPS"), (FOR, "192.0.2.1")]).1);
        assert!(!read(&[(PROTO, "http")]).1);
        assert!(!read(&[(PROTO, "https"), (PROTO, "http")]).1);
        assert!(!read(&[(PROTO, "https, http")]).1);
    }
}
