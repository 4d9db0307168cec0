//! The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for whoever has lost it.
//!
//! The secret lies in the database as it is: the server has to compute with it, and a key to encrypt it with would lie
//! beside it.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use totp_rs::{Builder, Secret, Totp};

use super::{Identity, IdentityError, rows, secret, sessions};
use crate::clock;
use crate::domain::access::Principal;
use crate::domain::audit::Action;
use crate::store::{StoreError, second_factors};

/// What apps show the codes under.
const ISSUER: &str = "Restante";
/// Octets of a secret (RFC 4226 section 4 recommends 160 bits).
const SECRET_OCTETS: usize = 20;
/// Digits of a code.
const DIGITS: usize = 6;
/// How many recovery codes there are.
const RECOVERY_CODES: usize = 10;
/// Octets of a recovery code, enough to need no slow hash: 16 letters.
const RECOVERY_OCTETS: usize = 10;

/// A secret for an app, which is not in use yet.
#[derive(Clone)]
pub struct NewSecret {
    /// For typing, in base 32.
    pub text: String,
    /// The same as the address that apps read from a QR code.
    pub uri: String,
}

impl NewSecret {
    /// The secret that was shown to this person as `text`.
    #[must_use]
    pub fn shown(who: &Principal, text: &str) -> Self {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let label = format!("{ISSUER}:{}", encoded(&who.name));
        Self {
            text: text.to_owned(),
            uri: format!("otpauth://totp/{label}?secret={text}&issuer={ISSUER}"),
        }
    }

    /// A fresh one.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn random(who: &Principal) -> Result<Self, StoreError> {
        let octets = clock::random::<SECRET_OCTETS>()?;
        Ok(Self::shown(who, &Secret::new_stack(octets).to_base32()))
    }
}

impl Identity {
    /// Whether this person proves a second factor after the password.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_second_factor(&self, who: &Principal) -> Result<bool, StoreError> {
        match who.person_id() {
            Some(id) => Ok(second_factors::secret(self.db.read(), id).await?.is_some()),
            None => Ok(false),
        }
    }

    /// How many recovery codes this person has left.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recovery_codes_left(&self, who: &Principal) -> Result<u64, StoreError> {
        match who.person_id() {
            Some(id) => second_factors::codes_left(self.db.read(), id).await,
            None => Ok(0),
        }
    }

    /// Asks this person for codes from now on, if `code` shows that the app has the secret `text`. Ends all sessions, and
    /// gives the recovery codes, of which only hashes are kept.
    ///
    /// # Errors
    /// When the code is wrong, or the database fails.
    pub async fn add_second_factor(
        &self,
        who: &Principal,
        text: &str,
        code: &str,
    ) -> Result<Vec<String>, IdentityError> {
        let id = who.person_id().ok_or(IdentityError::UnknownUser)?;
        let shared = Secret::try_from_base32(text).map_err(|_| IdentityError::WrongCode)?;
        let octets = shared.as_bytes().to_vec();
        let step = self.step(&octets, code).ok_or(IdentityError::WrongCode)?;
        let (codes, hashes) = recovery_codes()?;
        let tx = self.db.write().await?;
        second_factors::set(&tx, id, Some(octets), Some(step)).await?;
        second_factors::set_codes(&tx, id, &hashes).await?;
        sessions::end_of(&tx, id, None).await?;
        self.by(who.actor)
            .write_down(&tx, Action::SecondFactorAdded, json!({ "user": id }))
            .await?;
        tx.commit().await?;
        Ok(codes)
    }

    /// Whether `code` is one that this person's app shows now and that was not used, or one of their recovery codes, which
    /// is used up then.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prove_second_factor(
        &self,
        who: &Principal,
        code: &str,
    ) -> Result<bool, StoreError> {
        let Some(id) = who.person_id() else {
            return Ok(false);
        };
        let code = bare(code);
        let Some(octets) = second_factors::secret(self.db.read(), id).await? else {
            return Ok(false);
        };
        let step = self.step(&octets, &code);
        if step.is_none() && code.len() == DIGITS {
            return Ok(false);
        }
        let tx = self.db.write().await?;
        let taken = match step {
            Some(step) => second_factors::take_step(&tx, id, step).await?,
            None => second_factors::take_code(&tx, id, &secret::hash(&code)).await?,
        };
        tx.commit().await?;
        Ok(taken)
    }

    /// Fresh recovery codes in place of those before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn renew_recovery_codes(
        &self,
        who: &Principal,
    ) -> Result<Vec<String>, IdentityError> {
        let id = who.person_id().ok_or(IdentityError::UnknownUser)?;
        let (codes, hashes) = recovery_codes()?;
        let tx = self.db.write().await?;
        second_factors::set_codes(&tx, id, &hashes).await?;
        self.by(who.actor)
            .write_down(&tx, Action::RecoveryCodesRenewed, json!({ "user": id }))
            .await?;
        tx.commit().await?;
        Ok(codes)
    }

    /// Asks this person for no codes any more, by their own wish or an operator's, and ends their sessions.
    ///
    /// # Errors
    /// When there is no such person, or the database fails.
    pub async fn remove_second_factor(&self, name: &str) -> Result<(), IdentityError> {
        let user = rows::user(self.db.read(), name).await?;
        let user = user.ok_or(IdentityError::UnknownUser)?;
        let id = user.id;
        let tx = self.db.write().await?;
        if !second_factors::set(&tx, id, None, None).await? {
            return Err(IdentityError::UnknownUser);
        }
        sessions::end_of(&tx, id, None).await?;
        // What changes nothing is not written down.
        if user.has_second_factor {
            self.write_down(&tx, Action::SecondFactorRemoved, json!({ "user": id }))
                .await?;
        }
        Ok(tx.commit().await?)
    }

    /// The time step that `code` is of, within one of the present.
    fn step(&self, secret: &[u8], code: &str) -> Option<i64> {
        let now = u64::try_from(self.clock.now().timestamp()).ok()?;
        let step = totp(secret)?.check(&bare(code), now)?;
        i64::try_from(step).ok()
    }
}

