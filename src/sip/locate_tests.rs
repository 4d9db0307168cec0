//! Tests of the search for a server.

use super::*;
use HopTransport::{Tcp, Tls, Udp};

/// RFC 3263 section 4.1 and 4.2, case by case.
#[test]
fn the_uri_says_where_to_begin() {
    let address = "192.0.2.1".parse().unwrap();
    let ipv6 = "2001:db8::1".parse().unwrap();
    for (uri, first) in [
        ("sip:b@192.0.2.1", First::Address(address, 5060, Udp)),
        ("sips:b@192.0.2.1", First::Address(address, 5061, Tls)),
        (
            "sip:b@192.0.2.1:5070;transport=tcp",
            First::Address(address, 5070, Tcp),
        ),
        ("sip:b@[2001:db8::1]", First::Address(ipv6, 5060, Udp)),
        ("sip:b@h.example:5060", First::Addresses(5060, Udp)),
        ("sips:b@h.example:5060", First::Addresses(5060, Tls)),
        (
            "sip:b@h.example:5070;transport=tcp",
            First::Addresses(5070, Tcp),
        ),
        ("sip:b@h.example;transport=udp", First::Services(Udp)),
        ("sip:b@h.example;transport=tcp", First::Services(Tcp)),
        ("sips:b@h.example;transport=tcp", First::Services(Tls)),
        ("sip:b@h.example", First::Transports),
        ("sips:b@h.example", First::Transports),
        (
            "sip:b@h.example;maddr=192.0.2.1",
            First::Address(address, 5060, Udp),
        ),
    ] {
        assert_eq!(Locating::of(uri).unwrap().first, first, "{uri}");
    }
    for uri in ["tel:+4930123", "im:b@h.example", "sip:b@h;transport=ws"] {
        assert!(Locating::of(uri).is_err(), "{uri}");
    }
}

#[test]
fn some_uris_lead_to_tls_whatever_dns_says() {
    for (uri, is_over_tls) in [
        ("sips:h.example", true),
        ("sips:192.0.2.1", true),
        ("sip:192.0.2.1;transport=tls", true),
        ("sip:h.example:5061;transport=tls", true),
        ("sip:h.example;transport=tls", true),
        ("sip:h.example", false),
        ("sip:h.example:5061", false),
        ("sip:192.0.2.1;transport=tcp", false),
    ] {
        assert_eq!(
            Locating::of(uri).unwrap().is_over_tls(),
            is_over_tls,
            "{uri}"
        );
    }
}

#[test]
fn without_records_the_default_is_left() {
    for (uri, fallback, transports) in [
        ("sip:h.example", (Udp, 5060), &[Udp, Tcp, Tls][..]),
        ("sips:h.example", (Tls, 5061), &[Tls][..]),
        ("sip:h.example;transport=tcp", (Tcp, 5060), &[Tcp][..]),
        ("sip:h.example;transport=tls", (Tls, 5061), &[Tls][..]),
    ] {
        let locating = Locating::of(uri).unwrap();
        assert_eq!(locating.fallback(), fallback, "{uri}");
        assert_eq!(locating.transports(), transports, "{uri}");
    }
    assert_eq!(service_name(Tls, "h.example"), "_sips._tcp.h.example");
}

fn naptr(order: u16, preference: u16, flags: &str, services: &str) -> Naptr {
    Naptr {
        order,
        preference,
        flags: flags.into(),
        services: services.into(),
        replacement: format!("{services}.example"),
    }
}

/// The example of RFC 3263 section 4.1, and what is of no use.
#[test]
fn naptr_records_are_taken_by_order_and_preference() {
    let records = vec![
        naptr(100, 50, "s", "SIP+D2U"),
        naptr(90, 50, "S", "sip+d2t"),
        naptr(50, 50, "s", "SIPS+D2T"),
        naptr(90, 10, "s", "SIP+D2S"),
        naptr(1, 1, "u", "SIP+D2U"),
        naptr(1, 1, "s", "E2U+sip"),
    ];
    let transports = |secure| -> Vec<HopTransport> {
        let offered = offered(records.clone(), secure);
        offered
            .into_iter()
            .map(|(transport, _)| transport)
            .collect()
    };
    assert_eq!(transports(false), [Tls, Tcp, Udp]);
    assert_eq!(transports(true), [Tls]);
    let first = offered(records, false).remove(0);
    assert_eq!(first.1, "SIPS+D2T.example");
}

fn srv(priority: u16, weight: u16, target: &str) -> Srv {
    Srv {
        priority,
        weight,
        port: 5060,
        target: target.into(),
    }
}

fn targets(records: Vec<Srv>, chance: impl FnMut(u32) -> u32) -> Vec<String> {
    let ordered = in_order(records, chance);
    ordered.into_iter().map(|record| record.target).collect()
}

#[test]
fn srv_records_are_taken_by_priority_then_by_weight_and_chance() {
    let records = vec![
        srv(20, 0, "last"),
        srv(10, 60, "heavy"),
        srv(10, 40, "light"),
        srv(10, 0, "nothing"),
        srv(5, 7, "first"),
        srv(1, 1, "."),
    ];
    let lowest = targets(records.clone(), |_| 0);
    assert_eq!(lowest, ["first", "nothing", "light", "heavy", "last"]);
    let highest = targets(records.clone(), |below| below - 1);
    assert_eq!(highest, ["first", "heavy", "light", "nothing", "last"]);
    // Over all draws of the first among equals, each comes as often as its weight says.
    let mut heavy = 0;
    for drawn in 0..=100 {
        let mut draws = vec![drawn].into_iter();
        let equals = records[1..3].to_vec();
        let ordered = targets(equals, |_| draws.next().unwrap_or(0));
        heavy += usize::from(ordered[0] == "heavy");
    }
    assert_eq!(heavy, 60);
    assert!(targets(vec![srv(1, 1, "")], |_| 0).is_empty());
}
