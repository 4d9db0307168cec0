//! Digest as a client answers it.

use std::sync::atomic::{AtomicU32, Ordering};

use md5::Md5;
use restante::domain::access::TokenScope;
use restante::domain::hex::hex;
use restante::identity::DigestName;
use restante::sip::Message;
use sha2::{Digest, Sha256};

use super::TestApp;
use super::sip::status;

/// A token for Digest, bound to these addresses.
pub async fn token(app: &TestApp, username: &str, scope: TokenScope, aors: &[&str]) -> String {
    let aors: Vec<_> = aors.iter().map(|aor| aor.parse().unwrap()).collect();
    let digest = DigestName {
        username: Some(username),
        realm: "mail.example.org",
    };
    app.identity
        .create_digest_token("t", &[scope], &aors, None, digest)
        .await
        .unwrap()
}

fn parameter<'a>(challenge: &'a str, name: &str) -> &'a str {
    let (_, rest) = challenge.split_once(&format!("{name}=\"")).unwrap();
    rest.split_once('"').unwrap().0
}

/// What a client puts into Authorization for its first request with a nonce.
pub fn authorization(
    challenge: &str,
    username: &str,
    password: &str,
    method: &str,
    uri: &str,
) -> String {
    counted(challenge, username, password, method, uri, 1)
}

/// [`authorization`] for the next request of a client that counts on.
pub fn proof(challenge: &str, username: &str, password: &str, method: &str, uri: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let count = NEXT.fetch_add(1, Ordering::Relaxed);
    counted(challenge, username, password, method, uri, count)
}

/// What a client puts into Authorization, worked out here from RFC 7616 section 3.4.1.
pub fn counted(
    challenge: &str,
    username: &str,
    password: &str,
    method: &str,
    uri: &str,
    count: u32,
) -> String {
    let sha256 = challenge.contains("algorithm=SHA-256");
    let hash = |text: String| {
        if sha256 {
            hex(&Sha256::digest(text))
        } else {
            hex(&Md5::digest(text))
        }
    };
    let (realm, nonce) = (parameter(challenge, "realm"), parameter(challenge, "nonce"));
    let a1 = hash(format!("{username}:{realm}:{password}"));
    let a2 = hash(format!("{method}:{uri}"));
    let response = hash(format!("{a1}:{nonce}:{count:08x}:c0ffee:auth:{a2}"));
    let algorithm = if sha256 { "SHA-256" } else { "MD5" };
    format!(
        "Digest username=\"{username}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", \
         algorithm={algorithm}, cnonce=\"c0ffee\", qop=auth, nc={count:08x}"
    )
}

pub fn challenges(answer: &Message) -> Vec<String> {
    assert_eq!(status(answer), 401);
    let fields = answer.headers("WWW-Authenticate");
    fields.map(|field| field.text()).collect()
}
