//! Tests of [`super`]. The flows are those of RFC 3261 section 16.12.1; what they leave out (tags, Call-ID) is
//! made up.

use super::*;
use crate::sip::transaction::testing::message;
use proptest::prelude::*;

const VIA: &str = "SIP/2.0/TCP us.example.com;branch=z9hG4bKnew";

/// The INVITE as it arrives, with further header lines.
fn invite(lines: &str) -> Message {
    message(&format!(
        "INVITE sip:callee@u2.domain.com SIP/2.0\r\nVia: SIP/2.0/TCP p;branch=z9hG4bK1\r\n\
         From: Caller <sip:caller@example.com>;tag=c1\r\nTo: <sip:callee@domain.com>\r\n\
         Call-ID: trapezoid\r\nCSeq: 314159 INVITE\r\n{lines}\r\n"
    ))
}

fn ok(lines: &str) -> Message {
    message(&format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP u1;branch=z9hG4bK1\r\n\
         From: Caller <sip:caller@example.com>;tag=c1\r\nTo: <sip:callee@domain.com>;tag=c2\r\n\
         Call-ID: trapezoid\r\nCSeq: 314159 INVITE\r\n{lines}\r\n"
    ))
}

const CALLER: &str = "Contact: <sip:caller@u1.example.com>\r\n";
const CALLEE: &str = "Contact: <sip:callee@u2.domain.com>\r\n";
const TRAPEZOID: &str =
    "Record-Route: <sip:p2.domain.com;lr>\r\nRecord-Route: <sip:p1.example.com;lr>\r\n";

fn answering(lines: &str) -> Result<Dialog, ParseError> {
    Dialog::answering(&invite(lines), "c2", false)
}

fn called(lines: &str) -> Result<Dialog, ParseError> {
    Dialog::called(&invite(CALLER), &ok(lines), false)
}

fn read(bytes: Bytes) -> Message {
    Message::parse(bytes).unwrap()
}

fn uri(request: &Message) -> &str {
    match request.start() {
        StartLine::Request { uri, .. } => uri,
        StartLine::Status { .. } => panic!("a response"),
    }
}

fn text(message: &Message, name: &str) -> String {
    message
        .header(name)
        .map(|field| field.text())
        .unwrap_or_default()
}

#[test]
fn a_copy_sends_one_request_and_the_dialog_goes_on_after_it() {
    let number = |dialog: &mut Dialog| {
        let request = dialog.request("UPDATE", VIA, &[], b"").unwrap();
        text(&read(request), "CSeq")
    };
    for (mut dialog, first) in [
        (answering(CALLER).unwrap(), 1),
        (called(CALLEE).unwrap(), 314_160),
    ] {
        let mut lent = dialog.lend();
        assert_eq!(number(&mut dialog), format!("{} UPDATE", first + 1));
        assert_eq!(number(&mut lent), format!("{first} UPDATE"));
    }
}

#[test]
fn the_trapezoid_of_section_16_12_1_1() {
    let far = answering(&format!("{CALLER}{TRAPEZOID}")).unwrap();
    assert_eq!(far.remote_target(), "sip:caller@u1.example.com");
    assert_eq!(
        far.route_set(),
        ["sip:p2.domain.com;lr", "sip:p1.example.com;lr"]
    );
    let mut caller = called(&format!("{CALLEE}{TRAPEZOID}")).unwrap();
    assert_eq!(
        caller.route_set(),
        ["sip:p1.example.com;lr", "sip:p2.domain.com;lr"]
    );
    assert_eq!(caller.next_hop(), "sip:p1.example.com;lr");
    let bye = read(caller.request("BYE", VIA, &[], b"").unwrap());
    assert_eq!(uri(&bye), "sip:callee@u2.domain.com");
    assert_eq!(
        text(&bye, "Route"),
        "<sip:p1.example.com;lr>, <sip:p2.domain.com;lr>"
    );
    assert_eq!(text(&bye, "CSeq"), "314160 BYE");
    assert_eq!(text(&bye, "From"), "Caller <sip:caller@example.com>;tag=c1");
    assert_eq!(text(&bye, "To"), "<sip:callee@domain.com>;tag=c2");
    assert!(far.matches(&bye));
    assert!(!caller.matches(&bye));
}

#[test]
fn list_values_keep_their_order_too() {
    let list = "Record-Route: <sip:p3;lr>,\r\n <sip:p2;lr;x=y>;rr=1\r\nRecord-Route: \"1\" <sip:p1;lr>\r\n";
    let far = answering(&format!("{CALLER}{list}")).unwrap();
    assert_eq!(far.route_set(), ["sip:p3;lr", "sip:p2;lr;x=y", "sip:p1;lr"]);
    let caller = called(&format!("{CALLEE}{list}")).unwrap();
    assert_eq!(
        caller.route_set(),
        ["sip:p1;lr", "sip:p2;lr;x=y", "sip:p3;lr"]
    );
}

