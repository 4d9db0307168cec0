//! Tests of the sender, alone and against the receiver. The URIs are those of RFC 4975 section 11.1.

use super::*;
use crate::msrp::accept::AcceptTypes;
use crate::msrp::receiver::{Action, Receiver, ReceiverConfig};
use crate::msrp::stream::{Decoder, Event};
use proptest::prelude::*;

const BOB: &str = "msrp://bob.example.com:8888/9di4eae923wzd;tcp";
const ALICE: &str = "msrp://alicepc.example.com:7777/iau39soe2843z;tcp";

fn config(octets: usize) -> SenderConfig {
    let (to, from) = (BOB.parse().unwrap(), ALICE.parse().unwrap());
    SenderConfig::new(
        to,
        from,
        "12339sdqwer".parse().unwrap(),
        "text/plain".into(),
        octets as u64,
    )
}

fn ident(number: u8) -> Ident {
    Ident::from_random([number; 12])
}

fn head_of(octets: &[u8]) -> Head {
    let mut decoder = Decoder::new();
    decoder.push(octets);
    match decoder.next() {
        Some(Ok(Event::Head(head))) => *head,
        other => panic!("{other:?}"),
    }
}

fn response(transaction: &Ident, code: &str) -> Head {
    let text = format!(
        "MSRP {transaction} {code}\r\nTo-Path: {ALICE}\r\nFrom-Path: {BOB}\r\n-------{transaction}$\r\n"
    );
    head_of(text.as_bytes())
}

fn report(message_id: &str, range: &str, status: &str) -> Head {
    let text = format!(
        "MSRP abcd REPORT\r\nTo-Path: {ALICE}\r\nFrom-Path: {BOB}\r\nMessage-ID: {message_id}\r\n{range}Status: {status}\r\n-------abcd$\r\n"
    );
    head_of(text.as_bytes())
}

/// Sends all that is wanted, with transaction identifiers from 1 on; gives the octets on the wire.
fn send_all(sender: &mut Sender, content: &[u8], now: Instant) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut number = 0;
    while let Some(range) = sender.wanted() {
        number += 1;
        let piece =
            &content[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
        wire.extend_from_slice(&sender.begin_chunk(piece, ident(number)).unwrap());
        wire.extend_from_slice(piece);
        wire.extend_from_slice(&sender.end_chunk(piece.len() as u64, now));
    }
    wire
}

#[test]
fn one_chunk_and_its_answer() {
    let now = Instant::now();
    let mut sender = Sender::new(config(14));
    let wire = send_all(&mut sender, b"Hi, I'm Alice!", now);
    let transaction = ident(1);
    let expected = format!(
        "MSRP {transaction} SEND\r\nTo-Path: {BOB}\r\nFrom-Path: {ALICE}\r\nMessage-ID: 12339sdqwer\r\n\
         Byte-Range: 1-14/14\r\nContent-Type: text/plain\r\n\r\nHi, I'm Alice!\r\n-------{transaction}$\r\n"
    );
    assert_eq!(String::from_utf8(wire).unwrap(), expected);
    assert_eq!(
        (sender.outcome(), sender.next_deadline()),
        (None, Some(now + RESPONSE_TIMEOUT))
    );
    assert!(
        !sender.on_response(&response(&ident(9), "400 Bad Request")),
        "not ours"
    );
    assert!(sender.on_response(&response(&transaction, "200 OK")));
    assert_eq!(
        (sender.outcome(), sender.next_deadline()),
        (Some(Outcome::Delivered), None)
    );
    assert_eq!(sender.sent(), 14);
}

#[test]
fn chunks_and_their_ranges() {
    let content = vec![b'x'; 5000];
    let mut sender = Sender::new(config(5000));
    let wire = String::from_utf8(send_all(&mut sender, &content, Instant::now())).unwrap();
    for range in ["1-2048/5000", "2049-4096/5000", "4097-5000/5000"] {
        assert!(
            wire.contains(&format!("Byte-Range: {range}\r\n")),
            "{range}"
        );
    }
    assert_eq!(
        (wire.matches("+\r\n").count(), wire.matches("$\r\n").count()),
        (2, 1)
    );
    for number in [2, 1] {
        sender.on_response(&response(&ident(number), "200 OK"));
        assert_eq!(sender.outcome(), None);
    }
    sender.on_response(&response(&ident(3), "200 OK"));
    assert_eq!(sender.outcome(), Some(Outcome::Delivered));

    let mut sender = Sender::new(config(0));
    let wire = String::from_utf8(send_all(&mut sender, b"", Instant::now())).unwrap();
    assert!(wire.contains("Byte-Range: 1-0/0\r\n") && wire.ends_with("$\r\n"));
}

