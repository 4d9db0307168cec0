//! Secrets given out once and kept only as hashes: API tokens, one-time links, session ids.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::clock;
use crate::domain::hex::hex;

/// What every API token begins with, so that leaked ones are recognised by scanners.
pub const TOKEN_PREFIX: &str = "rst_";

/// A new API token with 256 random bits.
///
/// # Errors
/// When the operating system has no randomness to give.
pub fn token() -> Result<String, getrandom::Error> {
    Ok(format!("{TOKEN_PREFIX}{}", link()?))
}

/// The secret of a new link, also used where a form proves that it came from our page.
///
/// # Errors
/// When the operating system has no randomness to give.
pub fn link() -> Result<String, getrandom::Error> {
    Ok(URL_SAFE_NO_PAD.encode(clock::random::<32>()?))
}

/// Under which a secret is kept: hexadecimal SHA-256. Its 256 random bits need no slow hash.
#[must_use]
pub fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_sha_256_in_hexadecimal() {
        // FIPS 180-2 appendix B.1.
        assert_eq!(
            hash("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn tokens_are_recognisable_and_never_the_same() {
        let (one, other) = (token().unwrap(), token().unwrap());
        assert!(one.starts_with("rst_") && one.len() == 4 + 43);
        assert_ne!(one, other);
    }
}
