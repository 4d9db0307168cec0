//! What a report needs of the message it is about: the envelope that asks for it, and the Call-ID of the request.
//!
//! A stored message is read here as octets, so that [`crate::mailbox`] needs no SIP.

use bytes::Bytes;

use crate::mime::content::{Content, EntityHead};
use crate::mime::cpim::Cpim;
use crate::sip::Message;

/// A stored message as far as a report is concerned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Original {
    /// Its envelope, if it has one that can be read.
    pub cpim: Option<Cpim>,
    /// Call-ID of the request that brought it, the only name it has if its sender gave it none.
    pub call_id: Option<String>,
}

impl Original {
    /// Reads a SIP MESSAGE request.
    #[must_use]
    pub fn of_pager(raw: Bytes) -> Option<Self> {
        let request = Message::parse(raw).ok()?;
        Some(Self {
            cpim: Content::of(&request).cpim,
            call_id: call_id(&request),
        })
    }

    /// How much of the beginning of a content, in octets, [`of_large`](Self::of_large) has to be given later: the head
    /// of its envelope where the content is one, nothing where it has none.
    #[must_use]
    pub fn needs(content: &Content, beginning: &[u8]) -> usize {
        let Some(found) = &content.cpim else {
            return 0;
        };
        match Cpim::parse(beginning) {
            Ok(outer) if outer.headers == found.headers => outer.content.start,
            // It lies further inside.
            _ => beginning.len(),
        }
    }

    /// Reads a message in Large Message Mode: the INVITE that opened the session, the media type of the content,
    /// and the content or its beginning.
    #[must_use]
    pub fn of_large(invite: Bytes, media_type: Option<&str>, beginning: &[u8]) -> Option<Self> {
        let request = Message::parse(invite).ok()?;
        let head = EntityHead {
            content_type: media_type.map(str::to_owned),
            ..EntityHead::default()
        };
        Some(Self {
            cpim: Content::parse(&head, beginning).cpim,
            call_id: call_id(&request),
        })
    }
}

fn call_id(request: &Message) -> Option<String> {
    let call_id = request.header("Call-ID")?.text();
    Some(call_id.trim().to_owned()).filter(|text| !text.is_empty())
}
