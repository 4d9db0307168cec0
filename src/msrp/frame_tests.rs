//! Tests of heads. The messages are those of RFC 4975 section 11 and RFC 4976 section 3, or variations.

use super::*;
use proptest::prelude::*;

/// Reads a head given from its start line to the empty line or to the end.
fn read(text: &str) -> Result<Head, Box<BadHead>> {
    let raw = Bytes::copy_from_slice(text.as_bytes());
    let start_len = text.find("\r\n").unwrap() + 2;
    let (transaction, start) = read_start_line(&raw[..start_len - 2]).unwrap();
    Head::read(
        raw,
        transaction,
        start,
        start_len,
        text.ends_with("\r\n\r\n"),
    )
}

const PATHS: &str = "To-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n\
    From-Path: msrp://alicepc.example.com:7777/iau39soe2843z;tcp\r\n";

#[test]
fn reads_a_send() {
    let text = format!(
        "MSRP d93kswow SEND\r\n{PATHS}Message-ID: 12339sdqwer\r\nByte-Range: 1-16/16\r\n\
         success-report:  YES \r\nFailure-Report: partial\r\nX-Odd: a:b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    );
    let head = read(&text).unwrap();
    assert_eq!(head.raw(), text.as_bytes());
    assert_eq!(
        (head.transaction.as_str(), head.method()),
        ("d93kswow", Some(&Method::Send))
    );
    assert_eq!(
        head.to_path.to_string(),
        "msrp://bob.example.com:8888/9di4eae923wzd;tcp"
    );
    assert_eq!(head.message_id.as_ref().unwrap().as_str(), "12339sdqwer");
    assert_eq!(head.byte_range, Some(ByteRange::whole(16)));
    assert_eq!(
        (head.failure_report, head.success_report),
        (FailureReport::Partial, true)
    );
    assert_eq!(
        head.content_type.as_deref(),
        Some("text/plain; charset=utf-8")
    );
    assert!(head.has_body && head.status.is_none());
    assert_eq!(head.field("x-odd"), Some(&b"a:b"[..]));
    assert_eq!(head.field("Success-Report"), Some(&b"YES"[..]));
    let names: Vec<&str> = head.fields().map(|(name, _)| name).collect();
    assert_eq!(names[..3], ["To-Path", "From-Path", "Message-ID"]);
}

#[test]
fn defaults() {
    let head = read(&format!("MSRP d93kswow SEND\r\n{PATHS}")).unwrap();
    assert_eq!(
        (head.failure_report, head.success_report),
        (FailureReport::Yes, false)
    );
    assert_eq!(
        (head.message_id, head.byte_range, head.has_body),
        (None, None, false)
    );
}

#[test]
fn reads_a_response_and_a_report() {
    let head = read(&format!("MSRP d93kswow 200 OK\r\n{PATHS}")).unwrap();
    let ok = Start::Response {
        code: 200,
        comment: "OK".into(),
    };
    assert_eq!((head.method(), &head.start), (None, &ok));
    let head = read(&format!("MSRP d93kswow 413\r\n{PATHS}")).unwrap();
    assert!(matches!(head.start, Start::Response { code: 413, comment } if comment.is_empty()));

    // RFC 4976 section 3: a report on its way through two relays.
    let head = read(
        "MSRP yh67 REPORT\r\n\
         To-Path: msrps://a.example.org:9000/kjfjan;tcp msrps://alice.example.org:7965/bar;tcp\r\n\
         From-Path: msrps://b.example.net:9000/aeiug;tcp msrps://bob.example.net:8145/foo;tcp\r\n\
         Message-ID: 87652\r\nByte-Range: 1-39/39\r\nStatus: 000 200 OK\r\n",
    )
    .unwrap();
    assert_eq!(head.method(), Some(&Method::Report));
    assert_eq!(
        head.status.map(|status| (status.namespace, status.code)),
        Some((0, 200))
    );
    assert!(head.to_path.has_relays() && head.from_path.has_relays());

    let head = read("MSRP 49fh AUTH\r\nTo-Path: msrps://alice@intra.example.com;tcp\r\nFrom-Path: msrps://alice.example.com:9892/98cjs;tcp\r\n").unwrap();
    assert_eq!(head.method(), Some(&Method::Other("AUTH".into())));
}

#[test]
fn refuses_start_lines() {
    for (line, error) in [
        ("", StartLineError::NotMsrp),
        ("msrp abcd SEND", StartLineError::NotMsrp),
        ("GET / HTTP/1.1", StartLineError::NotMsrp),
        ("MSRP abc SEND", StartLineError::Transaction),
        ("MSRP  abcd SEND", StartLineError::Transaction),
        ("MSRP abcd", StartLineError::MethodOrCode),
        ("MSRP abcd send", StartLineError::MethodOrCode),
        ("MSRP abcd 20", StartLineError::MethodOrCode),
        ("MSRP abcd SEND x", StartLineError::MethodOrCode),
        ("MSRP abcd SEND\rX", StartLineError::ControlCharacter),
        ("MSRP abcd 200 \0", StartLineError::ControlCharacter),
    ] {
        assert_eq!(read_start_line(line.as_bytes()), Err(error), "{line:?}");
    }
}

#[test]
fn refuses_fields_and_still_knows_where_to_answer() {
    for (fields, error) in [
        ("Message-ID: abc\r\n", FieldError::Value("Message-ID")),
        ("Byte-Range: 0-1/1\r\n", FieldError::Value("Byte-Range")),
        ("Status: fine\r\n", FieldError::Value("Status")),
        (
            "Success-Report: partial\r\n",
            FieldError::Value("Success-Report"),
        ),
        (
            "Message-ID: abcd\r\nMessage-ID: abcd\r\n",
            FieldError::Twice("Message-ID"),
        ),
        (
            "To-Path: msrp://a:1/b;tcp\r\n",
            FieldError::Twice("To-Path"),
        ),
        ("no field\r\n", FieldError::Syntax { line: 1 }),
        ("X: y\r\n folded\r\n", FieldError::Syntax { line: 2 }),
        (
            "X: y\nTo-Path: z\r\n",
            FieldError::ControlCharacter { line: 1 },
        ),
        (": y\r\n", FieldError::Syntax { line: 1 }),
    ] {
        let text = format!("MSRP d93kswow SEND\r\n{fields}{PATHS}Failure-Report: no\r\n");
        let bad = read(&text).unwrap_err();
        // To-Path before the sound one makes that the second.
        let error = if fields.starts_with("To-Path") {
            FieldError::Twice("To-Path")
        } else {
            error
        };
        assert_eq!(bad.error, error, "{fields:?}");
        assert_eq!(bad.failure_report, FailureReport::No);
        assert!(bad.to_path.is_some() && bad.from_path.is_some());
        assert_eq!(bad.raw, text.as_bytes());
    }
}

#[test]
fn paths_are_mandatory() {
    let (to, from) = PATHS.split_once("\r\n").unwrap();
    let without_to = read(&format!("MSRP d93kswow SEND\r\n{from}")).unwrap_err();
    assert_eq!(without_to.error, FieldError::Missing("To-Path"));
    assert!(without_to.from_path.is_some());
    let without_from = read(&format!("MSRP d93kswow SEND\r\n{to}\r\n")).unwrap_err();
    assert_eq!(without_from.error, FieldError::Missing("From-Path"));
    let broken = read(&format!("MSRP d93kswow SEND\r\nTo-Path: sip:x\r\n{from}")).unwrap_err();
    assert_eq!(
        (&broken.error, &broken.to_path),
        (&FieldError::Value("To-Path"), &None)
    );
}

proptest! {
    #[test]
    fn never_panics(line in proptest::collection::vec(any::<u8>(), 0..60), rest in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b':'), any::<u8>()], 0..120)) {
        let _ = read_start_line(&line);
        let _ = read_start_line(&[b"MSRP ", &line[..]].concat());
        let (transaction, start) = read_start_line(b"MSRP abcd SEND").unwrap();
        let raw = Bytes::from([b"MSRP abcd SEND\r\n", &rest[..]].concat());
        if let Ok(head) = Head::read(raw, transaction, start, 16, true) {
            let _ = head.fields().count();
        }
    }
}
