//! What is refused: with which problem, and with nothing stored.

use std::fmt::Write as _;

use restante::domain::access::TokenScope;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::message::Pager;

const ALICE: &str = "sip:alice@example.org";

/// A good request with `from` replaced by `to` in its octets.
fn with(from: &str, to: &str) -> Vec<u8> {
    let raw = String::from_utf8(Pager::new().bytes()).unwrap();
    assert!(raw.contains(from), "{from}");
    raw.replacen(from, to, 1).into_bytes()
}

/// A good request without the line that begins with `name`.
fn without(name: &str) -> Vec<u8> {
    let raw = String::from_utf8(Pager::new().bytes()).unwrap();
    let lines: Vec<&str> = raw
        .split("\r\n")
        .filter(|line| !line.starts_with(name))
        .collect();
    lines.join("\r\n").into_bytes()
}

fn many_headers(count: usize) -> Vec<u8> {
    let mut pager = Pager::new();
    for n in 0..count {
        write!(pager.more, "X-{n}: value\r\n").unwrap();
    }
    pager.bytes()
}

/// Each bad request, the problem type it gets, and the SIP status for the sender.
fn bad_requests() -> Vec<(&'static str, Vec<u8>, &'static str, u16)> {
    let good = Pager::new().bytes();
    let cut = |at: usize| good.get(..at).unwrap().to_vec();
    let head_end = good.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    vec![
        ("nothing", Vec::new(), "not-sip", 400),
        ("a word", b"hello world".to_vec(), "not-sip", 400),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), "not-sip", 400),
        ("noise", vec![0xff, 0, 0xff, 0x80, 13, 10, 13, 10], "not-sip", 400),
        ("head cut in a name", cut(100), "sip-truncated", 400),
        ("head without its empty line", cut(head_end + 2), "sip-truncated", 400),
        ("body cut", cut(good.len() - 1), "sip-truncated", 400),
        ("another request", with("MESSAGE sip", "INVITE sip").replace(b"1 MESSAGE", b"1 INVITE"), "sip-method", 405),
        ("a response", b"SIP/2.0 200 OK\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 MESSAGE\r\n\r\n".to_vec(), "sip-response", 400),
        ("no From", without("From"), "sip-header", 400),
        ("no To", without("To"), "sip-header", 400),
        ("no Call-ID", without("Call-ID"), "sip-header", 400),
        ("no CSeq", without("CSeq"), "sip-header", 400),
        ("two From", with("From:", "From: <sip:x@y>\r\nFrom:"), "sip-header", 400),
        ("two Call-ID, one compact", with("Call-ID:", "i: other\r\nCall-ID:"), "sip-header", 400),
        ("CSeq of another method", with("1 MESSAGE", "1 INVITE"), "sip-header", 400),
        ("CSeq without a number", with("CSeq: 1 ", "CSeq: one "), "sip-header", 400),
        ("From without a URI", with("<sip:carol@example.org>", "<carol>"), "sip-header", 400),
        ("From that never closes", with("\"Carol\"", "\"Carol"), "sip-header", 400),
        ("unreadable Request-URI", with("MESSAGE sip:alice@example.org", "MESSAGE sip:al[ice@example.org"), "served-user", 400),
        ("Request-URI of another kind", with("MESSAGE sip:alice@example.org", "MESSAGE mailto:alice@example.org"), "served-user", 416),
        ("Request-URI without a user", with("MESSAGE sip:alice@example.org", "MESSAGE sip:example.org"), "served-user", 404),
        ("SIP/3.0", with("SIP/2.0\r\n", "SIP/3.0\r\n"), "sip-version", 505),
        ("two Content-Lengths", with("Content-Length:", "Content-Length: 18\r\nContent-Length:"), "sip-content-length", 400),
        ("compact second Content-Length", with("Content-Length:", "l: 3\r\nContent-Length:"), "sip-content-length", 400),
        ("negative Content-Length", with("Content-Length: ", "Content-Length: -"), "sip-content-length", 400),
        ("endless Content-Length", with("Content-Length: ", "Content-Length: 99999999999999999999"), "sip-content-length", 400),
        ("bare LF in the head", with("\r\nTo:", "\nTo:"), "not-sip", 400),
        ("bare CR in the head", with("\r\nTo:", "\rTo:"), "not-sip", 400),
        ("header line without a colon", with("Max-Forwards:", "Max-Forwards"), "not-sip", 400),
        ("5,000 header lines", many_headers(5_000), "sip-too-large-head", 513),
        ("one endless header line", with("Max-Forwards:", &format!("X: {}\r\nMax-Forwards:", "y".repeat(300_000))), "sip-too-large-head", 513),
    ]
}

