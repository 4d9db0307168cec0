//! What is looked for among the messages of an account. Pages and the API share one grammar: words, `"phrases"` and
//! `key:value`, all of which must hold; `-` before one turns it round. The parameters of the API come to the same terms.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::message::Mode;

/// The longest text looked for, in characters.
pub const MOST_CHARS: usize = 256;
/// The most terms a search has.
const MOST_TERMS: usize = 16;

/// One thing that must hold of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// It must not hold.
    pub negated: bool,
    /// What must hold.
    pub what: What,
}

impl Term {
    /// Whether what is found tells something of what messages say.
    #[must_use]
    pub fn looks_inside(&self) -> bool {
        matches!(
            self.what,
            What::Word(_) | What::Phrase(_) | What::Subject(_)
        )
    }
}

impl From<What> for Term {
    fn from(what: What) -> Self {
        Self {
            negated: false,
            what,
        }
    }
}

/// What may be asked of a message. Instants and sizes are compared as each says; texts in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Sender, subject or text have a word that begins so.
    Word(String),
    /// Sender, subject or text have these words one after the other.
    Phrase(String),
    /// The sender's URI or display name contains this text.
    From(String),
    /// The subject contains this text.
    Subject(String),
    /// The Content-Type is this, or of this kind (`image`), or the message is of this kind to a reader (`multipart`).
    Type(String),
    /// More octets of content than this.
    Larger(i64),
    /// Fewer octets of content than this.
    Smaller(i64),
    /// Stored at this instant or later.
    StoredFrom(DateTime<Utc>),
    /// Stored before this instant.
    StoredBefore(DateTime<Utc>),
    /// Expires at this instant or later.
    ExpiresFrom(DateTime<Utc>),
    /// Expires before this instant.
    ExpiresBefore(DateTime<Utc>),
    /// Some part is something other than text.
    HasAttachment,
    /// How it came.
    Mode(Mode),
}

/// A term of a search, and how it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// As it was typed, quotation marks included.
    pub source: String,
    /// What it says.
    pub term: Term,
}

/// A search that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {problem}")]
pub struct SearchError {
    /// Where, in characters from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: &'static str,
}

/// Reads a search. Spans of time (`expires:<2d`, `before:1w`) are counted from `now`.
///
/// # Errors
/// [`SearchError`] with the column.
pub fn parse(text: &str, now: DateTime<Utc>) -> Result<Vec<Written>, SearchError> {
    if text.chars().nth(MOST_CHARS).is_some() {
        return Err(SearchError {
            column: MOST_CHARS + 1,
            problem: "the search is too long",
        });
    }
    let pieces = pieces(text)?;
    if let Some(piece) = pieces.get(MOST_TERMS) {
        return Err(SearchError {
            column: piece.column,
            problem: "too many terms",
        });
    }
    pieces.into_iter().map(|piece| piece.read(now)).collect()
}

/// A term as it stands.
#[derive(Debug)]
struct Piece {
    /// Where it begins.
    column: usize,
    /// As it was typed.
    source: String,
    /// Without quotation marks.
    text: String,
}

fn pieces(text: &str) -> Result<Vec<Piece>, SearchError> {
    let mut pieces = Vec::new();
    let mut open: Option<Piece> = None;
    let mut quote: Option<usize> = None;
    for (column, c) in (1..).zip(text.chars()) {
        if c.is_whitespace() && quote.is_none() {
            pieces.extend(open.take());
            continue;
        }
        let piece = open.get_or_insert_with(|| Piece {
            column,
            source: String::new(),
            text: String::new(),
        });
        piece.source.push(c);
        if c == '"' {
            quote = if quote.is_some() { None } else { Some(column) };
        } else {
            piece.text.push(c);
        }
    }
    if let Some(column) = quote {
        return Err(SearchError {
            column,
            problem: "the closing quotation mark is missing",
        });
    }
    pieces.extend(open);
    pieces.retain(|piece| !piece.text.is_empty());
    Ok(pieces)
}

impl Piece {
    fn read(self, now: DateTime<Utc>) -> Result<Written, SearchError> {
        let negated = self.source.starts_with('-') && self.text.len() > 1;
        let skipped = usize::from(negated);
        let text = self.text.get(skipped..).unwrap_or_default();
        let is_quoted = self.source.chars().nth(skipped) == Some('"');
        let field = text.split_once(':').filter(|_| !is_quoted);
        let field = field.and_then(|(key, value)| Some((Key::named(key)?, key, value)));
        let what = match field {
            Some((key, _, "")) => return Err(self.error(0, key.needs())),
            Some((key, name, value)) => key.read(value, now).map_err(|problem| {
                let before = skipped + name.chars().count() + 1;
                self.error(before, problem)
            })?,
            None if self.source.contains('"') => What::Phrase(text.to_owned()),
            None => What::Word(text.to_owned()),
        };
        Ok(Written {
            source: self.source,
            term: Term { negated, what },
        })
    }

    /// What is wrong so many characters behind the beginning.
    fn error(&self, behind: usize, problem: &'static str) -> SearchError {
        SearchError {
            column: self.column + behind,
            problem,
        }
    }
}

/// What stands before a colon. Anything else is part of a word, such as `sip:`.
#[derive(Debug, Clone, Copy)]
enum Key {
    From,
    Subject,
    Type,
    Larger,
    Smaller,
    Before,
    After,
    Expires,
    Has,
    Mode,
}

