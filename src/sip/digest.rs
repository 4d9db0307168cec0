//! Digest authentication as the server sees it (RFC 7616, RFC 8760 for SIP, RFC 3261 section 22). Sans-IO: time and
//! randomness are passed in, whoever knows the secrets is asked by the caller.
//!
//! A nonce is the time it was made, a salt, and a keyed hash of both and of whom it was made for, so it needs no
//! memory: one that we did not make, or made for somebody else, or too long ago, is refused before anybody is looked
//! up. Within that time the same credentials may come again, unless the caller counts them
//! ([`super::nonce_counts`]). SHA-256 and MD5 are known; `qop` is `auth`.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::domain::hex::hex;
use crate::sip::error::ValueError;
use crate::sip::message::Message;
use crate::sip::scan::Scanner;

/// Octets of the time in a nonce.
const TIME_OCTETS: usize = 8;
/// Octets of the salt in a nonce.
const SALT_OCTETS: usize = 8;

/// The most digits of a nonce count.
const COUNT_DIGITS: usize = 8;

/// What makes a nonce another one than those that are made at the same time for the same peer.
pub type Salt = [u8; SALT_OCTETS];

/// A nonce of ours that has come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nonce {
    /// When it was made.
    pub made_at: u64,
    /// Its salt.
    pub salt: Salt,
}

/// A hash function that a client may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RFC 7616.
    Sha256,
    /// What most SIP clients know.
    Md5,
}

impl Algorithm {
    const KNOWN: [Self; 2] = [Self::Sha256, Self::Md5];

    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Md5 => "MD5",
        }
    }

    /// The hash of parts joined by colons, in hexadecimal.
    fn hash(self, parts: &[&str]) -> String {
        let text = parts.join(":");
        match self {
            Self::Sha256 => hex(&Sha256::digest(text)),
            Self::Md5 => hex(&Md5::digest(text)),
        }
    }
}

/// A name of no algorithm that we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected SHA-256 or MD5")]
pub struct UnknownAlgorithm;

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::KNOWN
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
            .ok_or(UnknownAlgorithm)
    }
}

/// What is kept of a password: H(A1) of RFC 7616 section 3.4.2, for each algorithm. Whoever has it can answer
/// challenges of its realm, so it is as good as the password there; passwords that people choose do not
/// belong here.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    /// With SHA-256, in hexadecimal.
    pub sha256: String,
    /// With MD5, in hexadecimal.
    pub md5: String,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier(..)")
    }
}

impl Verifier {
    /// Of a password.
    #[must_use]
    pub fn new(username: &str, realm: &str, password: &str) -> Self {
        let with = |algorithm: Algorithm| algorithm.hash(&[username, realm, password]);
        Self {
            sha256: with(Algorithm::Sha256),
            md5: with(Algorithm::Md5),
        }
    }
}

/// Makes challenges and recognises them.
#[derive(Clone)]
pub struct Challenger {
    realm: String,
    key: Vec<u8>,
    offered: Vec<Algorithm>,
    life: u64,
}

/// Why credentials are not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceFault {
    /// We have made no such nonce for this peer.
    Unknown,
    /// It is too old: the client may try again with the same password.
    Stale,
}

impl Challenger {
    /// Challenges for this realm, with these algorithms in this order, whose nonces are good for `life`, in the unit of
    /// time in which the caller says what time it is. Nodes with the same key know each other's.
    #[must_use]
    pub fn new(realm: &str, key: &[u8], offered: &[Algorithm], life: u64) -> Self {
        Self {
            realm: realm.to_owned(),
            key: key.to_vec(),
            offered: offered.to_vec(),
            life,
        }
    }

