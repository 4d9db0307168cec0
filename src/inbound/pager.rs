//! Pager mode: one SIP MESSAGE request (RFC 3428, OMA SIMPLE IM TS 12.4.2.3).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::domain::access::Scope;
use crate::domain::address::{AddressError, Aor};
use crate::domain::expiry;
use crate::domain::message::Mode;
use crate::mailbox::Mailbox;
use crate::mailbox::large::Payload;
use crate::mailbox::store::{Deferred, StoreRefusal, Stored};
use crate::mime::content::Content;
use crate::sip::basics::Basics;
use crate::sip::{Message, ParseError};

use super::facts::{MAX_URI, Read, Times, octets, searched};

/// Why a request was not stored.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It cannot be read.
    #[error(transparent)]
    Sip(#[from] ParseError),
    /// It is a response.
    #[error("this is a response; only MESSAGE requests are stored")]
    Response,
    /// It is another request.
    #[error("this is a {0} request; only MESSAGE requests are stored")]
    Method(String),
    /// Nobody is named whom it could be kept for.
    #[error("{source_of} names no served user: {error}")]
    ServedUser {
        /// Where the name was looked for.
        source_of: &'static str,
        /// What is wrong with it.
        error: AddressError,
    },
    /// The handing-over peer may not store for this user.
    #[error("{0} is outside what the gateway may serve")]
    OutOfScope(Aor),
    /// The URI in From or To is too long.
    #[error("the URI in {0} is longer than {MAX_URI} octets")]
    UriTooLong(&'static str),
    /// The user is of a domain that is not served.
    #[error("{0} is of a domain that is not served here")]
    Domain(Aor),
    /// It was refused or could not be stored.
    #[error(transparent)]
    Store(#[from] StoreRefusal),
}

/// What the handing-over peer says beside the request itself.
#[derive(Debug, Clone, Copy)]
pub struct HandOver<'a> {
    /// Whom the message is for, if the peer says so.
    pub aor: Option<&'a str>,
    /// For whom the peer may store.
    pub scope: &'a Scope,
    /// The domains whose users are served; none means any.
    pub domains: &'a [String],
    /// Whether the peer's word is taken on who the served user and the sender are and on when the request was
    /// sent: P-Served-User, P-Asserted-Identity and Date.
    pub trusted: bool,
}

/// Reads a request from a trusted peer and stores it. When this returns `Ok` it is on disk.
///
/// # Errors
/// [`Refusal`]; nothing was stored then.
pub async fn receive(
    mailbox: &Mailbox,
    raw: Bytes,
    hand_over: HandOver<'_>,
) -> Result<(Aor, Stored), Refusal> {
    accept(mailbox, &Message::parse(raw)?, hand_over).await
}

/// [`receive`] for a request that has been parsed.
///
/// # Errors
/// [`Refusal`]; nothing was stored then.
pub async fn accept(
    mailbox: &Mailbox,
    request: &Message,
    hand_over: HandOver<'_>,
) -> Result<(Aor, Stored), Refusal> {
    match request.method() {
        None => return Err(Refusal::Response),
        Some("MESSAGE") => {}
        Some(other) => return Err(Refusal::Method(other.to_owned())),
    }
    let basics = request.basics()?;
    let aor = addressee(request, &basics, hand_over)?;
    let received = mailbox.clock.now();
    let sent_at = request.date().filter(|_| hand_over.trusted);
    let lives = expiry::pager(request.expires(), sent_at, received, &mailbox.policy);
    let (expires_at, expired) = match lives {
        Ok(expires_at) => (expires_at, None),
        Err(expired) => (expired.expired_at, Some(expired)),
    };
    let content_type = request.header("Content-Type").map(|field| field.text());
    let content = Content::of(request);
    let read = Read {
        head: request,
        basics: &basics,
        content: &content,
        content_type: content_type.as_deref(),
        trusted: hand_over.trusted,
    };
    let times = Times {
        stored: received,
        completed: None,
        expires: expires_at,
    };
    let mut facts = read.facts(Mode::Pager, times, request.body().len() as u64)?;
    facts.stored_size = octets(request.raw().len() as u64);

    let deferred = Deferred {
        aor: aor.clone(),
        retry_key: retry_key(&basics),
        facts,
        text: searched(&content),
        expired,
        too_often: None,
        payload: Payload::Pager(request.raw().clone()),
    };
    let stored = mailbox.store(deferred).await?;
    Ok((aor, stored))
}

/// Whom a request is for, if the peer may store for that user.
///
/// # Errors
/// [`Refusal`] if it may not, or nobody is named.
pub fn addressee(
    request: &Message,
    basics: &Basics,
    hand_over: HandOver<'_>,
) -> Result<Aor, Refusal> {
    let aor = served_user(request, basics, hand_over)?;
    if !hand_over.scope.covers(&aor) {
        return Err(Refusal::OutOfScope(aor));
    }
    if !is_of(&aor, hand_over.domains) {
        return Err(Refusal::Domain(aor));
    }
    Ok(aor)
}

/// Whom the message is for: what the peer says, else P-Served-User (RFC 5502), else the
/// Request-URI.
fn served_user(
    request: &Message,
    basics: &Basics,
    hand_over: HandOver<'_>,
) -> Result<Aor, Refusal> {
    let named = |source_of| move |error| Refusal::ServedUser { source_of, error };
    if let Some(text) = hand_over.aor {
        return Aor::parse(text).map_err(named("the parameter aor"));
    }
    if let Some(served) = request.served_user().filter(|_| hand_over.trusted) {
        return Aor::parse(&served?.uri).map_err(named("P-Served-User"));
    }
    let uri = basics.request_uri.as_ref().ok_or(Refusal::Response)?;
    Aor::from_uri(uri).map_err(named("the Request-URI"))
}

/// Whether the user is of one of these domains. A telephone number is of none, and of any.
fn is_of(aor: &Aor, domains: &[String]) -> bool {
    match aor.domain() {
        Some(domain) => domains.is_empty() || domains.iter().any(|served| served == domain),
        None => true,
    }
}

/// What makes a request itself, however often and by whatever way it comes: Call-ID, `CSeq` and
/// From tag. The Via branch differs from way to way and does not count.
fn retry_key(basics: &Basics) -> String {
    let cseq = basics.cseq.number.to_string();
    hashed(&[
        &basics.call_id,
        &cseq,
        basics.from.tag().unwrap_or_default(),
    ])
}

/// One short text for several of any length.
pub(super) fn hashed(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    URL_SAFE_NO_PAD.encode(hash.finalize())
}
