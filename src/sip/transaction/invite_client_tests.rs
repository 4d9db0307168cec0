//! Tests of the INVITE client transaction.

use super::*;
use crate::sip::response::Response;
use crate::sip::transaction::testing::{Clock, message, names};
use proptest::prelude::*;

/// The example of RFC 3261 section 17.1.1.3, with a Route and a second hop.
const INVITE: &str = "INVITE sip:bob@biloxi.com SIP/2.0\r\n\
    Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKkjshdyff, SIP/2.0/UDP far;branch=z9hG4bKfar\r\n\
    Route: <sip:proxy;lr>\r\n\
    To: Bob <sip:bob@biloxi.com>\r\n\
    From: Alice <sip:alice@atlanta.com>;tag=88sja8x\r\n\
    Max-Forwards: 69\r\n\
    Call-ID: 987asjd97y7atg\r\n\
    CSeq: 986759 INVITE\r\n\
    Content-Length: 2\r\n\r\nv=";

fn begin(transport: Transport) -> (Clock, InviteClient) {
    let clock = Clock::new();
    let (machine, actions) =
        InviteClient::send(clock.now(), Timers::default(), transport, message(INVITE));
    assert_eq!(names(actions), ["send INVITE"]);
    (clock, machine)
}

fn received(status: u16) -> Message {
    let response = Response::to(&message(INVITE), status, "99sa0xk")
        .build()
        .unwrap();
    Message::parse(response.bytes().clone()).unwrap()
}

#[test]
fn the_invite_is_repeated_by_timer_a_until_timer_b() {
    let (mut clock, mut machine) = begin(Transport::Unreliable);
    let mut at = 0;
    for interval in [500, 1_000, 2_000, 4_000, 8_000, 16_000] {
        at += interval;
        assert_eq!(machine.next_deadline(), Some(clock.at(at)));
        clock.advance(interval);
        assert_eq!(names(machine.on_timer(clock.now())), ["send INVITE"]);
    }
    assert_eq!(machine.next_deadline(), Some(clock.at(32_000)));
    clock.passed_to(32_000);
    let actions = machine.on_timer(clock.now());
    assert_eq!(names(actions), ["timeout", "terminated"]);
}

#[test]
fn over_a_reliable_transport_only_timer_b_runs() {
    let (mut clock, mut machine) = begin(Transport::Reliable);
    assert_eq!(machine.next_deadline(), Some(clock.at(32_000)));
    let mut refused = machine.clone();
    assert_eq!(
        names(refused.on_response(clock.now(), received(486))),
        ["send ACK", "deliver 486", "terminated"]
    );
    clock.advance(32_000);
    let actions = machine.on_timer(clock.now());
    assert_eq!(names(actions), ["timeout", "terminated"]);
}

#[test]
fn provisional_responses_stop_the_repetition() {
    let (mut clock, mut machine) = begin(Transport::Unreliable);
    for status in [100, 180, 183] {
        let actions = machine.on_response(clock.now(), received(status));
        assert_eq!(names(actions), [format!("deliver {status}")]);
    }
    assert_eq!(machine.next_deadline(), None);
    clock.advance(3_600_000);
    assert_eq!(names(machine.on_timer(clock.now())), [""; 0]);
    assert_eq!(names(machine.on_transport_error()), [""; 0]);
    let actions = machine.on_response(clock.now(), received(200));
    assert_eq!(names(actions), ["deliver 200"]);
}

#[test]
fn every_2xx_is_delivered_until_timer_m() {
    for transport in [Transport::Unreliable, Transport::Reliable] {
        let (mut clock, mut machine) = begin(transport);
        for _ in 0..3 {
            let actions = machine.on_response(clock.now(), received(200));
            assert_eq!(names(actions), ["deliver 200"]);
            clock.advance(1_000);
        }
        for status in [180, 486] {
            let actions = machine.on_response(clock.now(), received(status));
            assert_eq!(names(actions), [""; 0]);
        }
        assert_eq!(names(machine.on_transport_error()), [""; 0]);
        assert_eq!(machine.next_deadline(), Some(clock.at(32_000)));
        clock.passed_to(32_000);
        assert_eq!(names(machine.on_timer(clock.now())), ["terminated"]);
    }
}