    /// The realm of the challenges.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The values of WWW-Authenticate for a peer. All have one nonce, for clients that mix them up.
    #[must_use]
    pub fn challenges(&self, nonce: Nonce, peer: &str, stale: bool) -> Vec<String> {
        let nonce = self.text(nonce, peer);
        let stale = if stale { ", stale=true" } else { "" };
        let challenge = |algorithm: &Algorithm| {
            format!(
                "Digest realm=\"{}\", nonce=\"{nonce}\", algorithm={}, qop=\"auth\"{stale}",
                self.realm,
                algorithm.name()
            )
        };
        self.offered.iter().map(challenge).collect()
    }

    /// The credentials of a request for our realm. A client may send those of other realms along, for proxies that it knows
    /// (RFC 3261 section 22.3); whatever is wrong with them is not our business.
    ///
    /// # Errors
    /// [`ValueError`] if it has none that can be read, and one that cannot be and might be for us.
    pub fn credentials(&self, request: &Message) -> Result<Option<Credentials>, ValueError> {
        let mut broken = None;
        for field in request.headers("Authorization") {
            match Credentials::parse(field.raw_value(), &self.realm) {
                Ok(None) => {}
                Ok(found) => return Ok(found),
                Err(error) => broken = broken.or(Some(error)),
            }
        }
        broken.map_or(Ok(None), Err)
    }

    /// Whether credentials answer a challenge of ours to this peer that is not too old.
    ///
    /// # Errors
    /// [`NonceFault`]: challenge again.
    pub fn check(
        &self,
        credentials: &Credentials,
        now: u64,
        peer: &str,
    ) -> Result<Nonce, NonceFault> {
        let nonce = self
            .nonce(&credentials.nonce, peer)
            .filter(|_| self.offered.contains(&credentials.algorithm))
            .ok_or(NonceFault::Unknown)?;
        if now.saturating_sub(nonce.made_at) > self.life {
            return Err(NonceFault::Stale);
        }
        Ok(nonce)
    }

    fn text(&self, nonce: Nonce, peer: &str) -> String {
        let made = [nonce.made_at.to_be_bytes(), nonce.salt].concat();
        let Some(mac) = self.mac(&made, peer) else {
            return String::new();
        };
        let tag = mac.finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([&made[..], &tag[..]].concat())
    }

    fn nonce(&self, text: &str, peer: &str) -> Option<Nonce> {
        let octets = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (made, tag) = octets.split_at_checked(TIME_OCTETS + SALT_OCTETS)?;
        self.mac(made, peer)?.verify_slice(tag).ok()?;
        let (time, salt) = made.split_at_checked(TIME_OCTETS)?;
        Some(Nonce {
            made_at: u64::from_be_bytes(time.try_into().ok()?),
            salt: salt.try_into().ok()?,
        })
    }

    fn mac(&self, made: &[u8], peer: &str) -> Option<Hmac<Sha256>> {
        // A key of any length will do.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(made);
        mac.update(peer.as_bytes());
        Some(mac)
    }
}

/// What a client says to prove who it is: the value of Authorization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who it says it is.
    pub username: String,
    /// What it says to ask for: the Request-URI of SIP, the request target of HTTP.
    pub uri: String,
    nonce: String,
    response: String,
    algorithm: Algorithm,
    nonce_count: String,
    client_nonce: String,
}

impl Credentials {
    /// Reads the value of Authorization. `None` for another scheme than Digest, and for another realm.
    ///
    /// # Errors
    /// [`ValueError`] where the value breaks the grammar, lacks a parameter, or takes what was not offered.
    pub fn parse(value: &[u8], realm: &str) -> Result<Option<Self>, ValueError> {
        let mut scanner = Scanner::new(value);
        scanner.space();
        if !scanner.token("a scheme")?.eq_ignore_ascii_case("Digest") {
            return Ok(None);
        }
        let mut params = Vec::new();
        loop {
            scanner.space();
            let name = scanner.token("a parameter")?.to_ascii_lowercase();
            if !scanner.separator(b'=') {
                return scanner.fail("\"=\"");
            }
            let text = if name == "uri" && scanner.peek() == Some(b'"') {
                scanner.quoted_until(ends_parameter)?
            } else if scanner.peek() == Some(b'"') {
                scanner.quoted_string()?
            } else {
                scanner.token("a value")?.to_owned()
            };
            params.push((name, text));
            if !scanner.separator(b',') {
                break;
            }
        }
        scanner.finish()?;
        let other = |(name, text): &(String, String)| name == "realm" && text != realm;
        if params.iter().any(other) {
            return Ok(None);
        }
        Self::from_params(&params).map(Some)
    }

