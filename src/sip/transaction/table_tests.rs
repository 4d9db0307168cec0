//! Tests of the table of server transactions.

use super::*;
use crate::sip::transaction::testing::{Clock, message};
use proptest::prelude::*;

const UDP: Transport = Transport::Unreliable;

fn request(method: &str, branch: &str) -> Message {
    forked(method, branch, branch)
}

/// A request whose Call-ID is not that of its branch.
fn forked(method: &str, branch: &str, call_id: &str) -> Message {
    message(&format!(
        "{method} sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{branch}\r\n\
         From: <sip:a@x>;tag=f\r\nTo: <sip:b@x>\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n\r\n"
    ))
}

fn answer(request: &Message, status: u16) -> Response {
    Response::to(request, status, "t").build().unwrap()
}

fn table(limit: usize) -> (Clock, ServerTransactions<u32>) {
    (
        Clock::new(),
        ServerTransactions::new(Timers::default(), limit),
    )
}

/// The key and whether the request came on another way, too; `None` if it is not new.
fn new(received: Result<Received, KeyError>) -> Option<(TransactionKey, bool)> {
    match received {
        Ok(Received::New { key, merged }) => Some((key, merged)),
        _ => None,
    }
}

fn new_key(received: Result<Received, KeyError>) -> TransactionKey {
    new(received).unwrap().0
}

#[test]
fn a_repeated_message_is_answered_but_not_new() {
    let (mut clock, mut table) = table(10);
    let message = request("MESSAGE", "1");
    let key = new_key(table.on_request(clock.now(), &message, UDP, 1));
    assert_eq!(
        table.on_request(clock.now(), &message, UDP, 1),
        Ok(Received::Absorbed)
    );
    // The repetition came from another port, so the answer goes there.
    table.on_request(clock.now(), &message, UDP, 2).unwrap();
    let response = answer(&message, 202);
    let bytes = response.bytes().clone();
    let sent = table.respond(clock.now(), &key, &response).unwrap();
    assert_eq!((sent.peer, &sent.bytes), (2, &bytes));
    assert_eq!(
        table.on_request(clock.now(), &message, UDP, 1),
        Ok(Received::Answer(bytes))
    );
    assert_eq!(table.respond(clock.now(), &key, &response), None);
    assert!(table.on_transport_error(&key));
    clock.advance(32_000);
    assert_eq!(table.on_timers(clock.now()), []);
    assert!(table.is_empty());
    assert!(!table.on_transport_error(&key));
    new_key(table.on_request(clock.now(), &message, UDP, 1));
}

#[test]
fn over_tcp_the_answer_ends_it() {
    let (clock, mut table) = table(10);
    let message = request("MESSAGE", "1");
    let key = new_key(table.on_request(clock.now(), &message, Transport::Reliable, 1));
    assert!(table.contains(&key));
    assert!(
        table
            .respond(clock.now(), &key, &answer(&message, 202))
            .is_some()
    );
    assert!(table.is_empty());
}

#[test]
fn a_full_table_still_knows_its_own() {
    let (clock, mut table) = table(1);
    let message = request("MESSAGE", "1");
    let key = new_key(table.on_request(clock.now(), &message, UDP, 1));
    let second = request("MESSAGE", "2");
    assert_eq!(
        table.on_request(clock.now(), &second, UDP, 1),
        Ok(Received::Full)
    );
    assert_eq!(
        table.on_request(clock.now(), &message, UDP, 1),
        Ok(Received::Absorbed)
    );
    assert_eq!(
        table.on_request(clock.now(), &request("ACK", "3"), UDP, 1),
        Ok(Received::Ack { invite: None })
    );
    table.respond(clock.now(), &key, &answer(&message, 202));
    assert_eq!(table.len(), 1);
}

#[test]
fn acks_end_refusals_and_reach_the_user_after_2xx() {
    let (mut clock, mut table) = table(10);
    let (refused, accepted) = (request("INVITE", "1"), request("INVITE", "2"));
    let first = new_key(table.on_request(clock.now(), &refused, UDP, 1));
    let second = new_key(table.on_request(clock.now(), &accepted, UDP, 1));
    table.respond(clock.now(), &first, &answer(&refused, 486));
    table.respond(clock.now(), &second, &answer(&accepted, 200));
    clock.advance(500);
    let events = table.on_timers(clock.now());
    assert!(
        matches!(events.as_slice(), [ServerEvent::Transmit(sent)] if sent.key == first),
        "{events:?}"
    );
    assert_eq!(
        table.on_request(clock.now(), &request("ACK", "1"), UDP, 1),
        Ok(Received::Absorbed)
    );
    let invite = Some(second);
    assert_eq!(
        table.on_request(clock.now(), &request("ACK", "2"), UDP, 1),
        Ok(Received::Ack { invite })
    );
    clock.advance(5_000);
    assert_eq!(table.on_timers(clock.now()), []);
    assert_eq!(table.len(), 1);
    clock.advance(27_000);
    assert_eq!(table.on_timers(clock.now()), []);
    assert!(table.is_empty());
}

#[test]
fn trying_falls_due_with_the_request_at_hand() {
    let (mut clock, mut table) = table(10);
    let (invite, message) = (request("INVITE", "1"), request("MESSAGE", "2"));
    let first = new_key(table.on_request(clock.now(), &invite, UDP, 7));
    let second = new_key(table.on_request(clock.now(), &message, UDP, 8));
    for (at, key, peer, request) in [(200, first, 7, invite), (3_500, second, 8, message)] {
        assert_eq!(table.next_deadline(), Some(clock.at(at)));
        clock.passed_to(at);
        let request = request.raw().clone();
        assert_eq!(
            table.on_timers(clock.now()),
            [ServerEvent::TryingDue { key, peer, request }]
        );
    }
}

