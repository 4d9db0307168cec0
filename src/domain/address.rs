//! Addresses of record: the one spelling under which the product knows a user.
//!
//! A user may be written in many ways (`SIP:Alice@EXAMPLE.org:5060;transport=tcp`). An [`Aor`] is the
//! normalised form, so that text equality is identity of the account. Rules: RFC 3261 section 19.1.4 and
//! 10.3 step 5, RFC 3966 section 4, RFC 5630 section 5.2. Reads with [`crate::domain::uri`].

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

use crate::domain::uri::{Uri, UriError, is_user_char, is_visual_separator};

/// The longest normalised address, in octets. The account table's key column has this width.
pub const MAX_AOR_OCTETS: usize = 512;

/// The address of record of one user, normalised.
///
/// - `sip:`: scheme and host in lower case (a final dot of the host goes, an IPv6 address is written as
///   RFC 5952 says); password, parameters, headers and the default port go; another port stays. The user
///   part is case-sensitive; an escaped character that needs no escape is unescaped, all other escapes stay
///   with upper-case digits.
/// - `sips:` names the same account as `sip:` and is written `sip:`. RFC 5630 section 5.2: "The registrar MUST
///   consider AORs that are identical except for one having the SIP scheme and the other having the SIPS
///   scheme to be equivalent." Both 5060 and 5061 are therefore default ports of a `sips:` address.
/// - `tel:`: visual separators and parameters go, but a local number keeps its `phone-context`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aor {
    text: String,
    // A function of `text`, so the derived comparisons stay comparisons of the text.
    domain: Option<(usize, usize)>,
}

/// Why a text is not the address of a user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The text is not a URI, or of a scheme that names no user here.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// A URI such as `sip:example.org` names a server.
    #[error("the address names a server, not a user: it has no part before \"@\"")]
    NoUser,
    /// The normalised address is longer than [`MAX_AOR_OCTETS`].
    #[error("the address has {0} octets, more than the {MAX_AOR_OCTETS} allowed")]
    TooLong(usize),
}

impl Aor {
    /// Normalises an address written as a URI, without `<` and `>`.
    ///
    /// # Errors
    /// [`AddressError`] says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        Self::from_uri(&Uri::parse_supported(text)?)
    }

    /// Normalises a parsed URI.
    ///
    /// # Errors
    /// As [`Aor::parse`].
    pub fn from_uri(uri: &Uri) -> Result<Self, AddressError> {
        let aor = match uri.scheme() {
            "sip" | "sips" => Self::from_sip(uri)?,
            "tel" => Self::from_tel(uri)?,
            other => return Err(UriError::UnknownScheme(other.to_owned()).into()),
        };
        if aor.text.len() > MAX_AOR_OCTETS {
            return Err(AddressError::TooLong(aor.text.len()));
        }
        Ok(aor)
    }

    /// The normalised address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host of a SIP address, without port; `None` for a telephone number.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        let (start, end) = self.domain?;
        self.text.get(start..end)
    }

    /// Normalises an address as people and proxies write it who leave the scheme out: `alice@example.org`, `+12015550123`.
    ///
    /// # Errors
    /// As [`Aor::parse`].
    pub fn parse_bare(text: &str) -> Result<Self, AddressError> {
        let digits = |number: &str| number.bytes().all(|b| b.is_ascii_digit());
        if text.strip_prefix('+').is_some_and(digits) {
            return Self::parse(&format!("tel:{text}"));
        }
        match text.split_once('@') {
            Some((user, _)) if !user.contains(':') => Self::parse(&format!("sip:{text}")),
            _ => Self::parse(text),
        }
    }

    /// What clients write as user name whose user has this address: the address, the same without its scheme, and the
    /// part before the `@`; of a telephone number what stands before its parameters, with and without the `+`.
    #[must_use]
    pub fn user_names(&self) -> Vec<&str> {
        let (_, bare) = self.text.split_once(':').unwrap_or(("", &self.text));
        let mut names = vec![self.as_str(), bare];
        if self.domain.is_some() {
            names.extend(bare.rsplit_once('@').map(|(user, _)| user));
        } else {
            let number = bare.split(';').next().unwrap_or(bare);
            names.push(number);
            names.extend(number.strip_prefix('+'));
        }
        names.dedup();
        names
    }

    fn from_sip(uri: &Uri) -> Result<Self, AddressError> {
        let user = uri.user().ok_or(AddressError::NoUser)?;
        let host = uri.host().ok_or(AddressError::NoUser)?;
        let mut text = String::from("sip:");
        push_user(&mut text, user);
        text.push('@');
        let start = text.len();
        push_host(&mut text, host);
        let end = text.len();
        let is_default = |port| port == 5060 || (port == 5061 && uri.scheme() == "sips");
        if let Some(port) = uri.port().filter(|&port| !is_default(port)) {
            text.push(':');
            text.push_str(&port.to_string());
        }
        Ok(Self {
            text,
            domain: Some((start, end)),
        })
    }

    fn from_tel(uri: &Uri) -> Result<Self, AddressError> {
        let number = uri.user().ok_or(AddressError::NoUser)?;
        let mut text = format!("tel:{}", plain_number(number));
        if !number.starts_with('+')
            && let Some(context) = uri.param("phone-context")
        {
            text.push_str(";phone-context=");
            if context.starts_with('+') {
                text.push_str(&plain_number(context));
            } else {
                push_host(&mut text, context);
            }
        }
        Ok(Self { text, domain: None })
    }
}

