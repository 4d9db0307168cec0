//! Tests of [`super`], the reading of bodies.

use std::fmt::Write as _;

use super::*;
use proptest::prelude::*;

fn typed(content_type: &str) -> EntityHead {
    EntityHead {
        content_type: Some(content_type.to_owned()),
        ..EntityHead::default()
    }
}

fn parse(content_type: &str, body: &str) -> Content {
    Content::parse(&typed(content_type), body.as_bytes())
}

fn paths(content: &Content) -> Vec<(usize, &str, &str)> {
    content
        .parts
        .iter()
        .map(|p| (p.number, p.path.as_str(), p.content_type.as_str()))
        .collect()
}

#[test]
fn a_plain_body_is_one_part() {
    let content = Content::parse(&EntityHead::default(), "Grüße\0".as_bytes());
    assert_eq!(paths(&content), [(1, "1", "text/plain")]);
    assert_eq!(content.parts[0].text().as_deref(), Some("Grüße\u{fffd}"));
    assert!(Content::parse(&EntityHead::default(), b"").parts.is_empty());
}

#[test]
fn charsets_are_decoded() {
    let text = |charset: &str, octets: &[u8]| {
        Content::parse(&typed(&format!("text/plain; charset={charset}")), octets).parts[0]
            .text()
            .unwrap()
    };
    assert_eq!(text("ISO-8859-1", b"Gr\xfc\xdfe"), "Grüße");
    assert_eq!(text("windows-1251", b"\xcf\xf0\xe8\xe2\xe5\xf2"), "Привет");
    assert_eq!(text("us-ascii", "Grüße".as_bytes()), "Grüße");
    assert_eq!(text("no-such-charset", b"plain"), "plain");
    assert_eq!(parse("image/png", "x").parts[0].text(), None);
}

#[test]
fn multiparts_are_flattened_in_order() {
    let body = "--a\r\n\r\none\r\n--a\r\nContent-Type: multipart/alternative; boundary=\"b c\"\r\n\r\n\
        --b c\r\nContent-Type: TEXT/Plain\r\n\r\ntwo\r\n--b c\r\nContent-Type: text/html\r\n\r\n<b>three</b>\r\n--b c--\r\n\
        --a\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: BASE64\r\nContent-ID: <pic@x>\r\n\
        Content-Disposition: Attachment; filename=\"..\\dir/p\u{202e}i\tc.png\"\r\n\r\nAAEC\r\n/w==\r\n--a--\r\n";
    let content = parse("multipart/mixed;boundary=a", body);
    assert_eq!(
        paths(&content),
        [
            (1, "1", "text/plain"),
            (2, "2.1", "text/plain"),
            (3, "2.2", "text/html"),
            (4, "3", "image/png")
        ]
    );
    let picture = &content.parts[3];
    assert_eq!(picture.bytes, [0, 1, 2, 0xff]);
    assert_eq!(picture.filename.as_deref(), Some("pic.png"));
    assert_eq!(
        (
            picture.disposition.as_deref(),
            picture.content_id.as_deref()
        ),
        (Some("attachment"), Some("pic@x"))
    );
    assert!(!content.truncated);
}

#[test]
fn file_names_are_made_safe() {
    for (name, safe) in [
        ("a.txt", Some("a.txt")),
        ("/etc/passwd", Some("passwd")),
        ("C:\\x\\y.exe", Some("y.exe")),
        ("..", None),
        ("a/", None),
        (" ", None),
        ("\u{202e}", None),
        ("na\u{0}me\u{7f}", Some("name")),
        ("héé.txt", Some("héé.txt")),
    ] {
        assert_eq!(safe_filename(name).as_deref(), safe, "{name:?}");
    }
    assert_eq!(safe_filename(&"é".repeat(300)).unwrap().len(), 254);
    let extended = EntityHead {
        disposition: Some("attachment; filename*=UTF-8''na%C3%AFve%2F..%2Fx.txt".into()),
        ..typed("text/plain")
    };
    assert_eq!(
        Content::parse(&extended, b"x").parts[0].filename.as_deref(),
        Some("x.txt")
    );
}

#[test]
fn an_envelope_is_unwrapped() {
    let body = "From: Alice <im:alice@example.com>\r\nTo: Bob <im:bob@example.com>\r\nNS: imdn <urn:ietf:params:imdn>\r\n\
        imdn.Message-ID: 34jk324j\r\nDateTime: 2006-04-04T12:16:49-05:00\r\n\
        imdn.Disposition-Notification: positive-delivery, negative-delivery\r\n\r\n\
        Content-type: text/plain\r\nContent-length: 11\r\n\r\nHello World";
    let content = parse("message/CPIM", body);
    assert_eq!(paths(&content), [(1, "1", "text/plain")]);
    assert_eq!(content.parts[0].text().as_deref(), Some("Hello World"));
    assert_eq!(
        content.cpim.unwrap().from.unwrap().uri,
        "im:alice@example.com"
    );
}

