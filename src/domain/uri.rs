//! URIs as SIP messages carry them: `sip:`, `sips:`, `tel:`, and any other scheme as opaque text.
//!
//! Grammar: RFC 3261 section 25.1 for SIP and SIPS, RFC 3966 section 3 for telephone numbers, RFC 3986 for
//! the characters of the rest. The reader is strict: what the grammar forbids is refused, never mended,
//! because two elements that mend differently see two different users in one address.
//! [`crate::domain::address`] turns a URI into the key of an account.

use std::net::Ipv6Addr;

/// A parsed URI. Parts stand here as they were received (escapes included), except the scheme, which is
/// lower-cased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    scheme: String,
    user: Option<String>,
    password: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    params: Vec<(String, Option<String>)>,
    headers: Vec<(String, String)>,
}

/// Why a text is not a URI we can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// The text is a URI, but of a scheme that names no user of a SIP network (RFC 3261 section 21.4.14).
    #[error("the URI scheme \"{0}\" is not supported; use sip, sips or tel")]
    UnknownScheme(String),
    /// The text breaks the grammar of its scheme.
    #[error("not a valid URI: {0}")]
    Malformed(&'static str),
}

use UriError::Malformed;

impl Uri {
    /// Reads a URI of any scheme.
    ///
    /// # Errors
    /// [`UriError::Malformed`] where the text breaks the grammar of its scheme. Never
    /// [`UriError::UnknownScheme`]: see [`Uri::parse_supported`].
    pub fn parse(text: &str) -> Result<Self, UriError> {
        let (scheme, rest) = text
            .split_once(':')
            .ok_or(Malformed("it has no scheme, such as sip:"))?;
        let mut letters = scheme.bytes();
        let starts_well = letters.next().is_some_and(|b| b.is_ascii_alphabetic());
        if !starts_well || !letters.all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) {
            return Err(Malformed("the scheme has characters a scheme cannot have"));
        }
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "sip" | "sips" => Self::parse_sip(scheme, rest),
            "tel" => Self::parse_tel(scheme, rest),
            _ => Self::parse_opaque(scheme, rest),
        }
    }

    /// Reads a URI that has to name a user or a server of a SIP network, such as a Request-URI.
    ///
    /// # Errors
    /// [`UriError::UnknownScheme`] for a well-formed URI other than sip, sips and tel;
    /// [`UriError::Malformed`] as [`Uri::parse`].
    pub fn parse_supported(text: &str) -> Result<Self, UriError> {
        let uri = Self::parse(text)?;
        match uri.scheme() {
            "sip" | "sips" | "tel" => Ok(uri),
            _ => Err(UriError::UnknownScheme(uri.scheme)),
        }
    }

    /// The scheme in lower case, without the colon.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The user part with its escapes; of a `tel:` URI the telephone number as written.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The password, if someone was careless enough to write one.
    #[must_use]
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// The host as written; an IPv6 address in its brackets. `None` for schemes other than sip and sips.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The port, if one is written.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The parameters in order, as written.
    #[must_use]
    pub fn params(&self) -> &[(String, Option<String>)] {
        &self.params
    }

    /// The value of the first parameter of this name, which is compared without regard to case.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .and_then(|(_, v)| v.as_deref())
    }

    /// Whether a parameter is there, with or without a value; `lr` has none.
    #[must_use]
    pub fn has_param(&self, name: &str) -> bool {
        self.params
            .iter()
            .any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    /// The header fields after `?`, with their escapes. RFC 3261 section 19.1.1 forbids them in a Request-URI.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    fn bare(scheme: String) -> Self {
        Self {
            scheme,
            user: None,
            password: None,
            host: None,
            port: None,
            params: Vec::new(),
            headers: Vec::new(),
        }
    }

    fn parse_sip(scheme: String, rest: &str) -> Result<Self, UriError> {
        let mut uri = Self::bare(scheme);
        // "@" may stand nowhere else unescaped, so the first one ends the user part even though that part may
        // itself hold ";", "?" and "/".
        let rest = match rest.split_once('@') {
            Some((userinfo, rest)) => {
                uri.set_userinfo(userinfo)?;
                rest
            }
            None => rest,
        };
        let (rest, headers) = match rest.split_once('?') {
            Some((rest, headers)) => (rest, Some(headers)),
            None => (rest, None),
        };
        let (hostport, params) = match rest.split_once(';') {
            Some((hostport, params)) => (hostport, Some(params)),
            None => (rest, None),
        };
        let (host, port) = split_hostport(hostport)?;
        uri.host = Some(host.to_owned());
        uri.port = port;
        if let Some(params) = params {
            uri.params = parse_params(params)?;
        }
        if let Some(headers) = headers {
            uri.headers = parse_headers(headers)?;
        }
        Ok(uri)
    }

    fn set_userinfo(&mut self, userinfo: &str) -> Result<(), UriError> {
        let (user, password) = match userinfo.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (userinfo, None),
        };
        if user.is_empty() {
            return Err(Malformed("the user part before \"@\" is empty"));
        }
        check(
            user,
            is_user_char,
            "the user part has a character that must be escaped",
        )?;
        if let Some(password) = password {
            check(
                password,
                |b| is_unreserved(b) || b"&=+$,".contains(&b),
                "the password has a character that must be escaped",
            )?;
            self.password = Some(password.to_owned());
        }
        self.user = Some(user.to_owned());
        Ok(())
    }

    fn parse_tel(scheme: String, rest: &str) -> Result<Self, UriError> {
        let mut uri = Self::bare(scheme);
        let (number, params) = match rest.split_once(';') {
            Some((number, params)) => (number, Some(params)),
            None => (rest, None),
        };
        check_number(number)?;
        uri.user = Some(number.to_owned());
        if let Some(params) = params {
            uri.params = parse_params(params)?;
        }
        match uri.param("phone-context") {
            Some(context) => check_phone_context(context)?,
            None if !number.starts_with('+') => {
                return Err(Malformed(
                    "a local telephone number needs a phone-context (RFC 3966 section 5.1.5)",
                ));
            }
            None => {}
        }
        Ok(uri)
    }

    fn parse_opaque(scheme: String, rest: &str) -> Result<Self, UriError> {
        if rest.is_empty() {
            return Err(Malformed("nothing follows the scheme"));
        }
        let reserved = |b: u8| b":/?#@!$&'()*+,;=".contains(&b);
        if rest.matches('#').count() > 1 {
            return Err(Malformed("it has more than one fragment"));
        }
        check(
            rest,
            |b| is_unreserved(b) || reserved(b),
            "it has a character that must be escaped",
        )?;
        Ok(Self::bare(scheme))
    }
}