#[test]
fn a_refusal_is_acknowledged_each_time_until_timer_d() {
    for first in [None, Some(180)] {
        let (mut clock, mut machine) = begin(Transport::Unreliable);
        if let Some(status) = first {
            machine.on_response(clock.now(), received(status));
        }
        let actions = machine.on_response(clock.now(), received(486));
        assert_eq!(names(actions), ["send ACK", "deliver 486"]);
        for status in [486, 603] {
            let actions = machine.on_response(clock.now(), received(status));
            assert_eq!(names(actions), ["send ACK"]);
        }
        for status in [180, 200] {
            let actions = machine.on_response(clock.now(), received(status));
            assert_eq!(names(actions), [""; 0]);
        }
        assert_eq!(machine.next_deadline(), Some(clock.at(32_000)));
        let mut broken = machine.clone();
        let actions = broken.on_transport_error();
        assert_eq!(names(actions), ["transport error", "terminated"]);
        clock.advance(32_000);
        assert_eq!(names(machine.on_timer(clock.now())), ["terminated"]);
    }
}

#[test]
fn a_transport_error_while_calling_ends_it() {
    let (_, mut machine) = begin(Transport::Unreliable);
    let actions = machine.on_transport_error();
    assert_eq!(names(actions), ["transport error", "terminated"]);
}

#[test]
fn the_ack_is_that_of_section_17_1_1_3() {
    let ack = ack(&message(INVITE), &received(486)).unwrap();
    assert_eq!(
        String::from_utf8(ack.to_vec()).unwrap(),
        "ACK sip:bob@biloxi.com SIP/2.0\r\n\
         Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKkjshdyff\r\n\
         Max-Forwards: 70\r\n\
         Route: <sip:proxy;lr>\r\n\
         From: Alice <sip:alice@atlanta.com>;tag=88sja8x\r\n\
         To: Bob <sip:bob@biloxi.com>;tag=99sa0xk\r\n\
         Call-ID: 987asjd97y7atg\r\n\
         CSeq: 986759 ACK\r\n\
         Content-Length: 0\r\n\r\n"
    );
}

#[test]
fn the_cancel_is_that_of_section_9_1() {
    let cancel = cancel(&message(INVITE)).unwrap();
    assert_eq!(
        String::from_utf8(cancel.to_vec()).unwrap(),
        "CANCEL sip:bob@biloxi.com SIP/2.0\r\n\
         Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKkjshdyff\r\n\
         Max-Forwards: 70\r\n\
         Route: <sip:proxy;lr>\r\n\
         From: Alice <sip:alice@atlanta.com>;tag=88sja8x\r\n\
         To: Bob <sip:bob@biloxi.com>\r\n\
         Call-ID: 987asjd97y7atg\r\n\
         CSeq: 986759 CANCEL\r\n\
         Content-Length: 0\r\n\r\n"
    );
    assert_eq!(
        super::cancel(&message("INVITE sip:b@x SIP/2.0\r\n\r\n")),
        None
    );
}

#[test]
fn a_response_without_to_is_delivered_though_no_ack_can_be_made() {
    let bare = || message("SIP/2.0 486 Busy\r\n\r\n");
    let (clock, mut machine) = begin(Transport::Unreliable);
    let actions = machine.on_response(clock.now(), bare());
    assert_eq!(names(actions), ["deliver 486"]);
    assert_eq!(names(machine.on_response(clock.now(), bare())), [""; 0]);
    let (clock, mut machine) = begin(Transport::Reliable);
    let actions = machine.on_response(clock.now(), bare());
    assert_eq!(names(actions), ["deliver 486", "terminated"]);
}

proptest! {
    #[test]
    fn any_events_in_any_order(
        reliable in any::<bool>(),
        events in proptest::collection::vec((0..3_u8, 100..700_u16, 0..6_000_u64), 0..40),
    ) {
        let transport = if reliable { Transport::Reliable } else { Transport::Unreliable };
        let (mut clock, mut machine) = begin(transport);
        let mut ended = false;
        let mut refused = false;
        for (kind, status, wait) in events {
            clock.advance(wait);
            let names = names(match kind {
                0 => machine.on_timer(clock.now()),
                1 => machine.on_response(clock.now(), received(status)),
                _ => machine.on_transport_error(),
            });
            prop_assert!(!ended || names.is_empty());
            prop_assert!(!refused || !names.iter().any(|name| name.starts_with("deliver")));
            refused |= names.iter().any(|name| name == "send ACK");
            ended |= names.iter().any(|name| name == "terminated");
            prop_assert!(!ended || machine.next_deadline().is_none());
        }
    }
}
