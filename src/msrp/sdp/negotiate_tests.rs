//! Tests of offer and answer. The descriptions are those of RFC 4975 sections 8.7 and 11.1 with the attributes
//! of RFC 6135; URIs with relays are from RFC 4976 section 3.

use super::*;
use proptest::prelude::*;

fn local() -> Local {
    Local {
        origin_id: 7,
        origin_version: 1,
        host: "192.0.2.5".into(),
        tcp_port: Some(2855),
        tls_port: Some(2856),
        is_reachable: true,
        session_id: "9di4eae923wzd".into(),
        accept: AcceptTypes::parse("message/cpim text/*").unwrap(),
        accept_wrapped: AcceptTypes::parse("*").unwrap(),
        max_octets: 104_857_600,
        fingerprint: Fingerprint::parse("sha-256 AA:BB"),
    }
}

fn read(text: &str) -> Description {
    Description::parse(text.as_bytes()).unwrap()
}

/// An offer with these lines from the media line on.
fn offer(media: &str) -> Description {
    read(&format!(
        "v=0\no=alice 2890844557 2890844559 IN IP4 alicepc.example.com\ns= -\nc=IN IP4 alicepc.example.com\nt=0 0\n{media}"
    ))
}

const MSRP: &str = "m=message 7777 TCP/MSRP *\na=accept-types:text/plain\na=path:msrp://alicepc.example.com:7777/iau39soe2843z;tcp\n";
const MSRPS: &str = "m=message 7778 TCP/TLS/MSRP *\na=accept-types:text/plain\na=path:msrps://alicepc.example.com:7778/iau39soe2843z;tcp\na=fingerprint:sha-1 00:01\n";

#[test]
fn answers_an_offer() {
    let answer = answer(
        &offer(&format!(
            "{MSRP}a=sendonly\na=max-size:5000\na=setup:actpass\n"
        )),
        &local(),
    )
    .unwrap();
    let expected = "v=0\r\no=- 7 1 IN IP4 192.0.2.5\r\ns=-\r\nc=IN IP4 192.0.2.5\r\nt=0 0\r\n\
        m=message 2855 TCP/MSRP *\r\na=accept-types:message/cpim text/*\r\na=accept-wrapped-types:*\r\n\
        a=max-size:104857600\r\na=path:msrp://192.0.2.5:2855/9di4eae923wzd;tcp\r\na=setup:passive\r\na=recvonly\r\n";
    assert_eq!(answer.sdp, expected);
    let session = answer.session;
    assert_eq!(
        (session.media, session.is_secure, session.role),
        (0, false, Role::Passive)
    );
    assert_eq!(
        session.ours.as_str(),
        "msrp://192.0.2.5:2855/9di4eae923wzd;tcp"
    );
    assert_eq!(
        session.peer.to_string(),
        "msrp://alicepc.example.com:7777/iau39soe2843z;tcp"
    );
    assert_eq!(
        (session.peer_max_octets, session.peer_direction),
        (Some(5000), Direction::SendOnly)
    );
    assert!(session.peer_accepts.accepts("text/plain") && session.peer_fingerprints.is_empty());
}

#[test]
fn who_connects() {
    for (setup, reachable, role, line) in [
        ("", true, Role::Passive, "m=message 2855 "),
        ("a=setup:active\n", true, Role::Passive, "m=message 2855 "),
        ("a=setup:holdconn\n", true, Role::Passive, "m=message 2855 "),
        ("a=setup:actpass\n", true, Role::Passive, "m=message 2855 "),
        ("a=setup:actpass\n", false, Role::Active, "m=message 9 "),
        ("a=setup:passive\n", true, Role::Active, "m=message 9 "),
    ] {
        let local = Local {
            is_reachable: reachable,
            ..local()
        };
        let answer = answer(&offer(&format!("{MSRP}{setup}")), &local).unwrap();
        assert_eq!(answer.session.role, role, "{setup}");
        assert!(answer.sdp.contains(line), "{}", answer.sdp);
        assert!(
            answer
                .sdp
                .contains(&format!("a=setup:{}\r\n", role.setup()))
        );
        assert!(
            answer
                .sdp
                .contains(&format!("a=path:{}\r\n", answer.session.ours))
        );
    }
    let nowhere = MSRP.replace("7777", "9");
    let error = answer(&offer(&format!("{nowhere}a=setup:passive\n")), &local()).unwrap_err();
    assert!(matches!(error, Unacceptable::PathUnusable(_)));
    assert!(answer(&offer(&format!("{nowhere}a=setup:active\n")), &local()).is_ok());
}

