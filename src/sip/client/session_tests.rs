//! Tests of [`super`]; the messages are made up.

use super::*;
use crate::sip::transaction::testing::{Clock, message};

const OURS: &str = "v=0\r\no=- 1 1 IN IP4 us\r\nm=message 9 TCP/MSRP *\r\n";
const THEIRS: &str = "v=0\r\no=- 7 1 IN IP4 them\r\nm=message 2855 TCP/MSRP *\r\n";

fn session(lines: &str) -> (Clock, Session) {
    let invite = message(&format!(
        "INVITE sip:b@x SIP/2.0\r\nFrom: <sip:a@x>;tag=ours\r\nTo: <sip:b@x>\r\nCall-ID: c\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:a@us>\r\nContent-Type: application/sdp\r\n\r\n{OURS}"
    ));
    let ok = message(&format!(
        "SIP/2.0 200 OK\r\nFrom: <sip:a@x>;tag=ours\r\nTo: <sip:b@x>;tag=theirs\r\nCall-ID: c\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:b@them>\r\n{lines}\r\n{THEIRS}"
    ));
    let clock = Clock::new();
    let dialog = Dialog::called(&invite, &ok, false).unwrap();
    let session = Session::new(clock.now(), dialog, &invite, &ok);
    (clock, session)
}

/// A request of the peer in the session.
fn request(method: &str, number: u32, lines: &str, body: &str) -> Message {
    message(&format!(
        "{method} sip:a@us SIP/2.0\r\nVia: SIP/2.0/TCP them;branch=z9hG4bK{number}\r\n\
         From: <sip:b@x>;tag=theirs\r\nTo: <sip:a@x>;tag=ours\r\nCall-ID: c\r\n\
         CSeq: {number} {method}\r\n{lines}\r\n{body}"
    ))
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    let found = reply.headers.iter().find(|(found, _)| *found == name);
    found.map(|(_, value)| value.as_str())
}

const SDP_TYPE: &str = "Content-Type: application/sdp\r\n";

#[test]
fn a_bye_ends_it() {
    let (clock, mut session) = session("x: 90;refresher=uas\r\n");
    let mut answer = |request: &Message| session.answer(clock.now(), request, false).status;
    assert_eq!(answer(&request("BYE", 5, "", "")), 200);
    assert_eq!(answer(&request("UPDATE", 6, "", "")), 481);
    assert_eq!(answer(&request("BYE", 7, "", "")), 200);
    assert!(session.ended);
    assert_eq!(session.next_deadline(), None);
    assert_eq!(session.on_timer(clock.at(90_000)), None);
}

#[test]
fn a_re_invite_that_changes_nothing_is_accepted() {
    let (clock, mut session) = session("");
    for (number, body) in [(5, THEIRS), (6, "")] {
        let again = request("INVITE", number, SDP_TYPE, body);
        let reply = session.answer(clock.now(), &again, false);
        assert_eq!(reply.status, 200);
        assert_eq!(reply.body, OURS.as_bytes());
        assert_eq!(header(&reply, "Content-Type"), Some("application/sdp"));
        assert_eq!(header(&reply, "Contact"), Some("<sip:a@us>"));
        assert_eq!(header(&reply, "Session-Expires"), None);
    }
    let reply = session.answer(clock.now(), &request("UPDATE", 7, "", ""), false);
    assert_eq!((reply.status, reply.body.len()), (200, 0));
}

#[test]
fn what_would_change_it_is_refused() {
    let (clock, mut session) = session("");
    let changed = THEIRS.replace("o=- 7 1", "o=- 7 2");
    for (number, method, body) in [
        (5, "INVITE", changed.as_str()),
        (6, "UPDATE", changed.as_str()),
        (7, "INVITE", "v=0\r\n"),
    ] {
        let moved = format!("{SDP_TYPE}Contact: <sip:b@elsewhere>\r\n");
        let reply = session.answer(clock.now(), &request(method, number, &moved, body), false);
        assert_eq!(reply.status, 488);
        assert!(header(&reply, "Warning").is_some());
    }
    assert_eq!(session.dialog.remote_target(), "sip:b@them");
    let other = request("INVITE", 8, "Content-Type: text/plain\r\n", "Hi");
    assert_eq!(session.answer(clock.now(), &other, false).status, 415);
}