#[test]
fn malformed_bodies_are_opaque_parts() {
    for (content_type, expected) in [
        ("bogus", OPAQUE),
        ("a/b/c; x", OPAQUE),
        ("multipart/mixed", "multipart/mixed"),
        ("multipart/mixed; boundary=", "multipart/mixed"),
        ("multipart/mixed; boundary=absent", "multipart/mixed"),
        ("message/cpim", "message/cpim"),
    ] {
        let content = parse(content_type, "some octets");
        assert_eq!(paths(&content), [(1, "1", expected)], "{content_type}");
        assert_eq!(content.parts[0].bytes, b"some octets");
    }
    let headless = parse("multipart/mixed;boundary=b", "--b\r\nno head\r\n--b--");
    assert_eq!(paths(&headless), [(1, "1", OPAQUE)]);
    let broken = EntityHead {
        transfer_encoding: Some("base64".into()),
        ..typed("text/plain")
    };
    assert_eq!(Content::parse(&broken, b"A!").parts[0].bytes, b"A!");
    let gzip = EntityHead {
        content_encoding: Some("gzip".into()),
        ..typed("text/plain")
    };
    assert_eq!(Content::parse(&gzip, b"\x1f\x8b").parts[0].text(), None);
}

#[test]
fn parts_past_the_limit_are_one_part() {
    let body = |n: usize| format!("{}--b--\r\n", "--b\r\n\r\nx\r\n".repeat(n));
    let exact = parse("multipart/mixed;boundary=b", &body(MAX_PARTS));
    assert_eq!((exact.parts.len(), exact.truncated), (MAX_PARTS, false));
    let text = body(MAX_PARTS + 20);
    let more = parse("multipart/mixed;boundary=b", &text);
    assert_eq!((more.parts.len(), more.truncated), (MAX_PARTS + 1, true));
    let rest = more.parts.last().unwrap();
    assert_eq!(rest.content_type, OPAQUE);
    assert!(text.as_bytes().ends_with(&rest.bytes));
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let mut body = String::new();
    for level in 0..20_000 {
        let next = level + 1;
        writeln!(
            body,
            "--b{level}\r\nContent-Type: multipart/mixed; boundary=b{next}\r\n\r"
        )
        .unwrap();
    }
    assert!(body.len() > 1024 * 1024);
    // A small stack, so that recursion per level would show.
    let content = std::thread::Builder::new()
        .stack_size(128 * 1024)
        .spawn(move || parse("multipart/mixed; boundary=b0", &body))
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(content.parts.len(), 1);
    assert_eq!(content.parts[0].path, ["1"; MAX_DEPTH].join("."));
    assert!(content.truncated);
}

#[test]
fn nested_envelopes_are_bounded_too() {
    let body = "From: <im:a@b>\r\n\r\nContent-Type: message/cpim\r\n\r\n".repeat(1000);
    let content = parse("message/cpim", &body);
    assert_eq!((content.parts.len(), content.truncated), (1, true));
}

#[test]
fn long_fields_are_not_read() {
    let parameters = ";a*0*=x".repeat(1000);
    assert_eq!(
        parse(&format!("text/plain{parameters}"), "x").parts[0].content_type,
        OPAQUE
    );
}

proptest! {
    #[test]
    fn arbitrary_bodies_never_panic(content_type in "(text/plain|multipart/mixed|message/cpim)[;a-z0-9*'%=\" ]{0,40}", body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let content = Content::parse(&typed(&content_type), &body);
        prop_assert!(body.is_empty() || !content.parts.is_empty() || content_type.starts_with("multipart/"));
    }

    #[test]
    fn arbitrary_multiparts_never_panic(pieces in proptest::collection::vec(prop_oneof![
        Just("--b\r\n"), Just("--b--\r\n"), Just("--c\n"), Just("\r\n"), Just("text"), Just("Content-Type: multipart/mixed; boundary=c\r\n"),
        Just("Content-Type: message/cpim\r\n\r\n"), Just("From: <im:a@b>\r\n"), Just("Content-Transfer-Encoding: base64\r\n"),
        Just("Content-Disposition: attachment; filename*0*=utf-8''%; filename*1=x\r\n"), Just("\r"), Just("=?utf-8?b?4"),
    ], 0..40)) {
        let body = pieces.concat();
        let content = parse("multipart/mixed; boundary=b", &body);
        for part in &content.parts {
            let _ = part.text();
        }
        prop_assert!(content.parts.iter().map(|p| p.bytes.len()).sum::<usize>() <= body.len());
    }
}
