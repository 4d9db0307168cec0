//! Digest authentication as the server sees it (RFC 7616, RFC 8760 for SIP, RFC 3261 section 22). Sans-IO: the
//! time is passed in, whoever knows the secrets is asked by the caller.
//!
//! A nonce is the time it was made and a keyed hash of that time and the peer's address, so it needs no memory:
//! one that we did not make, or made for somebody else, or too long ago, is refused before anybody is looked
//! up. Within that time the same credentials may come again: `nc` is not counted. SHA-256 and MD5 are known; `qop` is `auth`.

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

/// How long a nonce is good, in seconds: for a client to answer the challenge, over a slow network.
const NONCE_LIFE: u64 = 60;
/// Octets of the time in a nonce.
const TIME_OCTETS: usize = 8;

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
    /// Challenges for this realm, with these algorithms in this order. Nodes with the same key know each
    /// other's.
    #[must_use]
    pub fn new(realm: &str, key: &[u8], offered: &[Algorithm]) -> Self {
        Self {
            realm: realm.to_owned(),
            key: key.to_vec(),
            offered: offered.to_vec(),
        }
    }

    /// The values of WWW-Authenticate at `now`, in seconds, for a peer.
    #[must_use]
    pub fn challenges(&self, now: u64, peer: &str, stale: bool) -> Vec<String> {
        let nonce = self.nonce(now, peer);
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
    pub fn check(&self, credentials: &Credentials, now: u64, peer: &str) -> Result<(), NonceFault> {
        let made_at = self
            .made_at(&credentials.nonce, peer)
            .filter(|_| self.offered.contains(&credentials.algorithm))
            .ok_or(NonceFault::Unknown)?;
        if now.saturating_sub(made_at) > NONCE_LIFE {
            return Err(NonceFault::Stale);
        }
        Ok(())
    }

    fn nonce(&self, now: u64, peer: &str) -> String {
        let time = now.to_be_bytes();
        let Some(mac) = self.mac(&time, peer) else {
            return String::new();
        };
        let tag = mac.finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([&time[..], &tag[..]].concat())
    }

    fn made_at(&self, nonce: &str, peer: &str) -> Option<u64> {
        let octets = URL_SAFE_NO_PAD.decode(nonce).ok()?;
        let (time, tag) = octets.split_at_checked(TIME_OCTETS)?;
        self.mac(time, peer)?.verify_slice(tag).ok()?;
        Some(u64::from_be_bytes(time.try_into().ok()?))
    }

    fn mac(&self, time: &[u8], peer: &str) -> Option<Hmac<Sha256>> {
        // A key of any length will do.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(time);
        mac.update(peer.as_bytes());
        Some(mac)
    }
}

