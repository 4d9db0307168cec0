//! A stored message opened for showing: its request and content taken apart.

use bytes::Bytes;

use super::problem::{Problem, internal};
use crate::domain::message::Summary;
use crate::mailbox::read::Opened;
use crate::mime::content::Content;
use crate::sip::Message;

/// A stored message, read.
#[derive(Debug)]
pub struct Letter {
    /// What is known of it.
    pub summary: Summary,
    /// The request as it was received.
    pub request: Message,
    /// What its body holds.
    pub content: Content,
}

impl Letter {
    /// Takes a stored message apart.
    ///
    /// # Errors
    /// A [`Problem`] when the stored octets cannot be read, which were readable when stored.
    pub fn open(opened: Opened) -> Result<Self, Problem> {
        let request = Message::parse(Bytes::from(opened.raw)).map_err(|error| internal(&error))?;
        let content = Content::of(&request);
        Ok(Self {
            summary: opened.summary,
            request,
            content,
        })
    }

    /// All header fields in their order, names as received, values unfolded for people.
    pub fn headers(&self) -> impl Iterator<Item = (String, String)> {
        self.request
            .fields()
            .map(|field| (field.name().to_owned(), field.text()))
    }
}