    fn from_params(params: &[(String, String)]) -> Result<Self, ValueError> {
        let missing = |expected| ValueError { at: 0, expected };
        let find = |name: &str| {
            let found = params.iter().find(|(known, _)| known == name);
            found.map(|(_, text)| text.clone())
        };
        let get = |name: &'static str| find(name).ok_or(missing(name));
        get("realm")?;
        let algorithm = find("algorithm").unwrap_or_else(|| Algorithm::Md5.name().to_owned());
        if !get("qop")?.eq_ignore_ascii_case("auth") {
            return Err(missing("qop=auth"));
        }
        Ok(Self {
            username: get("username")?,
            uri: get("uri")?,
            nonce: get("nonce")?,
            response: get("response")?.to_ascii_lowercase(),
            algorithm: algorithm.parse().map_err(|_| missing("SHA-256 or MD5"))?,
            nonce_count: get("nc")
                .ok()
                .filter(|count| count.bytes().all(|b| b.is_ascii_hexdigit()))
                .filter(|count| (1..=COUNT_DIGITS).contains(&count.len()))
                .ok_or(missing("a nonce count"))?,
            client_nonce: get("cnonce")?,
        })
    }

    /// How often the client says that it has used the nonce, this time included.
    #[must_use]
    pub fn count(&self) -> u32 {
        // It has been looked at when it was read.
        u32::from_str_radix(&self.nonce_count, 16).unwrap_or_default()
    }

    /// Whether they prove, for a request of this method, that the client knows the password behind `verifier`. The URI
    /// is the one the client signed: proxies change the Request-URI, so it need not be that (RFC 3261 section 22.4).
    #[must_use]
    pub fn prove(&self, verifier: &Verifier, method: &str) -> bool {
        let a1 = match self.algorithm {
            Algorithm::Sha256 => &verifier.sha256,
            Algorithm::Md5 => &verifier.md5,
        };
        let a2 = self.algorithm.hash(&[method, &self.uri]);
        let expected = self.algorithm.hash(&[
            a1,
            &self.nonce,
            &self.nonce_count,
            &self.client_nonce,
            "auth",
            &a2,
        ]);
        // Hashed once more, so that the time the comparison takes tells nothing of what was expected.
        Sha256::digest(&expected) == Sha256::digest(&self.response)
    }
}

/// Parameters of Digest credentials (RFC 7616 section 3.4).
const PARAMETERS: [&[u8]; 10] = [
    b"username",
    b"realm",
    b"nonce",
    b"uri",
    b"response",
    b"algorithm",
    b"cnonce",
    b"opaque",
    b"qop",
    b"nc",
];

/// Whether a quotation mark ends its parameter, by what follows: nothing, or another parameter. Clients put the quotes
/// of an XCAP node selector into `uri="…"` as they are.
fn ends_parameter(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii_start();
    let Some(rest) = rest.strip_prefix(b",") else {
        return rest.is_empty();
    };
    let rest = rest.trim_ascii_start();
    PARAMETERS.into_iter().any(|name| {
        rest.split_at_checked(name.len())
            .is_some_and(|(found, rest)| {
                found.eq_ignore_ascii_case(name) && rest.trim_ascii_start().starts_with(b"=")
            })
    })
}

#[cfg(test)]
#[path = "digest_tests.rs"]
mod tests;