trait Replace {
    fn replace(self, from: &[u8], to: &[u8]) -> Vec<u8>;
}

impl Replace for Vec<u8> {
    fn replace(mut self, from: &[u8], to: &[u8]) -> Vec<u8> {
        let at = self
            .windows(from.len())
            .position(|window| window == from)
            .unwrap();
        self.splice(at..at + from.len(), to.iter().copied());
        self
    }
}

on_both_databases! {
    async fn bad_requests_are_refused_by_name_and_leave_nothing(app: TestApp) {
        for (what, raw, slug, sip_status) in bad_requests() {
            let answer = app.hand_over(raw).await;
            assert_eq!(answer.status, 400, "{what}");
            let problem = answer.assert_problem(400, slug);
            assert_eq!(problem["sip_status"], sip_status, "{what}");
            assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{what}");
        }
        let accounts = app.get("/api/v1/accounts").await.json();
        assert_eq!(accounts["items"].as_array().unwrap().len(), 0);
    }

    async fn an_unusable_served_user_is_refused(app: TestApp) {
        for aor in ["alice", "http://example.org", "sip:example.org", "sip:a@b@c", "sip:a%zz@b", "sip:%00@", "tel:"] {
            let aor: String = form_urlencoded::byte_serialize(aor.as_bytes()).collect();
            let answer = app.hand_over_for(&format!("?aor={aor}"), Pager::new()).await;
            answer.assert_problem(400, "served-user");
        }
        let bad = Pager::new().header("P-Served-User", "<mailto:x@y>");
        app.hand_over(bad).await.assert_problem(400, "served-user");
        let broken = Pager::new().header("P-Served-User", "<sip:x@y");
        app.hand_over(broken).await.assert_problem(400, "sip-header");
        app.hand_over_for("?aors=sip:a@b", Pager::new()).await.assert_problem(400, "invalid-request");
    }

    async fn odd_but_honest_requests_are_stored(app: TestApp) {
        let compact = b"MESSAGE sip:alice@example.org SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bKc\r\n\
            f: \"Carol\" <sip:carol@example.org>;tag=1\r\nt: sip:alice@example.org\r\ni: compact\r\n\
            CSeq: 7 MESSAGE\r\ns: In short\r\nc: text/plain\r\nl: 2\r\n\r\nhi".to_vec();
        let folded = with("To: <sip:alice", "To:\r\n \"Alice\r\n\t Martin\"\r\n <sip:alice");
        let nul = Pager::new().header("Subject", "before\0after").content("text/plain", b"a\0b".to_vec()).bytes();
        let latin = Pager::new().header("Subject", "caf\u{e9}").bytes().replace("é".as_bytes(), &[0xe9]);
        let no_length = without("Content-Length");
        let leading = [b"\r\n\r\n".to_vec(), Pager::new().bytes()].concat();
        let trailing = [Pager::new().bytes(), b"\r\nINVITE sip:x".to_vec()].concat();
        for raw in [compact.clone(), folded.clone(), nul.clone(), latin.clone(), no_length.clone(), many_headers(1_000)] {
            let id = app.store(raw.clone()).await;
            let path = format!("/api/v1/accounts/{ALICE}/messages/{id}");
            assert_eq!(app.get(&format!("{path}/raw")).await.body, raw);
            assert_eq!(app.get(&path).await.status, 200);
        }
        // Empty lines before the request and octets after it are no part of it (RFC 3261 7.5, 18.3).
        for raw in [leading, trailing] {
            app.store(raw).await;
        }
        let list = app.get(&format!("/api/v1/accounts/{ALICE}/messages")).await.json();
        let subjects: Vec<_> = list["items"].as_array().unwrap().iter()
            .filter_map(|message| message["subject"].as_str()).collect();
        assert_eq!(subjects, ["caf\u{fffd}", "before\u{fffd}after", "In short"]);
        let previews = list["items"].as_array().unwrap().iter().filter(|m| m["preview"] == "a\u{fffd}b");
        assert_eq!(previews.count(), 1);
    }

    /// NUL anywhere a column could meet it: PostgreSQL text cannot hold it.
    async fn nul_meets_no_column(app: TestApp) {
        let cpim = "From: A\0 <sip:a@b>\r\nTo: <sip:c@d>\r\nSubject: s\0s\r\nNS: imdn <urn:ietf:params:imdn>\r\n\
            imdn.Message-ID: a\0b\r\n\r\nContent-Type: text/plain\r\n\r\nx\0y";
        let id = app.store(Pager::new().content("message/cpim", cpim)).await;
        let message = app.get(&format!("/api/v1/accounts/{ALICE}/messages/{id}")).await.json();
        assert_eq!((&message["imdn_message_id"], &message["subject"]), (&"a\u{fffd}b".into(), &"s\u{fffd}s".into()));
        for path in ["/api/v1/accounts?q=%00", "/api/v1/accounts/sip:alice@example.org/messages?from=%00"] {
            app.get(path).await.assert_problem(400, "invalid-request");
        }
        let sign_in = app.request(reqwest::Method::POST, "/sign-in")
            .header("content-type", "application/x-www-form-urlencoded").body("name=%00&password=x");
        assert_eq!(app.send(sign_in).await.status, 401);
    }

    async fn endless_texts_are_refused(app: TestApp) {
        let uri = format!("sip:{}@example.org", "x".repeat(3_000));
        let from = Pager { from: format!("<{uri}>;tag=1"), ..Pager::new() };
        app.hand_over(from).await.assert_problem(400, "sip-header");
        let long = "x".repeat(300);
        for path in [format!("/api/v1/accounts?q={long}"), format!("/api/v1/accounts/{ALICE}/messages?q={long}"),
            format!("/api/v1/accounts/{ALICE}/messages?subject={long}")] {
            app.store(Pager::new()).await;
            app.get(&path).await.assert_problem(400, "invalid-request");
        }
    }

    /// The RFCs' own messages, as published or with the faults of their examples mended.
    async fn the_examples_of_the_rfcs_are_stored(app: TestApp) {
        let folder = |name: &str| format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
        for file in ["rfc3428/f1.sip", "rfc3428/f2.sip", "rfc5365/f1-corrected.sip", "rfc5365/f3-corrected.sip"] {
            let raw = std::fs::read(folder(file)).unwrap();
            let answer = app.hand_over_for(&format!("?aor={ALICE}"), raw).await;
            assert!(matches!(answer.status.as_u16(), 200 | 201), "{file}: {}", answer.text());
        }
        let mut wrapped = 0;
        for rfc in ["rfc3862", "rfc5438"] {
            for entry in std::fs::read_dir(folder(rfc)).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_none_or(|extension| extension != "cpim") {
                    continue;
                }
                let body = std::fs::read(&path).unwrap();
                let id = app.store(Pager::new().content("message/cpim", body.clone())).await;
                let raw = app.get(&format!("/api/v1/accounts/{ALICE}/messages/{id}/raw")).await.body;
                assert!(raw.ends_with(&body), "{}", path.display());
                assert_eq!(app.get(&format!("/api/v1/accounts/{ALICE}/messages/{id}")).await.status, 200);
                wrapped += 1;
            }
        }
        assert_eq!(wrapped, 15);
    }

    async fn a_message_over_the_limit_is_refused_and_one_at_it_is_not(app: TestApp, "[policy]\nmax_message_bytes = 4096") {
        let empty = Pager::new().text("").bytes().len();
        let fits = Pager::new().text(&"x".repeat(4096 - empty - 3));
        assert_eq!(fits.bytes().len(), 4096);
        assert_eq!(app.hand_over(fits.clone()).await.status, 201);
        let over = [fits.bytes(), b"x".to_vec()].concat();
        assert_eq!(app.hand_over(over).await.assert_problem(413, "message-too-large")["sip_status"], 413);
    }

    /// A body without a length is refused while it is read: the sender goes on for ever here.
    async fn an_endless_body_is_refused_while_it_is_read(app: TestApp) {
        let address = app.url.strip_prefix("http://").unwrap();
        let (mut read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
        let head = format!(
            "POST /gateway/v1/messages HTTP/1.1\r\nHost: {address}\r\nContent-Type: message/sip\r\n\
             Authorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\r\n", app.gateway);
        write.write_all(head.as_bytes()).await.unwrap();
        let sender = tokio::spawn(async move {
            let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x1_0000));
            let mut sent = 0_usize;
            while write.write_all(chunk.as_bytes()).await.is_ok() {
                sent += chunk.len();
            }
            sent
        });
        let mut answer = vec![0; 4096];
        let read_octets = read.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..read_octets]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        drop(read);
        let sent = sender.await.unwrap();
        assert!(sent < 64 * 1024 * 1024, "{sent} octets were taken in");
    }

    async fn a_length_over_the_limit_is_refused_before_the_body(app: TestApp) {
        let address = app.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /gateway/v1/messages HTTP/1.1\r\nHost: {address}\r\nContent-Type: message/sip\r\n\
             Authorization: Bearer {}\r\nContent-Length: 1048577\r\n\r\n", app.gateway);
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let octets = stream.read(&mut answer).await.unwrap();
        assert!(answer[..octets].starts_with(b"HTTP/1.1 413 "));
    }

    async fn another_content_type_is_refused(app: TestApp) {
        for media_type in ["text/plain", "message/sipfrag", "message/sip2", ""] {
            let request = app.request(reqwest::Method::POST, "/gateway/v1/messages")
                .bearer_auth(&app.gateway).header("content-type", media_type).body(Pager::new().bytes());
            let answer = app.send(request).await;
            answer.assert_problem(415, "unsupported-media-type");
            assert_eq!(answer.header("accept"), "message/sip");
        }
        let request = app.request(reqwest::Method::POST, "/gateway/v1/messages")
            .bearer_auth(&app.gateway).header("content-type", "Message/SIP; version=2.0").body(Pager::new().bytes());
        assert_eq!(app.send(request).await.status, 201);
    }

    async fn only_a_gateway_hands_over(app: TestApp) {
        let post = |token: Option<String>| {
            let request = app.request(reqwest::Method::POST, "/gateway/v1/messages")
                .header("content-type", "message/sip").body(Pager::new().bytes());
            app.send(match token { Some(token) => request.bearer_auth(token), None => request })
        };
        let nobody = post(None).await;
        nobody.assert_problem(401, "unauthenticated");
        assert!(nobody.header("www-authenticate").starts_with("Bearer"));
        post(Some("rst_unknown".into())).await.assert_problem(401, "unauthenticated");
        post(Some(app.operator.clone())).await.assert_problem(403, "insufficient-scope");
        let read = app.token(&[TokenScope::Read, TokenScope::Delete], &[ALICE]).await;
        post(Some(read)).await.assert_problem(403, "insufficient-scope");
        let bound = app.token(&[TokenScope::Gateway], &["sip:bob@example.org"]).await;
        post(Some(bound)).await.assert_problem(403, "insufficient-scope");
        let life = Some(chrono::TimeDelta::minutes(5));
        let short = app.identity.create_token("t", &[TokenScope::Gateway], &[], life).await.unwrap();
        app.clock.advance(chrono::TimeDelta::minutes(6));
        post(Some(short)).await.assert_problem(401, "token-expired");
        let revoked = app.token(&[TokenScope::Gateway], &[]).await;
        let last = app.identity.tokens().await.unwrap().pop().unwrap();
        assert!(app.identity.revoke_token(last.id).await.unwrap());
        post(Some(revoked)).await.assert_problem(401, "token-expired");
        assert_eq!(app.waiting(ALICE).await, 0);
    }

    /// The torture messages of RFC 4475 as MESSAGE requests, handed over like any other.
    async fn torture_messages_are_stored_or_refused_as_the_rfc_says(app: TestApp) {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/rfc4475-message");
        let manifest = std::fs::read_to_string(format!("{folder}/manifest.tsv")).unwrap();
        let (mut stored, mut refused) = (0, 0);
        for line in manifest.lines().skip(1) {
            let columns: Vec<&str> = line.split('\t').collect();
            let (file, expected) = (columns[0], columns[2]);
            // Extensions and content types are the business of the user's client, which gets all.
            let expected = if matches!(file, "bext01.sip" | "invut.sip") { "accept" } else { expected };
            let raw = std::fs::read(format!("{folder}/{file}")).unwrap();
            let answer = app.hand_over_for("?aor=sip:torture@example.org", raw.clone()).await;
            let status = answer.status.as_u16();
            match status {
                200 | 201 => {
                    assert_ne!(expected, "refuse", "{file}");
                    stored += 1;
                    let kept = app.get(&format!("{}/raw", answer.header("location"))).await.body;
                    assert!(raw.starts_with(&kept), "{file} was changed");
                }
                400 | 422 => {
                    assert_ne!(expected, "accept", "{file}: {}", answer.text());
                    refused += 1;
                }
                other => panic!("{file}: {other}"),
            }
        }
        assert_eq!(app.waiting("sip:torture@example.org").await, stored);
        assert!(stored >= 14 && refused >= 14, "{stored} stored, {refused} refused");
    }
}
