//! What other stores of deferred messages were seen to get wrong, each shown to be right here, over SIP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::{SinkExt as _, StreamExt as _};
use restante::mime::content::{Content, EntityHead};
use restante::sip::Message;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::support::certificates::write_certificate;
use crate::support::message::Pager;
use crate::support::program::{Server, run, stdout};
use crate::support::responder::{Responder, Seen};
use crate::support::sip::{PATIENCE, Tcp, Udp, header, pager, status};
use crate::support::{Backend, TestApp, client};
use crate::{on_both_databases, with_both_databases};

const ALICE: &str = "sip:alice@example.org";

/// The newest message of Alice, and its octets.
async fn newest(app: &TestApp) -> (Value, Vec<u8>) {
    let path = format!("/api/v1/accounts/{ALICE}/messages");
    let shown = app.get(&path).await.json()["items"][0].clone();
    let id = shown["id"].as_str().unwrap();
    let raw = app.get(&format!("{path}/{id}/raw")).await.body;
    (shown, raw)
}

/// The id that the sender gave the message a report is about.
fn about(seen: &Seen) -> String {
    let head = EntityHead {
        content_type: Some(seen.header("Content-Type")),
        ..EntityHead::default()
    };
    let content = Content::parse(&head, &seen.message.body());
    content.imdn.unwrap().message_id
}

/// The program, on a database that outlives it; its reports go to `proxy`.
struct Host {
    directory: tempfile::TempDir,
    url: Option<String>,
}

impl Host {
    async fn new(backend: Backend, proxy: &Responder) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = format!(
            "[server]\nhostname = 'mail.example.org'\n[sip]\noutbound_proxy = 'sip:{};lr'\n",
            proxy.address
        );
        std::fs::write(directory.path().join("host.toml"), config).unwrap();
        let url = backend.fresh_url().await;
        Self { directory, url }
    }

    fn start(&self) -> Server {
        let args = ["--config", "host.toml", "serve"];
        Server::start(
            self.directory.path(),
            &args,
            self.url.as_deref(),
            "and MSRP on",
        )
    }

    fn operator(&self) -> String {
        let args = ["token", "create", "--name", "t", "--scope", "operator"];
        stdout(&run(self.directory.path(), &args, self.url.as_deref()))
    }
}

async fn list(server: &Server, token: &str) -> Vec<Value> {
    let url = format!("{}/api/v1/accounts/{ALICE}/messages?limit=500", server.url);
    let answer = client().get(url).bearer_auth(token).send().await.unwrap();
    let list: Value = answer.json().await.unwrap();
    list["items"].as_array().unwrap().clone()
}

async fn delete(server: &Server, token: &str, id: &str) {
    let url = format!("{}/api/v1/accounts/{ALICE}/messages/{id}", server.url);
    let answer = client()
        .delete(url)
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 204);
}

on_both_databases! {
    async fn a_number_has_messages(app: TestApp) {
        let client = Udp::to(&app).await;
        let request = pager().to("tel:+49-30-123");
        assert_eq!(status(&client.ask(request).await), 202);
        assert_eq!(app.waiting("tel:+4930123").await, 1);
    }

    async fn a_long_media_type_keeps_its_parameters(app: TestApp) {
        let media_type = "application/vnd.example.a-media-type-of-more-than-thirty-two-characters+xml;charset=\"UTF-8\";Version=\"2 a\"";
        let request = pager().content(media_type, "<a/>").bytes();
        assert_eq!(status(&Udp::to(&app).await.ask(request.clone()).await), 202);
        let (shown, raw) = newest(&app).await;
        assert!(raw == request, "{shown}");
        assert_eq!(shown["content_type"], media_type.split(';').next().unwrap());
    }

    /// RFC 8591, RFC 1847: what is inside is nobody's business.
    async fn encrypted_bodies_are_untouched(app: TestApp) {
        let sealed: Vec<u8> = (0..=255).cycle().take(3000).collect();
        let parts = b"--b1\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b1\r\n\
            Content-Type: application/octet-stream\r\n\r\n\xff\x00\xfe sealed\r\n--b1--\r\n";
        let types = [
            ("application/pkcs7-mime;smime-type=enveloped-data;name=\"smime.p7m\"", sealed),
            ("multipart/encrypted;protocol=\"application/pgp-encrypted\";boundary=b1", parts.to_vec()),
        ];
        for (media_type, body) in types {
            let request = pager().content(media_type, body).bytes();
            assert_eq!(status(&Tcp::to(&app).await.ask(request.clone()).await), 202);
            let (shown, raw) = newest(&app).await;
            assert!(raw == request, "{media_type}");
            assert!(shown["preview"] == "" && ["encrypted", "multipart"].contains(&shown["kind"].as_str().unwrap()), "{shown}");
        }
    }

    async fn a_notification_is_known_as_one(app: TestApp) {
        let imdn = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\">\
            <message-id>m1</message-id><datetime>2026-10-01T10:15:29Z</datetime>\
            <delivery-notification><status><delivered/></status></delivery-notification></imdn>";
        let cpim = format!(
            "From: <sip:carol@example.org>\r\nTo: <{ALICE}>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: n1\r\n\r\n\
             Content-Type: message/imdn+xml\r\nContent-Disposition: notification\r\n\r\n{imdn}"
        );
        let request = pager().content("message/cpim", cpim).bytes();
        assert_eq!(status(&Udp::to(&app).await.ask(request.clone()).await), 202);
        let (shown, raw) = newest(&app).await;
        assert_eq!((raw, &shown["kind"]), (request, &json!("notification")));
    }

    async fn only_those_who_have_an_account_have_messages(app: TestApp, "[policy]\nauto_create_accounts = false") {
        let client = Udp::to(&app).await;
        let refused = client.ask(pager()).await;
        assert_eq!(status(&refused), 404);
        assert!(header(&refused, "Warning").starts_with("399 "), "{}", header(&refused, "Warning"));
        app.mailbox.ensure_account(&ALICE.parse().unwrap()).await.unwrap();
        assert_eq!(status(&client.ask(pager()).await), 202);
        assert_eq!(app.waiting(ALICE).await, 1);
    }

    /// Over TCP a transaction is over with its answer (RFC 3261 section 17.2.2).
    async fn a_repeat_long_after_its_answer_is_known(app: TestApp) {
        let request = pager();
        for minutes in [0, 1, 60, 60 * 24] {
            app.clock.advance(TimeDelta::minutes(minutes));
            assert_eq!(status(&Tcp::to(&app).await.ask(request.clone()).await), 202);
            assert_eq!(app.waiting(ALICE).await, 1, "after {minutes} minutes more");
        }
    }
}

