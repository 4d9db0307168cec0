//! Reading a session description (RFC 4566 section 5), tolerant of what is not needed here.
//!
//! Lines of unknown type are skipped, line ends may be a lone LF, and an attribute that is not understood is as
//! good as absent. The media lines have to be right, because an answer must mirror each of them.

use crate::msrp::accept::AcceptTypes;
use crate::msrp::fields::number;
use crate::msrp::sdp::values::{Direction, Fingerprint, Setup};
use crate::msrp::uri::{Path, UriError};

/// The longest description, in octets.
pub const MAX_SDP: usize = 64 * 1024;
/// The most media lines of a description.
pub const MAX_MEDIA: usize = 64;

/// Why a description cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Longer than [`MAX_SDP`].
    #[error("it is longer than {MAX_SDP} octets")]
    TooLong,
    /// It does not begin with `v=0`.
    #[error("it does not begin with v=0")]
    Version,
    /// A line is no `x=value`, or has a control character.
    #[error("line {0} is not valid")]
    Line(usize),
    /// A media line lacks a part.
    #[error("line {0} is not a valid media line")]
    MediaLine(usize),
    /// More media lines than [`MAX_MEDIA`].
    #[error("it has more than {MAX_MEDIA} media lines")]
    TooManyMedia,
}

/// A session description.
#[derive(Debug, Clone, Default)]
pub struct Description {
    /// The times of the session, `t=`, which an answer repeats.
    pub timing: Option<String>,
    /// `c=` of the whole session.
    pub connection: Option<Connection>,
    /// Attributes of the whole session.
    pub attributes: Attributes,
    /// The media lines in order.
    pub media: Vec<Media>,
}

/// `m=` and what belongs to it.
#[derive(Debug, Clone)]
pub struct Media {
    /// `message`, `audio`, …
    pub kind: String,
    /// 0 if the media is refused or not wanted.
    pub port: u16,
    /// `TCP/MSRP`, `TCP/TLS/MSRP`, `RTP/AVP`, …
    pub protocol: String,
    /// The list of formats; `*` of MSRP.
    pub formats: String,
    /// `c=`; that of the session counts if there is none.
    pub connection: Option<Connection>,
    /// The attributes.
    pub attributes: Attributes,
}

/// `c=IN IP4 192.0.2.1`. MSRP does not connect to it (RFC 4975 section 8.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Whether it says `IP6`.
    pub is_ip6: bool,
    /// An address or a name.
    pub address: String,
}

/// Names and values of `a=`, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes(Vec<(String, Option<String>)>);

impl Attributes {
    /// The value of the first attribute of this name; an attribute without one has an empty value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The values of all attributes of this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_deref().unwrap_or_default())
    }

    fn add(&mut self, text: &str) {
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, Some(value.trim().to_owned())),
            None => (text, None),
        };
        self.0.push((name.trim().to_owned(), value));
    }

    fn direction(&self) -> Option<Direction> {
        Direction::ALL
            .into_iter()
            .find(|direction| self.get(&direction.to_string()).is_some())
    }

    fn setup(&self) -> Option<Setup> {
        self.get("setup").and_then(Setup::parse)
    }
}

impl Description {
    /// Reads a description.
    ///
    /// # Errors
    /// [`SdpError`].
    pub fn parse(octets: &[u8]) -> Result<Self, SdpError> {
        if octets.len() > MAX_SDP {
            return Err(SdpError::TooLong);
        }
        let text = String::from_utf8_lossy(octets);
        let mut lines = (1..)
            .zip(
                text.split('\n')
                    .map(|line| line.strip_suffix('\r').unwrap_or(line)),
            )
            .filter(|(_, line)| !line.is_empty());
        if lines
            .next()
            .is_none_or(|(_, line)| line.trim_end() != "v=0")
        {
            return Err(SdpError::Version);
        }
        let mut description = Self::default();
        for (number, line) in lines {
            description.take(line, number)?;
        }
        Ok(description)
    }