#[test]
fn the_strict_router_of_section_16_12_1_2() {
    let routes = "Record-Route: <sip:p4.domain.com;lr>\r\nRecord-Route: <sip:p3.middle.com>\r\n\
        Record-Route: <sip:p2.example.com;lr>\r\nRecord-Route: <sip:p1.example.com;lr>\r\n";
    let mut callee = answering(&format!("{CALLER}{routes}")).unwrap();
    let bye = read(callee.request("BYE", VIA, &[], b"").unwrap());
    assert_eq!(uri(&bye), "sip:caller@u1.example.com");
    assert_eq!(
        text(&bye, "Route"),
        "<sip:p4.domain.com;lr>, <sip:p3.middle.com>, <sip:p2.example.com;lr>, <sip:p1.example.com;lr>"
    );
}

#[test]
fn a_strict_router_that_is_next_gets_the_request_uri() {
    // The example of section 12.2.1.1.
    let lines = "Contact: <sip:user@remoteua>\r\nRecord-Route: <sip:proxy1>,<sip:proxy2>,<sip:proxy3;lr>,<sip:proxy4>\r\n";
    let mut dialog = answering(lines).unwrap();
    let bye = read(dialog.request("BYE", VIA, &[], b"").unwrap());
    assert_eq!(uri(&bye), "sip:proxy1");
    assert_eq!(
        text(&bye, "Route"),
        "<sip:proxy2>, <sip:proxy3;lr>, <sip:proxy4>, <sip:user@remoteua>"
    );
    assert_eq!(dialog.next_hop(), "sip:proxy1");
}

#[test]
fn what_a_request_uri_cannot_have_is_stripped() {
    for (contact, line) in [
        ("sip:u@h;method=INVITE;x=1?Subject=y", "sip:u@h;x=1"),
        ("sip:h;Method=BYE", "sip:h"),
        ("sip:a;method=b?c@h;lr", "sip:a;method=b?c@h;lr"),
    ] {
        let mut dialog = called(&format!("Contact: <{contact}>\r\n")).unwrap();
        let bye = read(dialog.request("BYE", VIA, &[], b"").unwrap());
        assert_eq!(uri(&bye), line);
        assert!(bye.header("Route").is_none());
    }
}

#[test]
fn the_ack_has_the_number_of_its_invite() {
    let mut dialog = called(CALLEE).unwrap();
    let number = |bytes: Result<Bytes, WriteError>| text(&read(bytes.unwrap()), "CSeq");
    assert_eq!(number(dialog.request("ACK", VIA, &[], b"")), "314159 ACK");
    assert_eq!(
        number(dialog.request("UPDATE", VIA, &[], b"")),
        "314160 UPDATE"
    );
    assert_eq!(number(dialog.request("ACK", VIA, &[], b"")), "314159 ACK");
    assert_eq!(
        number(dialog.request("INVITE", VIA, &[], b"")),
        "314161 INVITE"
    );
    assert_eq!(number(dialog.request("ACK", VIA, &[], b"")), "314161 ACK");
    let mut callee = answering(CALLER).unwrap();
    assert_eq!(
        callee.request("ACK", VIA, &[], b""),
        Err(WriteError::NotInDialog("ACK".to_owned()))
    );
    assert!(callee.request("CANCEL", VIA, &[], b"").is_err());
    assert_eq!(number(callee.request("BYE", VIA, &[], b"")), "1 BYE");
}

#[test]
fn a_request_that_cannot_be_written_uses_no_number() {
    let mut dialog = answering(CALLER).unwrap();
    let bad = dialog.request("BYE", VIA, &[("Reason", "a\r\nRoute: b")], b"");
    assert_eq!(bad, Err(WriteError::Value("Reason".to_owned())));
    let good = dialog.request("INFO", VIA, &[("Content-Type", "text/plain")], b"Hi");
    let good = read(good.unwrap());
    assert_eq!(text(&good, "CSeq"), "1 INFO");
    assert_eq!(&good.body()[..], b"Hi");
    dialog.local_cseq = Some(CSEQ_END - 1);
    assert!(dialog.request("BYE", VIA, &[], b"").is_err());
}

fn in_dialog(method: &str, number: u32) -> Message {
    message(&format!(
        "{method} sip:us SIP/2.0\r\nFrom: <sip:callee@domain.com>;tag=c2\r\n\
         To: <sip:caller@example.com>;tag=c1\r\nCall-ID: trapezoid\r\nCSeq: {number} {method}\r\n\r\n"
    ))
}

