//! Tokens that sign requests by Digest: over SIP under one name of their own, at the XCAP root also under every
//! spelling of the addresses they are bound to.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Identity, IdentityError, NewToken, check_name, program};
use crate::domain::access::{Principal, TokenScope};
use crate::domain::address::{Aor, MAX_AOR_OCTETS};
use crate::sip::digest::{Credentials, Verifier};
use crate::store::tokens::{self, DigestLogin};
use crate::store::{StoreError, WriteTx, xcap_logins};

/// The names a token has for Digest.
#[derive(Debug, Clone, Copy)]
pub struct DigestName<'a> {
    /// A user name of its own; without one there are only those that spell its addresses.
    pub username: Option<&'a str>,
    /// Where it is good.
    pub realm: &'a str,
}

impl Identity {
    /// Whose Digest user name this is over SIP, and what proves it; `None` if nobody's, or of a token that was good
    /// once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn digest_login(
        &self,
        username: &str,
    ) -> Result<Option<(Principal, Verifier)>, StoreError> {
        // What is no name is nobody's, and is not looked up.
        if check_name(username).is_err() {
            return Ok(None);
        }
        let known = tokens::by_login(self.db.read(), username).await?;
        Ok(known
            .filter(|(token, _)| !token.is_over(self.clock.now()))
            .map(|(token, login)| (program(token), verifier(login))))
    }

    /// Who proves by these credentials to hold a token, at the XCAP root. A name that nobody has costs as much as a
    /// wrong password.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn prove_xcap(
        &self,
        credentials: &Credentials,
        method: &str,
    ) -> Result<Option<Principal>, StoreError> {
        let username = &credentials.username;
        if username.len() > MAX_AOR_OCTETS || username.chars().any(char::is_control) {
            return Ok(None);
        }
        let mut candidates = xcap_logins::candidates(self.db.read(), username).await?;
        if candidates.is_empty() {
            // No token has this id.
            candidates.push((0, login("", "", "")));
        }
        let mut proved = None;
        for (token, login) in candidates {
            if credentials.prove(&verifier(login), method) {
                proved = proved.or(Some(token));
            }
        }
        let Some(id) = proved else {
            return Ok(None);
        };
        let token = tokens::with_id(self.db.read(), id).await?;
        let token = token.filter(|token| !token.is_over(self.clock.now()));
        if let Some(token) = &token {
            self.note_use(token.id);
        }
        Ok(token.map(program))
    }

    /// [`create_token`](Self::create_token), of a token that can also sign requests by Digest: the password is the
    /// secret, the user name `digest.username`, and at the XCAP root every spelling of `aors`.
    ///
    /// # Errors
    /// As for any token, and when the user name is taken or unusable.
    pub async fn create_digest_token(
        &self,
        name: &str,
        scopes: &[TokenScope],
        aors: &[Aor],
        life: Option<TimeDelta>,
        digest: DigestName<'_>,
    ) -> Result<String, IdentityError> {
        let new = NewToken {
            name,
            scopes,
            aors,
            expires_at: self.end_of(life)?,
            digest: Some(digest),
            ..NewToken::default()
        };
        let made = self.make_token(new, self.actor).await?;
        Ok(made.text)
    }
}

impl DigestName<'_> {
    /// Goes on only if a token of these scopes and addresses has any use of the names.
    fn check(self, scopes: &[TokenScope], aors: &[Aor]) -> Result<(), IdentityError> {
        if let Some(username) = self.username {
            check_name(username)?;
            if username.contains(['"', '\\']) {
                return Err(IdentityError::BadToken(
                    "a name for Digest has no quotes and no backslashes",
                ));
            }
        } else if aors.is_empty() || !for_xcap(scopes) {
            return Err(IdentityError::BadToken(
                "without a name of its own for Digest a token needs --aor, and the scope read or delete",
            ));
        }
        if !for_xcap(scopes) && !for_sip(scopes) {
            return Err(IdentityError::BadToken(
                "Digest is for handing over, reading and deleting: it needs the scope gateway, read or delete",
            ));
        }
        Ok(())
    }

    /// Gives the names to a token.
    pub(super) async fn add(
        self,
        tx: &WriteTx,
        token: i64,
        scopes: &[TokenScope],
        aors: &[Aor],
        secret: &str,
        now: DateTime<Utc>,
    ) -> Result<(), IdentityError> {
        self.check(scopes, aors)?;
        let login = |username: &str| login(username, self.realm, secret);
        if let Some(username) = self.username.filter(|_| for_sip(scopes)) {
            let added = tokens::add_digest_login(tx, token, login(username), now).await;
            added.map_err(|error| match error {
                StoreError::Conflict => {
                    IdentityError::BadToken("another token has this name for Digest")
                }
                error => IdentityError::Store(error),
            })?;
        }
        if !for_xcap(scopes) {
            return Ok(());
        }
        if let Some(username) = self.username {
            xcap_logins::add(tx, token, login(username), None, now).await?;
        }
        for aor in aors {
            for username in aor.user_names() {
                xcap_logins::add(tx, token, login(username), Some(aor), now).await?;
            }
        }
        Ok(())
    }
}

/// Has the names of a token stand for another secret.
pub(super) async fn renew(
    tx: &WriteTx,
    token: i64,
    realm: &str,
    secret: &str,
) -> Result<(), StoreError> {
    if let Some(username) = tokens::digest_name(tx, token).await? {
        tokens::set_digest_hashes(tx, token, login(&username, realm, secret)).await?;
    }
    for username in xcap_logins::usernames(tx, token).await? {
        xcap_logins::set_hashes(tx, token, login(&username, realm, secret)).await?;
    }
    Ok(())
}

fn for_sip(scopes: &[TokenScope]) -> bool {
    // Handing over, deleting by REFER, subscribing.
    scopes.contains(&TokenScope::Gateway) || for_xcap(scopes)
}

fn for_xcap(scopes: &[TokenScope]) -> bool {
    scopes.contains(&TokenScope::Read) || scopes.contains(&TokenScope::Delete)
}

fn login(username: &str, realm: &str, secret: &str) -> DigestLogin {
    let Verifier { sha256, md5 } = Verifier::new(username, realm, secret);
    DigestLogin {
        username: username.to_owned(),
        sha256,
        md5,
    }
}

fn verifier(login: DigestLogin) -> Verifier {
    let DigestLogin { sha256, md5, .. } = login;
    Verifier { sha256, md5 }
}
