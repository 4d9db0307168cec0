//! Via: the path a request took and its response takes back (RFC 3261 section 20.42, RFC 3581).

use crate::domain::uri::split_hostport;
use crate::sip::error::ValueError;
use crate::sip::scan::{Scanner, has_param, param_value};

/// One value of a Via header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// The transport in upper case: `UDP`, `TCP`, `TLS`, `SCTP`, or another token.
    pub transport: String,
    /// The host of sent-by as written; an IPv6 address in its brackets.
    pub host: String,
    /// The port of sent-by, if one is written.
    pub port: Option<u16>,
    /// The parameters in order, names in lower case.
    pub params: Vec<(String, Option<String>)>,
}

impl Via {
    /// Reads a value that is a comma-separated list of one or more hops, the nearest first.
    ///
    /// # Errors
    /// [`ValueError`] at the first octet that breaks the grammar.
    pub fn parse_list(value: &[u8]) -> Result<Vec<Self>, ValueError> {
        let mut scanner = Scanner::new(value);
        let mut list = vec![Self::scan(&mut scanner)?];
        while scanner.separator(b',') {
            list.push(Self::scan(&mut scanner)?);
        }
        scanner.finish()?;
        Ok(list)
    }

    /// The branch, which identifies the transaction when it begins with `z9hG4bK`.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.param("branch")
    }

    /// The value of a parameter, by name without regard to case.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        param_value(&self.params, name)
    }

    /// Whether a parameter is there, with or without a value; `rport` in a request has none.
    #[must_use]
    pub fn has_param(&self, name: &str) -> bool {
        has_param(&self.params, name)
    }

    fn scan(scanner: &mut Scanner<'_>) -> Result<Self, ValueError> {
        scanner.space();
        let protocol = scanner.token("SIP/2.0")?;
        if !protocol.eq_ignore_ascii_case("SIP")
            || !scanner.separator(b'/')
            || scanner.token("SIP/2.0")? != "2.0"
        {
            return scanner.fail("SIP/2.0");
        }
        if !scanner.separator(b'/') {
            return scanner.fail("\"/\" and a transport");
        }
        let transport = scanner.token("a transport")?.to_ascii_uppercase();
        if !scanner.space() {
            return scanner.fail("white space after the transport");
        }
        let (host, port) = Self::sent_by(scanner)?;
        Ok(Self {
            transport,
            host,
            port,
            params: scanner.params()?,
        })
    }

    /// `host [ COLON port ]`, where white space may surround the colon.
    fn sent_by(scanner: &mut Scanner<'_>) -> Result<(String, Option<u16>), ValueError> {
        let mut text = if scanner.peek() == Some(b'[') {
            let inner = scanner.take_while(|b| b != b']' && b.is_ascii_graphic());
            let mut host = crate::sip::display_text(inner);
            if scanner.octet(b']') {
                host.push(']');
            }
            host
        } else {
            crate::sip::display_text(
                scanner.take_while(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)),
            )
        };
        if scanner.separator(b':') {
            text.push(':');
            text.push_str(&crate::sip::display_text(
                scanner.take_while(|b| b.is_ascii_digit()),
            ));
        }
        match split_hostport(&text) {
            Ok((host, port)) => Ok((host.to_owned(), port)),
            Err(_) => scanner.fail("a host and perhaps a port"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_plain_and_spaced_values() {
        let list = Via::parse_list(b"SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / udp  [2001:db8::1] : 5070; branch=\r\n z9hG4bK30239;rport;received=2001:db8::9").unwrap();
        assert_eq!(
            (
                list[0].transport.as_str(),
                list[0].host.as_str(),
                list[0].port
            ),
            ("TCP", "spindle.example.com", None)
        );
        assert_eq!(list[0].branch(), Some("z9hG4bK9ikj8"));
        assert_eq!(
            (
                list[1].transport.as_str(),
                list[1].host.as_str(),
                list[1].port
            ),
            ("UDP", "[2001:db8::1]", Some(5070))
        );
        assert!(list[1].has_param("rport") && list[1].param("rport").is_none());
        assert_eq!(list[1].param("received"), Some("2001:db8::9"));
    }

    #[test]
    fn refuses_broken_values() {
        for bad in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP 192.0.2.15;;,;,,",
            "SIP/7.0/UDP a.example.com",
            "SIP/2.0/UDP a.example.com,",
            "SIP/2.0/UDP a.example.com:0",
            "SIP/2.0 UDP a.example.com",
            "SIP/2.0/UDP [::1",
            "HTTP/2.0/UDP a.example.com",
        ] {
            assert!(Via::parse_list(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(tail in "[a-z0-9:;,=\\[\\]/ .\r\n]{0,40}") {
            let _ = Via::parse_list(format!("SIP/2.0/UDP {tail}").as_bytes());
        }
    }
}
