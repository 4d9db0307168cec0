//! Programs that others have written. A real Kamailio hands over what sipp and baresip send to users who are not
//! registered, by the very configurations in `deploy/kamailio`; the two speak to the server themselves; and Kamailio
//! is the MSRP relay of a large message.

use std::process::Output;

use tokio::net::{TcpListener, TcpStream};

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::clients::{baresip, sipp};
use crate::support::kamailio::Kamailio;
use crate::support::message::Pager;
use crate::support::msrp::{Invite, Msrp, PATH, invite, offer};
use crate::support::rows::Rows;
use crate::support::sip::{Udp, header, reply, status};
use crate::support::subscriber::Subscriber;
use restante::domain::access::TokenScope;
use restante::identity::DigestName;

const ALICE: &str = "sip:alice@example.org";

#[track_caller]
fn assert_all_went_well(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "sipp: {said}\n{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

fn keys(text: &str) -> [(&str, &str); 4] {
    [
        ("service", "alice"),
        ("domain", "example.org"),
        ("sender", "carol"),
        ("text", text),
    ]
}

async fn is_all_there(app: &TestApp, text: &str, count: usize) {
    assert_eq!(app.waiting(ALICE).await, count);
    let list = app
        .get(&format!("/api/v1/accounts/{ALICE}/messages"))
        .await
        .json();
    for message in list["items"].as_array().unwrap() {
        assert_eq!(message["preview"], text);
        assert_eq!(message["from"]["uri"], "sip:carol@example.org");
        assert_eq!(message["asserted_identity"], "sip:carol@example.org");
    }
    let path =
        format!("/xcap-root/org.openmobilealliance.deferred-list/users/{ALICE}/deferred-list");
    let document = app.get(&path).await.text();
    assert_eq!(document.matches("<history ").count(), count);
    let rows = Rows::read(app.mailbox.db.read()).await;
    assert_eq!((rows.messages.len(), rows.contents.len()), (count, count));
}

on_both_databases! {
    async fn messages_relayed_by_sip_are_kept(app: TestApp) {
        let settings = |transport| [
            ("RESTANTE_URI", format!("\"sip:{};transport={transport}\"", app.sip)),
            ("RESTANTE_SENT_BY", format!("\"{}\"", app.sip)),
        ];
        let text = "Grüße über Kamailio ☎";
        let by_tcp = Kamailio::start("deploy/kamailio/relay-sip.cfg", &settings("tcp"), "").await;
        assert_all_went_well(&sipp(by_tcp.address, "message", "u1", 5, &keys(text)).await);
        assert_all_went_well(&sipp(by_tcp.address, "message", "t1", 5, &keys(text)).await);
        let by_udp = Kamailio::start("deploy/kamailio/relay-sip.cfg", &settings("udp"), "").await;
        assert_all_went_well(&sipp(by_udp.address, "message", "u1", 5, &keys(text)).await);
        is_all_there(&app, text, 15).await;
    }

    /// The proxy stays in the path of what is notified and refreshed.
    async fn a_client_subscribes_through_a_proxy(app: TestApp) {
        app.store(Pager::new()).await;
        let keys = [("service", "alice"), ("domain", "example.org")];
        for by in ["tcp", "udp"] {
            let settings = [
                ("RESTANTE_URI", format!("\"sip:{};transport={by}\"", app.sip)),
                ("RESTANTE_SENT_BY", format!("\"{}\"", app.sip)),
            ];
            let proxy = Kamailio::start("deploy/kamailio/relay-sip.cfg", &settings, "").await;
            for transport in ["u1", "t1"] {
                assert_all_went_well(&sipp(proxy.address, "subscribe", transport, 1, &keys).await);
            }
            let mut phone = Subscriber::alice(&app, "message-summary").await;
            phone.client = Udp::connect(proxy.address).await;
            // It is the proxy who says that it is Alice.
            phone.asserted = "";
            let answer = phone.subscribe(Some(600), &[]).await;
            assert_eq!(status(&answer), 200);
            phone.notified().await;
            let contact = header(&answer, "Contact");
            contact.trim_matches(['<', '>']).clone_into(&mut phone.uri);
            phone.more = format!("Route: {}\r\n", header(&answer, "Record-Route"));
            assert_eq!(status(&phone.subscribe(Some(0), &[]).await), 200);
            let last = phone.notified().await;
            assert_eq!(header(&last, "Subscription-State"), "terminated;reason=timeout");
        }
    }

    /// The REFER goes through the proxy, and so does the NOTIFY, because the proxy wants it so.
    async fn a_client_deletes_through_a_proxy(app: TestApp) {
        let settings = |transport| [
            ("RESTANTE_URI", format!("\"sip:{};transport={transport}\"", app.sip)),
            ("RESTANTE_SENT_BY", format!("\"{}\"", app.sip)),
        ];
        let by_tcp = Kamailio::start("deploy/kamailio/relay-sip.cfg", &settings("tcp"), "").await;
        let by_udp = Kamailio::start("deploy/kamailio/relay-sip.cfg", &settings("udp"), "").await;
        for proxy in [&by_tcp, &by_udp] {
            for transport in ["u1", "t1"] {
                let id = format!("sip:{}@mail.example.org", app.store(Pager::new()).await);
                let keys = [("service", "alice"), ("domain", "example.org"), ("message_id", id.as_str())];
                assert_all_went_well(&sipp(proxy.address, "refer", transport, 1, &keys).await);
                assert_eq!(app.waiting(ALICE).await, 0);
                // Once more, and the NOTIFY says 404, which sipp does not expect.
                assert!(!sipp(proxy.address, "refer", transport, 1, &keys).await.status.success());
                let other = [("service", "alice"), ("domain", "example.org"), ("message_id", "sip:10000000001@elsewhere.example")];
                let refused = sipp(proxy.address, "refer", transport, 1, &other).await;
                assert!(String::from_utf8_lossy(&refused.stderr).contains("603"), "{refused:?}");
            }
            // A connected socket hears nobody but the proxy.
            let client = Udp::connect(proxy.address).await;
            let id = app.store(Pager::new()).await;
            let own = client.0.local_addr().unwrap();
            let answer = client.ask(format!(
                "REFER sip:alice@example.org SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKheard\r\nMax-Forwards: 70\r\n\
                 From: <sip:alice@example.org>;tag=h{}\r\nTo: <sip:alice@example.org>\r\nCall-ID: heard{}\r\nCSeq: 1 REFER\r\n\
                 Contact: <sip:alice@{own}>\r\nRefer-To: <sip:{id}@mail.example.org>\r\nContent-Length: 0\r\n\r\n",
                proxy.address.port(), proxy.address.port()
            )).await;
            assert_eq!(status(&answer), 202, "{}", String::from_utf8_lossy(answer.raw()));
            let notify = client.receive().await;
            assert_eq!((notify.method(), notify.headers("Via").count()), (Some("NOTIFY"), 2));
            assert_eq!(&notify.body()[..], b"SIP/2.0 200 OK\r\n");
            client.send(reply(&notify, "200 OK")).await;
        }
    }

    async fn messages_handed_over_by_http_are_kept(app: TestApp) {
        let settings = [("RESTANTE_HTTP", format!("\"{}\"", app.url))];
        let kamailio = Kamailio::start("deploy/kamailio/relay-http.cfg", &settings, &app.gateway).await;
        assert_all_went_well(&sipp(kamailio.address, "message", "u1", 5, &keys("By HTTP")).await);
        is_all_there(&app, "By HTTP", 5).await;
        // A telephone number in an address keeps its plus on the way.
        let number = [("service", "+4930123"), ("domain", "example.org"), ("sender", "carol"), ("text", "By number")];
        assert_all_went_well(&sipp(kamailio.address, "message", "u1", 1, &number).await);
        assert_eq!(app.waiting("sip:+4930123@example.org").await, 1);
    }

    async fn another_client_is_served(app: TestApp) {
        for transport in ["udp", "tcp"] {
            let said = baresip(app.sip, transport, "", "Grüße von baresip").await;
            assert!(said.lines().any(|line| line.starts_with("SIP/2.0 202 ")), "{transport}: {said}");
        }
        let settings = [
            ("RESTANTE_URI", format!("\"sip:{};transport=tcp\"", app.sip)),
            ("RESTANTE_SENT_BY", format!("\"{}\"", app.sip)),
        ];
        let kamailio = Kamailio::start("deploy/kamailio/relay-sip.cfg", &settings, "").await;
        let said = baresip(kamailio.address, "udp", "", "Grüße von baresip").await;
        assert!(said.lines().any(|line| line.starts_with("SIP/2.0 202 ")), "{said}");
        let list = app.get(&format!("/api/v1/accounts/{ALICE}/messages")).await.json();
        for n in 0..3 {
            assert_eq!(list["items"][n]["preview"], "Grüße von baresip", "{list}");
        }
    }

    async fn another_client_proves_who_it_is(
        app: TestApp, "[sip]\ntrusted_peers = []\nstrangers = 'digest'\ndigest_algorithms = ['MD5']"
    ) {
        let digest = DigestName { username: Some("branch"), realm: "mail.example.org" };
        let secret = app.identity.create_digest_token("t", &[TokenScope::Gateway], &[], None, digest).await.unwrap();
        let login = |password: &str| format!(";auth_user=branch;auth_pass={password}");
        let said = baresip(app.sip, "udp", &login(&secret), "Signed").await;
        assert!(said.lines().any(|line| line.starts_with("SIP/2.0 401 ")), "{said}");
        assert!(said.lines().any(|line| line.starts_with("SIP/2.0 202 ")), "{said}");
        let said = baresip(app.sip, "tcp", &login("guess"), "Forged").await;
        assert!(said.lines().any(|line| line.starts_with("SIP/2.0 403 ")), "{said}");
        assert_eq!(app.waiting(ALICE).await, 1);
    }

    /// The signalling is sipp's; the octets come from a player that the server connects to.
    async fn another_client_sets_up_a_session(app: TestApp) {
        for transport in ["u1", "t1"] {
            let player = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let path = format!("msrp://{}/player;tcp", player.local_addr().unwrap());
            let keys = [("service", "alice"), ("domain", "example.org"), ("sender", "carol"), ("subject", transport),
                ("msrp_path", path.as_str())];
            let playing = async {
                let (stream, _) = player.accept().await.unwrap();
                let mut msrp = Msrp::over(stream);
                let greeting = msrp.receive().await;
                let ours = greeting.lines().find_map(|line| line.strip_prefix("From-Path: ")).unwrap();
                let chunk = format!("MSRP play SEND\r\nTo-Path: {ours}\r\nFrom-Path: {path}\r\nMessage-ID: played01\r\n\
                    Byte-Range: 1-5/5\r\nContent-Type: text/plain\r\n\r\nHello\r\n-------play$\r\n");
                assert_eq!(msrp.ask(chunk).await, 200);
            };
            let (output, ()) = tokio::join!(sipp(app.sip, "invite-large", transport, 1, &keys), playing);
            assert_all_went_well(&output);
        }
        assert_eq!(app.waiting(ALICE).await, 2);
        let list = app.get(&format!("/api/v1/accounts/{ALICE}/messages")).await.json();
        for (n, subject) in ["t1", "u1"].iter().enumerate() {
            assert_eq!((&list["items"][n]["subject"], &list["items"][n]["preview"]), (&(*subject).into(), &"Hello".into()));
        }
    }

    /// A relay that others have written (RFC 4976) takes each frame apart and puts it together again.
    async fn a_large_message_comes_by_a_relay(app: TestApp) {
        let relay = Kamailio::start("tests/data/kamailio/msrp-relay.cfg", &[], "").await;
        let mut msrp = Msrp::over(TcpStream::connect(relay.address).await.unwrap());
        let ours = "msrp://127.0.0.1:2/client;tcp";
        msrp.send(format!("MSRP auth0 AUTH\r\nTo-Path: msrp://{};tcp\r\nFrom-Path: {ours}\r\n-------auth0$\r\n", relay.address)).await;
        let granted = msrp.receive().await;
        let relays = granted.lines().find_map(|line| line.strip_prefix("Use-Path: ")).unwrap_or_else(|| panic!("{granted}"));
        let path = format!("{relays} {ours}");
        let mut session = invite(&app, &Invite::new().sdp(offer("TCP/MSRP", &path, "active"))).await;
        let text = "By relay. ".repeat(3000);
        let (mut from, mut reported) = (0, 0);
        for (n, piece) in text.as_bytes().chunks(4000).enumerate() {
            let flag = if from + piece.len() == text.len() { '$' } else { '+' };
            let chunk = session.chunk(&format!("tr{n:04}"), from + 1, piece, &text.len().to_string(), flag);
            let chunk = String::from_utf8(chunk).unwrap().replacen("To-Path: ", &format!("To-Path: {relays} "), 1);
            msrp.send(chunk.replacen(PATH, ours, 1).replacen("Message-ID", "Success-Report: yes\r\nMessage-ID", 1)).await;
            from += piece.len();
        }
        // The relay answers each chunk; the server's report says that the message is on disk.
        while reported < text.len() {
            let frame = msrp.receive().await;
            if let Some(range) = frame.lines().find_map(|line| line.strip_prefix("Byte-Range: ")) {
                assert!(frame.contains(" REPORT\r\n") && frame.contains("Status: 000 200"), "{frame}");
                reported = range.split(['-', '/']).nth(1).unwrap().parse().unwrap();
            }
        }
        assert_eq!(app.waiting(ALICE).await, 1);
        assert_eq!(session.bye().await, 200);
        let list = app.get(&format!("/api/v1/accounts/{ALICE}/messages")).await.json();
        let id = list["items"][0]["id"].as_str().unwrap();
        assert_eq!(app.get(&format!("/api/v1/accounts/{ALICE}/messages/{id}/content")).await.text(), text);
        let head = app.get(&format!("/api/v1/accounts/{ALICE}/messages/{id}/session/send")).await.text();
        assert!(head.contains(&format!("From-Path: {path}")), "the way by the relay is kept: {head}");
    }

    /// What Restante refuses, the sender is told; sipp expects a 202 and fails.
    async fn a_full_account_is_told_to_the_sender(app: TestApp, "[policy]\nquota_messages = 1") {
        let settings = [
            ("RESTANTE_URI", format!("\"sip:{};transport=tcp\"", app.sip)),
            ("RESTANTE_SENT_BY", format!("\"{}\"", app.sip)),
        ];
        let kamailio = Kamailio::start("deploy/kamailio/relay-sip.cfg", &settings, "").await;
        assert_all_went_well(&sipp(kamailio.address, "message", "u1", 1, &keys("One")).await);
        let refused = sipp(kamailio.address, "message", "u1", 1, &keys("Two")).await;
        assert!(!refused.status.success());
        assert!(String::from_utf8_lossy(&refused.stderr).contains("480"), "{refused:?}");
        assert_eq!(app.waiting(ALICE).await, 1);
    }
}