/// Six digits by SHA-1, a new code every 30 seconds, one step of leeway: what apps know.
fn totp(secret: &[u8]) -> Option<Totp> {
    Builder::new().with_secret(secret.to_vec()).build().ok()
}

/// A code without what people put between its groups.
fn bare(code: &str) -> String {
    let characters = code.chars().filter(char::is_ascii_alphanumeric);
    characters.map(|c| c.to_ascii_lowercase()).collect()
}

/// Fresh recovery codes, as people see them, and what is kept of them.
fn recovery_codes() -> Result<(Vec<String>, Vec<String>), StoreError> {
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let octets = clock::random::<RECOVERY_OCTETS>()?;
        let text = Secret::from(octets.to_vec()).to_base32().to_lowercase();
        let groups: Vec<&str> = [0, 4, 8, 12]
            .iter()
            .filter_map(|&at| text.get(at..at + 4))
            .collect();
        codes.push(groups.join("-"));
    }
    let hashes = codes.iter().map(|code| secret::hash(&bare(code))).collect();
    Ok((codes, hashes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B, of whose eight digits these are the last six.
        let totp = totp(b"12345678901234567890").unwrap();
        for (time, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (2_000_000_000, "279037"),
        ] {
            assert_eq!(totp.generate(time).to_string(), code);
            assert_eq!(totp.check(code, time), Some(time / 30));
            assert_eq!(
                totp.check(code, time + 30),
                Some(time / 30),
                "one step late"
            );
            assert_eq!(totp.check(code, time + 60), None);
        }
    }

    #[test]
    fn recovery_codes_are_long_and_differ() {
        let (codes, hashes) = recovery_codes().unwrap();
        assert_eq!(
            (codes.len(), hashes.len()),
            (RECOVERY_CODES, RECOVERY_CODES)
        );
        let one = &codes[0];
        assert_eq!(one.len(), 19, "{one}");
        assert_ne!(one, &codes[1]);
        assert_eq!(
            hashes[0],
            secret::hash(&bare(&one.to_uppercase().replace('-', " ")))
        );
    }
}
