//! Tests of the decoder. The frames are those of RFC 4975 sections 5.1 and 11 with the line ends of the
//! protocol, and variations of them.

use super::*;
use crate::msrp::frame::FieldError;
use proptest::prelude::*;

const SEND: &str = "MSRP d93kswow SEND\r\n\
    To-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n\
    From-Path: msrp://alicepc.example.com:7777/iau39soe2843z;tcp\r\n\
    Message-ID: 12339sdqwer\r\nByte-Range: 1-16/16\r\nContent-Type: text/plain\r\n\r\n\
    Hi, I'm Alice!\r\n-------d93kswow$\r\n";
const OK: &str = "MSRP d93kswow 200 OK\r\n\
    To-Path: msrp://alicepc.example.com:7777/iau39soe2843z;tcp\r\n\
    From-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n-------d93kswow$\r\n";
const REPORT: &str = "MSRP dkei38sd REPORT\r\n\
    To-Path: msrp://alicepc.example.com:7777/iau39soe2843z;tcp\r\n\
    From-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\n\
    Message-ID: 12339sdqwer\r\nByte-Range: 1-106/106\r\nStatus: 000 200 OK\r\n-------dkei38sd$\r\n";
const BAD: &str = "MSRP bad1 SEND\r\nTo-Path: sip:x\r\n\r\nskip me\r\n-------bad1+\r\n";
const PATHS: &str = "To-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://c:2/d;tcp\r\n";

/// One frame, as a test sees it: the head, the whole body, the flag.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Frame {
    head: Result<Vec<u8>, FieldError>,
    body: Vec<u8>,
    flag: Option<Continuation>,
}

/// The frames of a stream that arrives in these pieces, and the error it ends with.
fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Frame>, Option<StreamError>) {
    let mut decoder = Decoder::new();
    let mut frames: Vec<Frame> = Vec::new();
    for octets in pieces {
        decoder.push(octets);
        for event in decoder.by_ref() {
            let head = match event {
                Ok(Event::Head(head)) => Ok(head.raw().to_vec()),
                Ok(Event::BadHead(bad)) => Err(bad.error),
                Ok(Event::Body(piece)) => {
                    assert!(!piece.is_empty());
                    frames.last_mut().unwrap().body.extend_from_slice(&piece);
                    continue;
                }
                Ok(Event::End(flag)) => {
                    assert_eq!(frames.last_mut().unwrap().flag.replace(flag), None);
                    continue;
                }
                Err(error) => return (frames, Some(error)),
            };
            frames.push(Frame {
                head,
                body: Vec::new(),
                flag: None,
            });
        }
    }
    (frames, None)
}

fn whole(text: &str) -> (Vec<Frame>, Option<StreamError>) {
    frames([text.as_bytes()])
}

fn frame(head: &str, body: &str, flag: Continuation) -> Frame {
    Frame {
        head: Ok(head.as_bytes().to_vec()),
        body: body.as_bytes().to_vec(),
        flag: Some(flag),
    }
}

/// A SEND of this transaction, without a Message-ID, with its paths and the body given.
fn send(transaction: &str, after_fields: &str) -> String {
    format!("MSRP {transaction} SEND\r\n{PATHS}{after_fields}")
}

#[test]
fn request_response_report() {
    let (found, error) = whole(&[SEND, OK, "\r\n", REPORT].concat());
    let (head, _) = SEND.split_at(SEND.find("Hi").unwrap());
    let ok_head = OK.split_at(OK.find("-------").unwrap()).0;
    let report_head = REPORT.split_at(REPORT.find("-------").unwrap()).0;
    let expected = [
        frame(head, "Hi, I'm Alice!", Continuation::Complete),
        frame(ok_head, "", Continuation::Complete),
        frame(report_head, "", Continuation::Complete),
    ];
    assert_eq!((found.as_slice(), error), (&expected[..], None));
}

/// RFC 4975 section 11.2: line ends in the content are content, all but the last.
#[test]
fn content_of_several_lines() {
    let content = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<html>\r\n  <body>\r\n   \
        <p>See the results at <a\r\nhref=\"http://example.org/\">example.org</a>.</p>\r\n  </body>\r\n</html>\r\n";
    let head = "MSRP dsdfoe38sd SEND\r\nTo-Path: msrp://alice.example.com:7777/iau39soe2843z;tcp\r\n\
        From-Path: msrp://bob.example.com:8888/9di4eae923wzd;tcp\r\nMessage-ID: 456so39s\r\n\
        Byte-Range: 1-374/374\r\nContent-Type: application/xhtml+xml\r\n\r\n";
    let (found, error) = whole(&format!("{head}{content}\r\n-------dsdfoe38sd$\r\n"));
    assert_eq!(
        (found, error),
        (vec![frame(head, content, Continuation::Complete)], None)
    );
}