#[test]
fn large_chunks_can_be_interrupted() {
    let now = Instant::now();
    let content = vec![b'x'; 5000];
    let mut sender = Sender::new(SenderConfig {
        chunk_octets: 1 << 20,
        ..config(5000)
    });
    let head = sender.begin_chunk(&content, ident(1)).unwrap();
    assert_eq!(head_of(&head).byte_range.unwrap().to_string(), "1-*/5000");
    assert_eq!(sender.wanted(), None, "one at a time");
    assert!(sender.end_chunk(3000, now).ends_with(b"+\r\n"));
    assert_eq!(sender.wanted(), Some(3000..5000));
    let head = sender.begin_chunk(&content[3000..], ident(2)).unwrap();
    assert_eq!(
        head_of(&head).byte_range.unwrap().to_string(),
        "3001-5000/5000"
    );
    assert!(sender.end_chunk(2000, now).ends_with(b"$\r\n"));
    assert_eq!(sender.wanted(), None);
    assert_eq!(sender.end_chunk(2000, now), Bytes::new());
}

#[test]
fn identifiers_that_clash_are_not_used() {
    let transaction = ident(1);
    let content = format!("-------{transaction}");
    let mut sender = Sender::new(config(content.len()));
    assert_eq!(
        sender.begin_chunk(b"short", ident(2)),
        Err(ChunkError::NotWanted)
    );
    assert_eq!(
        sender.begin_chunk(content.as_bytes(), transaction),
        Err(ChunkError::Clash)
    );
    assert!(sender.begin_chunk(content.as_bytes(), ident(2)).is_ok());
    assert_eq!(
        sender.begin_chunk(content.as_bytes(), ident(3)),
        Err(ChunkError::NotWanted)
    );
    let mut sender = Sender::new(SenderConfig {
        chunk_octets: 1,
        ..config(2)
    });
    sender.begin_chunk(b"a", ident(1)).unwrap();
    sender.end_chunk(1, Instant::now());
    assert_eq!(
        sender.begin_chunk(b"b", ident(1)),
        Err(ChunkError::Clash),
        "still unanswered"
    );
    let mut sender = Sender::new(SenderConfig {
        content_type: "a\r\nb".into(),
        ..config(1)
    });
    assert!(matches!(
        sender.begin_chunk(b"a", ident(1)),
        Err(ChunkError::Write(_))
    ));
}

/// RFC 4975 sections 7.3.2 and 10.5.
#[test]
fn a_refusal_stops_the_message() {
    let content = vec![b'x'; 5000];
    let mut sender = Sender::new(SenderConfig {
        chunk_octets: 3000,
        ..config(5000)
    });
    sender.begin_chunk(&content[..3000], ident(1)).unwrap();
    assert!(!sender.should_interrupt());
    assert!(sender.on_response(&response(&ident(1), "413 Stop")));
    assert!(sender.should_interrupt());
    assert!(sender.end_chunk(1000, Instant::now()).ends_with(b"#\r\n"));
    assert_eq!(
        (sender.wanted(), sender.outcome()),
        (None, Some(Outcome::Failed(Failure::Refused(413))))
    );
    sender.on_response(&response(&ident(1), "200 OK"));
    sender.cancel();
    assert_eq!(
        sender.outcome(),
        Some(Outcome::Failed(Failure::Refused(413))),
        "the first outcome stays"
    );

    let mut sender = Sender::new(config(5000));
    sender.begin_chunk(&content[..2048], ident(1)).unwrap();
    sender.end_chunk(2048, Instant::now());
    sender.on_response(&response(&ident(1), "415"));
    assert_eq!(
        (sender.wanted(), sender.outcome()),
        (None, Some(Outcome::Failed(Failure::Refused(415))))
    );
    assert_eq!(sender.next_deadline(), None);

    let mut sender = Sender::new(config(5000));
    sender.begin_chunk(&content[..2048], ident(1)).unwrap();
    sender.cancel();
    assert!(sender.end_chunk(0, Instant::now()).ends_with(b"#\r\n"));
}

