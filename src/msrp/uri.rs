//! MSRP URIs and paths of them (RFC 4975 sections 6 and 9), as in To-Path, From-Path and the `path` attribute
//! of SDP.
//!
//! A URI is kept as received, because peers and relays expect theirs back unchanged (RFC 4976 section 6.4);
//! it is compared by the rules of RFC 4975 section 6.1.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// The longest URI accepted, in octets.
pub const MAX_URI: usize = 1024;

/// What is wrong with a URI or a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Neither `msrp://` nor `msrps://`.
    #[error("an MSRP URI begins with msrp:// or msrps://")]
    Scheme,
    /// The host is empty or has a character it cannot have.
    #[error("the host of the MSRP URI is not valid")]
    Host,
    /// The port is not a number from 0 to 65535.
    #[error("the port of the MSRP URI is not valid")]
    Port,
    /// The user part has a character it cannot have.
    #[error("the user part of the MSRP URI is not valid")]
    UserInfo,
    /// The session identifier is empty or has a character it cannot have.
    #[error("the session identifier of the MSRP URI is not valid")]
    SessionId,
    /// The transport parameter, such as `;tcp`, is missing or no name.
    #[error("the transport of the MSRP URI, such as ;tcp, is missing or not valid")]
    Transport,
    /// A parameter after the transport is no `name` or `name=value`.
    #[error("a parameter of the MSRP URI is not valid")]
    Parameter,
    /// Longer than [`MAX_URI`].
    #[error("the MSRP URI is longer than {MAX_URI} octets")]
    TooLong,
    /// A path needs at least one URI.
    #[error("the path has no URI")]
    EmptyPath,
}

/// `msrp://host.example.com:8493/asfd34;tcp`.
///
/// Two of them are equal if RFC 4975 section 6.1 says so: the user part and parameters other than the
/// transport do not count, hosts are compared without regard to case and addresses by their value.
#[derive(Debug, Clone)]
pub struct Uri {
    text: String,
    secure: bool,
    userinfo: Option<String>,
    host: Host,
    port: Option<u16>,
    session_id: Option<String>,
    transport: String,
    params: Vec<(String, Option<String>)>,
}

/// The host in the form in which it is compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Host {
    Address(IpAddr),
    /// In lower case, with needless escapes undone.
    Name(String),
}

impl Uri {
    /// Reads a URI.
    ///
    /// # Errors
    /// [`UriError`].
    pub fn parse(text: &str) -> Result<Self, UriError> {
        if text.len() > MAX_URI {
            return Err(UriError::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UriError::Scheme)?;
        let secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("msrp") => false,
            _ if scheme.eq_ignore_ascii_case("msrps") => true,
            _ => return Err(UriError::Scheme),
        };
        let mut pieces = rest.split(';');
        let location = pieces.next().unwrap_or_default();
        let (authority, session_id) = match location.split_once('/') {
            Some((authority, id)) => (authority, Some(id)),
            None => (location, None),
        };
        if session_id.is_some_and(|id| id.is_empty() || !id.bytes().all(is_session_char)) {
            return Err(UriError::SessionId);
        }
        let (userinfo, host, port) = split_authority(authority)?;
        let transport = pieces
            .next()
            .filter(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric()))
            .ok_or(UriError::Transport)?;
        Ok(Self {
            text: text.to_owned(),
            secure,
            userinfo: userinfo.map(str::to_owned),
            host,
            port,
            session_id: session_id.map(str::to_owned),
            transport: transport.to_ascii_lowercase(),
            params: pieces.map(parse_param).collect::<Result<_, _>>()?,
        })
    }

    /// A URI of ours: `msrp` or `msrps` over TCP. An IPv6 address is given without brackets.
    ///
    /// # Errors
    /// [`UriError`].
    pub fn new(secure: bool, host: &str, port: u16, session_id: &str) -> Result<Self, UriError> {
        let scheme = if secure { "msrps" } else { "msrp" };
        let text = if host.contains(':') {
            format!("{scheme}://[{host}]:{port}/{session_id};tcp")
        } else {
            format!("{scheme}://{host}:{port}/{session_id};tcp")
        };
        Self::parse(&text)
    }

    /// Exactly as received.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the connection to this hop has to be TLS (`msrps`). It says nothing of other hops.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The user part, which identifies nothing.
    #[must_use]
    pub fn userinfo(&self) -> Option<&str> {
        self.userinfo.as_deref()
    }

    /// The host name in lower case, or the address without brackets.
    #[must_use]
    pub fn host(&self) -> String {
        match &self.host {
            Host::Address(address) => address.to_string(),
            Host::Name(name) => name.clone(),
        }
    }

    /// The address, if the host is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Address(address) => Some(*address),
            Host::Name(_) => None,
        }
    }

    /// The port; there is no default.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The session at that host; `None` of a relay in general. Compared with regard to case.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    /// The transport in lower case: `tcp`.
    #[must_use]
    pub fn transport(&self) -> &str {
        &self.transport
    }

    /// The parameters after the transport.
    #[must_use]
    pub fn params(&self) -> &[(String, Option<String>)] {
        &self.params
    }

    /// What is compared.
    fn key(&self) -> (bool, &Host, Option<u16>, Option<&str>, &str) {
        let session_id = self.session_id.as_deref();
        (
            self.secure,
            &self.host,
            self.port,
            session_id,
            &self.transport,
        )
    }
}

