//! The Message-ID a stored message gets: `sip:String@hostname` (OMA SIMPLE IM TS 12.4.2.3).
//!
//! String is the account's database id followed by the message's number as ten digits. It is
//! decimal, grows by one per message of the account as the specification's example does, is unique
//! on the host, and leads to the primary key without an index.

use std::fmt;
use std::str::FromStr;

/// Numbers are written with this many digits, so an account can hold ten thousand million
/// messages over its life.
const NUMBER_DIGITS: usize = 10;
/// The first number that no longer fits [`NUMBER_DIGITS`].
const NUMBER_LIMIT: i64 = 10_000_000_000;

/// Which message of which account: the primary key behind a Message-ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageKey {
    /// The account's database id, 1 or more.
    pub account_id: i64,
    /// The message's number within the account, 1 or more.
    pub number: i64,
}

impl fmt::Display for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{:0width$}",
            self.account_id,
            self.number,
            width = NUMBER_DIGITS
        )
    }
}

/// A text that is no Message-ID of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a Message-ID: expected its decimal string or sip:STRING@HOST")]
pub struct MessageIdError;

impl FromStr for MessageKey {
    type Err = MessageIdError;

    /// Reads the decimal string alone, or a whole Message-ID. The host of a whole one is not
    /// compared here: the account that the message is looked up in decides.
    fn from_str(text: &str) -> Result<Self, MessageIdError> {
        let text = match text.strip_prefix("sip:") {
            Some(rest) => rest.split_once('@').ok_or(MessageIdError)?.0,
            None => text,
        };
        let split = text
            .len()
            .checked_sub(NUMBER_DIGITS)
            .ok_or(MessageIdError)?;
        let canonical = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        if !canonical || split == 0 {
            return Err(MessageIdError);
        }
        let (account, number) = text.split_at(split);
        let account_id = account.parse().map_err(|_| MessageIdError)?;
        let number = number.parse().map_err(|_| MessageIdError)?;
        if number == 0 {
            return Err(MessageIdError);
        }
        Ok(Self { account_id, number })
    }
}

/// A whole Message-ID: the key and the mail server that holds the account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MessageId {
    /// Account and number.
    pub key: MessageKey,
    /// Host name of the mail server that holds the account.
    pub host: String,
}

impl MessageId {
    /// The Message-ID of message `number` in an account, or `None` past the last number.
    #[must_use]
    pub fn new(account_id: i64, number: i64, host: &str) -> Option<Self> {
        let valid = account_id > 0 && (1..NUMBER_LIMIT).contains(&number);
        valid.then(|| Self {
            key: MessageKey { account_id, number },
            host: host.to_owned(),
        })
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sip:{}@{}", self.key, self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_example_reads_back() {
        let id = MessageId::new(1, 3_684_434_990, "mailserver32.example.org").unwrap();
        assert_eq!(id.to_string(), "sip:13684434990@mailserver32.example.org");
        assert_eq!(id.to_string().parse(), Ok(id.key));
        assert_eq!("13684434990".parse(), Ok(id.key));
    }

    #[test]
    fn the_string_grows_by_one_per_message() {
        let string = |n| {
            MessageKey {
                account_id: 7,
                number: n,
            }
            .to_string()
            .parse::<u64>()
            .unwrap()
        };
        assert_eq!(string(42) + 1, string(43));
        assert_eq!(string(9_999_999_998) + 1, string(9_999_999_999));
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in [
            "",
            "1",
            "0000000001",
            "00000000001",
            "10000000000",
            "1000000000x",
            "sip:10000000001",
            "SIP:10000000001@h",
            "１0000000001",
            "-10000000001",
            "99999999999999999999999999999999",
        ] {
            assert_eq!(bad.parse::<MessageKey>(), Err(MessageIdError), "{bad}");
        }
        assert_eq!(MessageId::new(1, NUMBER_LIMIT, "h"), None);
    }
}
