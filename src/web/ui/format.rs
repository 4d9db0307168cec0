//! Numbers, times and marks as people read them.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::pages::Moment;
use crate::domain::message::{Kind, Mode, Summary};

/// A message whose time left is shorter stands out.
const SOON: TimeDelta = TimeDelta::hours(24);

pub(super) fn moment(at: DateTime<Utc>) -> Moment {
    Moment {
        iso: at.to_rfc3339_opts(SecondsFormat::Secs, true),
        human: at.format("%-d %b %Y, %H:%M UTC").to_string(),
    }
}

/// An instant to the second, for what is over soon.
pub(super) fn instant(at: DateTime<Utc>) -> Moment {
    Moment {
        human: at.format("%H:%M:%S UTC").to_string(),
        ..moment(at)
    }
}

pub(super) fn is_soon(expires_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    expires_at - now < SOON
}

/// Octets with a unit, as in "18.4 MB".
#[expect(
    clippy::cast_precision_loss,
    reason = "one digit after the point is shown"
)]
pub(super) fn bytes(octets: i64) -> String {
    const UNITS: [(&str, f64); 3] = [("GB", 1e9), ("MB", 1e6), ("KB", 1e3)];
    let size = octets as f64;
    for (unit, factor) in UNITS {
        if size >= factor {
            let amount = size / factor;
            return if amount < 100.0 {
                format!("{amount:.1} {unit}")
            } else {
                format!("{amount:.0} {unit}")
            };
        }
    }
    format!("{octets} B")
}

/// What a message is, in a word.
pub(super) fn kind_label(message: &Summary) -> &'static str {
    let facts = &message.facts;
    let wrapped = facts.content_type.as_deref() == Some("message/cpim");
    match (facts.mode, facts.kind) {
        (_, Kind::Notification) => "Receipt",
        (Mode::Large, _) => "Large",
        (_, Kind::Empty) => "Empty",
        (_, Kind::Image) => "Image",
        (_, Kind::Multipart) => "Multipart",
        (_, Kind::Encrypted) => "Encrypted",
        (_, Kind::Other) => "File",
        (_, Kind::Text) => {
            if wrapped {
                "CPIM"
            } else {
                "Text"
            }
        }
    }
}

/// Whether a text has invisible characters that change the direction of reading, so that it may
/// not say what it seems to say.
pub(super) fn is_suspicious(text: &str) -> bool {
    text.chars().any(|c| {
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit_people_know() {
        let shown: Vec<String> = [
            0,
            999,
            1000,
            1536,
            99_949,
            212_400,
            18_400_000,
            2_000_000_000,
        ]
        .map(bytes)
        .into();
        let expected = [
            "0 B", "999 B", "1.0 KB", "1.5 KB", "99.9 KB", "212 KB", "18.4 MB", "2.0 GB",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn reversed_text_is_noticed_and_honest_right_to_left_text_is_not() {
        assert!(is_suspicious("invoice\u{202e}fdp.exe"));
        assert!(!is_suspicious("פגישה ביום ראשון"));
    }
}
