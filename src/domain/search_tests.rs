//! The grammar of searches.

use super::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn terms(text: &str) -> Vec<Term> {
    let written = parse(text, now()).unwrap();
    written.into_iter().map(|written| written.term).collect()
}

fn only(text: &str) -> What {
    let [term] = terms(text).try_into().unwrap();
    assert!(!term.negated, "{text}");
    term.what
}

fn word(text: &str) -> What {
    What::Word(text.to_owned())
}

#[test]
fn words_phrases_and_fields_are_told_apart() {
    let expected: Vec<Term> = [
        word("site"),
        What::Phrase("next week".to_owned()),
        What::From("carol".to_owned()),
        What::Subject("the visit".to_owned()),
        What::Mode(Mode::Pager),
    ]
    .map(Term::from)
    .into();
    let text = "site  \"next week\" from:carol subject:\"the visit\" MODE:pager";
    assert_eq!(terms(text), expected);
}

#[test]
fn what_only_looks_like_a_field_is_a_word() {
    assert_eq!(only("sip:bob@h"), word("sip:bob@h"));
    assert_eq!(only("\"from:x\""), What::Phrase("from:x".to_owned()));
    assert_eq!(only("-"), word("-"));
    assert_eq!(terms(""), []);
    assert_eq!(terms("\"\""), []);
}

#[test]
fn a_minus_turns_a_term_round_and_each_of_one_key_counts() {
    let not = |what| Term {
        negated: true,
        what,
    };
    let text = "-spam -\"two words\" -from:bob -from:carol -has:attachment from:dan";
    let expected = [
        not(word("spam")),
        not(What::Phrase("two words".to_owned())),
        not(What::From("bob".to_owned())),
        not(What::From("carol".to_owned())),
        not(What::HasAttachment),
        What::From("dan".to_owned()).into(),
    ];
    assert_eq!(terms(text), expected);
}

#[test]
fn terms_remember_how_they_were_written() {
    let written = parse("-from:\"a b\"  x", now()).unwrap();
    let sources: Vec<_> = written.iter().map(|one| one.source.as_str()).collect();
    assert_eq!(sources, ["-from:\"a b\"", "x"]);
}

#[test]
fn sizes_and_types_are_read() {
    for (text, octets) in [
        ("500", 500),
        ("20k", 20_000),
        ("20kB", 20_000),
        ("3M", 3_000_000),
        ("1g", 1_000_000_000),
        ("7B", 7),
    ] {
        assert_eq!(only(&format!("larger:{text}")), What::Larger(octets));
        assert_eq!(only(&format!("smaller:{text}")), What::Smaller(octets));
    }
    for (text, read) in [
        ("image", "image"),
        ("IMAGE/*", "image"),
        ("text/HTML", "text/html"),
    ] {
        assert_eq!(only(&format!("type:{text}")), What::Type(read.to_owned()));
    }
}

#[test]
fn times_are_dates_instants_or_spans() {
    let day = "2026-11-30T00:00:00Z".parse().unwrap();
    assert_eq!(only("before:2026-11-30"), What::StoredBefore(day));
    assert_eq!(only("after:2026-11-30"), What::StoredFrom(day));
    assert_eq!(
        only("after:2026-11-30T02:00:00+02:00"),
        What::StoredFrom(day)
    );
    let two_days = TimeDelta::days(2);
    assert_eq!(only("before:2d"), What::StoredBefore(now() - two_days));
    assert_eq!(only("expires:<2d"), What::ExpiresBefore(now() + two_days));
    assert_eq!(only("expires:48h"), What::ExpiresBefore(now() + two_days));
    assert_eq!(
        only("expires:>1w"),
        What::ExpiresFrom(now() + TimeDelta::weeks(1))
    );
    assert_eq!(
        only("expires:>30m"),
        What::ExpiresFrom(now() + TimeDelta::minutes(30))
    );
}

#[test]
fn errors_point_at_the_column() {
    for (text, column) in [
        ("a \"b", 3),
        ("ab from:", 4),
        ("ab -from:", 4),
        ("mode:fast", 6),
        ("-mode:fast", 7),
        ("x larger:big", 10),
        ("larger:-1", 8),
        ("larger:9999999999999999999", 8),
        ("larger:9999999999G", 8),
        ("before:yesterday", 8),
        ("before:9999999999999w", 8),
        ("before:999999999d", 8),
        ("expires:<", 9),
        ("expires:2026-13-01", 9),
        ("has:wings", 5),
        ("type:a/b/c", 6),
        ("type:\"a b\"", 6),
    ] {
        assert_eq!(parse(text, now()).unwrap_err().column, column, "{text}");
    }
    assert_eq!(parse(&"x".repeat(257), now()).unwrap_err().column, 257);
    assert_eq!(parse(&"x ".repeat(17), now()).unwrap_err().column, 33);
    let said = parse("ab larger:big", now()).unwrap_err().to_string();
    assert!(said.starts_with("column 11: a size is"), "{said}");
}