/// `unreserved` of RFC 3261 section 25.1 (letters, digits and marks).
fn is_unreserved(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&b)
}

/// Whether an octet may stand in a SIP user part without an escape (`unreserved` and `user-unreserved`).
pub(crate) fn is_user_char(b: u8) -> bool {
    is_unreserved(b) || b"&=+$,;?/".contains(&b)
}

/// Checks that every octet is allowed or part of a `%` HEX HEX escape.
fn check(
    text: &str,
    allowed: impl Fn(u8) -> bool,
    complaint: &'static str,
) -> Result<(), UriError> {
    let mut octets = text.bytes();
    while let Some(b) = octets.next() {
        if b == b'%' {
            let digits = [octets.next(), octets.next()];
            if !digits
                .iter()
                .all(|d| d.is_some_and(|d| d.is_ascii_hexdigit()))
            {
                return Err(Malformed("a % is not followed by two hexadecimal digits"));
            }
        } else if !allowed(b) {
            return Err(Malformed(complaint));
        }
    }
    Ok(())
}

/// Splits and checks `host [ ":" port ]`; also used for the sent-by of a Via.
pub(crate) fn split_hostport(hostport: &str) -> Result<(&str, Option<u16>), UriError> {
    let host_end = if hostport.starts_with('[') {
        hostport
            .find(']')
            .map(|i| i + 1)
            .ok_or(Malformed("the IPv6 address lacks its closing bracket"))?
    } else {
        hostport.find(':').unwrap_or(hostport.len())
    };
    let (host, after) = hostport
        .split_at_checked(host_end)
        .unwrap_or((hostport, ""));
    check_host(host)?;
    if after.is_empty() {
        return Ok((host, None));
    }
    let digits = after.strip_prefix(':').ok_or(Malformed(
        "the host is followed by something that is not a port",
    ))?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Malformed("the port is not a number"));
    }
    match digits.parse() {
        Ok(0) | Err(_) => Err(Malformed("the port is not between 1 and 65535")),
        Ok(port) => Ok((host, Some(port))),
    }
}

