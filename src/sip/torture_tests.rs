//! The messages of RFC 4475 through the transaction layer, the inspection and the answer.

use std::fs;
use std::path::Path;

use bytes::Bytes;

use crate::sip::Message;
use crate::sip::inspect::Capabilities;
use crate::sip::response::Response;
use crate::sip::transaction::TransactionKey;

fn torture(name: &str) -> Message {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rfc4475");
    Message::parse(Bytes::from(fs::read(folder.join(name)).unwrap())).unwrap()
}

/// A server that would take all of INVITE, REGISTER and OPTIONS but a body in an unknown format.
fn status(name: &str) -> Option<u16> {
    let list = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect();
    let server = Capabilities {
        methods: list(&["INVITE", "REGISTER", "OPTIONS"]),
        schemes: list(&["sip", "sips", "tel"]),
        extensions: Vec::new(),
        accept: list(&["application/sdp"]),
    };
    let outcome = server.inspect(&torture(name), false, |_, found| {
        found.is_none_or(|found| found.essence() != "application/unknownformat")
    });
    outcome.err().map(|refusal| refusal.status())
}

#[test]
fn the_inspection_answers_as_section_3_3_says() {
    for (name, expected) in [
        ("unkscm.dat", Some(416)),
        ("novelsc.dat", Some(416)),
        ("unksm2.dat", None),
        ("bext01.dat", Some(420)),
        ("invut.dat", Some(415)),
        ("zeromf.dat", None),
        ("intmeth.dat", Some(405)),
        ("inv2543.dat", None),
    ] {
        assert_eq!(status(name), expected, "{name}");
    }
}

#[test]
fn a_branch_that_is_only_the_cookie_does_not_match_all_others() {
    let first = TransactionKey::server(&torture("badbranch.dat")).unwrap();
    let text = String::from_utf8(torture("badbranch.dat").raw().to_vec()).unwrap();
    let other = Message::parse(Bytes::from(text.replace("badbranch", "another"))).unwrap();
    assert_ne!(first, TransactionKey::server(&other).unwrap());
}

#[test]
fn every_request_that_parses_can_be_answered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rfc4475");
    let mut answered = 0;
    for file in fs::read_dir(folder).unwrap() {
        let octets = fs::read(file.unwrap().path()).unwrap();
        let Ok(request) = Message::parse(Bytes::from(octets)) else {
            continue;
        };
        if request.method().is_none() {
            continue;
        }
        let source = "192.0.2.1:5062".parse().unwrap();
        let response = Response::to(&request, 500, "t").received_from(source);
        let bytes = response.build().unwrap().bytes().clone();
        let read = Message::parse(bytes).unwrap();
        for name in ["From", "Call-ID", "CSeq"] {
            let value = |message: &Message| message.header(name).map(|f| f.value().into_owned());
            assert_eq!(value(&read), value(&request));
        }
        if let (Ok(before), Ok(after)) = (request.via(), read.via()) {
            assert_eq!(before.len(), after.len());
            for (before, after) in before.iter().zip(&after) {
                assert_eq!(
                    (before.branch(), &before.host),
                    (after.branch(), &after.host)
                );
            }
        }
        answered += 1;
    }
    assert!(answered > 30, "{answered}");
}