const SIZE: &str = "a size is a number of octets, such as 500, 20k or 3M";
const TIME: &str =
    "a time is a date such as 2026-11-30, a date with time, or a span such as 12h, 2d or 1w";

impl Key {
    fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "from" => Self::From,
            "subject" => Self::Subject,
            "type" => Self::Type,
            "larger" => Self::Larger,
            "smaller" => Self::Smaller,
            "before" => Self::Before,
            "after" => Self::After,
            "expires" => Self::Expires,
            "has" => Self::Has,
            "mode" => Self::Mode,
            _ => return None,
        })
    }

    /// What to say if nothing stands behind it.
    fn needs(self) -> &'static str {
        match self {
            Self::From => "from: needs a text after it",
            Self::Subject => "subject: needs a text after it",
            Self::Type => "type: needs a type after it, such as image or text/html",
            Self::Larger => "larger: needs a size after it, such as 20k",
            Self::Smaller => "smaller: needs a size after it, such as 20k",
            Self::Before => "before: needs a date or a span after it",
            Self::After => "after: needs a date or a span after it",
            Self::Expires => "expires: needs a span or a date after it, such as <2d",
            Self::Has => "has: needs attachment after it",
            Self::Mode => "mode: needs pager or large after it",
        }
    }

    fn read(self, value: &str, now: DateTime<Utc>) -> Result<What, &'static str> {
        Ok(match self {
            Self::From => What::From(value.to_owned()),
            Self::Subject => What::Subject(value.to_owned()),
            Self::Type => What::Type(media_type(value)?),
            Self::Larger => What::Larger(size(value).ok_or(SIZE)?),
            Self::Smaller => What::Smaller(size(value).ok_or(SIZE)?),
            Self::Before => What::StoredBefore(past(value, now).ok_or(TIME)?),
            Self::After => What::StoredFrom(past(value, now).ok_or(TIME)?),
            Self::Expires => expires(value, now).ok_or(TIME)?,
            Self::Has if value.eq_ignore_ascii_case("attachment") => What::HasAttachment,
            Self::Has => return Err("has: knows only attachment"),
            Self::Mode => What::Mode(value.parse().map_err(|_| "mode: is pager or large")?),
        })
    }
}

/// A media type, or the part of one before the slash, in lower case.
///
/// # Errors
/// What it should look like.
pub fn media_type(text: &str) -> Result<String, &'static str> {
    let text = text.strip_suffix("/*").unwrap_or(text);
    let is_token = |part: &str| {
        let is_of_tokens = |b: u8| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b);
        !part.is_empty() && part.bytes().all(is_of_tokens)
    };
    if text.split('/').count() <= 2 && text.split('/').all(is_token) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("a type is a word such as image, or two such as text/html")
}

/// A number of octets: `500`, `20k`, `20kB`, `3M`; units are decimal.
fn size(text: &str) -> Option<i64> {
    let text = text.to_ascii_lowercase();
    let text = text.strip_suffix('b').unwrap_or(&text);
    let (digits, unit) = match text.char_indices().next_back()? {
        (at, 'k') => (text.get(..at)?, 1_000),
        (at, 'm') => (text.get(..at)?, 1_000_000),
        (at, 'g') => (text.get(..at)?, 1_000_000_000),
        _ => (text, 1),
    };
    number(digits)?.checked_mul(unit)
}

fn number(digits: &str) -> Option<i64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

/// `12h`, `2d`, `1w`, `30m`.
fn span(text: &str) -> Option<TimeDelta> {
    let (at, unit) = text.char_indices().next_back()?;
    let count = number(text.get(..at)?)?;
    match unit.to_ascii_lowercase() {
        'm' => TimeDelta::try_minutes(count),
        'h' => TimeDelta::try_hours(count),
        'd' => TimeDelta::try_days(count),
        'w' => TimeDelta::try_weeks(count),
        _ => None,
    }
}

fn past(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match span(text) {
        Some(ago) => now.checked_sub_signed(ago).filter(is_usual),
        None => instant(text),
    }
}

fn future(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match span(text) {
        Some(ahead) => now.checked_add_signed(ahead).filter(is_usual),
        None => instant(text),
    }
}

/// `>2d`, `<2d`, or `2d`, which means the same.
fn expires(text: &str, now: DateTime<Utc>) -> Option<What> {
    if let Some(text) = text.strip_prefix('>') {
        return Some(What::ExpiresFrom(future(text, now)?));
    }
    let text = text.strip_prefix('<').unwrap_or(text);
    Some(What::ExpiresBefore(future(text, now)?))
}

/// The beginning of a day in UTC, or a date with time and offset (RFC 3339).
fn instant(text: &str) -> Option<DateTime<Utc>> {
    let at = match text.parse::<NaiveDate>() {
        Ok(day) => day.and_time(NaiveTime::MIN).and_utc(),
        Err(_) => DateTime::parse_from_rfc3339(text).ok()?.to_utc(),
    };
    Some(at).filter(is_usual)
}

/// Whether both databases can hold the instant.
#[must_use]
pub fn is_usual(at: &DateTime<Utc>) -> bool {
    (1..=9999).contains(&at.year())
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