/// Digits in lower case (RFC 3966 section 4: comparison is case-insensitive), without visual separators.
fn plain_number(number: &str) -> String {
    number
        .chars()
        .filter(|&c| !is_visual_separator(c))
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

fn push_user(text: &mut String, user: &str) {
    for b in percent_decode_str(user) {
        if is_user_char(b) {
            text.push(char::from(b));
        } else {
            text.push_str(percent_encoding::percent_encode_byte(b));
        }
    }
}

fn push_host(text: &mut String, host: &str) {
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    if let Some(address) = inner.and_then(|h| h.parse::<Ipv6Addr>().ok()) {
        text.extend(["[", &address.to_string(), "]"]);
    } else {
        text.push_str(&host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase());
    }
}

impl fmt::Display for Aor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Aor {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn normal(text: &str) -> String {
        Aor::parse(text).unwrap().to_string()
    }

    #[test]
    fn one_spelling_per_user() {
        for text in [
            "sip:alice@example.org",
            "SIP:alice@EXAMPLE.org:5060;transport=tcp",
            "sips:alice@example.org",
            "sips:alice@example.org:5061",
            "sips:alice@example.org:5060",
            "sip:%61lice:secret@example.org.?subject=x",
        ] {
            assert_eq!(normal(text), "sip:alice@example.org", "{text}");
        }
    }

    #[test]
    fn what_distinguishes_users_stays() {
        assert_eq!(normal("sip:Alice@example.org"), "sip:Alice@example.org");
        assert_eq!(
            normal("sip:alice@example.org:5070"),
            "sip:alice@example.org:5070"
        );
        assert_eq!(
            normal("sip:alice@example.org:5061"),
            "sip:alice@example.org:5061"
        );
        assert_eq!(
            normal("sip:user;par=u%40example.net@example.com"),
            "sip:user;par=u%40example.net@example.com"
        );
        assert_eq!(
            normal("sip:null-%00-null@example.com"),
            "sip:null-%00-null@example.com"
        );
        assert_eq!(normal("sip:%c3%a9@example.com"), "sip:%C3%A9@example.com");
        assert_eq!(
            normal("sip:%2B1555@[2001:DB8:0::1]"),
            "sip:+1555@[2001:db8::1]"
        );
    }

    #[test]
    fn telephone_numbers() {
        assert_eq!(normal("TEL:+1-(201)-555.0123;ext=7"), "tel:+12015550123");
        assert_eq!(
            normal("tel:7-042;phone-context=Example.COM"),
            "tel:7042;phone-context=example.com"
        );
        assert_eq!(
            normal("tel:863-1234;phone-context=+1-914-555"),
            "tel:8631234;phone-context=+1914555"
        );
        assert_eq!(Aor::parse("tel:+123").unwrap().domain(), None);
    }

    #[test]
    fn user_names_of_an_address() {
        let names = |text: &str| {
            let aor = Aor::parse(text).unwrap();
            aor.user_names().join(" ")
        };
        assert_eq!(
            names("sip:alice@example.org"),
            "sip:alice@example.org alice@example.org alice"
        );
        assert_eq!(
            names("sip:+1555@example.org:5070"),
            "sip:+1555@example.org:5070 +1555@example.org:5070 +1555"
        );
        assert_eq!(names("tel:+1-555"), "tel:+1555 +1555 1555");
        assert_eq!(
            names("tel:7042;phone-context=example.com"),
            "tel:7042;phone-context=example.com 7042;phone-context=example.com 7042"
        );
        for bare in names("sip:alice@example.org").split(' ').take(2) {
            assert_eq!(
                Aor::parse_bare(bare).unwrap().as_str(),
                "sip:alice@example.org"
            );
        }
        assert_eq!(Aor::parse_bare("+1555").unwrap().as_str(), "tel:+1555");
        for nobody in ["", "alice", "1555", "@", "x:y@z", "+", "a b@c", "alice@"] {
            assert!(Aor::parse_bare(nobody).is_err(), "{nobody}");
        }
    }

    #[test]
    fn knows_its_domain() {
        assert_eq!(
            Aor::parse("sip:a@Example.org:5070").unwrap().domain(),
            Some("example.org")
        );
        assert_eq!(Aor::parse("sip:a@[::1]").unwrap().domain(), Some("[::1]"));
    }

    #[test]
    fn refuses_what_names_no_user() {
        assert_eq!(Aor::parse("sip:example.org"), Err(AddressError::NoUser));
        assert_eq!(
            Aor::parse("http://example.org"),
            Err(UriError::UnknownScheme("http".into()).into())
        );
        assert!(Aor::parse("<sip:alice@example.org>").is_err());
        assert!(Aor::parse(" sip:alice@example.org").is_err());
        let long = format!("sip:{}@example.org", "a".repeat(500));
        assert_eq!(Aor::parse(&long), Err(AddressError::TooLong(516)));
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "(sip|sips|tel):[a-zA-Z0-9+;%.@:=\\[\\]-]{0,40}") {
            if let Ok(aor) = Aor::parse(&text) {
                let again = Aor::parse(aor.as_str());
                prop_assert_eq!(again, Ok(aor));
            }
        }

        #[test]
        fn any_user_survives(user in "([a-zA-Z0-9&=+$,;?/_.!~*'()-]|%[0-9a-fA-F]{2}){1,30}") {
            let text = format!("sip:{user}@example.org");
            let aor = Aor::parse(&text).unwrap();
            prop_assert_eq!(aor.domain(), Some("example.org"));
            prop_assert_eq!(Aor::parse(aor.as_str()), Ok(aor));
        }
    }
}
