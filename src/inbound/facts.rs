//! What lists show of a message, read from its request and its content: the same for [`super::pager`] and for
//! [`super::large_message`].

use chrono::{DateTime, Utc};

use super::pager::Refusal;
use crate::domain::message::{Facts, Kind, Mode, Recipient};
use crate::domain::uri::Uri;
use crate::mime::content::{Content, Part};
use crate::mime::imdn::ImdnHeaders;
use crate::sip::Message;
use crate::sip::basics::Basics;
use crate::sip::message::display_text;

/// The longest URI of a sender or addressee, in octets.
pub(super) const MAX_URI: usize = 2048;
/// The longest preview, in characters.
const PREVIEW_CHARS: usize = 200;
/// The longest texts kept beside a message, in characters; the message itself keeps them whole.
const TEXT_CHARS: usize = 1024;
/// The most text that searches look through, in characters.
const SEARCHED_CHARS: usize = 4096;
/// The most entries of a recipient list kept beside a message.
const MAX_RECIPIENTS: usize = 100;
/// Parts that the server reads itself.
const LISTS: &[&str] = &["application/resource-lists+xml", "message/imdn+xml"];

/// A message taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read<'a> {
    /// The MESSAGE, or the INVITE of a large message.
    pub head: &'a Message,
    /// Its basics.
    pub basics: &'a Basics,
    /// The content, or as much of it as was looked at.
    pub content: &'a Content,
    /// The Content-Type as received.
    pub content_type: Option<&'a str>,
    /// Whether P-Asserted-Identity and Date are believed.
    pub trusted: bool,
}

/// The times of a message, but for when it was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub stored: DateTime<Utc>,
    pub completed: Option<DateTime<Utc>>,
    pub expires: DateTime<Utc>,
}

impl Read<'_> {
    /// What lists show. `size` is how many octets the whole content has; how many are kept is for the caller to
    /// add.
    ///
    /// # Errors
    /// When From or To is too long.
    pub(super) fn facts(self, mode: Mode, times: Times, size: u64) -> Result<Facts, Refusal> {
        let Self { head, basics, .. } = self;
        for (name, uri) in [("From", &basics.from.uri), ("To", &basics.to.uri)] {
            if uri.len() > MAX_URI {
                return Err(Refusal::UriTooLong(name));
            }
        }
        let cpim = self.content.cpim.as_ref();
        let cpim_subject = || cpim?.subjects.first().map(|subject| subject.text.clone());
        let subject = head
            .subject()
            .filter(|subject| !subject.is_empty())
            .or_else(cpim_subject);
        let imdn = cpim.map(ImdnHeaders::read).unwrap_or_default();
        Ok(Facts {
            mode,
            stored_at: times.stored,
            completed_at: times.completed,
            sent_at: head.date().filter(|_| self.trusted),
            expires_at: times.expires,
            size: octets(size),
            stored_size: octets(size),
            from_uri: basics.from.uri.clone(),
            from_display: basics.from.display_name.as_deref().map(shortened),
            to_uri: basics.to.uri.clone(),
            auth_id: self.asserted(),
            subject: subject.as_deref().map(shortened),
            content_type: self.content_type.map(|text| {
                let essence = text.split(';').next().unwrap_or_default();
                shortened(&essence.trim().to_ascii_lowercase())
            }),
            kind: kind(self.content, size),
            preview: preview(self.content),
            has_attachments: self.content.parts.iter().any(is_attachment),
            recipients: recipients(self.content),
            imdn_message_id: imdn.message_id.as_deref().map(shortened),
            notifications_asked: imdn
                .requested
                .iter()
                .map(|asked| asked.as_str().to_owned())
                .collect(),
        })
    }

    /// Who the network says sent it.
    fn asserted(self) -> Option<String> {
        let asserted = self.head.asserted_identities().ok()?;
        let mut uris = asserted.into_iter().map(|identity| identity.uri);
        uris.find(|uri| is_usable(uri)).filter(|_| self.trusted)
    }
}

fn recipients(content: &Content) -> Vec<Recipient> {
    let lists = content.recipients.iter();
    lists
        .flat_map(|list| &list.recipients)
        .filter(|recipient| is_usable(&recipient.uri))
        .take(MAX_RECIPIENTS)
        .map(|recipient| Recipient {
            uri: recipient.uri.clone(),
            display_name: recipient.display_name.as_deref().map(shortened),
        })
        .collect()
}

fn kind(content: &Content, octets: u64) -> Kind {
    if content.imdn.is_some() {
        return Kind::Notification;
    }
    if octets == 0 {
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

/// The text that searches look through: the beginning of all that is text in the content.
pub(super) fn searched(content: &Content) -> String {
    let mut searched = String::new();
    let mut left = SEARCHED_CHARS;
    for part in &content.parts {
        let Some(text) = part.text().filter(|_| left > 0) else {
            continue;
        };
        let before = searched.len();
        if part.content_type == "text/html" {
            searched.extend(untagged(&text).take(left));
        } else {
            searched.extend(text.chars().take(left));
        }
        left -= searched.get(before..).map_or(0, |new| new.chars().count());
        searched.push('\n');
    }
    searched
}

/// What stands between the tags of a document; roughly, for nobody reads it.
fn untagged(html: &str) -> impl Iterator<Item = char> {
    let mut in_tag = false;
    html.chars().map(move |c| {
        let is_end = in_tag && c == '>';
        in_tag = (in_tag || c == '<') && !is_end;
        if in_tag || is_end { ' ' } else { c }
    })
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

/// A count as the database holds it.
pub(super) fn octets(len: u64) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}
