//! Tests of sessions that go well.

use super::*;
use crate::msrp::receiver::harness::{OURS, PEER, STOP, Session, chunk, response};
use proptest::prelude::*;

/// RFC 4975 section 11.1, with its miscounted range.
#[test]
fn the_answer_waits_for_the_commit() {
    let mut session = Session::new();
    assert_eq!(session.receiver.phase(), Phase::Waiting);
    assert_eq!(
        session.come(&chunk("d93kswow", "1-16/16", "", "Hi, I'm Alice!", '$')),
        ""
    );
    assert_eq!(session.receiver.phase(), Phase::Committing);
    assert_eq!(session.content, b"Hi, I'm Alice!");
    assert_eq!(session.complete, Some((14, Some(16))));
    let (message_id, content_type) = session.begun.take().unwrap();
    assert_eq!(
        (message_id.as_str(), content_type.as_str()),
        ("12339sdqwer", "text/plain")
    );
    assert_eq!(session.commit(), response("d93kswow", "200 OK"));
    assert_eq!(session.receiver.phase(), Phase::Stored);
    assert_eq!(session.commit(), "", "only once");
    assert_eq!(session.fail(Code::Stop), "");
}

/// RFC 4975 section 11.4: the first chunk is answered at once.
#[test]
fn chunks_of_a_cpim_message() {
    let cpim = "To: Bob <sip:bob@example.com>\r\nFrom: Alice <sip:alice@example.com>\r\n\
        DateTime: 2006-05-15T15:02:31-03:00\r\nContent-Type: text/plain\r\n\r\nABCD";
    let mut session = Session::new();
    let first = chunk("d93kswow", "1-137/148", "", cpim, '+').replace(
        "\r\nContent-Type: text/plain\r\n\r\nTo:",
        "\r\nContent-Type: message/cpim\r\n\r\nTo:",
    );
    assert_eq!(session.come(&first), response("d93kswow", "200 OK"));
    assert_eq!(
        (session.receiver.phase(), session.receiver.received()),
        (Phase::Receiving, 137)
    );
    assert_eq!(
        session.come(&chunk("op2nc9a", "138-148/148", "", "1234567890", '$')),
        ""
    );
    assert_eq!(session.content, format!("{cpim}1234567890").as_bytes());
    assert_eq!(session.begun.as_ref().unwrap().1, "message/cpim");
    assert_eq!(session.commit(), response("op2nc9a", "200 OK"));
}

/// RFC 4975 section 11.6, with its miscounted range.
#[test]
fn a_success_report_follows_the_commit() {
    let html = "<html><body>\r\n<p>Here is that important link...\r\n\
        <a href=\"http://www.example.com/foobar\">foobar</a>\r\n</p>\r\n</body></html>";
    let mut session = Session::new();
    let fields = "Success-Report: yes\r\nFailure-Report: no\r\n";
    assert_eq!(
        session.come(&chunk("d93kswow", "1-106/106", fields, html, '$')),
        ""
    );
    let report = format!(
        "MSRP dkei38sd REPORT\r\nTo-Path: {PEER}\r\nFrom-Path: {OURS}\r\nMessage-ID: 12339sdqwer\r\n\
         Byte-Range: 1-{0}/{0}\r\nStatus: 000 200 OK\r\n-------dkei38sd$\r\n",
        html.len()
    );
    assert_eq!(session.commit(), report);
    assert_eq!(
        session.come(&chunk("d93kswox", "1-106/106", fields, html, '$')),
        report,
        "again if sent again"
    );
    let mut session = Session::new();
    session.come(&chunk("d93kswow", "1-106/106", fields, html, '$'));
    assert_eq!(
        session.fail(Code::Stop),
        "",
        "no answer wanted, no success to report"
    );
}

