//! The order of a list of messages, and a place in it that outlives the message that stood there.

use std::fmt;
use std::str::FromStr;

use super::message::Summary;

/// The most messages of an account that may be ordered by their sizes, for which there is no index.
pub const MOST_BY_SIZE: i64 = 10_000;

/// What messages are ordered by. Those that are equal follow each other as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// When they were stored: their numbers.
    Stored,
    /// When they expire.
    Expires,
    /// Octets of their content.
    Size,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// What messages are ordered by.
    pub by: By,
    /// The last first.
    pub descending: bool,
}

impl Order {
    /// The order when nothing is said.
    pub const NEWEST_FIRST: Self = Self {
        by: By::Stored,
        descending: true,
    };
    /// The order in which they came.
    pub const OLDEST_FIRST: Self = Self {
        by: By::Stored,
        descending: false,
    };
    /// Every order there is, by its name.
    pub const ALL: [(&'static str, Self); 6] = [
        ("-stored", Self::NEWEST_FIRST),
        ("stored", Self::OLDEST_FIRST),
        ("expires", Self::up(By::Expires)),
        ("-expires", Self::down(By::Expires)),
        ("size", Self::up(By::Size)),
        ("-size", Self::down(By::Size)),
    ];

    const fn up(by: By) -> Self {
        Self {
            by,
            descending: false,
        }
    }

    const fn down(by: By) -> Self {
        Self {
            by,
            descending: true,
        }
    }
}

/// A name of no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected stored, expires or size, with - before it for the last first")]
pub struct UnknownOrder;

impl FromStr for Order {
    type Err = UnknownOrder;

    fn from_str(name: &str) -> Result<Self, UnknownOrder> {
        let mut all = Self::ALL.iter();
        let found = all.find(|(known, _)| *known == name);
        found.map(|(_, order)| *order).ok_or(UnknownOrder)
    }
}

/// A place in a list: behind a message that may be gone by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// What the list is ordered by: microseconds since 1970, or octets; nothing of note if it is the number.
    pub value: i64,
    /// The number of the message.
    pub number: i64,
}

impl Place {
    /// The place behind a message.
    #[must_use]
    pub fn behind(message: &Summary, order: Order) -> Self {
        let value = match order.by {
            By::Stored => 0,
            By::Expires => message.facts.expires_at.timestamp_micros(),
            By::Size => message.facts.size,
        };
        Self {
            value,
            number: message.key.number,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.value, self.number)
    }
}

/// A text that is no place in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a place in a list")]
pub struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (value, number) = text.split_once('.').ok_or(NoPlace)?;
        let read = |digits: &str| digits.parse().map_err(|_| NoPlace);
        Ok(Self {
            value: read(value)?,
            number: read(number)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_back() {
        let place = Place {
            value: -3,
            number: 17,
        };
        assert_eq!(place.to_string().parse(), Ok(place));
        for bad in ["", "1", "1.", "a.1", "1.2.3"] {
            assert_eq!(bad.parse::<Place>(), Err(NoPlace), "{bad}");
        }
    }

    #[test]
    fn orders_have_names() {
        assert_eq!("-stored".parse(), Ok(Order::NEWEST_FIRST));
        assert_eq!("stored".parse(), Ok(Order::OLDEST_FIRST));
        assert_eq!("Stored".parse::<Order>(), Err(UnknownOrder));
    }
}
