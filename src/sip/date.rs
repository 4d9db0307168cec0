//! SIP-date: RFC 1123 dates, in GMT only (RFC 3261 sections 20.17 and 25.1).

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Reads a date such as `Sat, 13 Nov 2010 23:29:00 GMT`. Another zone, another spelling or an impossible date
/// gives `None`. A weekday that does not fit the date is let pass: the date says what is meant.
#[must_use]
pub fn parse(value: &[u8]) -> Option<DateTime<Utc>> {
    let text = std::str::from_utf8(value).ok()?.trim_ascii();
    let (weekday, rest) = text.split_once(", ")?;
    if !WEEKDAYS.contains(&weekday) {
        return None;
    }
    let mut words = rest.split(' ');
    let (day, month, year) = (words.next()?, words.next()?, words.next()?);
    let (time, zone) = (words.next()?, words.next()?);
    if zone != "GMT" || words.next().is_some() {
        return None;
    }
    let month = (1_u32..).zip(MONTHS).find(|(_, name)| *name == month)?.0;
    let year = i32::try_from(digits(year, 4)?)
        .ok()
        .filter(|year| *year > 0)?;
    let date = NaiveDate::from_ymd_opt(year, month, digits(day, 2)?)?;
    let mut units = time.split(':').map(|unit| digits(unit, 2));
    let (hour, minute, second) = (units.next()??, units.next()??, units.next()??);
    if units.next().is_some() {
        return None;
    }
    Some(date.and_hms_opt(hour, minute, second)?.and_utc())
}

/// Writes a date for the Date header field; fractions of a second are dropped. Years outside 0 to 9999 have
/// no SIP-date and come out with more digits than the grammar allows.
#[must_use]
pub fn format(date: DateTime<Utc>) -> String {
    let index = |n: u32| usize::try_from(n).unwrap_or_default();
    let weekday = WEEKDAYS
        .get(index(date.weekday().num_days_from_monday()))
        .unwrap_or(&"Mon");
    let month = MONTHS.get(index(date.month0())).unwrap_or(&"Jan");
    let (day, year) = (date.day(), date.year());
    let (hour, minute, second) = (date.hour(), date.minute(), date.second());
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// A number of exactly `len` decimal digits.
fn digits(text: &str, len: usize) -> Option<u32> {
    (text.len() == len && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_the_example_of_rfc_3261_section_20_17() {
        let date = parse(b"Sat, 13 Nov 2010 23:29:00 GMT").unwrap();
        assert_eq!(date.to_rfc3339(), "2010-11-13T23:29:00+00:00");
        assert_eq!(format(date), "Sat, 13 Nov 2010 23:29:00 GMT");
    }

    #[test]
    fn everything_else_is_none() {
        for bad in [
            "",
            "Fri, 01 Jan 2010 16:00:00 EST",
            "Fri, 1 Jan 2010 16:00:00 GMT",
            "Fri, 30 Feb 2010 16:00:00 GMT",
            "fri, 01 Jan 2010 16:00:00 GMT",
            "Fri, 01 Jan 2010 24:00:00 GMT",
            "Fri, 01 Jan 2010 16:00:60 GMT",
            "Fri, 01 Jan 2010 16:00 GMT",
            "Fri,  01 Jan 2010 16:00:00 GMT",
            "Fri, 01 Jan 10 16:00:00 GMT",
            "Fri, 01 Jan 2010 16:00:00 GMT x",
            "Friday, 01 Jan 2010 16:00:00 GMT",
            "2010-01-01T16:00:00Z",
            "\u{ff}",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_can_be_read(seconds in 0_i64..253_402_300_799) {
            let date = DateTime::from_timestamp(seconds, 0).unwrap();
            prop_assert_eq!(parse(format(date).as_bytes()), Some(date));
        }

        #[test]
        fn never_panics(octets in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = parse(&octets);
        }
    }
}