    fn take(&mut self, line: &str, line_number: usize) -> Result<(), SdpError> {
        let value = line.get(2..).filter(|_| line.get(1..2) == Some("="));
        let has_control_character = line.bytes().any(|b| b.is_ascii_control() && b != b'\t');
        let Some(value) = value.filter(|_| !has_control_character) else {
            return Err(SdpError::Line(line_number));
        };
        if line.starts_with('m') {
            if self.media.len() >= MAX_MEDIA {
                return Err(SdpError::TooManyMedia);
            }
            let media = Media::parse(value).ok_or(SdpError::MediaLine(line_number))?;
            self.media.push(media);
            return Ok(());
        }
        let (connection, attributes) = match self.media.last_mut() {
            Some(media) => (&mut media.connection, &mut media.attributes),
            None => (&mut self.connection, &mut self.attributes),
        };
        match line.get(..1) {
            Some("c") => *connection = Connection::parse(value),
            Some("a") => attributes.add(value),
            Some("t") if self.timing.is_none() => self.timing = Some(value.trim().to_owned()),
            _ => {}
        }
        Ok(())
    }

    /// Who connects, as the author of the media line sees it; a `setup` for the whole session counts if the
    /// media has none.
    #[must_use]
    pub fn setup(&self, media: &Media) -> Option<Setup> {
        let own = media.attributes.get("setup").is_some();
        if own {
            media.attributes.setup()
        } else {
            self.attributes.setup()
        }
    }

    /// Which way content flows, as the author of the media line sees it.
    #[must_use]
    pub fn direction(&self, media: &Media) -> Direction {
        let own = media.attributes.direction();
        own.or_else(|| self.attributes.direction())
            .unwrap_or_default()
    }

    /// The fingerprints of the media line, or else of the session; what is none is left out.
    #[must_use]
    pub fn fingerprints(&self, media: &Media) -> Vec<Fingerprint> {
        let read = |attributes: &Attributes| -> Vec<Fingerprint> {
            attributes
                .all("fingerprint")
                .filter_map(Fingerprint::parse)
                .collect()
        };
        let own = read(&media.attributes);
        if own.is_empty() {
            read(&self.attributes)
        } else {
            own
        }
    }

    /// The address of the media line, or else of the session.
    #[must_use]
    pub fn connection<'a>(&'a self, media: &'a Media) -> Option<&'a Connection> {
        media.connection.as_ref().or(self.connection.as_ref())
    }
}

impl Media {
    fn parse(value: &str) -> Option<Self> {
        let mut parts = value.splitn(4, ' ').filter(|part| !part.is_empty());
        let (kind, port, protocol, formats) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // A number of ports may follow, which has no meaning in MSRP.
        let port = port.split('/').next().and_then(number)?;
        Some(Self {
            kind: kind.to_owned(),
            port: u16::try_from(port).ok()?,
            protocol: protocol.to_owned(),
            formats: formats.to_owned(),
            connection: None,
            attributes: Attributes::default(),
        })
    }

    /// Whether it is MSRP, and if so whether over TLS.
    #[must_use]
    pub fn is_secure_msrp(&self) -> Option<bool> {
        match self.protocol.as_str() {
            _ if !self.kind.eq_ignore_ascii_case("message") => None,
            protocol if protocol.eq_ignore_ascii_case("TCP/MSRP") => Some(false),
            protocol if protocol.eq_ignore_ascii_case("TCP/TLS/MSRP") => Some(true),
            _ => None,
        }
    }

    /// Where its author is reached.
    ///
    /// # Errors
    /// [`UriError`]; without the attribute [`UriError::EmptyPath`].
    pub fn path(&self) -> Result<Path, UriError> {
        Path::parse(self.attributes.get("path").unwrap_or_default())
    }

    /// The media types its author takes. The attribute is mandatory; a peer that leaves it out is taken to
    /// accept everything.
    #[must_use]
    pub fn accept_types(&self) -> AcceptTypes {
        AcceptTypes::read(self.attributes.get("accept-types").unwrap_or("*"))
    }

    /// The further media types its author takes inside others.
    #[must_use]
    pub fn accept_wrapped_types(&self) -> AcceptTypes {
        AcceptTypes::read(
            self.attributes
                .get("accept-wrapped-types")
                .unwrap_or_default(),
        )
    }

    /// The longest message its author takes, in octets.
    #[must_use]
    pub fn max_size(&self) -> Option<u64> {
        self.attributes.get("max-size").and_then(number)
    }
}

impl Connection {
    fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split_ascii_whitespace();
        let is_ip6 = match (parts.next()?, parts.next()?) {
            ("IN", "IP4") => false,
            ("IN", "IP6") => true,
            _ => return None,
        };
        Some(Self {
            is_ip6,
            address: parts.next()?.to_owned(),
        })
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