fn check_host(host: &str) -> Result<(), UriError> {
    if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        return inner
            .parse::<Ipv6Addr>()
            .map(|_| ())
            .map_err(|_| Malformed("the IPv6 address is not valid"));
    }
    if is_ipv4(host) || is_hostname(host) {
        return Ok(());
    }
    Err(Malformed(
        "the host is neither a domain name nor an IP address",
    ))
}

/// `IPv4address`: unlike the standard library this grammar allows leading zeros.
fn is_ipv4(host: &str) -> bool {
    let is_octet = |part: &str| {
        (1..=3).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_digit())
            && part.parse::<u8>().is_ok()
    };
    host.split('.').count() == 4 && host.split('.').all(is_octet)
}

/// `hostname`: labels of letters, digits and inner hyphens; the last label starts with a letter. Wider than
/// the grammar by the underscore, which names of containers in the field have.
fn is_hostname(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let top_starts_with_letter = name
        .rsplit('.')
        .next()
        .is_some_and(|top| top.starts_with(|c: char| c.is_ascii_alphabetic()));
    name.split('.').all(is_label) && top_starts_with_letter
}

fn parse_params(text: &str) -> Result<Vec<(String, Option<String>)>, UriError> {
    let allowed = |b: u8| is_unreserved(b) || b"[]/:&+$".contains(&b);
    text.split(';')
        .map(|param| {
            let (name, value) = match param.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (param, None),
            };
            if name.is_empty() || value.is_some_and(str::is_empty) {
                return Err(Malformed("a parameter has an empty name or value"));
            }
            check(
                name,
                allowed,
                "a parameter name has a character that must be escaped",
            )?;
            check(
                value.unwrap_or(""),
                allowed,
                "a parameter value has a character that must be escaped",
            )?;
            Ok((name.to_owned(), value.map(str::to_owned)))
        })
        .collect()
}

fn parse_headers(text: &str) -> Result<Vec<(String, String)>, UriError> {
    let allowed = |b: u8| is_unreserved(b) || b"[]/?:+$".contains(&b);
    text.split('&')
        .map(|header| {
            let (name, value) = header
                .split_once('=')
                .ok_or(Malformed("a header after \"?\" is not written name=value"))?;
            if name.is_empty() {
                return Err(Malformed("a header after \"?\" has an empty name"));
            }
            check(
                name,
                allowed,
                "a header name has a character that must be escaped",
            )?;
            check(
                value,
                allowed,
                "a header value has a character that must be escaped",
            )?;
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect()
}

/// Whether a character of a telephone number is there for the eye only (RFC 3966 section 5.1.1).
pub(crate) fn is_visual_separator(c: char) -> bool {
    matches!(c, '-' | '.' | '(' | ')')
}

fn check_number(number: &str) -> Result<(), UriError> {
    let (digits, is_digit): (&str, fn(char) -> bool) = match number.strip_prefix('+') {
        Some(digits) => (digits, |c| c.is_ascii_digit()),
        None => (number, |c| c.is_ascii_hexdigit() || c == '*' || c == '#'),
    };
    if !digits.chars().any(is_digit) {
        return Err(Malformed("the telephone number has no digits"));
    }
    if !digits
        .chars()
        .all(|c| is_digit(c) || is_visual_separator(c))
    {
        return Err(Malformed(
            "the telephone number has a character that is no digit or separator",
        ));
    }
    Ok(())
}

fn check_phone_context(context: &str) -> Result<(), UriError> {
    if context.starts_with('+') {
        check_number(context)
    } else if is_hostname(context) {
        Ok(())
    } else {
        Err(Malformed(
            "phone-context is neither a domain name nor a number that starts with +",
        ))
    }
}

#[cfg(test)]
#[path = "uri_tests.rs"]
mod tests;
