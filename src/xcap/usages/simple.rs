//! Simple types of attribute values and texts, named as in XML Schema part 2.

use chrono::NaiveDate;

/// What a value must look like. White space around it does not count, but in [`Type::Text`].
#[derive(Debug, Clone, Copy)]
pub enum Type {
    /// Anything.
    Text,
    /// Anything but nothing.
    NotEmpty,
    /// A URI reference; as in XML Schema it may hold characters that a URI would escape.
    AnyUri,
    /// A name without a colon that no other such attribute of the document has.
    Id,
    /// `true`, `false`, `1` or `0`.
    Boolean,
    /// `2026-10-01T08:15:30Z`, with or without a zone.
    DateTime,
    /// A whole number, not below zero.
    NonNegativeInteger,
    /// A language tag, as in `en-GB`.
    Language,
    /// A number from 0 to 1 with three decimals at most (RFC 3863).
    QValue,
    /// Octets in base 64; white space anywhere.
    Base64,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

impl Type {
    /// Whether `value` is of this type.
    #[must_use]
    pub fn accepts(self, value: &str) -> bool {
        let word = value.trim_matches([' ', '\t', '\r', '\n']);
        match self {
            Self::Text => true,
            Self::NotEmpty => !word.is_empty(),
            Self::AnyUri => is_any_uri(word),
            Self::Id => is_nc_name(word),
            Self::Boolean => matches!(word, "true" | "false" | "1" | "0"),
            Self::DateTime => is_date_time(word),
            Self::NonNegativeInteger => digits(word.strip_prefix('+').unwrap_or(word)),
            Self::Language => is_language(word),
            Self::QValue => is_q_value(word),
            Self::Base64 => is_base64(word),
            Self::OneOf(words) => words.contains(&word),
        }
    }

