//! What is known of a stored message without opening it.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::message_id::MessageKey;

/// How a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One SIP MESSAGE request (RFC 3428).
    Pager,
    /// One SIP session carrying one MSRP message (RFC 4975).
    Large,
}

impl Mode {
    /// The name used in the database, the API and the metadata document.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pager => "pager",
            Self::Large => "large",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected pager or large")]
pub struct UnknownMode;

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(word: &str) -> Result<Self, UnknownMode> {
        match word {
            "pager" => Ok(Self::Pager),
            "large" => Ok(Self::Large),
            _ => Err(UnknownMode),
        }
    }
}

/// Everything about a message but its number and its content. All texts are safe to show: valid
/// UTF-8 without NUL, which is also what `PostgreSQL` can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// How it came.
    pub mode: Mode,
    /// When it was stored.
    pub stored_at: DateTime<Utc>,
    /// When a large message was completely received.
    pub completed_at: Option<DateTime<Utc>>,
    /// When the sender says it was sent: the Date header field.
    pub sent_at: Option<DateTime<Utc>>,
    /// When it stops waiting.
    pub expires_at: DateTime<Utc>,
    /// Octets of the content.
    pub size: i64,
    /// Octets kept: the whole request, or the content and the session of a large message.
    pub stored_size: i64,
    /// The sender as the message shows it.
    pub from_uri: String,
    /// The sender's display name.
    pub from_display: Option<String>,
    /// Whom the sender addressed.
    pub to_uri: String,
    /// The sender as the network asserts it (P-Asserted-Identity).
    pub auth_id: Option<String>,
    /// The subject of the request or of the CPIM message.
    pub subject: Option<String>,
    /// The Content-Type header field without parameters.
    pub content_type: Option<String>,
    /// What the content is to a reader.
    pub kind: Kind,
    /// The beginning of the first text part, on one line.
    pub preview: String,
    /// Whether any part is something other than text.
    pub has_attachments: bool,
    /// Where it went to several at once (RFC 5365): the others, as JSON in the database.
    pub recipients: Vec<Recipient>,
    /// The sender's IMDN Message-ID (RFC 5438), which is not ours.
    pub imdn_message_id: Option<String>,
    /// The disposition notifications the sender asked for.
    pub notifications_asked: Vec<String>,
}

/// One entry of a recipient list.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Recipient {
    /// The entry's URI.
    pub uri: String,
    /// The entry's display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

/// What the content of a message is to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing at all.
    Empty,
    /// One text.
    Text,
    /// One picture.
    Image,
    /// Several parts.
    Multipart,
    /// A delivery or display notification (RFC 5438).
    Notification,
    /// Encrypted, so that only its reader knows (RFC 8591).
    Encrypted,
    /// Anything else.
    Other,
}

impl Kind {
    /// The name used in the database and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Text => "text",
            Self::Image => "image",
            Self::Multipart => "multipart",
            Self::Notification => "notification",
            Self::Encrypted => "encrypted",
            Self::Other => "other",
        }
    }

    /// Reads the name back; a name of a later release reads as [`Kind::Other`].
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        [
            Self::Empty,
            Self::Text,
            Self::Image,
            Self::Multipart,
            Self::Notification,
            Self::Encrypted,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == name)
        .unwrap_or(Self::Other)
    }
}

/// A stored message without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Which message of which account.
    pub key: MessageKey,
    /// What is known of it.
    pub facts: Facts,
    /// The name of the object that is its content, where that is not in the database.
    pub object: Option<String>,
}