#[test]
fn every_other_line_is_refused_in_its_place() {
    let text = format!(
        "m=audio 4000 RTP/AVP 0 8\na=rtpmap:0 PCMU/8000\n{MSRPS}m=message 0 TCP/MSRP *\n{MSRP}m=image 1 udptl t38\n"
    );
    let answer = answer(&offer(&text), &local()).unwrap();
    let lines: Vec<&str> = answer
        .sdp
        .lines()
        .filter(|line| line.starts_with("m="))
        .collect();
    assert_eq!(
        lines,
        [
            "m=audio 0 RTP/AVP 0 8",
            "m=message 2856 TCP/TLS/MSRP *",
            "m=message 0 TCP/MSRP *",
            "m=message 0 TCP/MSRP *",
            "m=image 0 udptl t38",
        ]
    );
    assert!(
        answer
            .sdp
            .contains("a=path:msrps://192.0.2.5:2856/9di4eae923wzd;tcp\r\n")
    );
    assert!(answer.sdp.contains("a=fingerprint:sha-256 AA:BB\r\n"));
    assert_eq!((answer.session.media, answer.session.is_secure), (1, true));
    assert_eq!(answer.session.peer_fingerprints.len(), 1);
    let only_tcp = Local {
        tls_port: None,
        ..local()
    };
    let answer = super::answer(&offer(&text), &only_tcp).unwrap();
    assert_eq!((answer.session.media, answer.session.is_secure), (3, false));
}

#[test]
fn refusals_and_their_warnings() {
    let only_tls = Local {
        tcp_port: None,
        ..local()
    };
    let badly_named = Local {
        host: "a b".into(),
        ..local()
    };
    for (media, local, code, warning) in [
        (String::new(), local(), 488, 304),
        ("m=audio 4000 RTP/AVP 0\n".into(), local(), 488, 304),
        (MSRP.replace("7777 TCP", "0 TCP"), local(), 488, 304),
        (
            format!(
                "m=audio 4000 RTP/AVP 0\n{}",
                MSRP.replace("TCP/MSRP", "UDP/X")
            ),
            local(),
            488,
            302,
        ),
        (MSRP.into(), only_tls, 488, 302),
        (MSRP.replace("text/plain", "image/png"), local(), 488, 305),
        (format!("{MSRP}a=recvonly\n"), local(), 488, 399),
        (format!("{MSRP}a=inactive\n"), local(), 488, 399),
        (MSRP.replace("a=path", "a=x-path"), local(), 488, 399),
        (MSRP.replace("msrp:", "sip:"), local(), 488, 399),
        (MSRP.replace("msrp:", "msrps:"), local(), 488, 399),
        (MSRP.replace(";tcp", ";sctp"), local(), 488, 399),
        (MSRP.into(), badly_named, 500, 399),
    ] {
        let error = answer(&offer(&media), &local).unwrap_err();
        assert_eq!(
            (error.sip_status(), error.warn_code()),
            (code, warning),
            "{media} {error}"
        );
        assert!(!error.to_string().contains(['"', '\r', '\n']));
    }
    let error: Unacceptable = Description::parse(b"nonsense").unwrap_err().into();
    assert_eq!(error.sip_status(), 400);
    let untyped = MSRP.replace("a=accept-types", "a=x-types");
    assert!(
        answer(&offer(&untyped), &local()).is_ok(),
        "the peer is taken to accept everything"
    );
}

#[test]
fn a_peer_behind_relays() {
    let path = "msrps://b.example.net:9000/aeiug;tcp msrps://bob.example.net:8145/foo;tcp";
    let text = format!(
        "m=message 8145 TCP/TLS/MSRP *\na=accept-types:*\na=path:{path}\na=setup:passive\n"
    );
    let session = answer(&offer(&text), &local()).unwrap().session;
    assert_eq!(session.peer.first().host(), "b.example.net");
    assert_eq!(
        (session.peer.to_string().as_str(), session.role),
        (path, Role::Active)
    );
}

