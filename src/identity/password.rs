//! Passwords, kept as argon2id.

use std::io;
use std::thread;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use tokio::sync::{mpsc, oneshot};

use super::password_rules::{self, MAX_OCTETS, MIN_PASSWORD_CHARS, normalised};
use crate::clock;

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
    #[error("a password needs {MIN_PASSWORD_CHARS} characters at least: add a few words")]
    TooShort,
    /// Too long.
    #[error("a password has {MAX_OCTETS} octets at most: take fewer words")]
    TooLong,
    /// The same few characters again and again, or all in a row.
    #[error(
        "this password repeats itself or counts up: take a few words that do not belong together"
    )]
    Simple,
    /// Among those that everybody tries first.
    #[error(
        "many people have this password and it is tried first: take a few words that do not belong together"
    )]
    Common,
    /// Little more than the person's name or address.
    #[error("this password is little more than the name or address it is for: take other words")]
    Name,
    /// Little more than the name of this program.
    #[error("this password is little more than the name of this program: take other words")]
    Product,
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

    /// The hash of a new password for whoever has these `names`, which it should not be made of.
    ///
    /// # Errors
    /// When it is not good enough.
    pub async fn hash(&self, password: &str, names: &[&str]) -> Result<String, PasswordError> {
        let password = normalised(password).into_owned();
        password_rules::check(&password, names)?;
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
        let password = normalised(password).into_owned();
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
        let hash = passwords.hash("correct horse", &[]).await.unwrap();
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
    async fn two_spellings_of_one_password_are_one() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash("cafe\u{301} au lait", &[]).await.unwrap();
        let other = passwords.verify(Some(&hash), "caf\u{e9} au lait");
        assert!(other.await.unwrap());
    }

    #[tokio::test]
    async fn bad_passwords_are_not_hashed() {
        let passwords = Passwords::new().unwrap();
        assert!(matches!(
            passwords.hash("123456789", &[]).await,
            Err(PasswordError::TooShort)
        ));
        assert!(matches!(
            passwords.hash("alice.smith", &["alice.smith"]).await,
            Err(PasswordError::Name)
        ));
    }
}
