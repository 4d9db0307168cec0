//! Large Message Mode over SIP and MSRP: INVITE, the message in chunks, BYE.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::msrp::{Invite, Msrp, PATH, ask, attribute, invite, offer};
use crate::support::sip::{PATIENCE, Udp, header, pager, read_until, status};

const ALICE: &str = "sip:alice@example.org";
const MESSAGES: &str = "/api/v1/accounts/sip:alice@example.org/messages";

async fn only_message(app: &TestApp) -> serde_json::Value {
    assert_eq!(app.waiting(ALICE).await, 1);
    let list = app.get(MESSAGES).await.json();
    let id = list["items"][0]["id"].as_str().unwrap();
    app.get(&format!("{MESSAGES}/{id}")).await.json()
}

async fn content(app: &TestApp, message: &serde_json::Value) -> Vec<u8> {
    let id = message["id"].as_str().unwrap();
    let answer = app.get(&format!("{MESSAGES}/{id}/content")).await;
    assert_eq!(answer.status, 200);
    answer.body
}

on_both_databases! {
    async fn a_message_in_chunks_is_stored_when_it_is_whole(app: TestApp) {
        let mut session = invite(&app, &Invite::new()).await;
        let sdp = String::from_utf8(session.ok.body().to_vec()).unwrap();
        assert!(sdp.contains("TCP/MSRP *") && sdp.contains("a=accept-types:message/cpim"), "{sdp}");
        assert_eq!(attribute(&sdp, "setup"), "passive");
        assert_eq!(attribute(&sdp, "max-size"), (100 * 1024 * 1024).to_string());
        assert!(header(&session.ok, "Contact").starts_with("<sip:127.0.0.1:"));
        let mut msrp = session.connect().await;
        let text = "All work and no play makes Jack a dull boy. ".repeat(200);
        let (left, right) = text.as_bytes().split_at(3000);
        let total = text.len().to_string();
        // The second half first, the first one with more than belongs to it.
        assert_eq!(msrp.ask(session.chunk("tx2b", 3001, right, &total, '$')).await, 200);
        assert_eq!(app.waiting(ALICE).await, 0, "half a message is none");
        assert_eq!(msrp.ask(session.chunk("tx1a", 1, &[left, &right[..50]].concat(), &total, '+')).await, 200);
        // The 200 for the last chunk means that it is on disk.
        let message = only_message(&app).await;
        assert_eq!(message["mode"], "large");
        assert_eq!(message["size"], text.len());
        assert_eq!(message["subject"], "Plans");
        assert_eq!(message["from"]["uri"], "sip:carol@example.org");
        assert_eq!(message["asserted_identity"], "sip:carol@example.org");
        assert_eq!(content(&app, &message).await, text.as_bytes());
        assert_eq!(message["large"]["bye"], serde_json::Value::Null);
        assert_eq!(session.bye().await, 200);
        let message = only_message(&app).await;
        assert!(message["large"]["bye"].is_object(), "{message}");
        let id = message["id"].as_str().unwrap();
        let kept = app.get(&format!("{MESSAGES}/{id}/session/ok")).await;
        assert_eq!(kept.body, session.ok.raw().to_vec(), "our 200 as it was sent");
        let kept = app.get(&format!("{MESSAGES}/{id}/session/invite")).await;
        assert!(kept.text().starts_with("INVITE sip:alice@example.org"));
        assert_eq!(session.bye().await, 481, "it is over");
    }

    async fn reports_are_as_they_are_asked_for(app: TestApp) {
        let session = invite(&app, &Invite::new()).await;
        let mut msrp = session.connect().await;
        let whole = session.whole("quiet", "Hello", "Failure-Report: no\r\nSuccess-Report: yes\r\n");
        msrp.send(whole).await;
        let report = msrp.receive().await;
        assert!(report.contains(" REPORT\r\n") && report.contains("Status: 000 200"), "{report}");
        assert!(report.contains("Message-ID: 12339sdqwer") && report.contains("Byte-Range: 1-5/5"), "{report}");
        assert!(report.contains(&format!("To-Path: {PATH}")), "{report}");
        assert_eq!(app.waiting(ALICE).await, 1);
    }

    async fn a_session_that_dies_early_leaves_nothing(app: TestApp) {
        // By BYE.
        let mut session = invite(&app, &Invite::new()).await;
        let mut msrp = session.connect().await;
        assert_eq!(msrp.ask(session.chunk("half1", 1, b"Half", "8", '+')).await, 200);
        assert_eq!(session.bye().await, 200);
        // By a lost connection: then the server says BYE.
        let session = invite(&app, &Invite::new()).await;
        let mut msrp = session.connect().await;
        assert_eq!(msrp.ask(session.chunk("half2", 1, b"Half", "8", '+')).await, 200);
        drop(msrp);
        session.await_bye().await;
        // By its sender's change of mind.
        let mut session = invite(&app, &Invite::new()).await;
        let mut msrp = session.connect().await;
        assert_eq!(msrp.ask(session.chunk("half3", 1, b"Half", "8", '#')).await, 200);
        assert_eq!(session.bye().await, 200);
        assert_eq!(app.waiting(ALICE).await, 0);
    }

    async fn what_cannot_be_agreed_on_is_refused(app: TestApp) {
        let client = Udp::to(&app).await;
        let audio = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
        let no_type = offer("TCP/MSRP", PATH, "actpass").replace("a=sendonly", "a=recvonly");
        for (sdp, expected) in [
            (audio.to_owned(), 488),
            (no_type, 488),
            (offer("TCP/TLS/MSRP", "msrps://127.0.0.1:2/x;tcp", "actpass"), 488),
            (offer("TCP/MSRP", "nonsense", "actpass"), 488),
            ("nonsense".to_owned(), 400),
            (String::new(), 488),
        ] {
            let refused = ask(&client, &Invite::new().sdp(sdp.clone())).await;
            assert_eq!(status(&refused), expected, "{sdp}");
            assert!(header(&refused, "Warning").contains("mail.example.org \"") || header(&refused, "Warning").contains("127.0.0.1 \""), "{}", header(&refused, "Warning"));
        }
        assert_eq!(app.waiting(ALICE).await, 0);
    }

    async fn strangers_and_second_messages_are_refused(app: TestApp) {
        let session = invite(&app, &Invite::new()).await;
        let mut msrp = session.connect().await;
        let stranger = String::from_utf8(session.whole("guess", "Hello", "")).unwrap();
        let path = session.path.clone();
        let unknown = format!("{}0{}", path.split(';').next().unwrap(), ";tcp");
        assert_eq!(msrp.ask(stranger.replace(&path, &unknown)).await, 481);
        assert_eq!(msrp.ask(stranger.replace(PATH, "msrp://evil.example:2/x;tcp")).await, 481);
        assert_eq!(msrp.ask(session.whole("mine1", "Hello", "")).await, 200);
        let second = String::from_utf8(session.whole("mine2", "Hello", "")).unwrap();
        assert_eq!(msrp.ask(second.replace("12339sdqwer", "another1")).await, 413);
        assert_eq!(msrp.ask(second.replace(" SEND\r\n", " MOVE\r\n")).await, 501);
        // The session is this connection's.
        let mut other = session.connect().await;
        assert_eq!(other.ask(session.whole("mine3", "Hello", "")).await, 506);
        assert_eq!(app.waiting(ALICE).await, 1);
    }

    async fn a_message_above_the_limit_is_stopped(app: TestApp, "[policy]\nmax_large_bytes = 1000") {
        let mut session = invite(&app, &Invite::new()).await;
        let mut msrp = session.connect().await;
        assert_eq!(msrp.ask(session.chunk("big1", 1, &[b'x'; 900], "*", '+')).await, 200);
        assert_eq!(msrp.ask(session.chunk("big2", 901, &[b'x'; 101], "*", '$')).await, 413);
        let announced = invite(&app, &Invite::new()).await;
        let mut msrp = announced.connect().await;
        assert_eq!(msrp.ask(announced.chunk("big3", 1, &[b'x'; 10], "1001", '+')).await, 413);
        assert_eq!(session.bye().await, 200);
        assert_eq!(app.waiting(ALICE).await, 0);
    }

    async fn the_same_message_again_is_stored_once(app: TestApp) {
        let first = Invite::new();
        for n in 0..2 {
            let again = Invite { call_id: first.call_id.clone(), branch: format!("z9hG4bKagain{n}{}", first.branch), ..Invite::new() };
            let mut session = invite(&app, &again).await;
            let mut msrp = session.connect().await;
            assert_eq!(msrp.ask(session.whole("once", "Hello", "")).await, 200);
            assert_eq!(session.bye().await, 200);
        }
        assert_eq!(app.waiting(ALICE).await, 1);
    }

    async fn several_sessions_share_a_connection(app: TestApp) {
        let one = invite(&app, &Invite::new()).await;
        let other = invite(&app, &Invite::new()).await;
        let mut msrp = one.connect().await;
        // The second is bound by a SEND without a body, which is no message.
        let bind = format!("MSRP bind SEND\r\nTo-Path: {}\r\nFrom-Path: {PATH}\r\nMessage-ID: bind0000\r\n-------bind$\r\n", other.path);
        assert_eq!(msrp.ask(bind).await, 200);
        assert_eq!(msrp.ask(one.chunk("one1", 1, b"Hel", "5", '+')).await, 200);
        assert_eq!(msrp.ask(other.whole("other", "World", "")).await, 200);
        assert_eq!(msrp.ask(one.chunk("one2", 4, b"lo", "5", '$')).await, 200);
        assert_eq!(app.waiting(ALICE).await, 2);
    }

    /// A peer that cannot be reached has us connect, and is told which session it is.
    async fn we_connect_where_the_peer_cannot(app: TestApp) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let path = format!("msrp://{}/theirs;tcp", listener.local_addr().unwrap());
        let passive = Invite::new().sdp(offer("TCP/MSRP", &path, "passive"));
        let mut session = invite(&app, &passive).await;
        let sdp = String::from_utf8(session.ok.body().to_vec()).unwrap();
        assert_eq!(attribute(&sdp, "setup"), "active");
        let (stream, _) = tokio::time::timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
        let mut msrp = Msrp::over(stream);
        let greeting = msrp.receive().await;
        assert!(greeting.contains(" SEND\r\n") && greeting.contains(&format!("To-Path: {path}")), "{greeting}");
        assert!(!greeting.contains("Content-Type"), "{greeting}");
        let chunk = String::from_utf8(session.whole("theirs", "Hello", "")).unwrap().replace(PATH, &path);
        assert_eq!(msrp.ask(chunk).await, 200);
        assert_eq!(session.bye().await, 200);
        assert!(msrp.is_closed().await, "who opened a connection closes it");
        assert_eq!(app.waiting(ALICE).await, 1);
    }

    /// The answer travels from end to end: it is repeated until its ACK comes.
    async fn the_answer_is_repeated_until_its_ack(app: TestApp) {
        let client = Udp::to(&app).await;
        let answer = ask(&client, &Invite::new()).await;
        let again = client.receive().await;
        assert_eq!(again.raw(), answer.raw());
    }

    /// What is answered is answered: a CANCEL that comes later changes nothing (RFC 3261 section 9.2).
    async fn a_cancel_that_comes_too_late_changes_nothing(app: TestApp) {
        let request = Invite::new();
        let mut session = invite(&app, &request).await;
        let contact = session.sip.0.local_addr().unwrap();
        let cancel = String::from_utf8(request.bytes(contact)).unwrap().replace("INVITE", "CANCEL");
        let cancel: String = cancel.split("Content-Type").next().unwrap().to_owned() + "Content-Length: 0\r\n\r\n";
        session.sip.send(cancel.clone()).await;
        assert_eq!(status(&session.sip.receive().await), 200);
        session.sip.send(cancel.replace(&request.branch, "z9hG4bKnever")).await;
        assert_eq!(status(&session.sip.receive().await), 481);
        let mut msrp = session.connect().await;
        assert_eq!(msrp.ask(session.whole("after", "Hello", "")).await, 200);
        assert_eq!(session.bye().await, 200);
        assert_eq!(app.waiting(ALICE).await, 1);
    }

    /// What we sent and what comes back to us is not ours to keep.
    async fn what_comes_back_is_a_loop(app: TestApp) {
        let session = invite(&app, &Invite::new()).await;
        let mut msrp = session.connect().await;
        assert_eq!(msrp.ask(session.chunk("half", 1, b"Half", "8", '+')).await, 200);
        drop(msrp);
        let bye = session.await_bye().await;
        let client = Udp::to(&app).await;
        let looped = pager().header("Via", &header(&bye, "Via"));
        assert_eq!(status(&client.ask(looped).await), 482);
        // The address alone says nothing: many have the same behind their routers.
        let same = format!("SIP/2.0/UDP {};branch=z9hG4bKtheirs", app.sip);
        assert_eq!(status(&client.ask(pager().header("Via", &same)).await), 202);
    }

    /// The BYE may be quicker than the octets, which travel on another way.
    async fn a_bye_may_overtake_the_message(app: TestApp) {
        for n in 0..20 {
            let mut session = invite(&app, &Invite::new()).await;
            let mut msrp = session.connect().await;
            msrp.send(session.whole(&format!("quick{n:02}"), "Hello", "Failure-Report: no\r\n")).await;
            assert_eq!(session.bye().await, 200);
            loop {
                let list = app.get(MESSAGES).await;
                if list.status == 200 && list.json()["items"].as_array().unwrap().len() == n + 1 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        assert_eq!(app.waiting(ALICE).await, 20);
    }

    /// A connection that a session began on is kept, however quiet it is.
    async fn a_quiet_session_keeps_its_sip_connection(app: TestApp, "[sip]\nidle_timeout = '200ms'") {
        let mut stream = TcpStream::connect(app.sip).await.unwrap();
        let request = Invite::new().bytes(stream.local_addr().unwrap());
        stream.write_all(&request).await.unwrap();
        let answer = read_until(&mut stream, |text| text.contains("a=max-size")).await;
        assert!(answer.contains(";transport=tcp>"), "{answer}");
        // Twice as long as an idle connection lives; the 200 comes again meanwhile.
        tokio::time::sleep(Duration::from_millis(400)).await;
        let options = String::from_utf8(pager().bytes()).unwrap().replace("MESSAGE", "OPTIONS");
        stream.write_all(options.as_bytes()).await.unwrap();
        read_until(&mut stream, |text| text.contains(" OPTIONS\r\n")).await;
    }

    async fn a_server_that_stops_says_goodbye(app: TestApp) {
        let session = invite(&app, &Invite::new()).await;
        let mut app = app;
        tokio::join!(app.stop(), session.await_bye());
    }

    /// Requests inside a session come in order, and an INVITE without an offer gets one.
    async fn requests_inside_a_session_come_in_order(app: TestApp) {
        let mut session = invite(&app, &Invite::new()).await;
        assert_eq!(session.ask("INVITE").await, 200);
        session.cseq = 0;
        assert_eq!(session.bye().await, 500);
        session.cseq = 10;
        assert_eq!(session.bye().await, 200);
    }

    /// A second INVITE inside the session leaves it as it is.
    async fn a_session_may_be_refreshed_by_invite(app: TestApp) {
        let mut session = invite(&app, &Invite::new()).await;
        assert_eq!(session.ask("INVITE").await, 200);
        let mut msrp = session.connect().await;
        assert_eq!(msrp.ask(session.whole("after", "Hello", "")).await, 200);
        assert_eq!(session.bye().await, 200);
        assert_eq!(session.ask("INVITE").await, 481);
        assert_eq!(app.waiting(ALICE).await, 1);
    }

    async fn a_full_account_takes_no_session(app: TestApp, "[policy]\nquota_messages = 1") {
        let mut session = invite(&app, &Invite::new()).await;
        let mut msrp = session.connect().await;
        assert_eq!(msrp.ask(session.whole("first", "Hello", "")).await, 200);
        assert_eq!(session.bye().await, 200);
        let refused = ask(&Udp::to(&app).await, &Invite::new()).await;
        assert_eq!(status(&refused), 480);
        assert!(!header(&refused, "Warning").is_empty() && !header(&refused, "Retry-After").is_empty());
    }

    async fn sessions_are_bounded_and_end_when_nothing_comes(
        app: TestApp, "[msrp]\nmax_sessions_per_peer = 1\nidle_timeout = '700ms'"
    ) {
        let session = invite(&app, &Invite::new()).await;
        let refused = ask(&Udp::to(&app).await, &Invite::new()).await;
        assert_eq!(status(&refused), 486);
        session.await_bye().await;
        // Its place is free again.
        let client = Udp::to(&app).await;
        loop {
            match status(&ask(&client, &Invite::new()).await) {
                200 => break,
                other => assert_eq!(other, 486),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn a_session_that_promises_to_be_refreshed_is(app: TestApp) {
        let timed = Invite::new().header("Session-Expires", "1800").header("Supported", "timer");
        let mut session = invite(&app, &timed).await;
        assert!(header(&session.ok, "Session-Expires").starts_with("1800;refresher=ua"), "{}", header(&session.ok, "Session-Expires"));
        assert_eq!(session.ask("UPDATE").await, 200);
        let small = Invite::new().header("Session-Expires", "30").header("Supported", "timer");
        let refused = ask(&Udp::to(&app).await, &small).await;
        assert_eq!((status(&refused), header(&refused, "Min-SE").as_str()), (422, "90"));
    }

    /// What is long lies outside the database, and passes through memory in pieces.
    async fn a_long_message_arrives_whole(app: TestApp) {
        let mut session = invite(&app, &Invite::new()).await;
        let mut msrp = session.connect().await;
        let octets: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let total = octets.len().to_string();
        let mut from = 0;
        for (n, piece) in octets.chunks(400_000).enumerate() {
            let flag = if from + piece.len() == octets.len() { '$' } else { '+' };
            let chunk = session.chunk(&format!("long{n}"), from + 1, piece, &total, flag);
            assert_eq!(msrp.ask(chunk).await, 200);
            from += piece.len();
        }
        let message = only_message(&app).await;
        assert_eq!(content(&app, &message).await, octets);
        assert_eq!(session.bye().await, 200);
    }
}
