//! Tests of [`super`].

use super::*;

fn request(lines: &str, body: &str) -> Message {
    let raw = format!(
        "REFER sip:alice@example.org SIP/2.0\r\n{lines}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Message::parse(raw.into_bytes().into()).unwrap()
}

fn of(lines: &str) -> Result<Referred, Refused> {
    Referred::of(&request(lines, ""))
}

fn one(account_id: i64, number: i64, host: &str) -> Target {
    Target {
        key: MessageKey { account_id, number },
        host: host.to_owned(),
    }
}

#[test]
fn a_message_id_is_known_however_it_is_written() {
    for value in [
        "<sip:10000000001@mail.example.org>",
        "sip:10000000001@mail.example.org",
        "  <sip:10000000001@mail.example.org>  ",
        "<sip:10000000001@mail.example.org;method=MESSAGE>",
        "<sip:10000000001@mail.example.org;method=BYE;transport=tcp>",
        "sip:10000000001@mail.example.org;method=DELETE",
        "<sip:10000000001@mail.example.org;method=>",
        "<sip:10000000001@mail.example.org?Subject=delete%20it>",
        "<sip:10000000001@mail.example.org;method=INVITE?Call-ID=a%40b&X=>",
        "sip:10000000001@mail.example.org?Accept-Contact=*%3Baudio",
        "sip:10000000001@mail.example.org;method=BYE?X=y",
        "sips:10000000001@mail.example.org",
        "<SIP:10000000001@MAIL.example.ORG>",
        "<sip:10000000001@mail.example.org.>",
        "<sip:10000000001@mail.example.org:5060>",
        "<sip:%310000000001@mail.example.org>",
        "<sip:0000000010000000001@mail.example.org>",
        "\"The message, \\\"that one\\\"\" <sip:10000000001@mail.example.org>;x=y",
        "Message <sip:10000000001@mail.example.org>",
        "\r\n <sip:10000000001@mail.example.org>",
    ] {
        for name in ["Refer-To", "refer-to", "r", "R"] {
            let found = of(&format!("{name}: {value}\r\n")).map(|found| found.targets);
            assert_eq!(found, Ok(vec![one(1, 1, "mail.example.org")]), "{value}");
        }
    }
}

#[test]
fn what_is_no_message_id_is_refused() {
    const GOOD: &str = "<sip:10000000001@h>";
    for (lines, status) in [
        (String::new(), 400),
        ("Refer-To:\r\n".into(), 400),
        (format!("Refer-To: {GOOD}\r\nr: {GOOD}\r\n"), 400),
        (format!("Refer-To: {GOOD}, {GOOD}\r\n"), 400),
        (
            "Refer-To: sip:10000000001@h,sip:10000000002@h\r\n".into(),
            400,
        ),
        ("Refer-To: <sip:10000000001@h\r\n".into(), 400),
        ("Refer-To: <>\r\n".into(), 400),
        (format!("Refer-To: {GOOD} x\r\n"), 400),
        ("Refer-To: <sip:10000000001@h h>\r\n".into(), 400),
        ("Refer-To: <sip:10000000001@[::1>\r\n".into(), 400),
        ("Refer-To: <sip:10000000001@>\r\n".into(), 400),
        (
            "Refer-To: <sip:bob@example.org;method=INVITE>\r\n".into(),
            603,
        ),
        ("Refer-To: <sip:mail.example.org>\r\n".into(), 603),
        ("Refer-To: <sip:1@h>\r\n".into(), 603),
        ("Refer-To: <sip:10000000000@h>\r\n".into(), 603),
        ("Refer-To: <sip:-10000000001@h>\r\n".into(), 603),
        (
            "Refer-To: <sip:99999999999999999999999999999999@h>\r\n".into(),
            603,
        ),
        ("Refer-To: <http://h/10000000001>\r\n".into(), 603),
        ("Refer-To: <tel:+4910000000001>\r\n".into(), 603),
        ("Refer-To: <mailto:10000000001@h>\r\n".into(), 603),
        (format!("Refer-To: {GOOD}\r\nRefer-Sub: maybe\r\n"), 400),
        (
            format!("Refer-To: {GOOD}\r\nRefer-Sub: false\r\nRefer-Sub: true\r\n"),
            400,
        ),
    ] {
        let refused = of(&lines).unwrap_err();
        assert_eq!(refused.status(), status, "{lines}");
    }
}

#[test]
fn who_wants_no_subscription_says_so() {
    for (lines, expected) in [
        ("", false),
        ("Refer-Sub: false\r\n", true),
        ("refer-sub:FALSE;x=y\r\n", true),
        ("Refer-Sub: true\r\n", false),
        ("Supported: norefersub\r\n", false),
        ("Require: norefersub\r\n", true),
        ("Require: norefersub\r\nRefer-Sub: true\r\n", false),
        ("Require: a, NoReferSub\r\nRefer-Sub: false\r\n", true),
    ] {
        let found = of(&format!("Refer-To: <sip:10000000001@h>\r\n{lines}")).unwrap();
        assert_eq!(found.is_quiet, expected, "{lines}");
    }
}

const REQUIRED: &str = "Require: multiple-refer, norefersub\r\nRefer-Sub: false\r\n";
const SAID: &str = "Content-Type: application/resource-lists+xml\r\n\
    Content-Disposition: recipient-list\r\nContent-ID: <cn35t8jf02@example.com>\r\n";

fn list(entries: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>{entries}</list></resource-lists>"
    )
}

