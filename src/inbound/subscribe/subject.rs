//! Event packages: what a subscription is to, and what its notifications say.

use crate::domain::address::Aor;
use crate::mailbox::read::{History, list_etag};
use crate::mailbox::watch::{self, Desk, Interest, Reader, Resource, WatchError};
use crate::xcap::diff::{self, State};
use crate::xcap::usages::deferred_list;

/// What can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Package {
    /// RFC 5875.
    XcapDiff,
    /// The metadata document, as OMA clients subscribe to a profile (RFC 6080 has the framework).
    Profile,
    /// RFC 3842.
    MessageSummary,
}

/// The names of the packages, in the order for Allow-Events.
const NAMES: [(&str, Package); 4] = [
    ("xcap-diff", Package::XcapDiff),
    ("ua-profile", Package::Profile),
    ("sip-profile", Package::Profile),
    ("message-summary", Package::MessageSummary),
];

impl Package {
    /// The package of this name.
    pub(super) fn of(name: &str) -> Option<Self> {
        let found = NAMES.iter().find(|(known, _)| *known == name)?;
        Some(found.1)
    }

    /// The value of Allow-Events.
    pub(super) fn names() -> String {
        NAMES.map(|(name, _)| name).join(", ")
    }

    /// The media type of what is told.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::XcapDiff => diff::MEDIA_TYPE,
            Self::Profile => deferred_list::MEDIA_TYPE,
            Self::MessageSummary => "application/simple-message-summary",
        }
    }

    /// Whether that is what is meant by a SUBSCRIBE without Accept. There are profiles of many kinds.
    pub(super) fn is_by_default(self) -> bool {
        self != Self::Profile
    }
}

/// What one subscription is to, with what its subscriber knows already.
#[derive(Debug)]
pub(super) enum Subject {
    /// Resources.
    Resources(Vec<Resource>, Option<State>),
    /// The metadata document of an account, known by its entity tag.
    List(Aor, Option<String>),
    /// How many messages wait for an account.
    Count(Aor, Option<i64>),
}

/// What a subscriber knows once it has answered.
#[derive(Debug)]
pub(super) enum Told {
    State(State),
    Etag(String),
    Count(i64),
}

/// What is to be told.
pub(super) struct News {
    pub(super) octets: Vec<u8>,
    pub(super) told: Told,
}

impl Subject {
    pub(super) fn package(&self) -> Package {
        match self {
            Self::Resources(..) => Package::XcapDiff,
            Self::List(..) => Package::Profile,
            Self::Count(..) => Package::MessageSummary,
        }
    }

    /// Whose changes matter to it.
    pub(super) fn interest(&self, reader: &Reader) -> Interest {
        let mut interest = Interest::default();
        match self {
            Self::Resources(resources, _) => {
                for resource in resources {
                    resource.interest(reader, &mut interest);
                }
            }
            Self::List(aor, _) | Self::Count(aor, _) => {
                interest.aors.insert(aor.clone());
            }
        }
        interest
    }

    /// The subscriber has been told.
    pub(super) fn told(&mut self, now: Told) {
        match (self, now) {
            (Self::Resources(_, told), Told::State(now)) => *told = Some(now),
            (Self::List(_, told), Told::Etag(now)) => *told = Some(now),
            (Self::Count(_, told), Told::Count(now)) => *told = Some(now),
            _ => {}
        }
    }

    /// What there is to tell: all of it, or what the subscriber does not know; nothing if it knows. With `most` it may
    /// have so many octets.
    pub(super) async fn news(
        &self,
        desk: &Desk,
        reader: &Reader,
        is_full: bool,
        most: Option<usize>,
    ) -> Result<Option<News>, WatchError> {
        match self {
            Self::Resources(resources, told) => {
                let now = watch::state(desk, reader, resources).await?;
                let told = told.as_ref().filter(|_| !is_full);
                let mut xml = now.since(told, &desk.root, false)?;
                let is_long = |xml: &String| most.is_some_and(|most| xml.len() > most);
                if xml.as_ref().is_some_and(is_long) {
                    xml = now.since(told, &desk.root, true)?;
                }
                Ok(xml.map(|xml| News {
                    octets: xml.into_bytes(),
                    told: Told::State(now),
                }))
            }
            Self::List(aor, told) => {
                let history = desk.mailbox.history(&reader.scope, aor).await?;
                // Whoever never got a message has no account.
                let (etag, host, messages) = match history {
                    None => (String::new(), desk.mailbox.hostname.to_string(), Vec::new()),
                    Some(History { account, messages }) => {
                        (list_etag(&account), account.host, messages)
                    }
                };
                if !is_full && told.as_ref() == Some(&etag) {
                    return Ok(None);
                }
                let xml = deferred_list::document(&host, &messages)?;
                Ok(Some(News {
                    octets: xml.into_bytes(),
                    told: Told::Etag(etag),
                }))
            }
            Self::Count(aor, told) => {
                let account = desk.mailbox.account(&reader.scope, aor).await?;
                let count = account.map_or(0, |account| account.message_count);
                if !is_full && *told == Some(count) {
                    return Ok(None);
                }
                let waiting = if count > 0 { "yes" } else { "no" };
                let text = format!(
                    "Messages-Waiting: {waiting}\r\nMessage-Account: {}\r\nText-Message: {count}/0\r\n",
                    aor.as_str()
                );
                Ok(Some(News {
                    octets: text.into_bytes(),
                    told: Told::Count(count),
                }))
            }
        }
    }
}