#[test]
fn the_rest_is_answered_by_the_rules() {
    let (clock, mut session) = session("");
    let mut status = |request: &Message| session.answer(clock.now(), request, false).status;
    assert_eq!(status(&request("INFO", 5, "", "")), 405);
    assert_eq!(status(&request("FROBNICATE", 6, "", "")), 405);
    assert_eq!(status(&request("OPTIONS", 7, "", "")), 200);
    assert_eq!(status(&request("UPDATE", 7, "", "")), 500);
    assert_eq!(
        status(&request("UPDATE", 8, "Require: 100rel\r\n", "")),
        420
    );
    assert_eq!(
        status(&request("UPDATE", 9, "Contact: <tel:+1>\r\n", "")),
        400
    );
    assert_eq!(status(&request("UPDATE", 10, "x: soon\r\n", "")), 400);
    let text = String::from_utf8(request("BYE", 11, "", "").raw().to_vec()).unwrap();
    let stranger = message(&text.replace("tag=theirs", "tag=strange"));
    assert_eq!(status(&stranger), 481);
    let calls_us = text.replace(";tag=ours", "").replace("BYE", "INVITE");
    assert_eq!(status(&message(&calls_us)), 486);
    assert_eq!(status(&request("BYE", 12, "", "")), 200);
}

#[test]
fn offers_that_cross_are_refused() {
    let (clock, mut session) = session("");
    let mut status = |request: &Message| session.answer(clock.now(), request, true).status;
    assert_eq!(status(&request("INVITE", 5, "", "")), 491);
    assert_eq!(status(&request("UPDATE", 6, SDP_TYPE, THEIRS)), 491);
    assert_eq!(status(&request("UPDATE", 7, "", "")), 200);
}

#[test]
fn the_peer_keeps_the_session_alive() {
    let (clock, mut session) = session("x: 600;refresher=uas\r\nRequire: timer\r\n");
    assert_eq!(session.next_deadline(), Some(clock.at(568_000)));
    let small = request("UPDATE", 5, "k: timer\r\nx: 60\r\n", "");
    let reply = session.answer(clock.at(300_000), &small, false);
    assert_eq!(reply.status, 422);
    assert_eq!(header(&reply, "Min-SE"), Some("90"));
    let refresh = request("UPDATE", 6, "k: timer\r\nx: 600;refresher=uac\r\n", "");
    let reply = session.answer(clock.at(300_000), &refresh, false);
    assert_eq!(header(&reply, "Session-Expires"), Some("600;refresher=uac"));
    assert_eq!(header(&reply, "Require"), Some("timer"));
    assert_eq!(session.on_timer(clock.at(568_000)), None);
    assert_eq!(session.next_deadline(), Some(clock.at(868_000)));
    assert_eq!(session.on_timer(clock.at(868_000)), Some(Due::End));
    // A refresh without a timer ends the need for one.
    session.answer(clock.now(), &request("INVITE", 7, "", ""), false);
    assert_eq!(session.next_deadline(), None);
}

#[test]
fn we_keep_it_alive_where_that_was_agreed() {
    let refreshed = "SIP/2.0 200 OK\r\nx: 600;refresher=uac\r\nContact: <sip:b@new>\r\n\r\n";
    let (clock, mut session) = session("x: 600;refresher=uac\r\nAllow: INVITE, UPDATE\r\n");
    assert_eq!(session.on_timer(clock.at(300_000)), Some(Due::Refresh));
    let (method, headers, body) = session.refresh();
    assert_eq!((method, body.len()), ("UPDATE", 0));
    assert!(headers.contains(&("Session-Expires", "600;refresher=uac".to_owned())));
    assert!(headers.contains(&("Supported", "timer".to_owned())));
    let too_small = message("SIP/2.0 422 Too Small\r\nMin-SE: 900\r\n\r\n");
    session.refreshed(clock.at(300_100), 422, &too_small);
    let (_, headers, _) = session.refresh();
    assert!(headers.contains(&("Session-Expires", "900;refresher=uac".to_owned())));
    assert!(headers.contains(&("Min-SE", "900".to_owned())));
    session.refreshed(clock.at(301_000), 200, &message(refreshed));
    assert_eq!(session.next_deadline(), Some(clock.at(601_000)));
    assert_eq!(session.dialog.remote_target(), "sip:b@new");
}

#[test]
fn a_peer_without_update_is_invited_again() {
    let (_, session) = session("x: 600;refresher=uac\r\n");
    let (method, headers, body) = session.refresh();
    assert_eq!((method, body), ("INVITE", OURS.as_bytes().to_vec()));
    assert!(headers.contains(&("Contact", "<sip:a@us>".to_owned())));
    assert!(headers.contains(&("Content-Type", "application/sdp".to_owned())));
}

#[test]
fn a_timer_that_cannot_be_read_is_none() {
    let (_, session) = session("x: soon\r\n");
    assert_eq!(session.next_deadline(), None);
}
