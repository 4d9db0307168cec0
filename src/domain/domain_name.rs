//! Domains that operators and gateways are bound to.

use std::fmt;
use std::str::FromStr;

use super::address::Aor;

/// A domain in the one spelling in which [`Aor::domain`] gives it: lower case, without a final dot; an IPv6 address in
/// brackets as RFC 5952 writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(String);

/// A text that is no domain of an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no domain: expected a name such as example.org, without scheme, user and port")]
pub struct BadDomain(String);

impl Domain {
    /// Reads a domain in any spelling.
    ///
    /// # Errors
    /// [`BadDomain`] if no address of record has such a domain.
    pub fn parse(text: &str) -> Result<Self, BadDomain> {
        let bad = || BadDomain(text.chars().take(100).collect());
        let is_address = text.starts_with('[') && text.ends_with(']');
        if !is_address && text.contains(['@', ':', ';', '?', '/', '%']) {
            return Err(bad());
        }
        let aor = Aor::parse(&format!("sip:x@{text}")).map_err(|_| bad())?;
        let domain = aor.domain().filter(|domain| !domain.is_empty());
        // Nothing may have been left out on the way.
        let whole = domain.filter(|domain| aor.as_str().ends_with(&format!("@{domain}")));
        whole.map(|domain| Self(domain.to_owned())).ok_or_else(bad)
    }

    /// The normalised domain.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an address lies in this domain. A telephone number lies in none.
    #[must_use]
    pub fn has(&self, aor: &Aor) -> bool {
        aor.domain() == Some(self.as_str())
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Domain {
    type Err = BadDomain;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_per_domain() {
        for (text, domain) in [
            ("example.org", "example.org"),
            ("EXAMPLE.org.", "example.org"),
            ("[2001:DB8:0::1]", "[2001:db8::1]"),
            ("192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(Domain::parse(text).unwrap().as_str(), domain, "{text}");
        }
    }

    #[test]
    fn what_is_more_or_less_than_a_domain_is_refused() {
        for text in [
            "",
            ".",
            " example.org",
            "sip:example.org",
            "alice@example.org",
            "example.org:5060",
            "example.org;x=y",
            "example.org?x=y",
            "example.org/x",
            "exa mple.org",
            "[::1]:5060",
            "[::1",
            "*",
        ] {
            assert!(Domain::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_domain_has_its_addresses_in_every_spelling_and_no_other() {
        let domain = Domain::parse("Example.org").unwrap();
        let has = |text: &str| domain.has(&text.parse().unwrap());
        for text in [
            "sip:alice@EXAMPLE.org",
            "sips:bob@example.org",
            "sip:a@example.org.",
            "sip:a@example.org:5070",
        ] {
            assert!(has(text), "{text}");
        }
        for text in [
            "sip:alice@sub.example.org",
            "sip:alice@example.org.evil.net",
            "sip:example.org@example.net",
            "sip:alice@badexample.org",
            "tel:+12015550123",
            "tel:7042;phone-context=example.org",
        ] {
            assert!(!has(text), "{text}");
        }
    }
}