#[test]
fn an_unanswered_transaction_is_told_and_removed() {
    let (mut clock, mut table) = table(10);
    let message = request("MESSAGE", "1");
    let key = new_key(table.on_request(clock.now(), &message, UDP, 1));
    clock.advance(3_500);
    table.on_timers(clock.now());
    clock.passed_to(32_000);
    assert_eq!(
        table.on_timers(clock.now()),
        [ServerEvent::Timeout(key.clone())]
    );
    assert_eq!(
        table.respond(clock.now(), &key, &answer(&message, 202)),
        None
    );
    assert_eq!(table.next_deadline(), None);
}

#[test]
fn one_request_on_two_ways_is_seen() {
    let (clock, mut table) = table(10);
    let is_merged = |received| new(received).unwrap().1;
    let (first, second) = (forked("MESSAGE", "1", "c"), forked("MESSAGE", "2", "c"));
    let key = new_key(table.on_request(clock.now(), &first, UDP, 1));
    assert!(is_merged(table.on_request(clock.now(), &second, UDP, 1)));
    // Answered well, it stays so; refused, it may come again.
    table.respond(clock.now(), &key, &answer(&first, 202));
    let third = forked("MESSAGE", "3", "c");
    assert!(is_merged(table.on_request(clock.now(), &third, UDP, 1)));
    let other = forked("MESSAGE", "4", "d");
    let key = new_key(table.on_request(clock.now(), &other, UDP, 1));
    table.respond(clock.now(), &key, &answer(&other, 503));
    let again = forked("MESSAGE", "5", "d");
    assert!(!is_merged(table.on_request(clock.now(), &again, UDP, 1)));
}

#[test]
fn what_cannot_be_matched_is_an_error() {
    let (clock, mut table) = table(10);
    let bare = message("MESSAGE sip:b@x SIP/2.0\r\n\r\n");
    assert!(table.on_request(clock.now(), &bare, UDP, 1).is_err());
    assert!(table.is_empty());
}

#[test]
fn a_hundred_thousand_transactions() {
    const COUNT: usize = 100_000;
    let (mut clock, mut table) = table(COUNT);
    let keys: Vec<_> = (0..COUNT)
        .map(|n| {
            let method = if n % 10 == 0 { "INVITE" } else { "MESSAGE" };
            let request = request(method, &n.to_string());
            (
                new_key(table.on_request(clock.now(), &request, UDP, 1)),
                request,
            )
        })
        .collect();
    assert_eq!(table.len(), COUNT);
    // One in two is answered at once, every INVITE among them: they have even numbers.
    clock.advance(100);
    for (key, request) in keys.iter().step_by(2) {
        let status = if request.method() == Some("INVITE") {
            486
        } else {
            202
        };
        assert!(
            table
                .respond(clock.now(), key, &answer(request, status))
                .is_some()
        );
    }
    assert!(table.live.queue_len() <= 2 * COUNT + 1024);
    let (mut trying, mut repeated, mut timeouts) = (0, 0, 0);
    while let Some(deadline) = table.next_deadline() {
        assert!(deadline <= clock.at(32_100), "all ends in 64 * T1");
        for event in table.on_timers(deadline) {
            match event {
                ServerEvent::TryingDue { .. } => trying += 1,
                ServerEvent::Transmit(_) => repeated += 1,
                ServerEvent::Timeout(_) => timeouts += 1,
            }
        }
    }
    // The refusal of each of the 10,000 INVITEs is repeated ten times, then given up for want of an ACK.
    assert_eq!((trying, repeated, timeouts), (50_000, 100_000, 60_000));
    assert!(table.is_empty());
    assert!(table.merges.is_empty());
}

proptest! {
    #[test]
    fn any_events_in_any_order(
        events in proptest::collection::vec((0..5_u8, 0..4_u8, 100..700_u16, 0..5_000_u64), 0..60),
    ) {
        let (mut clock, mut table) = table(3);
        let mut last: std::collections::HashMap<TransactionKey, Bytes> = std::collections::HashMap::new();
        for (kind, which, status, wait) in events {
            clock.advance(wait);
            let method = if which == 0 { "INVITE" } else { "MESSAGE" };
            let request = request(method, &which.to_string());
            let key = TransactionKey::server(&request).unwrap();
            match kind {
                0 => {
                    table.on_timers(clock.now());
                    prop_assert!(table.next_deadline().is_none_or(|next| next > clock.now()));
                }
                1 | 2 => match table.on_request(clock.now(), &request, UDP, 1).unwrap() {
                    Received::New { .. } => drop(last.remove(&key)),
                    Received::Answer(bytes) => prop_assert_eq!(Some(&bytes), last.get(&key)),
                    Received::Absorbed => prop_assert!(which == 0 || !last.contains_key(&key)),
                    Received::Full => prop_assert!(!table.contains(&key)),
                    Received::Ack { .. } => prop_assert!(false),
                },
                3 => {
                    let ack = self::request("ACK", "0");
                    table.on_request(clock.now(), &ack, UDP, 1).unwrap();
                }
                _ => if let Some(sent) = table.respond(clock.now(), &key, &answer(&request, status)) {
                    last.insert(key, sent.bytes);
                },
            }
            prop_assert!(table.len() <= 3);
            prop_assert_eq!(table.next_deadline().is_none(), table.is_empty());
        }
    }
}
