//! Pager mode: one SIP MESSAGE request (RFC 3428, OMA SIMPLE IM TS 12.4.2.3).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::domain::access::Scope;
use crate::domain::address::{AddressError, Aor};
use crate::domain::expiry::{self, AlreadyExpired};
use crate::domain::message::{Facts, Kind, Mode, Recipient};
use crate::domain::policy::Policy;
use crate::domain::uri::Uri;
use crate::mailbox::Mailbox;
use crate::mailbox::store::{Deferred, StoreRefusal, Stored};
use crate::mime::content::{Content, Part};
use crate::mime::imdn::ImdnHeaders;
use crate::sip::basics::Basics;
use crate::sip::message::display_text;
use crate::sip::{Message, ParseError};

/// The longest preview, in characters.
const PREVIEW_CHARS: usize = 200;
/// The longest texts kept beside a message, in characters; the message itself keeps them whole.
const TEXT_CHARS: usize = 1024;

/// The longest URI of a sender or addressee, in octets.
const MAX_URI: usize = 2048;
/// The most entries of a recipient list kept beside a message.
const MAX_RECIPIENTS: usize = 100;
/// Parts that the server reads itself.
const LISTS: &[&str] = &["application/resource-lists+xml", "message/imdn+xml"];

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
    let aor = served_user(request, &basics, hand_over)?;
    if !hand_over.scope.covers(&aor) {
        return Err(Refusal::OutOfScope(aor));
    }
    if !is_of(&aor, hand_over.domains) {
        return Err(Refusal::Domain(aor));
    }
    let (facts, expired) = facts(
        request,
        &basics,
        mailbox.clock.now(),
        &mailbox.policy,
        hand_over.trusted,
    )?;

    let deferred = Deferred {
        aor: aor.clone(),
        retry_key: retry_key(&basics),
        facts,
        expired,
        raw: request.raw().clone(),
    };
    let stored = mailbox.store(deferred).await?;
    Ok((aor, stored))
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
    let mut hash = Sha256::new();
    for part in [
        &basics.call_id,
        &cseq,
        basics.from.tag().unwrap_or_default(),
    ] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

fn facts(
    request: &Message,
    basics: &Basics,
    received: DateTime<Utc>,
    policy: &Policy,
    trusted: bool,
) -> Result<(Facts, Option<AlreadyExpired>), Refusal> {
    for (name, uri) in [("From", &basics.from.uri), ("To", &basics.to.uri)] {
        if uri.len() > MAX_URI {
            return Err(Refusal::UriTooLong(name));
        }
    }
    let sent_at = request.date().filter(|_| trusted);
    let (expires_at, expired) = match expiry::pager(request.expires(), sent_at, received, policy) {
        Ok(expires_at) => (expires_at, None),
        Err(expired) => (expired.expired_at, Some(expired)),
    };
    let content = Content::of(request);
    let cpim = content.cpim.as_ref();
    let asserted = request.asserted_identities().unwrap_or_default();
    let asserted = if trusted { asserted } else { Vec::new() };
    let cpim_subject = || cpim?.subjects.first().map(|subject| subject.text.clone());
    let subject = request
        .subject()
        .filter(|subject| !subject.is_empty())
        .or_else(cpim_subject);
    let imdn = cpim.map(ImdnHeaders::read).unwrap_or_default();
    let facts = Facts {
        mode: Mode::Pager,
        stored_at: received,
        sent_at,
        expires_at,
        size: octets(request.body().len()),
        stored_size: octets(request.raw().len()),
        from_uri: basics.from.uri.clone(),
        from_display: basics.from.display_name.as_deref().map(shortened),
        to_uri: basics.to.uri.clone(),
        auth_id: asserted
            .into_iter()
            .map(|identity| identity.uri)
            .find(|uri| is_usable(uri)),
        subject: subject.as_deref().map(shortened),
        content_type: request.header("Content-Type").map(|field| {
            let text = field.text();
            let essence = text.split(';').next().unwrap_or_default();
            shortened(&essence.trim().to_ascii_lowercase())
        }),
        kind: kind(request, &content),
        preview: preview(&content),
        has_attachments: content.parts.iter().any(is_attachment),
        recipients: content
            .recipients
            .iter()
            .flat_map(|list| &list.recipients)
            .filter(|recipient| is_usable(&recipient.uri))
            .take(MAX_RECIPIENTS)
            .map(|recipient| Recipient {
                uri: recipient.uri.clone(),
                display_name: recipient.display_name.as_deref().map(shortened),
            })
            .collect(),
        imdn_message_id: imdn.message_id.as_deref().map(shortened),
        notifications_asked: imdn
            .requested
            .iter()
            .map(|asked| asked.as_str().to_owned())
            .collect(),
    };
    Ok((facts, expired))
}

fn kind(request: &Message, content: &Content) -> Kind {
    if content.imdn.is_some() {
        return Kind::Notification;
    }
    if request.body().is_empty() {
        return Kind::Empty;
    }
    match content.parts.as_slice() {
        [] => Kind::Empty,
        [one] if one.content_type == "application/pkcs7-mime" => Kind::Encrypted,
        [one] if one.content_type.starts_with("text/") => Kind::Text,
        [one] if one.content_type.starts_with("image/") => Kind::Image,
        [_] => Kind::Other,
        _ => Kind::Multipart,
    }
}

/// Whether a part is something to take away rather than to read: other than text, or said to be.
fn is_attachment(part: &Part) -> bool {
    let said = part.disposition.as_deref() == Some("attachment");
    said || !(part.content_type.starts_with("text/") || LISTS.contains(&part.content_type.as_str()))
}

/// The beginning of the first text, on one line.
fn preview(content: &Content) -> String {
    let text = content
        .parts
        .iter()
        .find(|part| part.content_type == "text/plain" && !is_attachment(part))
        .and_then(Part::text)
        .unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().take(PREVIEW_CHARS).collect();
    let line: String = words.join(" ").chars().take(PREVIEW_CHARS).collect();
    display_text(line.as_bytes())
}

/// A text fit for a text column and for showing: bounded, on one line, and without NUL, which
/// `PostgreSQL` cannot hold.
fn shortened(text: &str) -> String {
    let text: String = text.chars().take(TEXT_CHARS).collect();
    display_text(text.as_bytes())
}

/// Whether a URI that is not ours to refuse may stand in lists and in the metadata document.
fn is_usable(uri: &str) -> bool {
    uri.len() <= MAX_URI && Uri::parse(uri).is_ok()
}

fn octets(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}
