//! What a body contains: its leaves in document order, multiparts and message/cpim unwrapped.
//!
//! Reading never fails. A body or part that cannot be understood becomes one opaque part with its octets, and
//! so does whatever lies past the limits ([`MAX_DEPTH`], [`MAX_PARTS`]). Splitting is in `multipart`, the
//! envelope in [`crate::mime::cpim`].

use std::ops::Range;

use mailparse::body::Body;
use mailparse::{ParsedContentType, parse_content_disposition, parse_content_type};

use crate::mime::cpim::Cpim;
use crate::mime::imdn::ImdnReport;
pub use crate::mime::multipart::EntityHead;
use crate::mime::multipart::{Entities, read_entity};
use crate::mime::resource_lists::RecipientList;
use crate::sip::Message;
use crate::sip::parse::is_token;

/// How many multiparts and envelopes may be nested before one is taken as opaque.
pub const MAX_DEPTH: usize = 8;
/// How many parts are told apart; what follows the last of them is one more, opaque part.
pub const MAX_PARTS: usize = 100;
/// The longest Content-Type or Content-Disposition that is read, in octets.
const MAX_FIELD: usize = 4096;
/// The longest boundary. RFC 2046 section 5.1.1 allows 70 octets.
const MAX_BOUNDARY: usize = 250;
/// The longest file name, in octets: what file systems take.
const MAX_FILENAME: usize = 255;

const OPAQUE: &str = "application/octet-stream";

/// A body taken apart.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// The outermost message/cpim envelope.
    pub cpim: Option<Cpim>,
    /// The leaves in document order.
    pub parts: Vec<Part>,
    /// The first recipient list that can be read.
    pub recipients: Option<RecipientList>,
    /// The first disposition notification that can be read.
    pub imdn: Option<ImdnReport>,
    /// A limit was reached, and the last parts are not told apart.
    pub truncated: bool,
}

/// A leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Position among the leaves, from 1.
    pub number: usize,
    /// Position in the tree, `1.2` being the second part of the first one. An envelope takes no level.
    pub path: String,
    /// Type and subtype in lower case, without parameters. `text/plain` if the sender does not say (RFC 2045
    /// section 5.2), `application/octet-stream` if what the sender says makes no sense.
    pub content_type: String,
    /// The charset parameter as received.
    pub charset: Option<String>,
    /// The kind of Content-Disposition in lower case, such as `attachment`.
    pub disposition: Option<String>,
    /// The name of a file, without path, control characters and characters that change the direction of
    /// writing. Never empty.
    pub filename: Option<String>,
    /// Content-ID without its angle brackets.
    pub content_id: Option<String>,
    /// The octets, base64 and quoted-printable undone.
    pub bytes: Vec<u8>,
}

impl Content {
    /// Takes the body of a SIP message apart.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        Self::parse(&EntityHead::of(message), &message.body())
    }

    /// Takes a body apart; `head` has the fields that came with it. An empty body has no parts.
    #[must_use]
    pub fn parse(head: &EntityHead, body: &[u8]) -> Self {
        let mut walk = Walk {
            whole: body,
            content: Self::default(),
            full: false,
        };
        if !body.is_empty() {
            walk.entity(
                head,
                0..body.len(),
                &Place {
                    path: String::new(),
                    depth: 0,
                    default_type: "text/plain",
                },
            );
        }
        walk.content
    }
}

impl EntityHead {
    /// The name of the file that the entity is said to be, as [`Part::filename`].
    #[must_use]
    pub fn file_name(&self) -> Option<String> {
        file_name(
            self,
            &read_content_type(self.content_type.as_deref(), OPAQUE),
        )
    }
}

fn read_disposition(head: &EntityHead) -> Option<&str> {
    let text = head.disposition.as_deref();
    text.filter(|text| text.len() <= MAX_FIELD)
}

fn file_name(head: &EntityHead, media: &ParsedContentType) -> Option<String> {
    let said = read_disposition(head)
        .and_then(|text| parse_content_disposition(text).params.remove("filename"));
    safe_filename(said.as_ref().or_else(|| media.params.get("name"))?)
}

