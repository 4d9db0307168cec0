//! Whose requests are taken over SIP: those of trusted peers, and, where the operator allows it, of whoever
//! proves by Digest that it holds a token (RFC 3261 section 22, RFC 3325).

use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::clock::Clock;
use crate::domain::access::{Principal, Scope, TokenScope};
use crate::domain::address::Aor;
use crate::domain::audit::Actor;
use crate::identity::Identity;
use crate::sip::digest::{Challenger, Nonce, NonceFault};
use crate::sip::endpoint::Answer;
use crate::sip::message::Message;
use crate::sip::nonce_counts::NonceCounts;
use crate::sip::trust::{Origin, TrustedPeer};

/// Somebody who asks for what is its own.
#[derive(Debug)]
pub struct Owner {
    /// The token by which it proved that it may, if it did; the network vouches for it otherwise.
    pub token: Option<Actor>,
    /// Its accounts.
    pub scope: Scope,
}

/// How long a nonce is good, in seconds: for a client to answer the challenge, over a slow network.
pub const NONCE_LIFE: u64 = 60;

/// Decides whom to believe.
#[derive(Clone)]
pub struct Trust {
    /// Those who need no proof.
    pub peers: Vec<TrustedPeer>,
    /// What others prove themselves with; `None` refuses them.
    pub digest: Option<Proofs>,
    /// For the age of nonces.
    pub clock: Clock,
    /// Knows the tokens.
    pub identity: Identity,
    /// Named in warnings.
    pub host: String,
}

/// What strangers prove themselves with.
#[derive(Clone)]
pub struct Proofs {
    challenger: Challenger,
    counts: Arc<Mutex<NonceCounts>>,
}

impl Proofs {
    /// By these challenges, of which nonces made before now are too old.
    #[must_use]
    pub fn new(challenger: Challenger, clock: &Clock) -> Self {
        let counts = NonceCounts::new(seconds(clock), NONCE_LIFE);
        Self {
            challenger,
            counts: Arc::new(Mutex::new(counts)),
        }
    }
}

impl Trust {
    /// Whether the sender of a request is trusted as it is; `Ok(false)` if it has answered a challenge of ours,
    /// rightly or not.
    ///
    /// # Errors
    /// The answer that strangers get: 403, or 401 with a challenge.
    pub fn admit(&self, request: &Message, origin: &Origin) -> Result<bool, Answer> {
        if self.peers.iter().any(|peer| peer.is(origin)) {
            return Ok(true);
        }
        let Some(proofs) = &self.digest else {
            return Err(self.refuse(403, "this peer is not in sip.trusted_peers"));
        };
        let challenger = &proofs.challenger;
        let stale = match challenger.credentials(request) {
            Err(_) => return Err(self.refuse(400, "Authorization cannot be used")),
            Ok(None) => false,
            Ok(Some(credentials)) => {
                match challenger.check(&credentials, seconds(&self.clock), &address(origin)) {
                    Ok(_) => return Ok(false),
                    Err(fault) => fault == NonceFault::Stale,
                }
            }
        };
        Err(self.challenge(challenger, request, origin, stale))
    }

    /// 401. Each request gets a nonce of its own, and again the same one, without memory.
    fn challenge(
        &self,
        challenger: &Challenger,
        request: &Message,
        origin: &Origin,
        stale: bool,
    ) -> Answer {
        let mut hash = Sha256::new();
        for name in ["Via", "From", "Call-ID", "CSeq"] {
            let field = request.header(name);
            hash.update(field.map(|field| field.raw_value()).unwrap_or_default());
            hash.update([0]);
        }
        let mut nonce = Nonce {
            made_at: seconds(&self.clock),
            salt: Default::default(),
        };
        for (octet, hashed) in nonce.salt.iter_mut().zip(hash.finalize()) {
            *octet = hashed;
        }
        let values = challenger.challenges(nonce, &address(origin), stale);
        let unproven = self.refuse(
            401,
            "this peer is not in sip.trusted_peers and has to prove who it is",
        );
        values.into_iter().fold(unproven, |answer, challenge| {
            answer.header("WWW-Authenticate", challenge)
        })
    }

