//! Passwords, kept as argon2id.

use std::io;
use std::thread;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use tokio::sync::{mpsc, oneshot};

use crate::clock;

/// The shortest password, in characters (NIST SP 800-63B section 3.1.1.2, with a second factor
/// or throttling).
pub const MIN_PASSWORD_CHARS: u32 = 10;
/// The longest password, in octets, so that hashing one is bounded.
const MAX_OCTETS: usize = 1024;
/// Passwords waiting to be hashed.
const WAITING: usize = 64;
/// Verified against when there is no such person, so that it takes as long. Nobody knows a
/// password for it.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$\
    c2l4IHRpbWVzIG5pbmUgaXMgZm9ydHktdHdvLCBzYXk";

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
    /// The hashing thread is gone.
    #[error("the password could not be hashed")]
    Thread,
}

/// Work for the hashing thread.
type Job = Box<dyn FnOnce() + Send>;

/// Hashes and verifies, one at a time on a thread of its own. Each hash takes 19 MiB and some 20 ms
/// of a core: on one thread the memory is used again instead of growing with the number of those
/// who try.
#[derive(Debug)]
pub struct Passwords {
    jobs: mpsc::Sender<Job>,
}

impl Passwords {
    /// Starts the thread; it ends when this is dropped.
    ///
    /// # Errors
    /// When the operating system has no thread to give.
    pub fn new() -> io::Result<Self> {
        let (jobs, mut waiting) = mpsc::channel::<Job>(WAITING);
        thread::Builder::new()
            .name("passwords".to_owned())
            .spawn(move || {
                while let Some(job) = waiting.blocking_recv() {
                    job();
                }
            })?;
        Ok(Self { jobs })
    }

    /// Has the thread do `work`.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let (done, outcome) = oneshot::channel();
        let job = move || {
            // Whoever asked may have gone.
            let _ = done.send(work());
        };
        self.jobs
            .send(Box::new(job))
            .await
            .map_err(|_| PasswordError::Thread)?;
        outcome.await.map_err(|_| PasswordError::Thread)
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
        self.run(move || hash(&password)).await?
    }

    /// Whether `password` is the one behind `hash`; never for no hash, but as slowly.
    ///
    /// # Errors
    /// When the hashing thread is gone.
    pub async fn verify(&self, hash: Option<&str>, password: &str) -> Result<bool, PasswordError> {
        if password.len() > MAX_OCTETS {
            return Ok(false);
        }
        let known = hash.is_some();
        let hash = hash.unwrap_or(DECOY).to_owned();
        let password = password.to_owned();
        let right = self
            .run(move || {
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

    #[test]
    fn the_decoy_is_as_dear_as_a_real_hash() {
        let (decoy, real) = (
            PasswordHash::new(DECOY).unwrap(),
            hash("correct horse").unwrap(),
        );
        let real = PasswordHash::new(&real).unwrap();
        assert_eq!(
            (decoy.algorithm, decoy.params),
            (real.algorithm, real.params)
        );
        assert_eq!(
            decoy.hash.unwrap().as_bytes().len(),
            real.hash.unwrap().as_bytes().len()
        );
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