#[test]
fn offers_and_reads_the_answer() {
    let ours = Local {
        host: "2001:db8::5".into(),
        accept_wrapped: AcceptTypes::default(),
        ..local()
    };
    let offer = Offer::new(&ours, false, Direction::SendOnly).unwrap();
    let expected = "v=0\r\no=- 7 1 IN IP6 2001:db8::5\r\ns=-\r\nc=IN IP6 2001:db8::5\r\nt=0 0\r\n\
        m=message 2855 TCP/MSRP *\r\na=accept-types:message/cpim text/*\r\na=max-size:104857600\r\n\
        a=path:msrp://[2001:db8::5]:2855/9di4eae923wzd;tcp\r\na=setup:actpass\r\na=sendonly\r\n";
    assert_eq!(offer.sdp, expected);
    for (more, role) in [
        ("", Role::Active),
        ("a=setup:passive\n", Role::Active),
        ("a=setup:active\na=recvonly\n", Role::Passive),
    ] {
        let session = offer
            .answered(&super::tests::offer(&format!("{MSRP}{more}")))
            .unwrap();
        assert_eq!((session.role, &session.ours), (role, &offer.ours));
        assert_eq!(session.peer.first().port(), Some(7777));
    }
    let error = |media: &str| offer.answered(&super::tests::offer(media)).unwrap_err();
    assert_eq!(
        error(&MSRP.replace("7777 TCP", "0 TCP")),
        Unacceptable::NoMessageMedia
    );
    assert_eq!(error(""), Unacceptable::NoMessageMedia);
    assert_eq!(
        error(&format!("{MSRP}a=sendonly\n")),
        Unacceptable::Direction
    );
    assert!(matches!(error(MSRPS), Unacceptable::Transport(_)));
    assert!(matches!(
        error(&MSRP.replace("msrp:", "x:")),
        Unacceptable::Path(_)
    ));
}

#[test]
fn offers_of_other_kinds() {
    let hidden = Local {
        is_reachable: false,
        ..local()
    };
    let offer = Offer::new(&hidden, true, Direction::RecvOnly).unwrap();
    assert!(offer.sdp.contains("m=message 9 TCP/TLS/MSRP *\r\n"));
    assert!(
        offer
            .sdp
            .contains("a=setup:active\r\na=recvonly\r\na=fingerprint:sha-256 AA:BB\r\n")
    );
    let session = offer
        .answered(&super::tests::offer(&format!("{MSRPS}a=setup:active\n")))
        .unwrap();
    assert_eq!(
        (session.role, session.peer_fingerprints.len()),
        (Role::Active, 1),
        "nobody can connect to us"
    );
    assert!(
        offer
            .answered(&super::tests::offer(&format!("{MSRPS}a=recvonly\n")))
            .is_err()
    );
    let both = Offer::new(&local(), true, Direction::SendRecv).unwrap();
    assert!(
        both.answered(&super::tests::offer(&format!("{MSRPS}a=recvonly\n")))
            .is_ok()
    );
    assert!(
        both.answered(&super::tests::offer(&format!("{MSRPS}a=inactive\n")))
            .is_err()
    );
    let only_tcp = Local {
        tls_port: None,
        ..local()
    };
    assert!(matches!(
        Offer::new(&only_tcp, true, Direction::SendOnly),
        Err(Unacceptable::Transport(_))
    ));
}

proptest! {
    /// Two of us understand each other, whoever can be reached.
    #[test]
    fn our_answer_suits_our_offer(offerer_reachable in any::<bool>(), answerer_reachable in any::<bool>(), is_secure in any::<bool>()) {
        let offerer = Local { is_reachable: offerer_reachable, ..local() };
        let answerer = Local { is_reachable: answerer_reachable, session_id: "other".into(), ..local() };
        let offer = Offer::new(&offerer, is_secure, Direction::SendOnly).unwrap();
        let answer = answer(&read(&offer.sdp), &answerer).unwrap();
        let session = offer.answered(&read(&answer.sdp)).unwrap();
        prop_assert_ne!(session.role, answer.session.role);
        prop_assert_eq!(&session.ours, answer.session.peer.last());
        prop_assert_eq!(session.peer.last(), &answer.session.ours);
        prop_assert_eq!(session.is_secure, answer.session.is_secure);
    }

    #[test]
    fn answers_can_be_read(media in "(m=[a-z]{1,8} [0-9]{1,3} [A-Z/]{1,8} [0-9*]{1,3}\n){0,4}", timing in "[ 0-9a-z]{0,8}") {
        let text = format!("v=0\nt={timing}\n{media}{MSRP}");
        let offer = read(&text);
        let answer = answer(&offer, &local()).unwrap();
        prop_assert_eq!(read(&answer.sdp).media.len(), offer.media.len());
    }
}