impl Part {
    /// The text of a `text/*` part; `None` of another. Without a charset it is UTF-8 (RFC 3261 section 7.4.1).
    /// What cannot be decoded, and NUL, is U+FFFD.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        if !self.content_type.starts_with("text/") {
            return None;
        }
        let charset = self.charset.as_deref().unwrap_or("utf-8");
        let is_unicode = ["utf-8", "utf8", "us-ascii", "ascii"]
            .iter()
            .any(|name| charset.eq_ignore_ascii_case(name));
        let text = if is_unicode {
            String::from_utf8_lossy(&self.bytes).into_owned()
        } else {
            let content_type = ParsedContentType {
                charset: charset.to_owned(),
                ..ParsedContentType::default()
            };
            match Body::new(&self.bytes, &content_type, &None) {
                Body::SevenBit(body) => body.get_as_string().unwrap_or_default(),
                _ => String::from_utf8_lossy(&self.bytes).into_owned(),
            }
        };
        Some(text.replace('\0', "\u{fffd}"))
    }
}

/// Where in the tree an entity stands.
struct Place {
    /// Empty at the root.
    path: String,
    depth: usize,
    /// The type of an entity that names none.
    default_type: &'static str,
}

impl Place {
    fn leaf_path(&self) -> String {
        if self.path.is_empty() {
            "1".to_owned()
        } else {
            self.path.clone()
        }
    }

    fn child(&self, number: usize, default_type: &'static str) -> Self {
        let path = if self.path.is_empty() {
            number.to_string()
        } else {
            format!("{}.{number}", self.path)
        };
        Self {
            path,
            depth: self.depth + 1,
            default_type,
        }
    }
}

/// The descent. It recurses, but no deeper than [`MAX_DEPTH`].
struct Walk<'a> {
    whole: &'a [u8],
    content: Content,
    /// [`MAX_PARTS`] was reached: nothing more is added.
    full: bool,
}

impl Walk<'_> {
    fn entity(&mut self, head: &EntityHead, body: Range<usize>, place: &Place) {
        let media = read_content_type(head.content_type.as_deref(), place.default_type);
        let is_multipart = media.mimetype.starts_with("multipart/");
        let is_cpim = media.mimetype == "message/cpim";
        if (is_multipart || is_cpim) && !head.is_encoded() {
            if place.depth >= MAX_DEPTH {
                self.content.truncated = true;
            } else if is_multipart && self.multipart(&media, body.clone(), place)
                || is_cpim && self.envelope(body.clone(), place)
            {
                return;
            }
        }
        self.leaf(head, &media, body, place);
    }

    /// Says whether the body really was a multipart body.
    fn multipart(&mut self, media: &ParsedContentType, body: Range<usize>, place: &Place) -> bool {
        let boundary = media
            .params
            .get("boundary")
            .filter(|b| (1..=MAX_BOUNDARY).contains(&b.len()));
        let Some(entities) =
            boundary.and_then(|boundary| Entities::new(self.whole, body, boundary))
        else {
            return false;
        };
        let default_type = if media.mimetype == "multipart/digest" {
            "message/rfc822"
        } else {
            "text/plain"
        };
        for (number, entity) in (1..).zip(entities) {
            if self.full {
                break;
            }
            let place = place.child(number, default_type);
            if self.content.parts.len() >= MAX_PARTS {
                self.full = true;
                self.opaque(entity.start..self.whole.len(), &place);
                self.content.truncated = true;
            } else if let Some((head, body)) = read_entity(self.whole, entity.clone()) {
                self.entity(&head, body, &place);
            } else {
                self.opaque(entity, &place);
            }
        }
        true
    }

    /// Says whether the body really was an envelope.
    fn envelope(&mut self, body: Range<usize>, place: &Place) -> bool {
        let octets = self.whole.get(body.clone()).unwrap_or_default();
        let Ok(cpim) = Cpim::parse(octets) else {
            return false;
        };
        let entity = body.start + cpim.content.start..body.end;
        self.content.cpim.get_or_insert(cpim);
        let place = Place {
            path: place.path.clone(),
            depth: place.depth + 1,
            default_type: "text/plain",
        };
        match read_entity(self.whole, entity.clone()) {
            Some((head, body)) => self.entity(&head, body, &place),
            None => self.opaque(entity, &place),
        }
        true
    }

    fn opaque(&mut self, span: Range<usize>, place: &Place) {
        let media = ParsedContentType {
            mimetype: OPAQUE.to_owned(),
            ..ParsedContentType::default()
        };
        self.leaf(&EntityHead::default(), &media, span, place);
    }

    fn leaf(
        &mut self,
        head: &EntityHead,
        media: &ParsedContentType,
        body: Range<usize>,
        place: &Place,
    ) {
        let kind = read_disposition(head)
            .and_then(|text| text.split(';').next())
            .map(|kind| kind.trim().to_ascii_lowercase());
        // What SIP's Content-Encoding compressed is not what the type says it is.
        let compressed = head
            .content_encoding
            .as_deref()
            .is_some_and(|e| !e.trim().eq_ignore_ascii_case("identity"));
        let part = Part {
            number: self.content.parts.len() + 1,
            path: place.leaf_path(),
            content_type: if compressed {
                OPAQUE.to_owned()
            } else {
                media.mimetype.clone()
            },
            charset: media.params.get("charset").cloned(),
            disposition: kind.filter(|kind| is_token(kind.as_bytes())),
            filename: file_name(head, media),
            content_id: head.content_id.as_deref().and_then(bare_content_id),
            bytes: decode(
                self.whole.get(body).unwrap_or_default(),
                head.transfer_encoding.as_deref(),
            ),
        };
        self.note(&part);
        self.content.parts.push(part);
    }

    /// Keeps what the product needs to know about a part beyond its octets.
    fn note(&mut self, part: &Part) {
        match part.content_type.as_str() {
            "message/imdn+xml" if self.content.imdn.is_none() => {
                self.content.imdn = ImdnReport::parse(&part.bytes).ok();
            }
            "application/resource-lists+xml" if self.content.recipients.is_none() => {
                let history = match part.disposition.as_deref() {
                    None | Some("recipient-list") => false,
                    Some("recipient-list-history") => true,
                    // A list that is merely sent along, as a file for example.
                    Some(_) => return,
                };
                self.content.recipients = RecipientList::parse(&part.bytes, history).ok();
            }
            _ => {}
        }
    }
}