#[test]
fn a_list_is_read_as_in_the_example_of_rfc_5368() {
    let body = list(
        "<entry uri=\"sip:10000000001@h\"/><entry uri=\"sip:20000000002@H;method=BYE\"/><entry uri=\"sip:10000000001@h\"/>",
    );
    let targets = vec![one(1, 1, "h"), one(2, 2, "h"), one(1, 1, "h")];
    for refer_to in [
        "<cid:cn35t8jf02@example.com>",
        "cid:cn35t8jf02%40example.com",
        "<CID:cn35t8jf02@example.com>",
    ] {
        let lines = format!("Refer-To: {refer_to}\r\n{REQUIRED}{SAID}");
        let found = Referred::of(&request(&lines, &body));
        let expected = Referred {
            targets: targets.clone(),
            is_quiet: true,
        };
        assert_eq!(found, Ok(expected), "{refer_to}");
    }
    // In a multipart body, by its Content-ID.
    let parts = format!(
        "--b\r\nContent-Type: text/plain\r\nContent-ID: <note@x>\r\n\r\nHello\r\n--b\r\n{SAID}\r\n{body}\r\n--b--\r\n"
    );
    let lines = format!(
        "Refer-To: <cid:cn35t8jf02@example.com>\r\n{REQUIRED}Content-Type: multipart/mixed;boundary=b\r\n"
    );
    assert_eq!(
        Referred::of(&request(&lines, &parts)).unwrap().targets,
        targets
    );
    let lines = lines
        .replace("cn35t8jf02", "note")
        .replace("example.com", "x");
    assert_eq!(
        Referred::of(&request(&lines, &parts)),
        Err(Refused::MediaType)
    );
}

#[test]
fn a_list_that_cannot_be_followed_is_refused_whole() {
    let good = "<entry uri=\"sip:10000000001@h\"/>";
    let many = good.repeat(MAX_RECIPIENTS + 1);
    let to = "Refer-To: <cid:cn35t8jf02@example.com>\r\n";
    let no_list = SAID.replace("application/resource-lists+xml", "text/plain");
    for (lines, body, status) in [
        (format!("{to}{SAID}"), list(good), 421),
        (
            format!("{to}{SAID}Require: multiple-refer\r\n"),
            list(good),
            421,
        ),
        (
            format!("{to}{SAID}Supported: multiple-refer\r\nRefer-Sub: false\r\n"),
            list(good),
            421,
        ),
        (
            format!("{to}{REQUIRED}{SAID}").replace("<cid:cn", "<cid:other"),
            list(good),
            400,
        ),
        (format!("{to}{REQUIRED}"), String::new(), 400),
        (format!("{to}{REQUIRED}{no_list}"), list(good), 415),
        (
            format!("{to}{REQUIRED}{SAID}").replace("recipient-list", "render"),
            list(good),
            400,
        ),
        (format!("{to}{REQUIRED}{SAID}"), "nonsense".into(), 400),
        (format!("{to}{REQUIRED}{SAID}"), list(""), 400),
        (format!("{to}{REQUIRED}{SAID}"), list(&many), 413),
        (
            format!("{to}{REQUIRED}{SAID}"),
            list(&format!("{good}<entry uri=\"sip:bob@h\"/>")),
            603,
        ),
        (
            format!("{to}{REQUIRED}{SAID}"),
            list(&format!("{good}<entry uri=\"x\"/>")),
            603,
        ),
    ] {
        let refused = Referred::of(&request(&lines, &body)).unwrap_err();
        assert_eq!(refused.status(), status, "{lines}{body}");
    }
    assert_eq!(
        Refused::Extension.header_field(),
        Some(("Require", "multiple-refer, norefersub".to_owned()))
    );
}