    /// Who the sender of an admitted, untrusted request is.
    ///
    /// # Errors
    /// 403 if its credentials are wrong, 401 if they have been used before, 503 if the database fails.
    pub async fn prove(&self, request: &Message, origin: &Origin) -> Result<Principal, Answer> {
        let wrong = || self.refuse(403, "the name or the password is wrong");
        let Proofs { challenger, counts } = self.digest.as_ref().ok_or_else(wrong)?;
        let (Ok(Some(credentials)), Some(method)) =
            (challenger.credentials(request), request.method())
        else {
            return Err(wrong());
        };
        let known = match self.identity.digest_login(&credentials.username).await {
            Ok(known) => known.ok_or_else(wrong)?,
            Err(error) => {
                tracing::error!(error = %error, "a password could not be looked up: {error}");
                return Err(Answer::new(503).header("Retry-After", super::sip::RETRY_STORAGE));
            }
        };
        let (principal, verifier) = known;
        if !credentials.prove(&verifier, method) {
            tracing::warn!(
                user.name = credentials.username,
                "wrong password over SIP for {}",
                credentials.username
            );
            return Err(wrong());
        }
        let stale = || self.challenge(challenger, request, origin, true);
        let now = seconds(&self.clock);
        let nonce = challenger.check(&credentials, now, &address(origin));
        let nonce = nonce.map_err(|_| stale())?;
        // Nothing panics while it holds the lock.
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.count(nonce, credentials.count(), now) {
            Ok(()) => {
                self.identity.note_use_by(principal.actor);
                Ok(principal)
            }
            // Overheard and sent again, for all we know. A client that counts on is not asked a second time.
            Err(_) => Err(stale()),
        }
    }

    /// For whom a sender may store: one that is trusted for all, which `None` stands for.
    ///
    /// # Errors
    /// 403 if its token is not for this.
    pub fn storing(&self, proved: Option<&Principal>) -> Result<Scope, Answer> {
        match proved {
            None => Ok(Scope::All),
            Some(principal) if principal.may(TokenScope::Gateway) => Ok(principal.gateway_scope()),
            Some(_) => Err(self.refuse(403, "this token has not the scope gateway")),
        }
    }

    /// Who asks for what only an owner may: whoever has proved it by Digest, else whom a trusted peer asserts
    /// (P-Asserted-Identity, RFC 3325). From alone says nothing: anybody can write it, and storing does not believe it
    /// either. A token needs the scope `needs`.
    ///
    /// # Errors
    /// 403 if nobody is asserted, or the token is not for this.
    pub fn owner(
        &self,
        request: &Message,
        proved: Option<&Principal>,
        needs: TokenScope,
    ) -> Result<Owner, Answer> {
        if let Some(principal) = proved {
            if !principal.may(needs) {
                let why = format!("this token has not the scope {needs}");
                return Err(self.refuse(403, &why));
            }
            return Ok(Owner {
                token: Some(principal.actor),
                scope: principal.scope(),
            });
        }
        let asserted = request.asserted_identities().unwrap_or_default();
        // A number may stand beside the address (RFC 3325 section 9.1): both are the same person's.
        let aors = asserted.iter().map(|identity| Aor::parse(&identity.uri));
        let aors: Vec<Aor> = aors.filter_map(Result::ok).collect();
        if aors.is_empty() {
            let nobody = "nobody is asserted to ask: P-Asserted-Identity is missing";
            return Err(self.refuse(403, nobody));
        }
        Ok(Owner {
            token: None,
            scope: Scope::Aors(aors),
        })
    }

    fn refuse(&self, status: u16, why: &str) -> Answer {
        Answer::new(status).warning(&self.host, why)
    }
}

fn seconds(clock: &Clock) -> u64 {
    u64::try_from(clock.now().timestamp()).unwrap_or_default()
}

/// What a nonce is good for.
fn address(origin: &Origin) -> String {
    origin.source.ip().to_canonical().to_string()
}