#[test]
fn silence() {
    let now = Instant::now();
    let mut sender = Sender::new(config(14));
    send_all(&mut sender, &[0; 14], now);
    sender.on_timer(now + Duration::from_secs(29));
    assert_eq!(sender.outcome(), None);
    sender.on_timer(now + Duration::from_secs(30));
    assert_eq!(sender.outcome(), Some(Outcome::Failed(Failure::NoResponse)));
    let mut sender = Sender::new(config(14));
    send_all(&mut sender, &[0; 14], now);
    sender.on_response(&response(&ident(1), "408 Timeout"));
    assert_eq!(
        sender.outcome(),
        Some(Outcome::Failed(Failure::NoResponse)),
        "RFC 4975 section 10.4"
    );
}

#[test]
fn what_is_waited_for() {
    let now = Instant::now();
    for (failure_report, success_report, deadline) in [
        (FailureReport::Yes, false, Some(RESPONSE_TIMEOUT)),
        (FailureReport::Yes, true, Some(RESPONSE_TIMEOUT)),
        (FailureReport::Partial, true, Some(REPORT_TIMEOUT)),
        (FailureReport::No, true, Some(REPORT_TIMEOUT)),
        (FailureReport::Partial, false, None),
        (FailureReport::No, false, None),
    ] {
        let config = SenderConfig {
            failure_report,
            success_report,
            ..config(14)
        };
        let mut sender = Sender::new(config);
        let wire = String::from_utf8(send_all(&mut sender, &[b'x'; 14], now)).unwrap();
        assert_eq!(wire.contains("Success-Report: yes\r\n"), success_report);
        assert_eq!(
            wire.contains("Failure-Report: "),
            failure_report != FailureReport::Yes
        );
        assert_eq!(
            sender.next_deadline(),
            deadline.map(|deadline| now + deadline)
        );
        assert_eq!(
            sender.outcome(),
            deadline.is_none().then_some(Outcome::Delivered)
        );
        sender.on_response(&response(&ident(1), "200 OK"));
        assert_eq!(sender.outcome().is_some(), !success_report);
        sender.on_timer(now + REPORT_TIMEOUT);
        assert_eq!(
            sender.outcome() == Some(Outcome::Failed(Failure::NoReport)),
            success_report
        );
    }
    let mut sender = Sender::new(SenderConfig {
        failure_report: FailureReport::Partial,
        chunk_octets: 7,
        ..config(14)
    });
    sender.begin_chunk(&[b'x'; 7], ident(1)).unwrap();
    sender.end_chunk(7, now);
    assert!(sender.on_response(&response(&ident(1), "403 Forbidden")));
    assert_eq!(
        sender.outcome(),
        Some(Outcome::Failed(Failure::Refused(403)))
    );
}

#[test]
fn success_reports() {
    let now = Instant::now();
    let sent = || {
        let mut sender = Sender::new(SenderConfig {
            success_report: true,
            ..config(14)
        });
        send_all(&mut sender, &[b'x'; 14], now);
        sender
    };
    for (id, range, status, outcome) in [
        (
            "12339sdqwer",
            "Byte-Range: 1-14/14\r\n",
            "000 200 OK",
            Some(Outcome::Delivered),
        ),
        ("12339sdqwer", "", "000 200 OK", Some(Outcome::Delivered)),
        (
            "12339sdqwer",
            "Byte-Range: 1-*/*\r\n",
            "000 200 OK",
            Some(Outcome::Delivered),
        ),
        ("12339sdqwer", "Byte-Range: 1-13/14\r\n", "000 200 OK", None),
        (
            "12339sdqwer",
            "Byte-Range: 99-99/99\r\n",
            "000 200 OK",
            None,
        ),
        ("another", "", "000 200 OK", None),
        ("12339sdqwer", "", "001 200 OK", None),
        ("another", "", "000 413 Stop", None),
        (
            "12339sdqwer",
            "",
            "000 413 Stop",
            Some(Outcome::Failed(Failure::Refused(413))),
        ),
        (
            "12339sdqwer",
            "",
            "000 408 Timeout",
            Some(Outcome::Failed(Failure::NoResponse)),
        ),
    ] {
        let mut sender = sent();
        sender.on_report(&report(id, range, status));
        assert_eq!(sender.outcome(), outcome, "{id} {range} {status}");
    }
    let mut sender = sent();
    sender.on_report(&report(
        "12339sdqwer",
        "Byte-Range: 8-14/14\r\n",
        "000 200 OK",
    ));
    sender.on_report(&report(
        "12339sdqwer",
        "Byte-Range: 1-7/14\r\n",
        "000 200 OK",
    ));
    assert_eq!(sender.outcome(), Some(Outcome::Delivered), "part by part");
    let mut early = Sender::new(SenderConfig {
        success_report: true,
        ..config(14)
    });
    early.on_report(&report("12339sdqwer", "", "000 200 OK"));
    assert_eq!(early.outcome(), None, "nothing was sent yet");
}

