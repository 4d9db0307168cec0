//! Tests of responses.

use super::*;
use proptest::prelude::*;

fn message(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

fn source(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn marked(value: &str, from: &str) -> String {
    String::from_utf8(mark_via(value.as_bytes(), source(from))).unwrap()
}

const REQUEST: &str = "MESSAGE sip:b@x SIP/2.0\r\n\
    Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK1;rport, SIP/2.0/TCP two;branch=z9hG4bK2\r\n\
    Record-Route: <sip:p;lr>\r\n\
    v: SIP/2.0/TLS three;\r\n branch=z9hG4bK3\r\n\
    f: Alice\r\n <sip:a@x>;tag=1\r\n\
    t: <sip:b@x>\r\n\
    i: call@x\r\n\
    Timestamp: 54\r\n\
    CSeq: 1 MESSAGE\r\n\r\n";

fn built(response: ResponseBuilder<'_>) -> String {
    String::from_utf8(response.build().unwrap().bytes().to_vec()).unwrap()
}

#[test]
fn a_response_repeats_what_identifies_the_request() {
    let request = message(REQUEST);
    let response = Response::to(&request, 202, "t1")
        .received_from(source("192.0.2.4:9988"))
        .header("Server", "Restante");
    assert_eq!(
        built(response),
        "SIP/2.0 202 Accepted\r\n\
         Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK1;rport=9988;received=192.0.2.4, SIP/2.0/TCP two;branch=z9hG4bK2\r\n\
         Via: SIP/2.0/TLS three; branch=z9hG4bK3\r\n\
         From: Alice <sip:a@x>;tag=1\r\n\
         To: <sip:b@x>;tag=t1\r\n\
         Call-ID: call@x\r\n\
         CSeq: 1 MESSAGE\r\n\
         Server: Restante\r\n\
         Content-Length: 0\r\n\r\n"
    );
}

#[test]
fn a_100_has_no_tag_but_the_timestamp() {
    let text = built(Response::to(&message(REQUEST), 100, "t1"));
    assert!(text.starts_with("SIP/2.0 100 Trying\r\n"), "{text}");
    assert!(text.contains("To: <sip:b@x>\r\n"), "{text}");
    assert!(text.contains("Timestamp: 54\r\n"), "{text}");
}

#[test]
fn record_route_is_copied_where_a_dialog_is_made() {
    let invite = message(&REQUEST.replace("MESSAGE", "INVITE"));
    for (status, expected) in [(100, false), (180, true), (200, true), (486, false)] {
        let text = built(Response::to(&invite, status, "t1"));
        assert_eq!(
            text.contains("Record-Route: <sip:p;lr>"),
            expected,
            "{status}"
        );
    }
}

#[test]
fn a_tag_is_added_once_and_only_a_good_one() {
    let with = |to: &str| message(&REQUEST.replace("t: <sip:b@x>", to));
    for (to, expected) in [
        ("To: sip:b@x", "To: sip:b@x;tag=t1\r\n"),
        ("To: B <sip:b@x>;x=y", "To: B <sip:b@x>;x=y;tag=t1\r\n"),
        (
            "To: <sip:b@x> ;\r\n TAG = old",
            "To: <sip:b@x> ; TAG = old\r\n",
        ),
        ("To: <sip:b@x", "To: <sip:b@x\r\n"),
    ] {
        let text = built(Response::to(&with(to), 200, "t1"));
        assert!(text.contains(expected), "{to}: {text}");
    }
    for tag in ["", "a b", "a;b", "a\r\nX: y"] {
        let request = message(REQUEST);
        assert!(Response::to(&request, 200, tag).build().is_err(), "{tag:?}");
    }
}

#[test]
fn even_a_bare_request_can_be_refused() {
    let request = message("MESSAGE sip:b@x SIP/2.0\r\n\r\n");
    let response = Response::to(&request, 400, "t")
        .reason("No From")
        .headers([("Content-Type", "text/plain".to_owned())])
        .body(b"x");
    assert_eq!(
        built(response),
        "SIP/2.0 400 No From\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx"
    );
    let injected = Response::to(&request, 400, "t").header("X", "a\r\nY: b");
    assert!(injected.build().is_err());
}

#[test]
fn odd_octets_of_the_request_come_back_equal() {
    // RFC 4475 section 3.1.1.2 has a NUL in To.
    let mut text = REQUEST
        .replace("t: <sip:b@x>", "t: \"#\" <sip:b@x>")
        .into_bytes();
    for b in &mut text {
        if *b == b'#' {
            *b = 0;
            break;
        }
    }
    let request = Message::parse(Bytes::from(text)).unwrap();
    let response = Response::to(&request, 200, "t").build().unwrap();
    let read = Message::parse(response.bytes().clone()).unwrap();
    let to = read.header("To").unwrap();
    assert_eq!(to.raw_value(), b"\"\0\" <sip:b@x>;tag=t");
}

#[test]
fn received_is_noted_where_the_rfcs_say() {
    for (value, from, expected) in [
        // RFC 3261 section 18.2.1
        (
            "SIP/2.0/UDP bobspc.biloxi.com:5060",
            "192.0.2.4:5060",
            "SIP/2.0/UDP bobspc.biloxi.com:5060;received=192.0.2.4",
        ),
        (
            "SIP/2.0/UDP 192.0.2.4:5060;branch=z",
            "192.0.2.4:6000",
            "SIP/2.0/UDP 192.0.2.4:5060;branch=z",
        ),
        (
            "SIP/2.0/UDP 10.0.0.1;branch=z",
            "192.0.2.4:6000",
            "SIP/2.0/UDP 10.0.0.1;branch=z;received=192.0.2.4",
        ),
        // RFC 3581 section 6; received is added even if equal
        (
            "SIP/2.0/UDP 10.1.1.1:4540;rport;branch=z",
            "192.0.2.1:9988",
            "SIP/2.0/UDP 10.1.1.1:4540;rport=9988;branch=z;received=192.0.2.1",
        ),
        (
            "SIP/2.0/UDP 192.0.2.1 ; branch=z ; RPort",
            "192.0.2.1:1",
            "SIP/2.0/UDP 192.0.2.1;branch=z;rport=1;received=192.0.2.1",
        ),
        // What the client claims is replaced.
        (
            "SIP/2.0/UDP h;received=1.1.1.1;rport=7;x=\"a;received=b,c\", SIP/2.0/UDP g;rport",
            "192.0.2.1:9",
            "SIP/2.0/UDP h;rport=9;x=\"a;received=b,c\";received=192.0.2.1, SIP/2.0/UDP g;rport",
        ),
        // IPv6, and IPv4 on a socket for both.
        (
            "SIP/2.0/UDP [2001:db8::1]:5060",
            "[2001:db8::1]:5060",
            "SIP/2.0/UDP [2001:db8::1]:5060",
        ),
        (
            "SIP/2.0/UDP [2001:db8::1];rport",
            "[2001:db8::2]:5070",
            "SIP/2.0/UDP [2001:db8::1];rport=5070;received=2001:db8::2",
        ),
        (
            "SIP/2.0/UDP 192.0.2.1",
            "[::ffff:192.0.2.1]:5060",
            "SIP/2.0/UDP 192.0.2.1",
        ),
        ("nonsense", "192.0.2.1:1", "nonsense"),
    ] {
        assert_eq!(marked(value, from), expected);
    }
}

#[test]
fn responses_go_back_where_the_rfcs_say() {
    let target = |value: &str, transport| {
        let via = top_of(value.as_bytes()).unwrap();
        response_target(&via, transport, source("192.0.2.1:9988"))
    };
    let datagram = |text| ResponseTarget::Datagram(source(text));
    let udp = Transport::Unreliable;
    assert_eq!(
        target("SIP/2.0/UDP h;rport", udp),
        datagram("192.0.2.1:9988")
    );
    assert_eq!(target("SIP/2.0/UDP h", udp), datagram("192.0.2.1:5060"));
    assert_eq!(
        target("SIP/2.0/UDP h:5080", udp),
        datagram("192.0.2.1:5080")
    );
    let multicast = ResponseTarget::Maddr {
        host: "239.255.255.1".to_owned(),
        port: 5070,
        ttl: 16,
    };
    assert_eq!(
        target("SIP/2.0/UDP h:5070;maddr=239.255.255.1;ttl=16;rport", udp),
        multicast
    );
    for (value, address) in [
        ("SIP/2.0/TCP h;rport", "192.0.2.1:5060"),
        ("SIP/2.0/TLS h", "192.0.2.1:5061"),
        ("SIP/2.0/TCP h:5080;maddr=1.2.3.4", "192.0.2.1:5080"),
    ] {
        let otherwise = source(address);
        let expected = ResponseTarget::Connection { otherwise };
        assert_eq!(target(value, Transport::Reliable), expected, "{value}");
    }
}

proptest! {
    #[test]
    fn marking_keeps_via_readable(tail in "[a-z0-9:;,=\"\\\\ .]{0,40}") {
        let value = format!("SIP/2.0/UDP h{tail}");
        let out = mark_via(value.as_bytes(), source("192.0.2.9:99"));
        if let Ok(before) = Via::parse_list(value.as_bytes()) {
            let after = Via::parse_list(&out).unwrap();
            prop_assert_eq!(before.len(), after.len());
            prop_assert_eq!(&before[1..], &after[1..]);
            prop_assert_eq!(after[0].param("received"), Some("192.0.2.9"));
            let kept = |via: &Via| via.params.iter().filter(|(name, _)| !matches!(name.as_str(), "received" | "rport")).cloned().collect::<Vec<_>>();
            prop_assert_eq!(kept(&before[0]), kept(&after[0]));
        } else {
            prop_assert_eq!(out, value.as_bytes());
        }
    }
}