/// Reads a Content-Type leniently: nothing is the default type, nonsense is opaque.
fn read_content_type(value: Option<&str>, default_type: &str) -> ParsedContentType {
    let with_type = |mimetype: &str| ParsedContentType {
        mimetype: mimetype.to_owned(),
        ..ParsedContentType::default()
    };
    let Some(value) = value.filter(|value| !value.trim().is_empty()) else {
        return with_type(default_type);
    };
    if value.len() > MAX_FIELD {
        // The library takes quadratic time for many continued parameters (RFC 2231).
        return with_type(OPAQUE);
    }
    let parsed = parse_content_type(value);
    let is_type = parsed
        .mimetype
        .split_once('/')
        .is_some_and(|(kind, sub)| is_token(kind.as_bytes()) && is_token(sub.as_bytes()));
    if is_type { parsed } else { with_type(OPAQUE) }
}

/// Undoes a Content-Transfer-Encoding; octets that cannot be decoded stay as they are.
fn decode(octets: &[u8], encoding: Option<&str>) -> Vec<u8> {
    let encoding = encoding.map(|encoding| encoding.trim().to_ascii_lowercase());
    let content_type = ParsedContentType::default();
    match Body::new(octets, &content_type, &encoding) {
        Body::Base64(body) | Body::QuotedPrintable(body) => {
            body.get_decoded().unwrap_or_else(|_| octets.to_vec())
        }
        _ => octets.to_vec(),
    }
}

fn bare_content_id(value: &str) -> Option<String> {
    let id = value.trim();
    let id = id
        .strip_prefix('<')
        .and_then(|id| id.strip_suffix('>'))
        .unwrap_or(id);
    let is_plain = !id.is_empty() && id.bytes().all(|b| b.is_ascii_graphic());
    is_plain.then(|| id.to_owned())
}

/// A file name that can be shown and saved: no path, nothing invisible, no tricks with the writing direction.
fn safe_filename(name: &str) -> Option<String> {
    let is_bidi = |c: char| {
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let last = name.rsplit(['/', '\\']).next()?;
    let mut safe = String::new();
    for c in last
        .trim()
        .chars()
        .filter(|&c| !c.is_control() && !is_bidi(c))
    {
        if safe.len() + c.len_utf8() > MAX_FILENAME {
            break;
        }
        safe.push(c);
    }
    let safe = safe.trim();
    let is_name = !safe.chars().all(|c| c == '.');
    is_name.then(|| safe.to_owned())
}

#[cfg(test)]
#[path = "content_tests.rs"]
mod tests;