    /// What it expects, for people.
    #[must_use]
    pub fn expected(self) -> String {
        let words = match self {
            Self::Text => "a text",
            Self::NotEmpty => "a text that is not empty",
            Self::AnyUri => "a URI",
            Self::Id => "a name that begins with a letter or \"_\" and has no colon",
            Self::Boolean => "\"true\" or \"false\"",
            Self::DateTime => "a time as in 2026-10-01T08:15:30Z",
            Self::NonNegativeInteger => "a whole number, not below zero",
            Self::Language => "a language as in \"en\"",
            Self::QValue => "a number from 0 to 1 with three decimals at most",
            Self::Base64 => "base 64",
            Self::OneOf(words) => {
                let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                return format!("one of {}", quoted.join(", "));
            }
        };
        words.to_owned()
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// XML Schema 1.0 part 2 section 3.2.17 takes nearly everything; what no escaping could make a URI is refused.
fn is_any_uri(text: &str) -> bool {
    let mut after_percent = text.split('%').skip(1);
    let is_escape = |rest: &str| {
        let bytes = rest.as_bytes();
        bytes.len() >= 2 && bytes[..2].iter().all(u8::is_ascii_hexdigit)
    };
    let scheme = match text.find([':', '/', '?', '#']) {
        Some(at) if text.as_bytes()[at] == b':' => is_scheme(&text[..at]),
        _ => true,
    };
    scheme && after_percent.all(is_escape) && text.matches('#').count() <= 1
}

/// RFC 3986 section 3.1.
pub(super) fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// Namespaces in XML 1.0 section 3, with every letter and digit of Unicode.
pub(super) fn is_nc_name(text: &str) -> bool {
    let mut chars = text.chars();
    let begins = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_');
    begins && chars.all(|c| c.is_alphanumeric() || "_-.\u{B7}".contains(c))
}

fn is_language(text: &str) -> bool {
    let subtag = |tag: &str| (1..=8).contains(&tag.len());
    let mut tags = text.split('-');
    let primary = tags.next().unwrap_or_default();
    subtag(primary)
        && primary.bytes().all(|b| b.is_ascii_alphabetic())
        && tags.all(|tag| subtag(tag) && tag.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn is_q_value(text: &str) -> bool {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let fraction = decimals.len() <= 3 && decimals.bytes().all(|b| b.is_ascii_digit());
    fraction
        && match whole {
            "0" => true,
            "1" => decimals.bytes().all(|b| b == b'0'),
            _ => false,
        }
}

fn is_base64(text: &str) -> bool {
    let (mut signs, mut padding) = (0_usize, 0_usize);
    for byte in text.bytes().filter(|b| !b.is_ascii_whitespace()) {
        match byte {
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => signs += 1,
            _ => return false,
        }
    }
    padding <= 2 && (signs + padding).is_multiple_of(4)
}

/// XML Schema part 2 section 3.2.7.
fn is_date_time(text: &str) -> bool {
    let Some((date, rest)) = text.split_once('T') else {
        return false;
    };
    let (time, zone) = match rest.find(['Z', '+', '-']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    is_date(date) && is_time(time) && (zone.is_empty() || zone == "Z" || is_offset(&zone[1..]))
}

fn is_date(text: &str) -> bool {
    let mut parts = text.strip_prefix('-').unwrap_or(text).splitn(3, '-');
    let (Some(year), Some(month), Some(day)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let long_enough = year.len() >= 4 && month.len() == 2 && day.len() == 2;
    if !long_enough || ![year, month, day].into_iter().all(digits) {
        return false;
    }
    match (year.parse(), month.parse(), day.parse()) {
        (Ok(year), Ok(month), Ok(day)) => NaiveDate::from_ymd_opt(year, month, day).is_some(),
        _ => false,
    }
}

fn is_time(text: &str) -> bool {
    let (time, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let parts: Vec<Option<u8>> = time.split(':').map(two_digits).collect();
    let [Some(hour), Some(minute), Some(second)] = parts[..] else {
        return false;
    };
    let midnight = (hour, minute, second) == (24, 0, 0) && fraction.bytes().all(|b| b == b'0');
    digits(fraction) && ((hour < 24 && minute < 60 && second < 60) || midnight)
}

fn is_offset(text: &str) -> bool {
    match text
        .split_once(':')
        .map(|(h, m)| (two_digits(h), two_digits(m)))
    {
        Some((Some(hours), Some(minutes))) => {
            (hours < 14 && minutes < 60) || (hours, minutes) == (14, 0)
        }
        _ => false,
    }
}

fn two_digits(text: &str) -> Option<u8> {
    (text.len() == 2 && digits(text))
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_takes_its_values_and_no_others() {
        let cases: [(Type, &[&str], &[&str]); 9] = [
            (
                Type::AnyUri,
                &[
                    "sip:a@b",
                    "",
                    "a/b:c",
                    "tel:+1-2",
                    "http://[::1]/a%5b",
                    "a b",
                    "#x",
                ],
                &["1:x", ":x", "a%5", "a%zz", "a#b#c"],
            ),
            (
                Type::Id,
                &["a", "_1", "x8eg-92.m", "é"],
                &["", "1a", "a:b", "a b", "-a"],
            ),
            (Type::Boolean, &["true", " 0 ", "1"], &["", "TRUE", "yes"]),
            (
                Type::DateTime,
                &[
                    "2003-12-24T17:00:00+01:00",
                    "2003-08-15T10:20:00.000-05:00",
                    "2004-02-29T24:00:00",
                    "2004-02-06T16:49:29Z",
                ],
                &[
                    "2003-02-29T00:00:00Z",
                    "2003-12-24",
                    "2003-12-24 17:00:00",
                    "03-12-24T17:00:00Z",
                    "2003-12-24T17:00Z",
                    "2003-12-24T17:60:00Z",
                    "2003-12-24T24:00:01",
                    "2003-12-24T17:00:00+15:00",
                    "2003-12-24T17:00:00.Z",
                    "T",
                ],
            ),
            (
                Type::NonNegativeInteger,
                &["0", "+17", "007"],
                &["", "-1", "1.0", "+"],
            ),
            (
                Type::Language,
                &["en", "de-CH-1996"],
                &["", "e n", "en-", "abcdefghi", "1a"],
            ),
            (
                Type::QValue,
                &["0", "0.5", "1.000", "1."],
                &["", ".5", "1.5", "0.1234", "2"],
            ),
            (
                Type::Base64,
                &["", "QUJD", "QU I=\n", "QQ=="],
                &["QUJ", "Q===", "Q=QQ", "Ü==="],
            ),
            (Type::OneOf(&["a", "b"]), &["a", " b"], &["", "c", "A"]),
        ];
        for (kind, good, bad) in cases {
            for value in good {
                assert!(kind.accepts(value), "{kind:?} {value:?}");
            }
            for value in bad {
                assert!(!kind.accepts(value), "{kind:?} {value:?}");
            }
        }
    }
}
