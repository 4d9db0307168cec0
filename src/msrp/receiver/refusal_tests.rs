//! Tests of what is refused.

use super::*;
use crate::msrp::reassembly::ReassemblyError;
use crate::msrp::receiver::harness::{OURS, PEER, STOP, Session, chunk, response};
use proptest::prelude::*;

#[test]
fn strangers_get_481() {
    let send = chunk("d93kswow", "1-16/16", "", "Hi, I'm Alice!", '$');
    for stranger in [
        send.replace("9di4eae923wzd", "another"),
        send.replace("iau39soe2843z", "another"),
        send.replace("To-Path: ", "To-Path: msrp://relay.example.net:1/x;tcp "),
    ] {
        let mut session = Session::new();
        let answer = session.come(&stranger);
        assert!(
            answer.starts_with(
                "MSRP d93kswow 481 Session Does Not Exist\r\nTo-Path: msrp://alicepc."
            ),
            "{answer}"
        );
        assert_eq!(
            (session.receiver.phase(), session.receiver.is_bound()),
            (Phase::Waiting, false)
        );
        let silent = stranger.replace("Content-Type", "Failure-Report: no\r\nContent-Type");
        assert_eq!(session.come(&silent), "");
    }
}

#[test]
fn too_large_is_refused_where_it_shows() {
    let mut session = Session::new();
    assert_eq!(
        session.come(&chunk("aaaa", "1-*/1001", "", "x", '+')),
        response("aaaa", STOP),
        "announced"
    );
    assert!(session.begun.is_none());
    let mut session = Session::new();
    session.come(&chunk("aaaa", "1-*/*", "", &"x".repeat(900), '+'));
    let second = chunk("bbbb", "901-*/*", "", &"y".repeat(200), '+');
    let (begun, rest) = second.split_at(second.len() - 50);
    assert_eq!(
        session.come(begun),
        response("bbbb", STOP),
        "before the chunk ends"
    );
    assert_eq!(
        session.abandoned,
        [Abandon::Unusable(ReassemblyError::TooLarge { limit: 1000 })]
    );
    assert_eq!(session.come(rest), "", "one answer is enough");
    assert_eq!(
        session.come(&chunk("cccc", "1101-*/*", "", "z", '$')),
        response("cccc", STOP),
        "and again"
    );
    assert_eq!(
        (session.receiver.phase(), session.complete),
        (Phase::Waiting, None)
    );
}

#[test]
fn unacceptable_types() {
    let mut session = Session::new();
    let image = chunk("aaaa", "1-3/3", "", "png", '$').replace("text/plain", "image/png");
    assert_eq!(
        session.come(&image),
        response("aaaa", "415 Unsupported Media Type")
    );
    let other = chunk("bbbb", "1-3/3", "", "txt", '$').replace("12339sdqwer", "other-id");
    assert_eq!(
        session.come(&other),
        "",
        "a message of another type may follow"
    );
    assert_eq!(session.commit(), response("bbbb", "200 OK"));
}

#[test]
fn one_message_is_enough() {
    let other = chunk("bbbb", "1-3/3", "", "txt", '$').replace("12339sdqwer", "other-id");
    let mut session = Session::new();
    session.come(&chunk("aaaa", "1-*/*", "", "abc", '+'));
    assert_eq!(
        session.come(&other),
        response("bbbb", STOP),
        "while one is coming"
    );
    assert_eq!(session.come(&chunk("aaab", "4-*/*", "", "def", '$')), "");
    assert_eq!(session.content, b"abcdef");
    assert_eq!(session.come(&other), response("bbbb", STOP));
    session.commit();
    assert_eq!(session.come(&other), response("bbbb", STOP));
}

#[test]
fn contradictions_end_the_message() {
    let mut session = Session::new();
    session.come(&chunk("aaaa", "1-*/9", "", "abc", '+'));
    assert_eq!(
        session.come(&chunk("bbbb", "4-*/8", "", "de", '+')),
        response("bbbb", "400 Bad Request")
    );
    let mismatch = ReassemblyError::TotalMismatch {
        earlier: 9,
        later: 8,
    };
    assert_eq!(session.abandoned, [Abandon::Unusable(mismatch)]);
    assert_eq!(
        session.come(&chunk("cccc", "1-*/9", "", "abc", '+')),
        response("cccc", "400 Bad Request")
    );

    let mut session = Session::new();
    session.come(&chunk("aaaa", "1-*/9", "", "abc", '+'));
    let nowhere = chunk("bbbb", "1-1/1", "", "def", '+').replace("Byte-Range: 1-1/1\r\n", "");
    assert_eq!(session.come(&nowhere), response("bbbb", "400 Bad Request"));
    assert_eq!(session.abandoned, [Abandon::NoByteRange]);

    let mut session = Session::new();
    session.come(&chunk("aaaa", "4-*/*", "", "abc", '+'));
    assert_eq!(
        session.come(&chunk("bbbb", "1-*/*", "", "x", '$')),
        response("bbbb", "400 Bad Request")
    );
    assert_eq!(session.abandoned.len(), 1);
}

#[test]
fn other_requests_and_answers() {
    let mut session = Session::new();
    let paths = format!("To-Path: {OURS}\r\nFrom-Path: {PEER}\r\n");
    let unknown = format!("MSRP abcd NICKNAME\r\n{paths}Use-Nickname: \"x\"\r\n-------abcd$\r\n");
    assert_eq!(
        session.come(&unknown),
        response("abcd", "501 Unknown Method")
    );
    let report = format!(
        "MSRP abce REPORT\r\n{paths}Message-ID: abcd\r\nStatus: 000 200 OK\r\n-------abce$\r\n"
    );
    assert_eq!(session.come(&report), "");
    assert_eq!(
        session.come(&report.replace("9di4eae923wzd", "another")),
        "",
        "nor a stranger's"
    );
    assert_eq!(
        session.come(&format!("MSRP abcf 200 OK\r\n{paths}-------abcf$\r\n")),
        ""
    );
    assert_eq!(session.handed_up, 2);
    let bad = format!("MSRP abcg SEND\r\n{paths}Byte-Range: none\r\n\r\nbody\r\n-------abcg$\r\n");
    assert_eq!(session.come(&bad), response("abcg", "400 Bad Request"));
    let nameless = format!(
        "MSRP abch SEND\r\n{paths}Content-Type: text/plain\r\n\r\nbody\r\n-------abch$\r\n"
    );
    assert_eq!(session.come(&nameless), response("abch", "400 Bad Request"));
}

proptest! {
    #[test]
    fn never_panics(frames in proptest::collection::vec((0_usize..8, 0_u64..30, 0_usize..20, 0_usize..3), 0..30)) {
        let mut session = Session::new();
        for (kind, start, len, flag) in frames {
            let flag = ['$', '+', '#'][flag];
            let body = "x".repeat(len);
            match kind {
                0 => drop(session.commit()),
                1 => drop(session.fail(Code::Stop)),
                2 => drop(session.come(&chunk("abcd", &format!("{}-*/*", start + 1), "", &body, flag).replace("12339sdqwer", "other"))),
                _ => drop(session.come(&chunk("abcd", &format!("{}-*/*", start + 1), "", &body, flag))),
            }
        }
    }
}
