//! Lists of acceptable media types: `accept-types` and `accept-wrapped-types` of SDP (RFC 4975 section 8.6).

use std::fmt;

use crate::msrp::uri::is_token;

/// `message/cpim text/* *`. Parameters of the entries do not count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AcceptTypes(Vec<Entry>);

/// An entry of a list is neither `type/subtype` nor `type/*` nor `*`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a media type, nor type/*, nor *")]
pub struct AcceptError(String);

/// In lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Any,
    AnyOf(String),
    One(String, String),
}

impl AcceptTypes {
    /// Reads a list that has to be right, such as our own.
    ///
    /// # Errors
    /// [`AcceptError`] with the first entry that is none.
    pub fn parse(list: &str) -> Result<Self, AcceptError> {
        split_entries(list)
            .map(|entry| Entry::parse(entry).ok_or_else(|| AcceptError(entry.to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Reads a peer's list; what is no entry is left out.
    #[must_use]
    pub fn read(list: &str) -> Self {
        Self(split_entries(list).filter_map(Entry::parse).collect())
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether content of this type, the value of a Content-Type, is acceptable.
    #[must_use]
    pub fn accepts(&self, content_type: &str) -> bool {
        media_type(content_type).is_some_and(|(kind, subtype)| {
            let one = Entry::One(kind, subtype);
            self.0.iter().any(|entry| entry.meets(&one))
        })
    }

    /// Whether there may be a type that both lists accept.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.0
            .iter()
            .any(|ours| other.0.iter().any(|theirs| ours.meets(theirs)))
    }
}

impl Entry {
    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::Any);
        }
        // The star is a character of tokens.
        let (kind, subtype) = media_type(entry)?;
        Some(match subtype.as_str() {
            "*" => Self::AnyOf(kind),
            _ => Self::One(kind, subtype),
        })
    }

    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::One(..), Self::One(..)) => self == other,
            (Self::AnyOf(ours), Self::AnyOf(theirs) | Self::One(theirs, _))
            | (Self::One(ours, _), Self::AnyOf(theirs)) => ours == theirs,
        }
    }
}

/// As in SDP.
impl fmt::Display for AcceptTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, entry) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            match entry {
                Entry::Any => f.write_str("*")?,
                Entry::AnyOf(kind) => write!(f, "{kind}/*")?,
                Entry::One(kind, subtype) => write!(f, "{kind}/{subtype}")?,
            }
        }
        Ok(())
    }
}

/// Type and subtype of a media type, in lower case, without its parameters.
pub(super) fn media_type(value: &str) -> Option<(String, String)> {
    let essence = value.split(';').next()?.trim();
    let (kind, subtype) = essence.split_once('/')?;
    (is_token(kind) && is_token(subtype))
        .then(|| (kind.to_ascii_lowercase(), subtype.to_ascii_lowercase()))
}

/// Entries are separated by spaces, except within the quoted value of a parameter.
fn split_entries(list: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    list.split(move |c| {
        quoted ^= c == '"';
        c == ' ' && !quoted
    })
    .filter(|entry| !entry.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> AcceptTypes {
        AcceptTypes::parse(text).unwrap()
    }

    #[test]
    fn accepts_what_is_listed() {
        let types = list("message/CPIM text/* image/png;q=\"a b\"");
        assert_eq!(types.to_string(), "message/cpim text/* image/png");
        for good in [
            "message/cpim",
            "Message/Cpim; x=y",
            "text/plain;charset=utf-8",
            "image/png",
        ] {
            assert!(types.accepts(good), "{good}");
        }
        for bad in [
            "image/jpeg",
            "application/text",
            "text",
            "",
            "*",
            "te xt/plain",
        ] {
            assert!(!types.accepts(bad), "{bad}");
        }
        assert!(list("*").accepts("model/vrml"));
        assert!(!AcceptTypes::default().accepts("text/plain"));
    }

    #[test]
    fn lists_meet() {
        for (one, other, meet) in [
            ("text/plain", "text/plain", true),
            ("text/plain", "text/html", false),
            ("text/plain image/*", "image/png", true),
            ("*", "model/*", true),
            ("text/*", "image/*", false),
            ("text/*", "text/*", true),
        ] {
            assert_eq!(list(one).meets(&list(other)), meet, "{one} {other}");
            assert_eq!(list(other).meets(&list(one)), meet, "{other} {one}");
        }
        assert!(!AcceptTypes::default().meets(&list("*")));
    }

    #[test]
    fn odd_entries() {
        assert_eq!(
            AcceptTypes::parse("text/plain nonsense"),
            Err(AcceptError("nonsense".into()))
        );
        assert_eq!(
            AcceptTypes::read(" text/plain  nonsense /x").to_string(),
            "text/plain"
        );
        assert!(AcceptTypes::read("").is_empty());
    }
}