#[test]
fn empty_bodies_and_no_bodies() {
    let head = send("abcd", "");
    let with_type = send("abcd", "Content-Type: text/plain\r\n\r\n");
    for (text, expected) in [
        (
            format!("{head}-------abcd$\r\n"),
            frame(&head, "", Continuation::Complete),
        ),
        (
            format!("{with_type}\r\n-------abcd+\r\n"),
            frame(&with_type, "", Continuation::More),
        ),
        // Without the line end that belongs to the end-line.
        (
            format!("{with_type}-------abcd#\r\n"),
            frame(&with_type, "", Continuation::Abandoned),
        ),
        (
            format!("{with_type}-------abce$\r\n\r\n-------abcd$\r\n"),
            frame(&with_type, "-------abce$\r\n", Continuation::Complete),
        ),
        (
            format!("{with_type}\r\n\r\n-------abcd$\r\n"),
            frame(&with_type, "\r\n", Continuation::Complete),
        ),
    ] {
        assert_eq!(whole(&text), (vec![expected], None), "{text}");
    }
    let mut decoder = Decoder::new();
    decoder.push(send("abcd", "-------abcd$\r\n").as_bytes());
    let Some(Ok(Event::Head(head))) = decoder.next() else {
        panic!("no head");
    };
    assert!(!head.has_body && !decoder.is_between());
    assert!(matches!(
        decoder.next(),
        Some(Ok(Event::End(Continuation::Complete)))
    ));
    assert!(decoder.is_between());
}

#[test]
fn a_bad_head_does_not_end_the_connection() {
    let (found, error) = whole(&[BAD, "MSRP bad2 SEND\r\nx\r\n-------bad2$\r\n", OK].concat());
    assert_eq!(error, None);
    assert_eq!(found[0].head, Err(FieldError::Value("To-Path")));
    assert_eq!((found[0].body.len(), found[0].flag), (0, None));
    assert_eq!(found[1].head, Err(FieldError::Syntax { line: 1 }));
    assert!(found[2].head.is_ok());
}

#[test]
fn what_is_no_msrp_is_noticed_at_once() {
    for text in [
        "G",
        "\x16\x03\x01",
        "MSRQ",
        "\rM",
        "msrp abcd SEND\r\n",
        "\0",
    ] {
        let (found, error) = whole(text);
        assert_eq!(
            (found.len(), &error),
            (0, &Some(StartLineError::NotMsrp.into())),
            "{text:?}"
        );
        assert_eq!(error.unwrap().code(), None);
    }
    let (found, error) = whole(&format!("{SEND}junk"));
    assert_eq!(
        (found.len(), error),
        (1, Some(StartLineError::NotMsrp.into()))
    );
}

#[test]
fn after_an_error_nothing_comes() {
    let mut decoder = Decoder::new();
    decoder.push(b"MSRP abcd nonsense\r\n");
    let error = decoder.next().unwrap().unwrap_err();
    assert_eq!(error, StartLineError::MethodOrCode.into());
    assert_eq!(error.code(), Some(Code::BadRequest));
    assert!(decoder.has_failed());
    decoder.push(SEND.as_bytes());
    assert!(decoder.next().is_none() && decoder.buffered() == 0);
}

#[test]
fn heads_are_bounded() {
    let endless = format!("MSRP abcd 200 {}", "x".repeat(MAX_START_LINE));
    assert_eq!(whole(&endless).1, Some(StreamError::StartLineTooLong));
    let fits = format!("MSRP abcd 200 {}", "x".repeat(MAX_START_LINE - 14));
    assert_eq!(whole(&fits), (vec![], None));
    assert_eq!(
        whole(&format!("{fits}x\r\n")).1,
        Some(StreamError::StartLineTooLong)
    );

    let transaction = Ident::parse(b"abcd").unwrap();
    let too_large = Some(StreamError::HeadTooLarge { transaction });
    let long = |octets: usize, end: &str| {
        let head = send("abcd", "X: ");
        let filling =
            "x".repeat(octets - head.len() - 2 - if end.starts_with('-') { 0 } else { 2 });
        format!("{head}{filling}\r\n{end}")
    };
    for end in ["-------abcd$\r\n", "\r\n\r\n-------abcd$\r\n"] {
        assert_eq!(whole(&long(MAX_HEAD, end)).0.len(), 1);
        for text in [long(MAX_HEAD + 1, end), long(MAX_HEAD + 2, end)] {
            assert_eq!(whole(&text), (vec![], too_large.clone()));
            assert_eq!(frames(text.as_bytes().chunks(1000)).1, too_large);
        }
    }
    let many = send("abcd", &"X: y\r\n".repeat(MAX_HEAD));
    assert_eq!(frames(many.as_bytes().chunks(100)).1, too_large);
}

