//! Values of attributes: `setup` (RFC 4145, RFC 6135), the directions (RFC 4566 section 6), `fingerprint`
//! (RFC 8122 section 5).

use std::fmt;

/// `a=setup`: who opens the connection. `holdconn` is not here: in MSRP it counts as absent (RFC 6135 section
/// 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setup {
    /// Its author will connect.
    Active,
    /// Its author waits.
    Passive,
    /// Its author leaves the choice to the other.
    Actpass,
}

impl Setup {
    pub(super) fn parse(value: &str) -> Option<Self> {
        [Self::Active, Self::Passive, Self::Actpass]
            .into_iter()
            .find(|known| value.trim().eq_ignore_ascii_case(&known.to_string()))
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::Actpass => "actpass",
        })
    }
}

/// What we do about the connection. The active side also sends the first SEND at once (RFC 4975 section 5.4)
/// and is the client of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// We connect to the first URI of the peer's path.
    Active,
    /// We wait for the peer to connect.
    Passive,
}

impl Role {
    /// As an attribute.
    #[must_use]
    pub fn setup(self) -> Setup {
        match self {
            Self::Active => Setup::Active,
            Self::Passive => Setup::Passive,
        }
    }

    /// The role of the one who answers. Without the attribute the offerer connects (RFC 4975 section 8.5).
    /// `reachable` says whether the answerer can be connected to.
    pub(super) fn of_answerer(offered: Option<Setup>, reachable: bool) -> Self {
        match offered {
            Some(Setup::Passive) => Self::Active,
            Some(Setup::Actpass) if !reachable => Self::Active,
            Some(Setup::Active | Setup::Actpass) | None => Self::Passive,
        }
    }

    /// The role of the one who has offered. An answer must not say `actpass`; if it does, or says nothing, the
    /// offerer connects.
    pub(super) fn of_offerer(answered: Option<Setup>) -> Self {
        match answered {
            Some(Setup::Active) => Self::Passive,
            Some(Setup::Passive | Setup::Actpass) | None => Self::Active,
        }
    }
}

/// Which way the content of SEND requests flows, as the author of the description sees it (RFC 4975 section
/// 8.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Both ways; also when there is no attribute.
    #[default]
    SendRecv,
    /// The author sends.
    SendOnly,
    /// The author receives.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    pub(super) const ALL: [Self; 4] = [
        Self::SendRecv,
        Self::SendOnly,
        Self::RecvOnly,
        Self::Inactive,
    ];

    /// Whether the author sends.
    #[must_use]
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the author receives.
    #[must_use]
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        })
    }
}

/// `a=fingerprint`: the digest of the certificate that will be used (RFC 4975 section 14.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// In lower case: `sha-256`.
    pub hash: String,
    /// The digest.
    pub digest: Vec<u8>,
}

impl Fingerprint {
    pub(super) fn parse(value: &str) -> Option<Self> {
        let (hash, digits) = value.trim().split_once(' ')?;
        let octet = |pair: &str| {
            let is_hex = pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
            is_hex.then(|| u8::from_str_radix(pair, 16).ok())?
        };
        Some(Self {
            hash: hash.to_ascii_lowercase(),
            digest: digits.trim().split(':').map(octet).collect::<Option<_>>()?,
        })
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hash)?;
        for (index, octet) in self.digest.iter().enumerate() {
            let before = if index == 0 { ' ' } else { ':' };
            write!(f, "{before}{octet:02X}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6135 section 4.2.2 and RFC 4975 section 8.5.
    #[test]
    fn roles() {
        for (offered, reachable, role) in [
            (None, true, Role::Passive),
            (Some(Setup::Active), true, Role::Passive),
            (Some(Setup::Actpass), true, Role::Passive),
            (Some(Setup::Actpass), false, Role::Active),
            (Some(Setup::Passive), true, Role::Active),
        ] {
            assert_eq!(Role::of_answerer(offered, reachable), role, "{offered:?}");
        }
        assert_eq!(Role::of_offerer(Some(Setup::Active)), Role::Passive);
        for answered in [None, Some(Setup::Passive), Some(Setup::Actpass)] {
            assert_eq!(Role::of_offerer(answered), Role::Active);
        }
        assert_eq!(Setup::parse("ActPass"), Some(Setup::Actpass));
        assert_eq!(Setup::parse("holdconn"), None);
    }

    #[test]
    fn fingerprints() {
        let read = Fingerprint::parse("SHA-1 4a:ad:B9:00").unwrap();
        assert_eq!(read.digest, [0x4a, 0xad, 0xb9, 0]);
        assert_eq!(read.to_string(), "sha-1 4A:AD:B9:00");
        for bad in [
            "",
            "sha-1",
            "sha-1 4A:",
            "sha-1 4A:+1",
            "sha-1 4AAD",
            "sha-1 é:00",
        ] {
            assert_eq!(Fingerprint::parse(bad), None, "{bad}");
        }
    }
}