/// RFC 4975 section 11.5: nothing is wanted, nothing is said.
#[test]
fn failure_report_in_all_values() {
    let text = "This conference will end in 5 minutes";
    for (value, commits, fails) in [
        (
            "yes",
            response("d93kswow", "200 OK"),
            response("d93kswow", STOP),
        ),
        ("partial", String::new(), response("d93kswow", STOP)),
        ("no", String::new(), String::new()),
    ] {
        let fields = format!("Failure-Report: {value}\r\nSuccess-Report: no\r\n");
        let all = chunk("d93kswow", "1-38/38", &fields, text, '$');
        let mut session = Session::new();
        session.come(&all);
        assert_eq!(session.commit(), commits, "{value}");
        let mut session = Session::new();
        session.come(&all);
        assert_eq!(session.fail(Code::Stop), fails, "{value}");
        assert_eq!(session.receiver.phase(), Phase::Waiting);
        assert_eq!(session.come(&all), fails, "and the same again");
        let large = chunk("d93kswow", "1-*/2000", &fields, text, '+');
        assert_eq!(Session::new().come(&large), fails, "{value}");
        let part = chunk("d93kswow", "1-*/*", &fields, text, '+');
        assert_eq!(Session::new().come(&part), commits, "{value}");
    }
}

#[test]
fn bare_sends_bind_and_keep_alive() {
    let mut session = Session::new();
    assert!(!session.receiver.is_bound());
    let bare = format!(
        "MSRP abcd SEND\r\nTo-Path: {OURS}\r\nFrom-Path: {PEER}\r\nMessage-ID: 1234\r\nByte-Range: 1-0/0\r\n"
    );
    assert_eq!(
        session.come(&format!("{bare}-------abcd$\r\n")),
        response("abcd", "200 OK")
    );
    assert!(session.receiver.is_bound());
    // Some add the empty line of a body.
    assert_eq!(
        session.come(&format!("{bare}\r\n-------abcd$\r\n")),
        response("abcd", "200 OK")
    );
    assert_eq!(
        session.come(&format!("{bare}\r\n\r\n-------abcd$\r\n")),
        response("abcd", "200 OK")
    );
    assert_eq!(
        session.come(&format!("{bare}\r\nx\r\n-------abcd$\r\n")),
        response("abcd", "400 Bad Request")
    );
    assert_eq!(
        (session.receiver.phase(), session.begun.is_none()),
        (Phase::Waiting, true)
    );
    session.come(&chunk("d93kswow", "1-16/16", "", "Hi, I'm Alice!", '$'));
    assert_eq!(
        session.come(&format!("{bare}-------abcd$\r\n")),
        response("abcd", "200 OK"),
        "while committing"
    );
}

#[test]
fn an_empty_message_is_a_message() {
    let mut session = Session::new();
    assert_eq!(session.come(&chunk("d93kswow", "1-0/0", "", "", '$')), "");
    assert_eq!(session.complete, Some((0, Some(0))));
    assert_eq!(session.commit(), response("d93kswow", "200 OK"));
}

/// RFC 4975 section 7.2: the response goes to the previous hop, the report all the way.
#[test]
fn relays_on_the_way() {
    let mut session = Session::new();
    let relay = "msrps://relay.example.net:9000/r;tcp";
    let relayed = chunk(
        "d93kswow",
        "1-16/16",
        "Success-Report: yes\r\n",
        "Hi, I'm Alice!",
        '$',
    )
    .replace("From-Path: ", &format!("From-Path: {relay} "));
    session.come(&relayed);
    let sent = session.commit();
    let response = response("d93kswow", "200 OK").replace(PEER, relay);
    assert!(sent.starts_with(&response), "{sent}");
    assert!(
        sent.contains(&format!(
            "REPORT\r\nTo-Path: {relay} {PEER}\r\nFrom-Path: {OURS}\r\n"
        )),
        "{sent}"
    );
}