#[test]
fn what_is_unanswered_is_bounded() {
    let mut sender = Sender::new(SenderConfig {
        chunk_octets: 1,
        max_unanswered: 3,
        ..config(10)
    });
    send_all(&mut sender, &[b'x'; 10], Instant::now());
    assert_eq!((sender.sent(), sender.wanted()), (3, None));
    sender.on_response(&response(&ident(2), "200 OK"));
    assert_eq!(sender.wanted(), Some(3..4));
}

/// Sends content to a receiver until both are through; gives what arrived.
fn deliver(
    config: SenderConfig,
    content: &[u8],
    interrupt_at: usize,
) -> (Vec<u8>, Option<Outcome>) {
    let now = Instant::now();
    let mut receiver = Receiver::new(ReceiverConfig {
        ours: BOB.parse().unwrap(),
        peer: ALICE.parse().unwrap(),
        accept: AcceptTypes::parse("*").unwrap(),
        max_octets: 1 << 20,
        report_transaction: ident(255),
    });
    let (mut to_bob, mut to_alice) = (Decoder::new(), Decoder::new());
    let mut arrived = vec![0; content.len()];
    let mut sender = Sender::new(config);
    let mut number = 0_u8;
    let mut rounds = 0;
    while sender.outcome().is_none() {
        rounds += 1;
        assert!(rounds < 1000, "nothing moves any more");
        if let Some(range) = sender.wanted() {
            number = number.wrapping_add(1);
            let piece = &content
                [usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
            to_bob.push(&sender.begin_chunk(piece, ident(number)).unwrap());
            let written = if piece.len() > PLAIN_CHUNK {
                interrupt_at.clamp(1, piece.len())
            } else {
                piece.len()
            };
            to_bob.push(&piece[..written]);
            to_bob.push(&sender.end_chunk(written as u64, now));
        }
        for event in to_bob.by_ref() {
            receiver.on_event(event.unwrap());
        }
        while let Some(action) = receiver.next_action() {
            match action {
                Action::Transmit(octets) => to_alice.push(&octets),
                Action::Write(write) => {
                    let offset = usize::try_from(write.offset).unwrap();
                    arrived[offset..offset + write.octets.len()].copy_from_slice(&write.octets);
                }
                Action::Complete { .. } => receiver.committed(),
                _ => {}
            }
        }
        for event in to_alice.by_ref() {
            if let Event::Head(head) = event.unwrap() {
                sender.on_response(&head);
                sender.on_report(&head);
            }
        }
    }
    (arrived, sender.outcome())
}

proptest! {
    #[test]
    fn what_is_sent_is_received(content in proptest::collection::vec(any::<u8>(), 0..9000), chunk_octets in prop_oneof![Just(2048_usize), 500_usize..9000], interrupt_at in 1000_usize..9000, success_report in any::<bool>(), max_unanswered in 1_usize..4) {
        let config = SenderConfig { chunk_octets, success_report, max_unanswered, ..config(content.len()) };
        let (arrived, outcome) = deliver(config, &content, interrupt_at);
        prop_assert_eq!(outcome, Some(Outcome::Delivered));
        prop_assert_eq!(arrived, content);
    }
}
