//! Whose requests are taken over SIP: those of trusted peers, and, where the operator allows it, of whoever
//! proves by Digest that it holds a gateway token (RFC 3261 section 22, RFC 3325).

use crate::clock::Clock;
use crate::domain::access::{Scope, TokenScope};
use crate::identity::Identity;
use crate::sip::digest::{Challenger, Credentials, NonceFault};
use crate::sip::endpoint::Answer;
use crate::sip::message::Message;
use crate::sip::trust::{Origin, TrustedPeer};

/// Decides whom to believe.
#[derive(Clone)]
pub struct Trust {
    /// Those who need no proof.
    pub peers: Vec<TrustedPeer>,
    /// What others prove themselves with; `None` refuses them.
    pub digest: Option<Challenger>,
    /// For the age of nonces.
    pub clock: Clock,
    /// Knows the tokens.
    pub identity: Identity,
    /// Named in warnings.
    pub host: String,
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
        let Some(challenger) = &self.digest else {
            return Err(self.refuse(403, "this peer is not in sip.trusted_peers"));
        };
        let peer = origin.source.ip().to_canonical().to_string();
        let now = self.seconds();
        let stale = match credentials(request) {
            Err(why) => return Err(self.refuse(400, why)),
            Ok(None) => false,
            Ok(Some(credentials)) => match challenger.check(&credentials, now, &peer) {
                Ok(()) => return Ok(false),
                Err(fault) => fault == NonceFault::Stale,
            },
        };
        let values = challenger.challenges(now, &peer, stale);
        let unproven = self.refuse(
            401,
            "this peer is not in sip.trusted_peers and has to prove who it is",
        );
        Err(values.into_iter().fold(unproven, |answer, challenge| {
            answer.header("WWW-Authenticate", challenge)
        }))
    }

    /// For whom the sender of an admitted, untrusted request may store.
    ///
    /// # Errors
    /// 403 if its credentials are wrong or not for this, 503 if the database fails.
    pub async fn prove(&self, request: &Message) -> Result<Scope, Answer> {
        let wrong = || self.refuse(403, "the name or the password is wrong");
        let (Ok(Some(credentials)), Some(method)) = (credentials(request), request.method()) else {
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
        if !principal.may(TokenScope::Gateway) {
            return Err(self.refuse(403, "this token has not the scope gateway"));
        }
        Ok(principal.gateway_scope())
    }

    fn seconds(&self) -> u64 {
        u64::try_from(self.clock.now().timestamp()).unwrap_or_default()
    }

    fn refuse(&self, status: u16, why: &str) -> Answer {
        Answer::new(status).warning(&self.host, why)
    }
}

/// What a request says to prove who sends it, if anything.
fn credentials(request: &Message) -> Result<Option<Credentials>, &'static str> {
    let Some(field) = request.header("Authorization") else {
        return Ok(None);
    };
    Credentials::parse(field.raw_value()).map_err(|_| "Authorization cannot be used")
}