#[test]
fn only_a_send_may_be_long() {
    let body = "x".repeat(10_240);
    let of = |method: &str, more: &str| {
        format!(
            "MSRP abcd {method}\r\n{PATHS}Content-Type: a/b\r\n\r\n{body}{more}\r\n-------abcd$\r\n"
        )
    };
    assert_eq!(whole(&of("REPORT", "")).0[0].body.len(), 10_240);
    assert_eq!(whole(&of("SEND", "x")).0[0].body.len(), 10_241);
    let transaction = Ident::parse(b"abcd").unwrap();
    for method in ["REPORT", "AUTH", "200 OK"] {
        let (found, error) = whole(&of(method, "x"));
        let expected = StreamError::BodyTooLarge {
            transaction: transaction.clone(),
        };
        assert_eq!((found[0].body.len(), error), (10_240, Some(expected)));
    }
}

/// However large a chunk is, what is held back is never more than an end-line.
#[test]
fn content_is_passed_on_as_it_comes() {
    let mut decoder = Decoder::new();
    decoder.push(send("abcd", "Content-Type: a/b\r\n\r\n").as_bytes());
    let mut octets = 0;
    let mut piece = b"\r\n-------abc\r\n----\r".to_vec();
    piece.resize(1000, b'-');
    for _ in 0..1000 {
        decoder.push(&piece);
        for event in decoder.by_ref() {
            if let Event::Body(piece) = event.unwrap() {
                octets += piece.len();
            }
        }
        assert!(decoder.buffered() <= MAX_END_LINE + 2);
    }
    assert_eq!(octets, 1_000_000);
}

/// All kinds of frames in one stream.
fn stream() -> Vec<u8> {
    let tricky = "\r\n-------abcd\r\n-------abcd!\r\n-------abcd$\r-------abcd$";
    let tricky = send(
        "abcd",
        &format!("Content-Type: a/b\r\n\r\n{tricky}\r\n-------abcd$\r\n"),
    );
    let dashes = send(
        "abce",
        "Content-Type: a/b\r\n\r\n-------abc\r\n-------abce+\r\n",
    );
    let bare = send("abcf", "-------abcf$\r\n");
    [SEND, "\r\n\r\n", BAD, OK, &tricky, &dashes, &bare, REPORT]
        .concat()
        .into_bytes()
}

#[test]
fn the_same_frames_at_every_split() {
    let stream = stream();
    let expected = frames([&stream[..]]);
    assert_eq!((expected.0.len(), &expected.1), (7, &None));
    assert_eq!(
        expected.0[3].body,
        b"\r\n-------abcd\r\n-------abcd!\r\n-------abcd$\r-------abcd$"
    );
    assert_eq!(expected.0[4].body, b"-------abc");
    for at in 0..=stream.len() {
        let (left, right) = stream.split_at(at);
        assert_eq!(frames([left, right]), expected, "split at {at}");
    }
    assert_eq!(frames(stream.chunks(1)), expected);
}

/// Octets that come close to frames.
fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"MSRP abcd SEND\r\n".to_vec()),
        Just(b"MSRP abcd 200\r\n".to_vec()),
        Just(PATHS.as_bytes().to_vec()),
        Just(b"Content-Type: a/b\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"-------".to_vec()),
        Just(b"abcd$".to_vec()),
        Just(b"\r\n-------abcd+\r\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..3),
    ];
    proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_cutting_gives_the_same_frames(cuts in proptest::collection::vec(1_usize..60, 1..60)) {
        let stream = stream();
        let mut rest = &stream[..];
        let mut pieces = Vec::new();
        for cut in cuts {
            let (piece, tail) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = tail;
        }
        pieces.push(rest);
        prop_assert_eq!(frames(pieces), frames([&stream[..]]));
    }

    #[test]
    fn odd_octets_fare_alike_at_every_split(octets in fragments(), at in 0_usize..200) {
        let (left, right) = octets.split_at(at.min(octets.len()));
        let expected = frames([&octets[..]]);
        prop_assert_eq!(&frames([left, right]), &expected);
        prop_assert_eq!(&frames(octets.chunks(1)), &expected);
    }

    #[test]
    fn any_body_comes_back(body in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), any::<u8>()], 0..300), cut in 1_usize..50) {
        let transaction = Ident::parse(b"zzzz").unwrap();
        prop_assume!(!crate::msrp::boundary::occurs_in(&transaction, &body));
        let text = [send("zzzz", "Content-Type: a/b\r\n\r\n").as_bytes(), &body, b"\r\n-------zzzz$\r\n"].concat();
        let (found, error) = frames(text.chunks(cut));
        prop_assert_eq!((&found[0].body, found[0].flag, error), (&body, Some(Continuation::Complete), None));
    }
}