impl PartialEq for Uri {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Uri {}

impl Hash for Uri {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Self::parse(text)
    }
}

/// User part, host, port.
fn split_authority(authority: &str) -> Result<(Option<&str>, Host, Option<u16>), UriError> {
    let (userinfo, hostport) = match authority.rsplit_once('@') {
        Some((user, hostport)) => (Some(user), hostport),
        None => (None, authority),
    };
    if userinfo.is_some_and(|user| !user.bytes().all(|b| b == b':' || is_name_char(b))) {
        return Err(UriError::UserInfo);
    }
    let (host, port) = if let Some(bracketed) = hostport.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']').ok_or(UriError::Host)?;
        let address: Ipv6Addr = address.parse().map_err(|_| UriError::Host)?;
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            None => return Err(UriError::Host),
            Some(port) => Some(port),
        };
        (Host::Address(address.into()), port)
    } else {
        let (host, port) = match hostport.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (hostport, None),
        };
        (parse_host(host)?, port)
    };
    Ok((userinfo, host, port.map(parse_port).transpose()?))
}

fn parse_port(digits: &str) -> Result<u16, UriError> {
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(UriError::Port);
    }
    digits.parse().map_err(|_| UriError::Port)
}

fn parse_host(host: &str) -> Result<Host, UriError> {
    if host.is_empty() || !host.bytes().all(is_name_char) {
        return Err(UriError::Host);
    }
    let name = undo_needless_escapes(host)
        .ok_or(UriError::Host)?
        .to_ascii_lowercase();
    Ok(match name.parse() {
        Ok(address) => Host::Address(address),
        Err(_) => Host::Name(name),
    })
}

/// Percent-encoding normalization (RFC 3986 section 6.2.2.2). `None` if an escape is not two hexadecimal
/// digits.
fn undo_needless_escapes(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut pieces = text.split('%');
    plain.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let digits = piece.get(..2)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        match u8::from_str_radix(digits, 16) {
            Ok(octet) if is_unreserved(octet) => plain.push(char::from(octet)),
            _ => {
                plain.push('%');
                plain.push_str(digits);
            }
        }
        plain.push_str(piece.get(2..)?);
    }
    Some(plain)
}

fn parse_param(param: &str) -> Result<(String, Option<String>), UriError> {
    let (name, value) = match param.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (param, None),
    };
    if !is_token(name) || !value.is_none_or(is_token) {
        return Err(UriError::Parameter);
    }
    Ok((name.to_ascii_lowercase(), value.map(str::to_owned)))
}

/// `unreserved` of RFC 3986.
fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~".contains(&octet)
}

/// `unreserved`, `sub-delims` without the semicolon, and the percent sign of an escape.
fn is_name_char(octet: u8) -> bool {
    is_unreserved(octet) || b"!$&'()*+,=%".contains(&octet)
}

/// What a session identifier may have: a little more than RFC 4975 section 9 grants, as RFC 3986 has it for
/// paths, because the identifier is the peer's own and only has to come back unchanged.
fn is_session_char(octet: u8) -> bool {
    is_name_char(octet) || b"/:@".contains(&octet)
}

/// `token` of RFC 4975 section 9.
pub(super) fn is_token(text: &str) -> bool {
    let is_char = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&b);
    !text.is_empty() && text.bytes().all(is_char)
}

/// One or more URIs: the leftmost is the next hop, the rightmost the end point.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path {
    /// All but the last.
    relays: Vec<Uri>,
    end: Uri,
}

impl Path {
    /// Reads URIs separated by white space.
    ///
    /// # Errors
    /// [`UriError`] of the first one that is none; [`UriError::EmptyPath`].
    pub fn parse(text: &str) -> Result<Self, UriError> {
        let separator = |c| c == ' ' || c == '\t';
        let mut uris = text
            .split(separator)
            .filter(|uri| !uri.is_empty())
            .map(Uri::parse)
            .collect::<Result<Vec<_>, _>>()?;
        let end = uris.pop().ok_or(UriError::EmptyPath)?;
        Ok(Self { relays: uris, end })
    }

    /// The next hop: where the connection goes, and where the response to a SEND goes.
    #[must_use]
    pub fn first(&self) -> &Uri {
        self.relays.first().unwrap_or(&self.end)
    }

    /// The end point, which names the session.
    #[must_use]
    pub fn last(&self) -> &Uri {
        &self.end
    }

    /// From the next hop to the end point.
    pub fn iter(&self) -> impl Iterator<Item = &Uri> {
        self.relays.iter().chain([&self.end])
    }

    /// Whether there are relays before the end point.
    #[must_use]
    pub fn has_relays(&self) -> bool {
        !self.relays.is_empty()
    }
}

impl From<Uri> for Path {
    fn from(end: Uri) -> Self {
        Self {
            relays: Vec::new(),
            end,
        }
    }
}

/// The URIs as received, separated by one space.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for relay in &self.relays {
            write!(f, "{relay} ")?;
        }
        write!(f, "{}", self.end)
    }
}

impl FromStr for Path {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Self::parse(text)
    }
}

#[cfg(test)]
#[path = "uri_tests.rs"]
mod tests;
