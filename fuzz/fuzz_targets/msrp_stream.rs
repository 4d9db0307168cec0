//! Any octets as an MSRP connection: the same events wherever it is cut, and a session that takes them neither panics
//! nor writes outside its message. The first octet says where.

#![no_main]

use libfuzzer_sys::fuzz_target;
use restante::msrp::accept::AcceptTypes;
use restante::msrp::ident::Ident;
use restante::msrp::receiver::{Action, Receiver, ReceiverConfig};
use restante::msrp::stream::{Decoder, Event};
use restante::msrp::uri::{Path, Uri};

const OURS: &str = "msrp://b.example:9/s;tcp";
const THEIRS: &str = "msrp://a.example:9/t;tcp";
const LIMIT: u64 = 10_000;

/// What a session does with a stream that comes in these pieces: each action as text, content joined.
fn run(pieces: &[&[u8]]) -> (Vec<String>, Vec<(u64, u8)>) {
    let mut receiver = Receiver::new(ReceiverConfig {
        ours: Uri::parse(OURS).unwrap(),
        peer: Path::parse(THEIRS).unwrap(),
        accept: AcceptTypes::read("*"),
        max_octets: LIMIT,
        report_transaction: Ident::from_random([7; 12]),
    });
    let mut decoder = Decoder::new();
    let (mut done, mut written) = (Vec::new(), Vec::new());
    for piece in pieces {
        decoder.push(piece);
        while let Some(event) = decoder.next() {
            let Ok(event) = event else {
                done.push("failed".to_owned());
                return (done, written);
            };
            if let Event::Body(octets) = &event {
                assert!(!octets.is_empty());
            }
            receiver.on_event(event);
            while let Some(action) = receiver.next_action() {
                match action {
                    Action::Write(write) => {
                        for (octet, at) in write.octets.iter().zip(write.offset..) {
                            assert!(at < LIMIT);
                            written.push((at, *octet));
                        }
                    }
                    Action::Complete { octets, .. } => {
                        assert!(octets <= LIMIT);
                        done.push(format!("complete {octets}"));
                        receiver.committed();
                    }
                    other => done.push(format!("{other:?}")),
                }
            }
        }
        assert!(decoder.buffered() <= 20 * 1024);
    }
    (done, written)
}

fuzz_target!(|octets: &[u8]| {
    let Some((&first, stream)) = octets.split_first() else { return };
    let (left, right) = stream.split_at(usize::from(first).min(stream.len()));
    assert_eq!(run(&[stream]), run(&[left, right]));
});
