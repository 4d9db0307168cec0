//! Large Message Mode: one SIP session that carried one MSRP message, whole and ready to be stored (OMA SIMPLE IM TS
//! 12.4.2.3). Whoever received it, over SIP and MSRP or over HTTP ([`super::handed_over`]), ends here.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::facts::{Read, Times, octets, searched};
use super::pager::{Refusal, hashed};
use crate::domain::address::Aor;
use crate::domain::message::Mode;
use crate::mailbox::Mailbox;
use crate::mailbox::large::{Body, LargeSession, Payload};
use crate::mailbox::spool::Spool;
use crate::mailbox::store::{Deferred, StoreRefusal, Stored};
use crate::mime::content::{Content, EntityHead};
use crate::mime::original::Original;
use crate::msrp::stream::read_head;
use crate::sip::Message;

/// How much of a content that does not lie in the database is looked at for what lists show, in octets.
pub const LOOKED_AT: usize = 64 * 1024;

/// A large message as it was received.
#[derive(Debug)]
pub struct LargeMessage {
    /// Whom it is for, see [`super::pager::addressee`].
    pub aor: Aor,
    /// The INVITE that opened the session.
    pub invite: Message,
    /// The 200 response to it.
    pub ok: Bytes,
    /// The head of the SEND request that brought the first octets, [`crate::msrp::frame::Head::raw`].
    pub send_head: Bytes,
    /// The Content-Type of the MSRP message, as received.
    pub content_type: String,
    /// The Message-ID of the MSRP message.
    pub msrp_message_id: String,
    /// The content.
    pub spool: Spool,
    /// Octets of the content.
    pub octets: u64,
    /// The BYE, if it has come already; else see [`Mailbox::add_bye`].
    pub bye: Option<Bytes>,
    /// When the content was whole.
    pub completed_at: DateTime<Utc>,
    /// Whether P-Asserted-Identity and Date of the INVITE are believed.
    pub trusted: bool,
}

/// Stores a large message. When this returns `Ok` it is on disk. The same message again (Call-ID of the session and
/// Message-ID of the MSRP message) is answered like the first time.
///
/// # Errors
/// [`Refusal`]; nothing was stored then.
pub async fn accept(mailbox: &Mailbox, mut large: LargeMessage) -> Result<(Aor, Stored), Refusal> {
    match large.invite.method() {
        None => return Err(Refusal::Response),
        Some("INVITE") => {}
        Some(other) => return Err(Refusal::Method(other.to_owned())),
    }
    let basics = large.invite.basics()?;
    let looked_at = usize::try_from(large.octets)
        .ok()
        .filter(|octets| *octets <= mailbox.contents.inline_bytes)
        .unwrap_or(LOOKED_AT);
    let beginning = large.spool.read_head(looked_at).await;
    let beginning = beginning.map_err(|error| StoreRefusal::Store(error.into()))?;
    let head = entity_head(&large.send_head, &large.content_type);
    let stored_at = mailbox.clock.now();
    let times = Times {
        stored: stored_at,
        completed: Some(large.completed_at),
        expires: stored_at + mailbox.policy.large_expiry,
    };
    let content = Content::parse(&head, &beginning);
    let read = Read {
        head: &large.invite,
        basics: &basics,
        content: &content,
        content_type: Some(large.content_type.as_str()).filter(|text| !text.is_empty()),
        trusted: large.trusted,
    };
    let mut facts = read.facts(Mode::Large, times, large.octets)?;
    let session = LargeSession {
        invite: large.invite.raw().clone(),
        ok: large.ok,
        send_head: large.send_head,
        bye: large.bye,
    };
    facts.stored_size = facts.size.saturating_add(octets(session.octets() as u64));
    let needed = beginning.slice(..Original::needs(&content, &beginning));
    let body = mailbox.keep(large.spool, large.octets, needed).await;
    let body: Body = body.map_err(StoreRefusal::Store)?;
    let deferred = Deferred {
        aor: large.aor.clone(),
        retry_key: hashed(&["large", &basics.call_id, &large.msrp_message_id, ""]),
        facts,
        text: searched(&content),
        expired: None,
        too_often: None,
        payload: Payload::Large { session, body },
    };
    let stored = mailbox.store(deferred).await?;
    Ok((large.aor, stored))
}

/// The header fields of an MSRP message that say how to read it; `content_type` if the head does not say.
#[must_use]
pub fn entity_head(send_head: &[u8], content_type: &str) -> EntityHead {
    let head = read_head(send_head);
    let field = |name: &str| {
        let value = head.as_ref()?.field(name)?;
        Some(String::from_utf8_lossy(value).into_owned())
    };
    EntityHead {
        content_type: field("Content-Type")
            .or_else(|| Some(content_type.to_owned()).filter(|text| !text.is_empty())),
        disposition: field("Content-Disposition"),
        ..EntityHead::default()
    }
}