/// What a client says to prove who it is: the value of Authorization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who it says it is.
    pub username: String,
    nonce: String,
    uri: String,
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
            let text = if scanner.peek() == Some(b'"') {
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
            nonce: get("nonce")?,
            uri: get("uri")?,
            response: get("response")?,
            algorithm: algorithm.parse().map_err(|_| missing("SHA-256 or MD5"))?,
            nonce_count: get("nc")?,
            client_nonce: get("cnonce")?,
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 section 3.9.1, with both algorithms.
    fn example(algorithm: &str, response: &str) -> Credentials {
        let value = format!(
            "Digest username=\"Mufasa\",\r\n realm=\"http-auth@example.org\", uri=\"/dir/index.html\", \
             algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, response=\"{response}\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        let realm = "http-auth@example.org";
        Credentials::parse(value.as_bytes(), realm)
            .unwrap()
            .unwrap()
    }

    const SHA256: &str = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
    const MD5: &str = "8ca523f5e9506fed4657c9700eebdbec";

    #[test]
    fn the_examples_of_rfc_7616() {
        let verifier = Verifier::new("Mufasa", "http-auth@example.org", "Circle of Life");
        for (algorithm, response) in [("SHA-256", SHA256), ("md5", MD5)] {
            let credentials = example(algorithm, response);
            assert!(credentials.prove(&verifier, "GET"));
            assert!(!credentials.prove(&verifier, "PUT"));
            let other = Verifier::new("Mufasa", "http-auth@example.org", "Circle of life");
            assert!(!credentials.prove(&other, "GET"));
        }
        assert!(!example("MD5", SHA256).prove(&verifier, "GET"));
    }

    #[test]
    fn a_nonce_is_good_for_its_peer_and_its_time() {
        let challenger = Challenger::new("example.org", b"key", &Algorithm::KNOWN);
        let values = challenger.challenges(1000, "192.0.2.1", true);
        assert!(values[0].contains("algorithm=SHA-256") && values[1].contains("algorithm=MD5"));
        assert!(values[0].ends_with(", stale=true"));
        let nonce = values[0].split('"').nth(3).unwrap();
        let answer = Credentials {
            nonce: nonce.to_owned(),
            ..example("MD5", MD5)
        };
        assert_eq!(challenger.check(&answer, 1060, "192.0.2.1"), Ok(()));
        assert_eq!(
            challenger.check(&answer, 1061, "192.0.2.1"),
            Err(NonceFault::Stale)
        );
        let unknown = Err(NonceFault::Unknown);
        assert_eq!(challenger.check(&answer, 1000, "192.0.2.2"), unknown);
        let other = Challenger::new("example.org", b"other", &Algorithm::KNOWN);
        assert_eq!(other.check(&answer, 1000, "192.0.2.1"), unknown);
        let only = Challenger::new("example.org", b"key", &[Algorithm::Sha256]);
        assert_eq!(only.check(&answer, 1000, "192.0.2.1"), unknown);
        assert_eq!(
            challenger.check(&example("MD5", MD5), 1000, "192.0.2.1"),
            unknown
        );
    }

    #[test]
    fn what_was_not_offered_is_not_taken() {
        assert_eq!(Credentials::parse(b"Bearer x", "r"), Ok(None));
        for bad in [
            "Digest",
            "Digest username=\"x\"",
            "Digest username=\"x",
            "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"r\"",
            "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"r\", qop=auth-int, nc=1, cnonce=\"c\"",
            "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"r\", qop=auth, nc=1, cnonce=\"c\", algorithm=MD5-sess",
        ] {
            assert!(Credentials::parse(bad.as_bytes(), "r").is_err(), "{bad}");
        }
    }

    #[test]
    fn those_of_our_realm_are_found_among_others() {
        use crate::sip::transaction::testing::message;
        let challenger = Challenger::new("example.org", b"key", &Algorithm::KNOWN);
        let find = |fields: &[&str]| {
            let lines = fields.iter().fold(String::new(), |lines, value| {
                lines + "Authorization: " + value + "\r\n"
            });
            let request = message(&format!("MESSAGE sip:b@x SIP/2.0\r\n{lines}\r\n"));
            let found = challenger.credentials(&request);
            found.map(|found| found.map(|credentials| credentials.username))
        };
        let of = |realm: &str, username: &str, qop: &str| {
            format!(
                "Digest username=\"{username}\", realm=\"{realm}\", nonce=\"n\", uri=\"u\", response=\"r\", nc=1, cnonce=\"c\"{qop}"
            )
        };
        let ours = of("example.org", "alice", ", qop=auth");
        let theirs = of("proxy.example.net", "al", ", qop=auth");
        let odd = of("proxy.example.net", "al", "");
        let broken = of("example.org", "alice", "");
        let alice = Ok(Some("alice".to_owned()));
        assert_eq!(find(&[&theirs, &ours]), alice);
        assert_eq!(find(&[&odd, "Bearer x", "nonsense", &ours]), alice);
        assert_eq!(find(&[&broken, &ours]), alice);
        assert_eq!(find(&[&theirs, &odd, "Bearer x"]), Ok(None));
        assert_eq!(find(&[]), Ok(None));
        assert!(find(&[&theirs, &broken]).is_err());
        assert!(find(&["Digest nonsense", &theirs]).is_err());
    }
}
