//! A stored message opened for showing: its request and content taken apart.
//!
//! The content of a large message that lies in no database is not read as a whole: of it [`Letter::content`] has the
//! beginning.

use bytes::Bytes;
use futures_util::TryStreamExt as _;

use super::problem::{Problem, internal};
use crate::domain::message::Summary;
use crate::inbound::large_message::{LOOKED_AT, entity_head};
use crate::mailbox::Mailbox;
use crate::mailbox::large::{Body, LargeSession, Payload};
use crate::mailbox::read::Opened;
use crate::mime::content::{Content, EntityHead, Part};
use crate::sip::Message;
use crate::store::StoreError;

/// A stored message with its content closed.
#[derive(Debug)]
pub struct Envelope {
    /// What is known of it.
    pub summary: Summary,
    /// The MESSAGE, or the INVITE of a large message, as it was received.
    pub request: Message,
    /// What was said in the session that brought a large message.
    pub session: Option<LargeSession>,
    /// The octets of the content: the body of the MESSAGE, or the MSRP message.
    pub body: Body,
    /// How to read them.
    pub entity: EntityHead,
}

impl Envelope {
    /// Takes a stored message apart.
    ///
    /// # Errors
    /// A [`Problem`] when the stored request cannot be read, which was readable when stored.
    pub fn of(opened: Opened) -> Result<Self, Problem> {
        let parse = |raw: Bytes| Message::parse(raw).map_err(|error| internal(&error));
        let summary = opened.summary;
        Ok(match opened.payload {
            Payload::Pager(raw) => {
                let request = parse(raw)?;
                Self {
                    summary,
                    session: None,
                    body: Body::Inline(request.body()),
                    entity: EntityHead::of(&request),
                    request,
                }
            }
            Payload::Large { session, body } => Self {
                summary,
                request: parse(session.invite.clone())?,
                entity: entity_head(&session.send_head, ""),
                session: Some(session),
                body,
            },
        })
    }

    /// Octets of the content.
    #[must_use]
    pub fn octets(&self) -> u64 {
        u64::try_from(self.summary.facts.size).unwrap_or_default()
    }
}

/// A stored message, read.
#[derive(Debug)]
pub struct Letter {
    /// What is known of it.
    pub summary: Summary,
    /// The MESSAGE, or the INVITE of a large message, as it was received.
    pub request: Message,
    /// What its body, or the MSRP message, holds.
    pub content: Content,
    /// Whether that is all of it.
    pub is_whole: bool,
    /// What was said in the session that brought a large message.
    pub session: Option<LargeSession>,
}

impl Letter {
    /// Takes a stored message apart.
    ///
    /// # Errors
    /// A [`Problem`] when the stored octets cannot be read, which were readable when stored.
    pub async fn open(mailbox: &Mailbox, opened: Opened) -> Result<Self, Problem> {
        let envelope = Envelope::of(opened)?;
        let beginning = match &envelope.body {
            Body::Inline(octets) => octets.clone(),
            Body::Object { .. } => beginning(mailbox, &envelope).await?,
        };
        Ok(Self {
            content: Content::parse(&envelope.entity, &beginning),
            is_whole: matches!(envelope.body, Body::Inline(_)),
            summary: envelope.summary,
            request: envelope.request,
            session: envelope.session,
        })
    }

    /// The parts that can be taken out of the content: none if it is not here as a whole.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        if self.is_whole {
            &self.content.parts
        } else {
            &[]
        }
    }

    /// All header fields in their order, names as received, values unfolded for people.
    pub fn headers(&self) -> impl Iterator<Item = (String, String)> {
        self.request
            .fields()
            .map(|field| (field.name().to_owned(), field.text()))
    }
}

/// As much of a large content as is looked at for showing.
async fn beginning(mailbox: &Mailbox, envelope: &Envelope) -> Result<Bytes, Problem> {
    let most = envelope.octets().min(LOOKED_AT as u64);
    let octets = mailbox.read(&envelope.body, 0..most).await?;
    let pieces: Vec<Bytes> = octets.try_collect().await.map_err(StoreError::from)?;
    Ok(pieces.concat().into())
}