#[test]
fn requests_come_in_order() {
    let mut dialog = called(CALLEE).unwrap();
    assert!(dialog.matches(&in_dialog("INFO", 5)));
    assert!(dialog.accepts_cseq(&in_dialog("INFO", 5)));
    for late in [4, 5] {
        assert!(!dialog.accepts_cseq(&in_dialog("BYE", late)), "{late}");
    }
    assert!(dialog.accepts_cseq(&in_dialog("ACK", 5)));
    assert!(dialog.accepts_cseq(&in_dialog("BYE", 99)));
    assert!(!dialog.accepts_cseq(&in_dialog("BYE", 6)));
    let mut callee = answering(CALLER).unwrap();
    assert!(!callee.accepts_cseq(&in_dialog("BYE", 314_159)));
    assert!(callee.accepts_cseq(&in_dialog("BYE", 314_160)));
    let broken = message("BYE sip:us SIP/2.0\r\nCSeq: many BYE\r\n\r\n");
    assert!(!callee.accepts_cseq(&broken));
}

#[test]
fn the_target_moves_and_the_routes_stay() {
    let mut dialog = answering(&format!("{CALLER}{TRAPEZOID}")).unwrap();
    let moved = "Contact: <sip:elsewhere@u3.example.com>\r\nRecord-Route: <sip:p9;lr>\r\n";
    dialog.refresh_target(&invite(moved)).unwrap();
    dialog.refresh_target(&invite("")).unwrap();
    assert!(dialog.refresh_target(&invite("Contact: *\r\n")).is_err());
    assert_eq!(dialog.remote_target(), "sip:elsewhere@u3.example.com");
    assert_eq!(dialog.next_hop(), "sip:p2.domain.com;lr");
}

#[test]
fn a_dialog_is_secure_with_sips_and_tls_together() {
    let sips = message(
        &String::from_utf8(invite(CALLER).raw().to_vec())
            .unwrap()
            .replace("INVITE sip:", "INVITE sips:"),
    );
    let secure = |invite, tls| Dialog::answering(invite, "t", tls).unwrap().is_secure();
    assert!(secure(&sips, true));
    assert!(!secure(&sips, false));
    assert!(!secure(&invite(CALLER), true));
    assert!(
        Dialog::called(&sips, &ok(CALLEE), true)
            .unwrap()
            .is_secure()
    );
}

#[test]
fn tags_may_be_missing_as_in_rfc_2543() {
    let strip = |message: Message, tag| {
        let text = String::from_utf8(message.raw().to_vec()).unwrap();
        crate::sip::transaction::testing::message(&text.replace(tag, ""))
    };
    let old = strip(invite(CALLER), ";tag=c1");
    let mut dialog = Dialog::answering(&old, "c2", false).unwrap();
    let bye = read(dialog.request("BYE", VIA, &[], b"").unwrap());
    assert_eq!(text(&bye, "To"), "Caller <sip:caller@example.com>");
    let old = strip(ok(CALLEE), ";tag=c2");
    let dialog = Dialog::called(&invite(CALLER), &old, false).unwrap();
    assert_eq!(dialog.id(), &DialogId::of_response(&old).unwrap());
}

#[test]
fn hostile_messages_make_no_dialog() {
    for (lines, error) in [
        (String::new(), ParseError::Missing("Contact")),
        (format!("{CALLER}{CALLER}"), ParseError::Repeated("Contact")),
        (
            "m: <sip:a@b>, <sip:c@d>\r\n".to_owned(),
            ParseError::Repeated("Contact"),
        ),
    ] {
        assert_eq!(answering(&lines).unwrap_err(), error);
        assert_eq!(called(&lines).unwrap_err(), error);
    }
    for lines in [
        "Contact: *\r\n".to_owned(),
        "Contact: <tel:+123>\r\n".to_owned(),
        "Contact: <sip:>\r\n".to_owned(),
        format!("{CALLER}Record-Route: <sip:p1;lr\r\n"),
        format!("{CALLER}Record-Route: \r\n"),
        format!("{CALLER}Record-Route: sip:p1;lr\r\n"),
        format!("{CALLER}Record-Route: <sip:p1;lr>,,<sip:p2>\r\n"),
        format!("{CALLER}Record-Route: <http://p1>\r\n"),
    ] {
        let error = answering(&lines).unwrap_err();
        assert_eq!(error.sip_status(), 400, "{lines}");
        assert!(called(&lines).is_err(), "{lines}");
    }
    let tagged = Dialog::answering(&ok(CALLER), "c2", false).unwrap_err();
    assert_eq!(tagged, invalid("To", "no tag"));
    assert!(Dialog::answering(&invite(CALLER), "c 2", false).is_err());
}

proptest! {
    #[test]
    fn what_makes_a_dialog_can_be_answered_in_it(
        contact in "[a-z<>@:;=?,*\"%. ]{0,30}", route in "[a-z<>@:;=?,\"%. ]{0,30}",
    ) {
        for (contact, route) in [(&*contact, &*route), ("<sip:a@b>", &*format!("<sip:{route}>")), (&*format!("<sip:{contact}>"), "<sip:p>")] {
            let lines = format!("Contact: {contact}\r\nRecord-Route: {route}\r\n");
            for mut dialog in [answering(&lines), called(&lines)].into_iter().flatten() {
                let bye = read(dialog.request("BYE", VIA, &[], b"").unwrap());
                prop_assert!(bye.basics().is_ok());
            }
        }
    }
}
