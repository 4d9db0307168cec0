//! Tests of what is written: it equals the messages of RFC 4975 section 11, and reads back.

use super::*;
use crate::msrp::stream::{Decoder, Event};

fn ident(text: &str) -> Ident {
    text.parse().unwrap()
}

fn bob() -> Uri {
    "msrp://bob.example.com:8888/9di4eae923wzd;tcp"
        .parse()
        .unwrap()
}

fn alice() -> Uri {
    "msrp://alicepc.example.com:7777/iau39soe2843z;tcp"
        .parse()
        .unwrap()
}

fn head_of(octets: &[u8]) -> Head {
    let mut decoder = Decoder::new();
    decoder.push(octets);
    match decoder.next() {
        Some(Ok(Event::Head(head))) => *head,
        other => panic!("{other:?}"),
    }
}

/// The head of a SEND from Alice, possibly by way of a relay.
fn request(method: &str, fields: &str) -> Head {
    let text = format!(
        "MSRP d93kswow {method}\r\nTo-Path: {}\r\nFrom-Path: msrp://relay.example.net:1/r;tcp {}\r\n{fields}-------d93kswow$\r\n",
        bob(),
        alice()
    );
    head_of(text.as_bytes())
}

fn send_head<'a>(
    transaction: &'a Ident,
    to: &'a Path,
    from: &'a Uri,
    message_id: &'a Ident,
) -> SendHead<'a> {
    SendHead {
        transaction,
        to,
        from,
        message_id,
        byte_range: ByteRange::whole(14),
        failure_report: FailureReport::Yes,
        success_report: false,
        mime_fields: &[],
        content_type: "text/plain",
    }
}

/// RFC 4975 section 11.1 steps 4 and 5, but for the octets of the content, which are counted right here.
#[test]
fn a_send_and_its_answer() {
    let (transaction, message_id) = (ident("d93kswow"), ident("12339sdqwer"));
    let (to, from) = (Path::from(bob()), alice());
    let head = send_head(&transaction, &to, &from, &message_id)
        .write()
        .unwrap();
    let sent = [
        &head[..],
        b"Hi, I'm Alice!",
        &end_of_chunk(&transaction, Continuation::Complete),
    ]
    .concat();
    let expected = "MSRP d93kswow SEND\r\n\
        To-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n\
        From-Path: msrp://alicepc.example.com:7777/iau39soe2843z;tcp\r\n\
        Message-ID: 12339sdqwer\r\nByte-Range: 1-14/14\r\nContent-Type: text/plain\r\n\r\n\
        Hi, I'm Alice!\r\n-------d93kswow$\r\n";
    assert_eq!(String::from_utf8(sent).unwrap(), expected);
    let answer = respond(&head_of(expected.as_bytes()), &bob(), Code::Ok).unwrap();
    let expected = "MSRP d93kswow 200 OK\r\n\
        To-Path: msrp://alicepc.example.com:7777/iau39soe2843z;tcp\r\n\
        From-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n-------d93kswow$\r\n";
    assert_eq!(answer, expected.as_bytes());
}

/// RFC 4975 section 11.6.
#[test]
fn a_report() {
    let written = report(
        &ident("dkei38sd"),
        &alice().into(),
        &bob(),
        &ident("12339sdqwer"),
        ByteRange::whole(106),
        Code::Ok,
    );
    let expected = "MSRP dkei38sd REPORT\r\n\
        To-Path: msrp://alicepc.example.com:7777/iau39soe2843z;tcp\r\n\
        From-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n\
        Message-ID: 12339sdqwer\r\nByte-Range: 1-106/106\r\nStatus: 000 200 OK\r\n-------dkei38sd$\r\n";
    assert_eq!(written, expected.as_bytes());
}

#[test]
fn all_that_a_send_may_say() {
    let (transaction, message_id) = (ident("d93kswow"), ident("12339sdqwer"));
    let (to, from) = (
        Path::parse("msrps://r.example.org:1/a;tcp msrp://b.example.org:2/b;tcp").unwrap(),
        alice(),
    );
    let mime_fields = [(
        "Content-Disposition".to_owned(),
        "attachment; filename=\"a.png\"".to_owned(),
    )];
    let head = SendHead {
        byte_range: ByteRange {
            start: 5,
            end: None,
            total: None,
        },
        failure_report: FailureReport::Partial,
        success_report: true,
        mime_fields: &mime_fields,
        content_type: "image/png",
        ..send_head(&transaction, &to, &from, &message_id)
    };
    let read = head_of(&head.write().unwrap());
    assert_eq!(
        (read.to_path, read.failure_report),
        (to.clone(), FailureReport::Partial)
    );
    assert!(read.success_report && read.has_body);
    assert_eq!(read.byte_range, Some(head.byte_range));
    assert_eq!(read.content_type.as_deref(), Some("image/png"));
    let bare = bodiless_send(&transaction, &to, &from, &message_id);
    let read = head_of(&bare);
    assert!(!read.has_body && read.content_type.is_none());
    assert_eq!(read.byte_range, Some(ByteRange::whole(0)));
    assert!(bare.ends_with(b"-------d93kswow$\r\n"));
}

