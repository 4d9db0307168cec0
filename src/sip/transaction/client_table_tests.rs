//! Tests of the table of client transactions.

use super::*;
use crate::sip::response::Response;
use crate::sip::transaction::testing::{Clock, message};

const UDP: Transport = Transport::Unreliable;

fn request(method: &str, branch: &str) -> Message {
    message(&format!(
        "{method} sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP us;branch={branch}\r\n\
         From: <sip:a@x>;tag=f\r\nTo: <sip:b@x>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n\r\n"
    ))
}

fn answer(request: &Message, status: u16) -> Message {
    let response = Response::to(request, status, "t").build().unwrap();
    Message::parse(response.bytes().clone()).unwrap()
}

fn table() -> (Clock, ClientTransactions<u32>) {
    (Clock::new(), ClientTransactions::new(Timers::default(), 2))
}

fn kinds(events: &[ClientEvent<u32>]) -> Vec<&'static str> {
    let kind = |event: &ClientEvent<u32>| match event {
        ClientEvent::Transmit(_) => "transmit",
        ClientEvent::Response { .. } => "response",
        ClientEvent::Timeout(_) => "timeout",
        ClientEvent::TransportError(_) => "transport error",
    };
    events.iter().map(kind).collect()
}

#[test]
fn a_message_is_repeated_until_it_is_answered() {
    let (mut clock, mut table) = table();
    let message = request("MESSAGE", "z9hG4bK1");
    let first = table.send(clock.now(), message.clone(), UDP, 5).unwrap();
    assert_eq!((&first.bytes, first.peer), (message.raw(), 5));
    assert_eq!(table.next_deadline(), Some(clock.at(500)));
    clock.advance(500);
    let events = table.on_timers(clock.now());
    assert!(
        matches!(events.as_slice(), [ClientEvent::Transmit(again)] if *again == first),
        "{events:?}"
    );
    let events = table.on_response(clock.now(), answer(&message, 202));
    assert_eq!(kinds(&events), ["response"]);
    assert_eq!(
        kinds(&table.on_response(clock.now(), answer(&message, 202))),
        [""; 0]
    );
    assert_eq!(table.len(), 1);
    clock.advance(5_000);
    assert_eq!(kinds(&table.on_timers(clock.now())), [""; 0]);
    assert!(table.is_empty());
}

#[test]
fn a_refused_invite_is_acknowledged_to_the_same_peer() {
    let (clock, mut table) = table();
    let invite = request("INVITE", "z9hG4bK1");
    table
        .send(clock.now(), invite.clone(), Transport::Reliable, 5)
        .unwrap();
    let events = table.on_response(clock.now(), answer(&invite, 486));
    assert_eq!(kinds(&events), ["transmit", "response"]);
    assert!(table.is_empty());
}

#[test]
fn silence_and_broken_transports_are_told() {
    let (mut clock, mut table) = table();
    let first = table
        .send(
            clock.now(),
            request("MESSAGE", "z9hG4bK1"),
            Transport::Reliable,
            5,
        )
        .unwrap();
    table
        .send(
            clock.now(),
            request("INVITE", "z9hG4bK1"),
            Transport::Reliable,
            5,
        )
        .unwrap();
    let events = table.on_transport_error(&first.key);
    assert_eq!(kinds(&events), ["transport error"]);
    clock.advance(32_000);
    assert_eq!(kinds(&table.on_timers(clock.now())), ["timeout"]);
    assert!(table.is_empty());
}

#[test]
fn strays_are_dropped() {
    let (clock, mut table) = table();
    let message = request("MESSAGE", "z9hG4bK1");
    let sent = table.send(clock.now(), message.clone(), UDP, 5).unwrap();
    let other = answer(&request("MESSAGE", "z9hG4bK2"), 200);
    assert_eq!(kinds(&table.on_response(clock.now(), other)), [""; 0]);
    let text = String::from_utf8(answer(&message, 200).raw().to_vec()).unwrap();
    let two_hops = text.replace(
        "\r\nFrom",
        "\r\nVia: SIP/2.0/UDP other;branch=z9hG4bK3\r\nFrom",
    );
    let two_hops = super::super::testing::message(&two_hops);
    assert_eq!(kinds(&table.on_response(clock.now(), two_hops)), [""; 0]);
    table.forget(&sent.key);
    let late = answer(&message, 200);
    assert_eq!(kinds(&table.on_response(clock.now(), late)), [""; 0]);
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let (clock, mut table) = table();
    let mut send = |request: Message| table.send(clock.now(), request, UDP, 5).map(|_| ());
    assert_eq!(send(request("ACK", "z9hG4bK1")), Err(SendError::Ack));
    let response = answer(&request("MESSAGE", "z9hG4bK1"), 200);
    assert_eq!(send(response), Err(SendError::Key(KeyError::NotARequest)));
    assert!(matches!(
        send(request("MESSAGE", "1")),
        Err(SendError::Key(_))
    ));
    assert_eq!(send(request("MESSAGE", "z9hG4bK1")), Ok(()));
    assert_eq!(
        send(request("MESSAGE", "z9hG4bK1")),
        Err(SendError::Repeated)
    );
    assert_eq!(send(request("MESSAGE", "z9hG4bK2")), Ok(()));
    assert_eq!(send(request("MESSAGE", "z9hG4bK3")), Err(SendError::Full));
}
