//! What a SUBSCRIBE asks for (RFC 6665): which event, and for how long; and why it may be refused.

use std::fmt;

use crate::sip::basics::in_field;
use crate::sip::error::{ParseError, ValueError};
use crate::sip::message::Message;
use crate::sip::parse::is_token;
use crate::sip::scan::{Scanner, param_value};

/// An interval that is no shorter is never too brief, in seconds (section 4.2.1.1).
const HOUR: u32 = 3600;

/// What is subscribed to: the value of Event (section 8.2.1). Equal if type and `id` are, octet by octet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Event {
    /// The event type: a package, such as `refer`, perhaps with templates.
    pub package: String,
    /// Tells subscriptions to one package in one dialog apart.
    pub id: Option<String>,
}

impl Event {
    /// The event of a package, without an `id`.
    #[must_use]
    pub fn of_package(package: &str) -> Self {
        Self {
            package: package.to_owned(),
            id: None,
        }
    }

    /// Reads that field of a request; `None` without one, which deserves 489 (section 4.2.3).
    ///
    /// # Errors
    /// [`ParseError`] if it is malformed or there are several.
    pub fn of(request: &Message) -> Result<Option<Self>, ParseError> {
        let Some(field) = request.at_most_one("Event")? else {
            return Ok(None);
        };
        let read = || -> Result<Self, ValueError> {
            let mut scanner = Scanner::new(field.raw_value());
            scanner.space();
            let package = scanner.token("an event type")?.to_owned();
            let params = scanner.params()?;
            scanner.finish()?;
            let id = param_value(&params, "id");
            if id.is_some_and(|id| !is_token(id.as_bytes())) {
                return scanner.fail("an id that is a token");
            }
            let id = id.map(str::to_owned);
            Ok(Self { package, id })
        };
        read().map(Some).map_err(in_field("Event"))
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.package)?;
        match &self.id {
            Some(id) => write!(f, ";id={id}"),
            None => Ok(()),
        }
    }
}

/// How long subscriptions may last, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// What is shorter, and shorter than an hour, is refused.
    pub least: u32,
    /// Where the subscriber names no duration: the package's default.
    pub usual: u32,
    /// What is longer is shortened to this.
    pub most: u32,
}

impl Bounds {
    /// How long the subscription that a SUBSCRIBE asks for may last; 0 asks for its end, or for one NOTIFY.
    ///
    /// # Errors
    /// [`Refusal::TooBrief`].
    pub fn grant(&self, subscribe: &Message) -> Result<u32, Refusal> {
        let asked = subscribe.expires().unwrap_or(self.usual);
        if asked > 0 && asked < self.least.min(HOUR) {
            return Err(Refusal::TooBrief { least: self.least });
        }
        Ok(asked.min(self.most))
    }
}

/// Why a SUBSCRIBE is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 423.
    #[error("a subscription lasts {least} seconds at least")]
    TooBrief {
        /// The value of Min-Expires.
        least: u32,
    },
    /// 500: a later request of the dialog has come already (RFC 3261 section 12.2.2).
    #[error("a later request of the subscription has come already")]
    OutOfOrder,
    /// 481: it is over, or to something else.
    #[error("there is no such subscription")]
    Unknown,
    /// 400, or another status that [`ParseError::sip_status`] gives.
    #[error(transparent)]
    Malformed(#[from] ParseError),
}

impl Refusal {
    /// The status code of the response.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::TooBrief { .. } => 423,
            Self::OutOfOrder => 500,
            Self::Unknown => 481,
            Self::Malformed(error) => error.sip_status(),
        }
    }

    /// A header field that the response needs.
    #[must_use]
    pub fn header_field(&self) -> Option<(&'static str, String)> {
        match self {
            Self::TooBrief { least } => Some(("Min-Expires", least.to_string())),
            Self::OutOfOrder | Self::Unknown | Self::Malformed(_) => None,
        }
    }
}