#[test]
fn refuses_injection() {
    let (transaction, message_id) = (ident("d93kswow"), ident("12339sdqwer"));
    let (to, from) = (Path::from(bob()), alice());
    for content_type in [
        "",
        "text",
        "text/plain\r\nX: y",
        "text/plain; a=\"\n\"",
        "te xt/plain",
    ] {
        let head = SendHead {
            content_type,
            ..send_head(&transaction, &to, &from, &message_id)
        };
        assert_eq!(
            head.write(),
            Err(WriteError::ContentType(content_type.into()))
        );
    }
    for (name, value) in [
        ("Content-ID", "a\r\nb"),
        ("Content-Type", "a/b"),
        ("Content-:", "x"),
        ("Content-", "x"),
        ("To-Path", "x"),
        ("ä", "x"),
    ] {
        let mime_fields = [(name.to_owned(), value.to_owned())];
        let head = SendHead {
            mime_fields: &mime_fields,
            ..send_head(&transaction, &to, &from, &message_id)
        };
        assert_eq!(head.write(), Err(WriteError::Field(name.into())));
    }
}

/// RFC 4975 section 7.2.
#[test]
fn answers_go_where_they_belong() {
    let to_of = |request: &Head, code| {
        respond(request, &bob(), code).map(|octets| head_of(&octets).to_path.to_string())
    };
    let relay = "msrp://relay.example.net:1/r;tcp".to_owned();
    let whole = format!("{relay} {}", alice());
    assert_eq!(to_of(&request("SEND", ""), Code::Ok), Some(relay.clone()));
    assert_eq!(
        to_of(&request("NICKNAME", ""), Code::UnknownMethod),
        Some(whole)
    );
    assert_eq!(to_of(&request("REPORT", ""), Code::NoSession), None);
    assert_eq!(to_of(&request("200 OK", ""), Code::Ok), None);
    assert_eq!(
        to_of(&request("SEND", "Failure-Report: partial\r\n"), Code::Ok),
        None
    );
    assert_eq!(
        to_of(&request("SEND", "Failure-Report: partial\r\n"), Code::Stop),
        Some(relay)
    );
    assert_eq!(
        to_of(&request("SEND", "Failure-Report: no\r\n"), Code::Stop),
        None
    );
}

#[test]
fn every_code_reads_back() {
    for (code, value) in [
        (Code::Ok, 200),
        (Code::BadRequest, 400),
        (Code::Forbidden, 403),
        (Code::Timeout, 408),
        (Code::Stop, 413),
        (Code::UnsupportedMedia, 415),
        (Code::OutOfBounds, 423),
        (Code::NoSession, 481),
        (Code::UnknownMethod, 501),
        (Code::BoundElsewhere, 506),
    ] {
        let answer = refuse(&request("SEND", ""), code).unwrap();
        let head = head_of(&answer);
        assert!(matches!(head.start, Start::Response { code, .. } if code == value));
        assert_eq!(
            head.from_path,
            bob().into(),
            "from the URI that was asked for"
        );
    }
}

#[test]
fn what_cannot_be_understood_is_answered_if_it_says_where_it_came_from() {
    let bad = |fields: &str| {
        let mut decoder = Decoder::new();
        decoder.push(format!("MSRP d93kswow SEND\r\n{fields}-------d93kswow$\r\n").as_bytes());
        match decoder.next() {
            Some(Ok(Event::BadHead(bad))) => refuse_bad(&bad),
            other => panic!("{other:?}"),
        }
    };
    let paths = format!("To-Path: {}\r\nFrom-Path: {}\r\n", bob(), alice());
    let answer = bad(&format!("{paths}Byte-Range: x\r\n")).unwrap();
    assert!(answer.starts_with(b"MSRP d93kswow 400 Bad Request\r\nTo-Path: msrp://alicepc."));
    assert_eq!(
        bad(&format!("{paths}Byte-Range: x\r\nFailure-Report: no\r\n")),
        None
    );
    assert_eq!(bad(&format!("To-Path: {}\r\n", bob())), None);
}