with_both_databases! {
    async fn a_normal_restart_repeats_nothing(backend: Backend) {
        let mut proxy = Responder::start().await;
        let host = Host::new(backend, &proxy).await;
        let operator = host.operator();
        let (kept, gone) = (pager(), pager().asking("m1"));
        let send = async |server: &Server, request: &Pager| {
            let client = Udp::connect(server.sip.parse().unwrap()).await;
            assert_eq!(status(&client.ask(request.clone()).await), 202);
        };
        let server = host.start();
        send(&server, &kept).await;
        send(&server, &gone).await;
        let first = list(&server, &operator).await;
        assert_eq!(first.len(), 2);
        delete(&server, &operator, first[0]["id"].as_str().unwrap()).await;
        assert_eq!(about(&proxy.next().await), "m1");
        assert!(server.terminate().success());
        let server = host.start();
        // Both are repeats: nothing is stored, and what was deleted does not come back.
        send(&server, &kept).await;
        send(&server, &gone).await;
        let left = list(&server, &operator).await;
        assert_eq!((left.len(), &left[0]["id"]), (1, &first[1]["id"]));
        send(&server, &pager().asking("m2")).await;
        let both = list(&server, &operator).await;
        delete(&server, &operator, both[0]["id"].as_str().unwrap()).await;
        // What comes next is the next one.
        assert_eq!(about(&proxy.next().await), "m2");
    }
}

/// Two processes and one outbox.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_send_reports_send_each_once() {
    const MESSAGES: usize = 60;
    let mut proxy = Responder::start().await;
    let host = Host::new(Backend::Postgres, &proxy).await;
    let operator = host.operator();
    let servers = [host.start(), host.start()];
    for n in 0..MESSAGES {
        let request = pager()
            .asking(&format!("m{n}"))
            .from(&format!("sip:carol{n}@example.org"));
        let sip = servers[n % 2].sip.parse().unwrap();
        assert_eq!(status(&Udp::connect(sip).await.ask(request).await), 202);
    }
    let stored = list(&servers[0], &operator).await;
    assert_eq!(stored.len(), MESSAGES);
    for (n, message) in stored.iter().enumerate() {
        delete(&servers[n % 2], &operator, message["id"].as_str().unwrap()).await;
    }
    let mut sent = BTreeMap::new();
    for _ in 0..MESSAGES {
        *sent.entry(about(&proxy.next().await)).or_insert(0) += 1;
    }
    assert_eq!(sent.len(), MESSAGES, "{sent:?}");
    // One more, and nothing came before it.
    let last = pager().asking("last");
    let sip = servers[1].sip.parse().unwrap();
    assert_eq!(status(&Udp::connect(sip).await.ask(last).await), 202);
    let id = list(&servers[1], &operator).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    delete(&servers[1], &operator, &id).await;
    assert_eq!(about(&proxy.next().await), "last");
    drop(servers);
    crate::support::drop_databases().await;
}

/// RFC 7118 over TLS.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn websocket_is_served_behind_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = tempfile::tempdir().unwrap();
    let certificate = write_certificate(directory.path());
    let file = |name: &str| directory.path().join(name).display().to_string();
    let toml = format!(
        "[sip]\nwss_listen = ['127.0.0.1:0']\ntls_certificate = '{}'\ntls_key = '{}'\n",
        file("chain.pem"),
        file("key.pem")
    );
    let app = TestApp::start(Backend::Sqlite, &toml).await;
    let address = app.sip_at("WebSocket behind TLS");
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let mut request = format!("wss://localhost:{}/", address.port())
        .into_client_request()
        .unwrap();
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", "sip".parse().unwrap());
    let opened = tokio_tungstenite::client_async(request, stream.await.unwrap()).await;
    let mut socket = opened.unwrap().0;
    let text = String::from_utf8(pager().bytes())
        .unwrap()
        .replace("/UDP", "/WSS");
    socket.send(Frame::text(text)).await.unwrap();
    let Frame::Text(answer) = timeout(PATIENCE, socket.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap()
    else {
        panic!("not a text");
    };
    assert_eq!(status(&Message::parse(answer.into()).unwrap()), 202);
    assert_eq!(app.waiting(ALICE).await, 1);
    let closed = timeout(Duration::from_secs(20), socket.close(None)).await;
    assert!(closed.is_ok());
}
