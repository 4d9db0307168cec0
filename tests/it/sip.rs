//! The SIP listener, spoken to over real sockets: what is answered, what is stored, and what it
//! survives.

use std::time::Duration;

use futures_util::future::join_all;
use restante::domain::message_id::MessageKey;
use restante::sip::framer::{Frame, Framer};
use restante::sip::{Message, date};
use restante::store::accounts;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::message::Pager;
use crate::support::sip::{PATIENCE, Tcp, Udp, header, pager, read_until, status};

const ALICE: &str = "sip:alice@example.org";
const ALLOW: &str = "MESSAGE, OPTIONS, INVITE, ACK, CANCEL, BYE, UPDATE, REFER, SUBSCRIBE";

on_both_databases! {
    /// RFC 3261 section 18.2.2: where the connection is gone, the answer goes to a new one to whoever Via names.
    async fn an_answer_finds_its_way_when_the_connection_is_gone(app: TestApp) {
        let key: MessageKey = app.store(Pager::new()).await.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sent_by = format!("SIP/2.0/TCP {}", listener.local_addr().unwrap());
        let request = Pager::new();
        let text = String::from_utf8(request.bytes()).unwrap().replace("SIP/2.0/UDP proxy.example.org", &sent_by);
        // Nothing is stored meanwhile.
        let held = app.mailbox.db.write().await.unwrap();
        accounts::lock(&held, key.account_id).await.unwrap();
        let mut client = Tcp::to(&app).await;
        client.send(text).await;
        let options = || String::from_utf8(pager().bytes()).unwrap().replace("MESSAGE", "OPTIONS");
        // It is answered here, so what came before has been read.
        assert_eq!(status(&client.ask(options()).await), 200);
        SockRef::from(&client.stream).set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        // The end of the connection is read in its own time; a new one shows that the server goes on.
        let other = Udp::to(&app).await;
        for _ in 0..5 {
            assert_eq!(status(&other.ask(options()).await), 200);
        }
        drop(held);
        let answer = Tcp::accept(&listener).await.receive().await;
        assert_eq!((status(&answer), header(&answer, "Call-ID")), (202, request.call_id));
    }

    async fn a_message_is_answered_202_and_is_there(app: TestApp) {
        let client = Udp::to(&app).await;
        let raw = pager().header("Subject", "Over SIP").bytes();
        let answer = client.ask(raw.clone()).await;
        assert_eq!(status(&answer), 202);
        assert!(answer.body().is_empty() && answer.header("Contact").is_none(), "RFC 3428 section 7");
        for name in ["From", "Call-ID", "CSeq"] {
            assert_eq!(header(&answer, name), header(&Message::parse(raw.clone().into()).unwrap(), name));
        }
        assert!(header(&answer, "To").starts_with("<sip:alice@example.org>;tag="));
        let via = header(&answer, "Via");
        let port = client.0.local_addr().unwrap().port();
        assert!(via.contains("received=127.0.0.1") && via.contains(&format!("rport={port}")), "{via}");
        let list = app.get(&format!("/api/v1/accounts/{ALICE}/messages")).await.json();
        assert_eq!(list["items"][0]["subject"], "Over SIP");
        let id = list["items"][0]["id"].as_str().unwrap();
        assert_eq!(app.get(&format!("/api/v1/accounts/{ALICE}/messages/{id}/raw")).await.body, raw);
    }

    /// A client that hears nothing repeats for 32 s, perhaps through another gateway, and over HTTP
    /// for all we know: one message.
    async fn repeats_are_answered_alike_and_stored_once(app: TestApp) {
        let request = pager();
        let client = Udp::to(&app).await;
        let first = client.ask(request.bytes()).await;
        for _ in 0..10 {
            let again = client.ask(request.bytes()).await;
            assert_eq!(again.raw(), first.raw());
        }
        let other = Udp::to(&app).await;
        let another_branch = Pager { branch: "z9hG4bKelsewhere;rport".into(), ..request.clone() };
        assert_eq!(status(&other.ask(another_branch).await), 202);
        assert_eq!(app.hand_over(request).await.status, 200);
        assert_eq!(app.waiting(ALICE).await, 1);
    }

    async fn the_answer_goes_where_the_via_says(app: TestApp) {
        // Without rport the answer goes to the port of sent-by, not of the packet (RFC 3261 18.2.2).
        let listener = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let request = Pager::new();
        let raw = String::from_utf8(request.bytes()).unwrap().replacen("proxy.example.org;", &format!("proxy.example.org:{port};"), 1);
        Udp::to(&app).await.send(raw).await;
        let mut buffer = vec![0; 4096];
        let octets = timeout(PATIENCE, listener.recv(&mut buffer)).await.unwrap().unwrap();
        assert!(buffer[..octets].starts_with(b"SIP/2.0 202 "));
    }

    async fn refusals_say_what_would_have_been_taken(app: TestApp) {
        let client = Udp::to(&app).await;
        let text = |pager: Pager| String::from_utf8(pager.bytes()).unwrap();
        let publish = client.ask(text(pager()).replace("MESSAGE", "PUBLISH")).await;
        assert_eq!((status(&publish), header(&publish, "Allow").as_str()), (405, ALLOW));
        let require = client.ask(pager().header("Require", "foo, bar")).await;
        assert_eq!((status(&require), header(&require, "Unsupported").as_str()), (420, "foo, bar"));
        let zipped = client.ask(pager().header("Content-Encoding", "gzip")).await;
        assert_eq!((status(&zipped), header(&zipped, "Accept-Encoding").as_str()), (415, "identity"));
        let scheme = client.ask(text(pager()).replace("MESSAGE sip:alice@example.org", "MESSAGE mailto:alice@example.org")).await;
        assert_eq!(status(&scheme), 416);
        let version = client.ask(text(pager()).replacen("SIP/2.0\r\n", "SIP/3.0\r\n", 1)).await;
        assert_eq!(status(&version), 505);
        let dead = client.ask(pager().header("Expires", "0")).await;
        assert_eq!(status(&dead), 480);
        let nobody = client.ask(text(pager()).replace("MESSAGE sip:alice@", "MESSAGE sip:")).await;
        assert_eq!(status(&nobody), 404);
        let mut cut = pager().bytes();
        cut.pop();
        let cut = client.ask(cut).await;
        assert_eq!(status(&cut), 400);
        for refused in [publish, require, zipped, scheme, version, dead, nobody, cut] {
            assert!(header(&refused, "Warning").starts_with("399 mail.example.org \""));
        }
        assert_eq!(app.get("/api/v1/accounts").await.json()["items"].as_array().unwrap().len(), 0);
    }

    async fn options_says_what_is_taken(app: TestApp) {
        let client = Udp::to(&app).await;
        let options = String::from_utf8(pager().bytes()).unwrap().replace("MESSAGE", "OPTIONS");
        let answer = client.ask(options).await;
        assert_eq!((status(&answer), header(&answer, "Allow").as_str(), header(&answer, "Accept").as_str()),
            (200, ALLOW, "*/*"));
        let supported = header(&answer, "Supported");
        assert!(supported.contains("norefersub, multiple-refer"), "{supported}");
        assert!(date::parse(header(&answer, "Date").as_bytes()).is_some(), "RFC 3261 section 20.17");
    }

    async fn a_full_account_is_temporarily_unavailable(app: TestApp, "[policy]\nquota_messages = 1") {
        let client = Udp::to(&app).await;
        assert_eq!(status(&client.ask(pager()).await), 202);
        let full = client.ask(pager()).await;
        assert_eq!(status(&full), 480);
        assert!(header(&full, "Retry-After").parse::<u32>().unwrap() > 0);
    }

    async fn no_database_no_202(app: TestApp) {
        let client = Udp::to(&app).await;
        app.mailbox.db.clone().close().await.unwrap();
        let answer = client.ask(pager()).await;
        assert_eq!(status(&answer), 503);
        assert!(!header(&answer, "Retry-After").is_empty());
    }

    async fn strangers_are_refused(app: TestApp, "[sip]\ntrusted_peers = ['192.0.2.0/24']") {
        let client = Udp::to(&app).await;
        assert_eq!(status(&client.ask(pager()).await), 403);
        assert_eq!(app.waiting(ALICE).await, 0);
    }

    async fn only_served_domains_are_served(app: TestApp, "[sip]\ndomains = ['Example.ORG']") {
        let client = Udp::to(&app).await;
        assert_eq!(status(&client.ask(pager()).await), 202);
        assert_eq!(status(&client.ask(pager().to("sip:bob@example.net")).await), 404);
        let served = pager().to("sip:x@example.net").header("P-Served-User", "<sip:bob@example.org>");
        assert_eq!(status(&client.ask(served).await), 202);
        assert_eq!(app.waiting("sip:bob@example.org").await, 1);
    }

    async fn a_flood_is_slowed_down(app: TestApp, "[sip]\nrate_limit = 5") {
        let client = Udp::to(&app).await;
        let mut refused = 0;
        for _ in 0..40 {
            let answer = client.ask(pager()).await;
            if status(&answer) == 503 {
                assert!(!header(&answer, "Retry-After").is_empty());
                refused += 1;
            }
        }
        assert!(refused > 0, "nothing was refused");
        assert_eq!(app.waiting(ALICE).await, 40 - refused);
    }

    async fn a_tcp_connection_carries_many_messages_split_anywhere(app: TestApp) {
        let mut stream = TcpStream::connect(app.sip).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let requests: Vec<u8> = (0..5).flat_map(|_| [b"\r\n\r\n".to_vec(), pager().text("split").bytes()].concat()).collect();
        for chunk in requests.chunks(7) {
            stream.write_all(chunk).await.unwrap();
        }
        let answers = read_until(&mut stream, |text| text.matches("SIP/2.0 202").count() == 5).await;
        assert!(answers.starts_with("\r\n"), "the ping is answered (RFC 5626 section 4.4.1)");
        assert_eq!(app.waiting(ALICE).await, 5);
        // A large one, which UDP could not carry.
        stream.write_all(&pager().text(&"x".repeat(200_000)).bytes()).await.unwrap();
        read_until(&mut stream, |text| text.contains("202 Accepted")).await;
        assert_eq!(app.waiting(ALICE).await, 6);
    }

    async fn a_stream_that_cannot_be_read_on_is_answered_and_closed(app: TestApp, "[policy]\nmax_message_bytes = 4096") {
        let text = |pager: Pager| String::from_utf8(pager.bytes()).unwrap();
        let no_length: String = text(pager()).split("\r\n").filter(|line| !line.starts_with("Content-Length")).collect::<Vec<_>>().join("\r\n");
        for (raw, expected) in [
            (no_length, "SIP/2.0 400 "),
            (text(pager().text(&"x".repeat(5000))), "SIP/2.0 413 "),
            (text(pager()).replacen("SIP/2.0\r\n", "SIP/7.0\r\n", 1), "SIP/2.0 505 "),
        ] {
            let mut stream = TcpStream::connect(app.sip).await.unwrap();
            stream.write_all(raw.as_bytes()).await.unwrap();
            let mut answer = String::new();
            timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("it is closed").unwrap();
            assert!(answer.starts_with(expected), "{expected}: {answer}");
        }
    }

    async fn a_silent_or_slow_connection_is_closed(app: TestApp, "[sip]\nidle_timeout = '300ms'") {
        let mut silent = TcpStream::connect(app.sip).await.unwrap();
        let mut slow = TcpStream::connect(app.sip).await.unwrap();
        let dripping = async {
            for octet in pager().bytes() {
                if slow.write_all(&[octet]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            panic!("a message octet by octet was taken");
        };
        let mut rest = Vec::new();
        let closing = timeout(PATIENCE, silent.read_to_end(&mut rest));
        let (closed, ()) = tokio::join!(closing, dripping);
        assert_eq!(closed.expect("it is closed").unwrap(), 0);
    }

    async fn several_listeners_and_ipv6(app: TestApp, "[sip]\nlisten = ['127.0.0.1:0', '[::1]:0']") {
        let six = app.sip_over_ipv6();
        let socket = tokio::net::UdpSocket::bind("[::1]:0").await.unwrap();
        socket.connect(six).await.unwrap();
        let client = Udp(socket);
        let answer = client.ask(pager()).await;
        assert_eq!(status(&answer), 202);
        assert!(header(&answer, "Via").contains("received=::1"), "{}", header(&answer, "Via"));
        let mut stream = TcpStream::connect(six).await.unwrap();
        stream.write_all(&pager().bytes()).await.unwrap();
        read_until(&mut stream, |text| text.contains("202 Accepted")).await;
        assert_eq!(status(&Udp::to(&app).await.ask(pager()).await), 202);
        assert_eq!(app.waiting(ALICE).await, 3);
    }

    /// As many answers as requests, however many are asked at once on one connection.
    async fn a_connection_may_ask_much_at_once(app: TestApp) {
        let mut stream = TcpStream::connect(app.sip).await.unwrap();
        let requests: Vec<u8> = (0..400).flat_map(|_| pager().bytes()).collect();
        let (mut read, mut write) = stream.split();
        let writing = async { write.write_all(&requests).await.unwrap() };
        let reading = async {
            let mut text = String::new();
            let mut buffer = vec![0; 65_536];
            while text.matches("SIP/2.0 202").count() < 400 {
                let octets = timeout(PATIENCE, read.read(&mut buffer)).await.expect("an answer").unwrap();
                assert!(octets > 0);
                text.push_str(std::str::from_utf8(&buffer[..octets]).unwrap());
            }
        };
        tokio::join!(writing, reading);
        assert_eq!(app.waiting(ALICE).await, 400);
    }

    async fn connections_are_bounded(app: TestApp, "[sip]\nmax_connections = 2") {
        let mut first = TcpStream::connect(app.sip).await.unwrap();
        let mut second = TcpStream::connect(app.sip).await.unwrap();
        for stream in [&mut first, &mut second] {
            stream.write_all(&pager().bytes()).await.unwrap();
            read_until(stream, |text| text.contains("202 Accepted")).await;
        }
        let mut third = TcpStream::connect(app.sip).await.unwrap();
        let mut rest = Vec::new();
        // Closed at once, orderly or not.
        let _ = timeout(PATIENCE, third.read_to_end(&mut rest)).await.expect("it is closed");
        assert!(rest.is_empty());
        drop(first);
        loop {
            let mut next = TcpStream::connect(app.sip).await.unwrap();
            let sent = next.write_all(&pager().bytes()).await;
            let mut buffer = [0; 256];
            if sent.is_ok() && matches!(next.read(&mut buffer).await, Ok(octets) if octets > 0) {
                break;
            }
        }
    }

    /// The listener stays up whatever comes, and answers nothing that deserves no answer.
    async fn torture_and_garbage_are_survived(app: TestApp) {
        let client = Udp::to(&app).await;
        let mut answered = 0;
        let mut streams = Vec::new();
        for folder in ["rfc4475", "rfc4475-message", "rfc3428"] {
            let path = format!("{}/tests/data/{folder}", env!("CARGO_MANIFEST_DIR"));
            for entry in std::fs::read_dir(path).unwrap() {
                let raw = std::fs::read(entry.unwrap().path()).unwrap();
                client.send(raw.clone()).await;
                client.send(raw[..raw.len() / 2].to_vec()).await;
                let mut stream = TcpStream::connect(app.sip).await.unwrap();
                // The listener may close while this is written.
                let _ = stream.write_all(&raw).await;
                let _ = stream.shutdown().await;
                streams.push(async move {
                    let mut answers = Vec::new();
                    let read = timeout(PATIENCE, stream.read_to_end(&mut answers)).await;
                    // Either end may reset what is broken off.
                    let _ = read.expect("the listener closes what ends");
                    answers
                });
            }
        }
        client.send(vec![0xff; 60_000]).await;
        client.send(Vec::new()).await;
        client.send(b"\r\n\r\n".to_vec()).await;
        client.send(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x\r\n\r\n".to_vec()).await;
        client.send(String::from_utf8(pager().bytes()).unwrap().replace("MESSAGE", "ACK")).await;
        let good = pager();
        let call_id = good.call_id.clone();
        client.send(good).await;
        loop {
            let answer = client.receive().await;
            assert_ne!(header(&answer, "CSeq"), "1 ACK");
            assert!((100..700).contains(&status(&answer)), "{answer:?}");
            answered += 1;
            if header(&answer, "Call-ID") == call_id {
                assert_eq!(status(&answer), 202);
                break;
            }
        }
        for answers in join_all(streams).await {
            let mut framer = Framer::new(65_536);
            framer.push(&answers);
            for frame in framer {
                if let Frame::Message(answer) = frame.unwrap() {
                    assert!((100..700).contains(&status(&answer)), "{answer:?}");
                    answered += 1;
                }
            }
        }
        assert!(answered > 60, "only {answered} answers");
    }
}
