//! What a REFER is about: the Message-IDs that its Refer-To names or leads to (RFC 3515, RFC 5368), and whether its sender
//! wants to be told (RFC 4488). Real clients write them in many ways; what is read here is what cannot be misunderstood.

use percent_encoding::percent_decode_str;

use crate::domain::message_id::MessageKey;
use crate::domain::uri::Uri;
use crate::mime::content::Content;
use crate::mime::resource_lists::{MAX_RECIPIENTS, RecipientList};
use crate::sip::header::NameAddr;
use crate::sip::inspect::requires;
use crate::sip::message::Message;

/// The option tag of a REFER without a subscription (RFC 4488).
pub(in crate::inbound) const NO_SUBSCRIPTION: &str = "norefersub";
/// The option tag of a REFER to a list (RFC 5368).
pub(in crate::inbound) const LIST: &str = "multiple-refer";
/// The type of a list (RFC 5368 section 6).
pub(super) const LIST_TYPE: &str = "application/resource-lists+xml";

/// A message that is referred to, there or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) key: MessageKey,
    /// In lower case.
    pub(super) host: String,
}

/// What a REFER is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Referred {
    /// One, or those of a list.
    pub(super) targets: Vec<Target>,
    /// No NOTIFY is wanted.
    pub(super) is_quiet: bool,
}

/// Why a REFER is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// 400 (RFC 3515 section 2.4.2).
    #[error("{0}")]
    Malformed(&'static str),
    /// 603: we refer to nothing else.
    #[error("Refer-To names no Message-ID; nothing but stored messages is referred to")]
    Declined,
    /// 421: it needs an extension that it does not name.
    #[error("a list needs Require: multiple-refer, norefersub")]
    Extension,
    /// 415: what Refer-To points to is no list.
    #[error("Refer-To points to a body that is no list of this type")]
    MediaType,
    /// 413.
    #[error("a list names {MAX_RECIPIENTS} messages at most")]
    TooMany,
}

impl Refused {
    /// The status code of the response.
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::Declined => 603,
            Self::Extension => 421,
            Self::MediaType => 415,
            Self::TooMany => 413,
        }
    }

    /// A header field that the response needs.
    pub(super) fn header_field(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Extension => Some(("Require", format!("{LIST}, {NO_SUBSCRIPTION}"))),
            Self::MediaType => Some(("Accept", LIST_TYPE.to_owned())),
            Self::Malformed(_) | Self::Declined | Self::TooMany => None,
        }
    }
}

use Refused::Malformed;

impl Referred {
    /// Reads a REFER.
    pub(super) fn of(request: &Message) -> Result<Self, Refused> {
        let is_quiet = is_quiet(request)?;
        let uri = refer_to(request)?;
        let targets = match uri.split_once(':') {
            Some((scheme, id)) if scheme.eq_ignore_ascii_case("cid") => {
                if !requires(request, LIST) || !is_quiet {
                    return Err(Refused::Extension);
                }
                listed(request, id)?
            }
            _ => vec![target(&uri)?],
        };
        Ok(Self { targets, is_quiet })
    }
}

/// Whether the sender wants no subscription: `Refer-Sub: false`, or else that it requires us to know of it.
fn is_quiet(request: &Message) -> Result<bool, Refused> {
    let mut fields = request.headers("Refer-Sub");
    let Some(field) = fields.next() else {
        return Ok(requires(request, NO_SUBSCRIPTION));
    };
    let text = field.text().to_ascii_lowercase();
    let value = text.split(';').next().unwrap_or_default().trim();
    match (value, fields.next()) {
        ("false", None) => Ok(true),
        ("true", None) => Ok(false),
        _ => Err(Malformed("Refer-Sub is neither true nor false")),
    }
}

/// The URI of Refer-To, as it stands.
fn refer_to(request: &Message) -> Result<String, Refused> {
    let mut fields = request.headers("Refer-To");
    let field = fields.next().ok_or(Malformed("Refer-To is missing"))?;
    if fields.next().is_some() {
        return Err(Malformed("Refer-To stands more than once"));
    }
    let value = field.value();
    let parsed = NameAddr::parse_list(&value).or_else(|error| {
        // Outside brackets a question mark ends the URI; what follows is of no use here.
        let cut = value.iter().position(|&b| b == b'?');
        match cut.and_then(|at| value.get(..at)) {
            Some(uri) if !value.contains(&b'<') => NameAddr::parse_list(uri),
            _ => Err(error),
        }
    });
    let mut addresses = parsed
        .map_err(|_| Malformed("Refer-To cannot be read"))?
        .into_iter();
    match (addresses.next(), addresses.next()) {
        (Some(one), None) => Ok(one.uri),
        _ => Err(Malformed("Refer-To names more than one resource")),
    }
}

/// The message that a URI names. Its parameters (`method`, `transport`), header fields and port are not looked at: the
/// Message-ID says all there is to say.
fn target(uri: &str) -> Result<Target, Refused> {
    let (user, rest) = uri.split_once('@').ok_or(Refused::Declined)?;
    let host = rest.split([';', '?']).next().unwrap_or_default();
    let uri = Uri::parse(&format!("{user}@{host}"))
        .map_err(|_| Malformed("Refer-To has a malformed URI"))?;
    if !matches!(uri.scheme(), "sip" | "sips") {
        return Err(Refused::Declined);
    }
    let (Some(user), Some(host)) = (uri.user(), uri.host()) else {
        return Err(Refused::Declined);
    };
    let number = percent_decode_str(user).decode_utf8_lossy();
    // Some fill the number up to a width.
    let key = number.trim_start_matches('0').parse();
    Ok(Target {
        key: key.map_err(|_| Refused::Declined)?,
        host: host.trim_end_matches('.').to_ascii_lowercase(),
    })
}

/// The messages named by the list that has this Content-ID (RFC 2392, RFC 5368 section 7).
fn listed(request: &Message, id: &str) -> Result<Vec<Target>, Refused> {
    let id = percent_decode_str(id).decode_utf8_lossy();
    let parts = Content::of(request).parts;
    let is_alone = parts.len() == 1;
    let is_meant = |found: Option<&str>| match found {
        Some(found) => found == id,
        None => is_alone,
    };
    let mut parts = parts.into_iter();
    let part = parts.find(|part| is_meant(part.content_id.as_deref()));
    let part = part.ok_or(Malformed("Refer-To points to no body of this request"))?;
    if part.content_type != LIST_TYPE {
        return Err(Refused::MediaType);
    }
    if !matches!(part.disposition.as_deref(), None | Some("recipient-list")) {
        return Err(Malformed("the list is not there as recipient-list"));
    }
    let list = RecipientList::parse(&part.bytes, false)
        .map_err(|_| Malformed("the list cannot be read"))?;
    if list.truncated {
        return Err(Refused::TooMany);
    }
    if list.recipients.is_empty() {
        return Err(Malformed("the list is empty"));
    }
    let entries = list.recipients.iter();
    entries.map(|entry| target(&entry.uri)).collect()
}

#[cfg(test)]
#[path = "targets_tests.rs"]
mod tests;