#[test]
fn what_cannot_be_written_is_refused_at_once() {
    let mut session = Session::new();
    let first = chunk("aaaa", "1-*/*", "", "abc", '+');
    let (begun, rest) = first.split_at(first.len() - 14);
    session.come(begun);
    assert_eq!(
        session.fail(Code::Timeout),
        response("aaaa", "408 Request Timeout")
    );
    assert_eq!(
        (session.come(rest).as_str(), session.receiver.phase()),
        ("", Phase::Waiting)
    );
    assert_eq!(
        session.come(&chunk("bbbb", "4-*/*", "", "d", '$')),
        response("bbbb", "408 Request Timeout")
    );
    assert!(session.abandoned.is_empty() && session.complete.is_none());
}

#[test]
fn repeated_chunks_are_answered_and_ignored() {
    let mut session = Session::new();
    let all = chunk("aaaa", "1-3/3", "", "abc", '$');
    session.come(&all);
    assert_eq!(
        session.come(&chunk("bbbb", "1-3/3", "", "xyz", '$')),
        "",
        "not before the commit"
    );
    let answers = response("aaaa", "200 OK") + &response("bbbb", "200 OK");
    assert_eq!(session.commit(), answers);
    assert_eq!(session.come(&all), response("aaaa", "200 OK"));
    assert_eq!(session.content, b"abc");
    let mut session = Session::new();
    session.come(&all);
    let answers: String = (0..MAX_WITHHELD).map(|_| session.come(&all)).collect();
    assert_eq!(answers, response("aaaa", STOP), "what waits is bounded");
}

#[test]
fn the_sender_gives_up() {
    let mut session = Session::new();
    session.come(&chunk("aaaa", "1-*/*", "", "abc", '+'));
    assert_eq!(
        session.come(&chunk("bbbb", "4-*/*", "", "de", '#')),
        response("bbbb", "200 OK")
    );
    assert_eq!(session.abandoned, [Abandon::BySender]);
    assert_eq!(
        session.come(&chunk("cccc", "6-*/*", "", "f", '$')),
        response("cccc", STOP)
    );
    let other = chunk("dddd", "1-3/3", "", "txt", '$').replace("12339sdqwer", "other-id");
    session.come(&other);
    assert_eq!(
        (session.complete, &session.content[..]),
        (Some((3, Some(3))), &b"txt"[..])
    );
}

#[test]
fn a_send_without_content_can_give_up() {
    let mut session = Session::new();
    session.come(&chunk("aaaa", "1-*/*", "", "abc", '+'));
    let bare = |id: &str| {
        format!(
            "MSRP bbbb SEND\r\nTo-Path: {OURS}\r\nFrom-Path: {PEER}\r\nMessage-ID: {id}\r\n-------bbbb#\r\n"
        )
    };
    assert_eq!(session.come(&bare("other-id")), response("bbbb", "200 OK"));
    assert_eq!(session.receiver.phase(), Phase::Receiving);
    assert_eq!(
        session.come(&bare("12339sdqwer")),
        response("bbbb", "200 OK")
    );
    assert_eq!(
        (session.receiver.phase(), &session.abandoned[..]),
        (Phase::Waiting, &[Abandon::BySender][..])
    );
}

proptest! {
    #[test]
    fn random_chunks_make_the_message(content in "[a-z\r\n-]{1,200}", order in Just((0..8_usize).collect::<Vec<_>>()).prop_shuffle(), size in 1_usize..40) {
        let mut session = Session::new();
        let pieces: Vec<&str> = content.as_bytes().chunks(content.len().div_ceil(8).max(size)).map(|piece| std::str::from_utf8(piece).unwrap()).collect();
        let size = pieces[0].len();
        for (turn, index) in order.into_iter().filter(|index| *index < pieces.len()).enumerate() {
            let flag = if index + 1 == pieces.len() { '$' } else { '+' };
            let range = format!("{}-*/{}", index * size + 1, content.len());
            let transaction = format!("tid{index}");
            let answer = session.come(&chunk(&transaction, &range, "", pieces[index], flag));
            prop_assert_eq!(answer.is_empty(), turn + 1 == pieces.len());
        }
        prop_assert_eq!(session.complete, Some((content.len() as u64, Some(content.len() as u64))));
        prop_assert_eq!(session.content, content.into_bytes());
    }
}
