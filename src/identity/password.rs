//! Passwords, kept as argon2id.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;
use tokio::task::JoinError;

use crate::clock;

/// The shortest password, in characters (NIST SP 800-63B section 3.1.1.2, with a second factor
/// or throttling).
pub const MIN_PASSWORD_CHARS: u32 = 10;
/// The longest password, in octets, so that hashing one is bounded.
const MAX_OCTETS: usize = 1024;
/// Each hash takes 19 MiB; this many at once.
const HASHES_AT_ONCE: usize = 4;

/// A password that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too short.
    #[error("a password needs {MIN_PASSWORD_CHARS} characters at least")]
    TooShort,
    /// Too long.
    #[error("a password has {MAX_OCTETS} octets at most")]
    TooLong,
    /// The hash could not be made.
    #[error("the password could not be hashed")]
    Hash(#[source] argon2::password_hash::Error),
    /// The operating system has no randomness to give.
    #[error("no randomness from the operating system")]
    Entropy(#[from] getrandom::Error),
    /// The hashing thread ended early.
    #[error("the password could not be hashed in time")]
    Thread(#[from] JoinError),
}

/// Hashes and verifies, a few at a time and off the async threads.
#[derive(Debug)]
pub struct Passwords {
    /// Verified against when there is no such person, so that it takes as long.
    decoy: String,
    turns: Semaphore,
}

impl Passwords {
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn new() -> Result<Self, PasswordError> {
        Ok(Self {
            decoy: hash("nobody's password")?,
            turns: Semaphore::new(HASHES_AT_ONCE),
        })
    }

    /// The hash of a new password.
    ///
    /// # Errors
    /// When it is too short or too long.
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        if password.chars().count() < MIN_PASSWORD_CHARS as usize {
            return Err(PasswordError::TooShort);
        }
        if password.len() > MAX_OCTETS {
            return Err(PasswordError::TooLong);
        }
        let password = password.to_owned();
        let _turn = self.turns.acquire().await;
        tokio::task::spawn_blocking(move || hash(&password)).await?
    }

    /// Whether `password` is the one behind `hash`; never for no hash, but as slowly.
    ///
    /// # Errors
    /// When the hashing thread ended early.
    pub async fn verify(&self, hash: Option<&str>, password: &str) -> Result<bool, PasswordError> {
        if password.len() > MAX_OCTETS {
            return Ok(false);
        }
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.decoy).to_owned();
        let password = password.to_owned();
        let _turn = self.turns.acquire().await;
        let right = tokio::task::spawn_blocking(move || {
            PasswordHash::new(&hash).is_ok_and(|parsed| {
                Argon2::default()
                    .verify_password(password.as_bytes(), &parsed)
                    .is_ok()
            })
        })
        .await?;
        Ok(right && known)
    }
}

fn hash(password: &str) -> Result<String, PasswordError> {
    let salt = clock::random::<16>()?;
    let hash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map_err(PasswordError::Hash)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_verifies() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash("correct horse").await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(
            passwords
                .verify(Some(&hash), "correct horse")
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify(Some(&hash), "correct horsf")
                .await
                .unwrap()
        );
        assert!(!passwords.verify(None, "nobody's password").await.unwrap());
    }

    #[tokio::test]
    async fn short_and_endless_passwords_are_refused() {
        let passwords = Passwords::new().unwrap();
        assert!(matches!(
            passwords.hash("123456789").await,
            Err(PasswordError::TooShort)
        ));
        let endless = "x".repeat(MAX_OCTETS + 1);
        assert!(matches!(
            passwords.hash(&endless).await,
            Err(PasswordError::TooLong)
        ));
    }
}
