//! Whose requests are taken: trusted networks, holders of a gateway token, and how much of the server one
//! peer can take from the others.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use restante::domain::access::TokenScope;
use restante::identity::DigestName;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::digest::{challenges, counted, proof, token};
use crate::support::message::Pager;
use crate::support::sip::{Udp, header, pager, status};

const ALICE: &str = "sip:alice@example.org";
/// Requests of strangers, many more than are answered.
const SENT: u64 = 4000;

/// The request again, as a client sends it after a challenge: the next `CSeq`, another branch.
fn again(request: &Pager, authorization: &str) -> Pager {
    Pager {
        cseq: request.cseq + 1,
        branch: request.branch.replacen(';', "again;", 1),
        ..request.clone()
    }
    .header("Authorization", authorization)
}

on_both_databases! {
    /// Whoever's address is forged gets little, however much is sent in its name.
    async fn strangers_make_nobody_flood_others(app: TestApp, "[sip]\ntrusted_peers = []\nstrangers = 'digest'") {
        let client = Udp::to(&app).await;
        client.send("OPTIONS sip:a SIP/2.0\r\n\r\n").await;
        let whole = String::from_utf8(pager().bytes()).unwrap();
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            let lines = whole.split_inclusive("\r\n").filter(|line| !line.starts_with(&format!("{name}:")));
            client.send(lines.collect::<String>()).await;
        }
        // What comes first is the answer to the first whole request.
        let request = pager();
        let answer = client.ask(request.clone()).await;
        assert_eq!((status(&answer), header(&answer, "Call-ID")), (401, request.call_id));
        let began = Instant::now();
        let flood = async {
            for n in 0..SENT {
                client.send(pager()).await;
                if n % 50 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        };
        let mut answered = 0;
        let count = async {
            let mut buffer = [0; 2048];
            while let Ok(Ok(_)) = timeout(Duration::from_secs(1), client.0.recv(&mut buffer)).await {
                answered += 1;
            }
        };
        tokio::join!(flood, count);
        let most = 500 + 500 * (began.elapsed().as_secs() + 1);
        assert!(answered > 0 && answered <= most, "{answered} of {SENT} in {:?}", began.elapsed());
    }

    async fn strangers_prove_that_they_hold_a_token(app: TestApp, "[sip]\ntrusted_peers = []\nstrangers = 'digest'") {
        let password = token(&app, "branch office", TokenScope::Gateway, &[]).await;
        let client = Udp::to(&app).await;
        let request = pager();
        let offered = challenges(&client.ask(request.clone()).await);
        assert_eq!(offered.len(), 2, "{offered:?}");
        assert!(offered[0].contains("SHA-256") && offered[1].contains("MD5"), "RFC 8760 section 2.3");
        for challenge in &offered {
            let proof = proof(challenge, "branch office", &password, "MESSAGE", ALICE);
            let mut proved = again(&pager(), &proof);
            proved.more.push_str("P-Asserted-Identity: <sip:boss@example.org>\r\nP-Served-User: <sip:bob@example.org>\r\n\
                                  Date: Sat, 13 Nov 2010 23:29:00 GMT\r\n");
            assert_eq!(status(&client.ask(proved).await), 202);
        }
        // Who the sender is and whom it is for are not theirs to assert.
        assert_eq!(app.waiting(ALICE).await, 2);
        let list = app.get(&format!("/api/v1/accounts/{ALICE}/messages")).await.json();
        assert_eq!(list["items"][0]["asserted_identity"], serde_json::Value::Null, "{list}");
        assert_eq!(list["items"][0]["sent_at"], serde_json::Value::Null);
        let wrong = proof(&offered[0], "branch office", "guess", "MESSAGE", ALICE);
        assert_eq!(status(&client.ask(again(&pager(), &wrong)).await), 403);
        let nobody = proof(&offered[0], "nobody", &password, "MESSAGE", ALICE);
        assert_eq!(status(&client.ask(again(&pager(), &nobody)).await), 403);
        // A proxy may have changed the Request-URI since (RFC 3261 section 22.4).
        let good = proof(&offered[0], "branch office", &password, "MESSAGE", ALICE);
        assert_eq!(status(&client.ask(again(&pager().to("sip:bob@example.org"), &good)).await), 202);
        assert_eq!(app.waiting(ALICE).await, 2);
        // A nonce grows old; the client is told that the password was not the matter.
        app.clock.advance(TimeDelta::seconds(61));
        let stale = challenges(&client.ask(again(&pager(), &good)).await);
        assert!(stale[0].contains("stale=true"), "{stale:?}");
        // It is no good to anybody at another address.
        let fresh = proof(&stale[0], "branch office", &password, "MESSAGE", ALICE);
        let elsewhere = Udp::from("127.0.0.2", &app).await;
        let refused = challenges(&elsewhere.ask(again(&pager(), &fresh)).await);
        assert!(!refused[0].contains("stale"), "{refused:?}");
        assert_eq!(status(&client.ask(again(&pager(), &fresh)).await), 202);
        assert_eq!(status(&client.ask(again(&pager(), "Digest nonsense")).await), 400);
    }

    /// Who has overheard a request does not send another with its proof (RFC 7616 section 5.3).
    async fn a_proof_is_good_once(app: TestApp, "[sip]\ntrusted_peers = []\nstrangers = 'digest'") {
        let password = token(&app, "branch office", TokenScope::Gateway, &[]).await;
        let client = Udp::to(&app).await;
        let offered = challenges(&client.ask(pager()).await);
        let proved = |count| counted(&offered[0], "branch office", &password, "MESSAGE", ALICE, count);
        assert_eq!(status(&client.ask(again(&pager(), &proved(1))).await), 202);
        let overheard = challenges(&client.ask(again(&pager().text("Forged"), &proved(1))).await);
        assert!(overheard[0].contains("stale=true"), "{overheard:?}");
        assert_eq!(app.waiting(ALICE).await, 1);
        assert_eq!(status(&client.ask(again(&pager(), &proved(2))).await), 202);
        // Whoever asks gets a nonce of its own, so that those behind one address do not spoil each other's.
        let nonce = challenges(&client.ask(pager()).await);
        assert_ne!(nonce, challenges(&client.ask(pager()).await));
    }

    async fn a_token_reaches_what_it_is_bound_to(app: TestApp, "[sip]\ntrusted_peers = []\nstrangers = 'digest'") {
        let bound = token(&app, "bound", TokenScope::Gateway, &["sip:bob@example.org"]).await;
        let client = Udp::to(&app).await;
        let offered = challenges(&client.ask(pager()).await);
        let to_alice = |name: &str, password: &str| again(&pager(), &proof(&offered[0], name, password, "MESSAGE", ALICE));
        assert_eq!(status(&client.ask(to_alice("bound", &bound)).await), 403);
        // A token that could hand over nothing is not made.
        let digest = DigestName { username: Some("reader"), realm: "mail.example.org" };
        let reader = app.identity.create_digest_token("t", &[TokenScope::Operator], &[], None, digest).await;
        assert!(reader.is_err());
        let to_bob = proof(&offered[0], "bound", &bound, "MESSAGE", "sip:bob@example.org");
        let to_bob = || again(&pager().to("sip:bob@example.org"), &to_bob);
        assert_eq!(status(&client.ask(to_bob()).await), 202);
        let id = app.identity.tokens().await.unwrap().last().unwrap().id;
        assert!(app.identity.revoke_token(id).await.unwrap());
        assert_eq!(status(&client.ask(to_bob()).await), 403);
        // Its name is free for the next one.
        let next = token(&app, "bound", TokenScope::Gateway, &[]).await;
        assert_eq!(status(&client.ask(to_alice("bound", &next)).await), 202);
    }

    /// One peer floods; the other is served as if it were alone.
    async fn a_flood_starves_nobody(app: TestApp, "[sip]\nrate_limit = 50") {
        let flood = Udp::from("127.0.0.2", &app).await;
        let quiet = Udp::to(&app).await;
        let mut refused = 0;
        for _ in 0..40 {
            for _ in 0..50 {
                flood.send(pager()).await;
            }
            assert_eq!(status(&quiet.ask(pager().to("sip:bob@example.org")).await), 202);
            // What has been answered so far is read, so that nobody's socket overflows.
            let mut buffer = [0; 2048];
            while let Ok(octets) = flood.0.try_recv(&mut buffer) {
                refused += usize::from(buffer[..octets].starts_with(b"SIP/2.0 503 "));
            }
        }
        assert!(refused > 0, "the flood was not refused");
        assert_eq!(app.waiting("sip:bob@example.org").await, 40);
    }

    async fn one_peer_does_not_take_all_connections(
        app: TestApp, "[sip]\nmax_connections = 8\nmax_connections_per_peer = 2"
    ) {
        let connect = async |from: &str| {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
            let mut stream: TcpStream = socket.connect(app.sip).await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"\r\n\r\n").await.unwrap();
            let mut pong = [0; 2];
            let read = tokio::io::AsyncReadExt::read_exact(&mut stream, &mut pong).await;
            read.is_ok().then_some(stream)
        };
        let held = [connect("127.0.0.2").await, connect("127.0.0.2").await];
        assert!(held.iter().all(Option::is_some));
        assert!(connect("127.0.0.2").await.is_none());
        assert!(connect("127.0.0.1").await.is_some());
    }

    async fn only_named_strangers_are_challenged(app: TestApp, "[sip]\ntrusted_peers = ['127.0.0.1']\nstrangers = 'digest'") {
        assert_eq!(status(&Udp::to(&app).await.ask(pager()).await), 202);
        let stranger = Udp::from("127.0.0.2", &app).await.ask(pager()).await;
        assert_eq!(header(&stranger, "WWW-Authenticate").split_once(' ').unwrap().0, "Digest");
    }
}
