//! Delivery reports that the server sends itself: what is on the wire, when it is sent again and when not, and the way
//! to whoever it is for.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use restante::mime::content::{Content, EntityHead};
use restante::mime::imdn::{ImdnHeaders, Status};
use restante::sip::date;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsAcceptor;

use crate::support::clients::{Phone, sipp};
use crate::support::dns;
use crate::support::kamailio::{Kamailio, free_address};
use crate::support::message::Pager;
use crate::support::responder::{HANG_UP, LAST_WORD, Responder, SILENCE, Seen};
use crate::support::sip::{PATIENCE, Udp, header, status};
use crate::support::{Backend, TestApp};
use crate::with_both_databases;

const ALICE: &str = "/api/v1/accounts/sip:alice@example.org";

/// A server whose reports go through this proxy.
async fn with_proxy(backend: Backend, proxy: &Responder) -> TestApp {
    let toml = format!("[sip]\noutbound_proxy = 'sip:{};lr'\n", proxy.address);
    TestApp::start(backend, &toml).await
}

/// A server whose reports go where DNS says.
async fn direct(backend: Backend) -> TestApp {
    TestApp::start(backend, "[reports]\nroute = 'direct'\n").await
}

/// Stores a message and deletes it.
async fn store_and_delete(app: &TestApp, message: Pager) {
    let id = app.store(message).await;
    assert_eq!(
        app.delete(&format!("{ALICE}/messages/{id}")).await.status,
        204
    );
}

/// A message that asks to be told, from somebody else than Carol.
fn from(sender: &str, message_id: &str) -> Pager {
    Pager::new().asking(message_id).from(sender)
}

/// A message with a report that goes to this URI.
fn recorded(route: &str) -> Pager {
    Pager::new().enveloped(&format!(
        "From: Carol <im:carol@example.org>\r\nTo: <im:alice@example.org>\r\nNS: imdn <urn:ietf:params:imdn>\r\n\
         DateTime: 2026-10-01T10:15:29Z\r\nimdn.Message-ID: m1\r\nimdn.Disposition-Notification: negative-delivery\r\n\
         imdn.IMDN-Record-Route: <{route}>\r\n"
    ))
}

async fn rows(app: &TestApp) -> Vec<Value> {
    let answer = app.get("/api/v1/reports").await;
    answer.json()["items"].as_array().unwrap().clone()
}

/// Waits until the newest report is in a state; gives it.
async fn newest(app: &TestApp, state: &str) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let row = rows(app).await.remove(0);
        // One that has not been tried yet waits, too.
        if row["state"] == state && (state != "pending" || row["last_error"].is_string()) {
            return row;
        }
        assert!(Instant::now() < until, "never {state}: {row}");
        sleep(Duration::from_millis(20)).await;
    }
}

fn opened(seen: &Seen) -> Content {
    let head = EntityHead {
        content_type: Some(seen.header("Content-Type")),
        ..EntityHead::default()
    };
    Content::parse(&head, &seen.message.body())
}

/// The id that the sender gave the message a report is about.
fn about(seen: &Seen) -> String {
    opened(seen).imdn.unwrap().message_id
}

with_both_databases! {
    /// RFC 3428, RFC 5438 sections 7.2.1, 11.1 and 12.1.
    async fn what_is_sent_is_a_report(backend: Backend) {
        let mut proxy = Responder::start().await;
        let app = with_proxy(backend, &proxy).await;
        store_and_delete(&app, Pager::new().asking("34jk324j")).await;
        let seen = proxy.next().await;
        assert_eq!((seen.message.method(), seen.uri()), (Some("MESSAGE"), "sip:carol@example.org"));
        for (name, value) in [
            ("Route", format!("<sip:{};lr>", proxy.address)), ("To", "<sip:carol@example.org>".into()),
            ("P-Asserted-Identity", "<sip:alice@example.org>".into()), ("Content-Type", "message/cpim".into()),
            ("Max-Forwards", "70".into()), ("CSeq", "1 MESSAGE".into()), ("Contact", String::new()), ("Expires", String::new()),
        ] {
            assert_eq!(seen.header(name), value, "{name}");
        }
        assert!(seen.header("From").starts_with("<sip:alice@example.org>;tag="));
        assert!(seen.header("User-Agent").starts_with("Restante/"));
        let sent_at = date::parse(seen.header("Date").as_bytes()).unwrap();
        assert!((app.clock.now() - sent_at).abs() < TimeDelta::minutes(1));
        let via = &seen.message.via().unwrap()[0];
        assert_eq!((via.host.as_str(), via.port), ("127.0.0.1", Some(app.sip.port())));
        let content = opened(&seen);
        let cpim = content.cpim.unwrap();
        assert_eq!((cpim.from.as_ref().unwrap().uri.as_str(), cpim.to[0].uri.as_str()), ("im:alice@example.org", "im:carol@example.org"));
        let headers = ImdnHeaders::read(&cpim);
        assert!(headers.requested.is_empty());
        let said = content.imdn.unwrap();
        assert_eq!((said.message_id.as_str(), said.status), ("34jk324j", Status::Failed));
        assert_eq!(said.datetime.as_deref(), Some("2026-10-01T10:15:29+02:00"));
        let row = newest(&app, "sent").await;
        assert_eq!((&row["attempts"], &row["last_error"]), (&json!(1), &Value::Null));
        assert_eq!(row["imdn_message_id"].as_str(), headers.message_id.as_deref());
        // It is not sent again: the next thing that comes is another report.
        app.clock.advance(TimeDelta::hours(3));
        store_and_delete(&app, from("sip:dave@example.org", "m2")).await;
        assert_eq!(about(&proxy.next().await), "m2");
    }

    /// RFC 3261 section 18.1.1: long requests by TCP, if that is listened on; answers come to the listener's port.
    async fn long_requests_go_by_tcp(backend: Backend) {
        let mut both = Responder::start().await;
        for (limit, transport) in [(5000, "UDP"), (600, "TCP")] {
            let toml = format!("[sip]\nudp_limit = {limit}\noutbound_proxy = 'sip:{}'\n", both.address);
            let app = TestApp::start(backend, &toml).await;
            store_and_delete(&app, Pager::new().asking("m1")).await;
            let seen = both.next().await;
            assert_eq!(seen.transport, transport);
            assert!(seen.header("Via").starts_with(&format!("SIP/2.0/{transport} {};", app.sip)));
            assert_eq!(seen.header("Route"), "", "no loose router, no Route");
            assert_eq!(seen.source == app.sip, transport == "UDP");
            newest(&app, "sent").await;
        }
        // One connection serves all, and another one once it is closed.
        let toml = format!("[sip]\noutbound_proxy = 'sip:{};transport=tcp'\n", both.address);
        let app = TestApp::start(backend, &toml).await;
        let mut sources = Vec::new();
        for (n, answer) in ["200 OK", LAST_WORD, "200 OK"].iter().enumerate() {
            both.answer(&[answer]);
            store_and_delete(&app, Pager::new().asking(&format!("m{n}"))).await;
            sources.push(both.next().await.source);
            newest(&app, "sent").await;
        }
        assert!(sources[0] == sources[1] && sources[1] != sources[2], "{sources:?}");
        // One that is closed in place of an answer is opened again, once.
        both.answer(&[HANG_UP]);
        store_and_delete(&app, Pager::new().asking("m3")).await;
        let (first, second) = (both.next().await, both.next().await);
        assert_eq!((about(&first).as_str(), about(&second).as_str()), ("m3", "m3"));
        assert_eq!(newest(&app, "sent").await["attempts"], 1);
        both.answer(&[HANG_UP, HANG_UP]);
        store_and_delete(&app, Pager::new().asking("m4")).await;
        assert!(newest(&app, "pending").await["last_error"].as_str().unwrap().ends_with("the connection was closed"));
        both.next().await;
        both.next().await;
        let mut only_udp = Responder::only_udp().await;
        let toml = format!("[sip]\nudp_limit = 600\noutbound_proxy = 'sip:{}'\n", only_udp.address);
        let app = TestApp::start(backend, &toml).await;
        store_and_delete(&app, Pager::new().asking("m1")).await;
        let seen = only_udp.next().await;
        assert_eq!((seen.transport, seen.source), ("UDP", app.sip));
        newest(&app, "sent").await;
    }

    /// A socket for every address of either kind sends to both, and Via has the one that answers come to.
    async fn one_socket_sends_to_all(backend: Backend) {
        let mut proxy = Responder::only_udp().await;
        let toml = format!("[sip]\nlisten = ['[::]:0']\nudp_limit = 5000\noutbound_proxy = 'sip:{}'\n", proxy.address);
        let app = TestApp::start(backend, &toml).await;
        store_and_delete(&app, Pager::new().asking("m1")).await;
        let seen = proxy.next().await;
        let own = format!("127.0.0.1:{}", app.sip.port());
        assert_eq!(seen.source.to_string(), own);
        assert!(seen.header("Via").starts_with(&format!("SIP/2.0/UDP {own};rport;branch=z9hG4bK")));
        newest(&app, "sent").await;
    }

    async fn what_fails_is_sent_again_as_the_same_report(backend: Backend) {
        let mut proxy = Responder::start().await;
        let app = with_proxy(backend, &proxy).await;
        proxy.answer(&["503 Service Unavailable\r\nRetry-After: 600 (maintenance)", "480 Temporarily Unavailable", "407 Proxy Authentication Required"]);
        store_and_delete(&app, Pager::new().asking("m1")).await;
        let first = proxy.next().await;
        let row = newest(&app, "pending").await;
        assert_eq!(row["last_error"], "503 Service Unavailable");
        let next: DateTime<Utc> = row["next_attempt_at"].as_str().unwrap().parse().unwrap();
        assert!(next - app.clock.now() > TimeDelta::seconds(590), "Retry-After is honoured");
        for (attempts, error) in [(2, "480 Temporarily Unavailable"), (3, "407 Proxy Authentication Required"), (4, "")] {
            app.clock.advance(TimeDelta::seconds(601));
            let again = proxy.next().await;
            assert_eq!(again.message.body(), first.message.body());
            for name in ["Via", "From", "Call-ID"] {
                assert_ne!(again.header(name), first.header(name), "{name}");
            }
            let row = newest(&app, if error.is_empty() { "sent" } else { "pending" }).await;
            assert_eq!((row["attempts"].as_i64(), row["last_error"].as_str().unwrap_or_default()), (Some(attempts), error));
        }
    }

    async fn what_is_refused_for_good_is_given_up(backend: Backend) {
        let mut proxy = Responder::start().await;
        let app = with_proxy(backend, &proxy).await;
        for (n, refusal) in ["404 Not Found", "415 Unsupported Media Type", "603 Decline"].iter().enumerate() {
            proxy.answer(&[refusal]);
            store_and_delete(&app, Pager::new().asking(&format!("m{n}"))).await;
            assert_eq!(about(&proxy.next().await), format!("m{n}"));
            let row = newest(&app, "dead").await;
            assert_eq!((&row["last_error"], &row["attempts"]), (&json!(refusal), &json!(1)));
        }
        // Nothing that is to be secret goes by a proxy in the open.
        store_and_delete(&app, from("sips:dave@example.org", "s0")).await;
        assert!(newest(&app, "dead").await["last_error"].as_str().unwrap().contains("TLS"));
        // The operator may know better.
        let id = rows(&app).await[1]["id"].as_str().unwrap().to_owned();
        assert_eq!(app.post(&format!("/api/v1/reports/{id}/retry"), &Value::Null).await.status, 200);
        assert_eq!(about(&proxy.next().await), "m2");
    }

    async fn order_is_kept_for_each_sender(backend: Backend) {
        let mut proxy = Responder::start().await;
        let app = with_proxy(backend, &proxy).await;
        proxy.answer(&["480 Temporarily Unavailable"]);
        store_and_delete(&app, Pager::new().asking("c0")).await;
        assert_eq!(about(&proxy.next().await), "c0");
        newest(&app, "pending").await;
        for n in 1..5 {
            store_and_delete(&app, Pager::new().asking(&format!("c{n}"))).await;
        }
        store_and_delete(&app, from("sip:dave@example.org", "d0")).await;
        assert_eq!(about(&proxy.next().await), "d0", "Carol's wait for her first, Dave's does not");
        app.clock.advance(TimeDelta::seconds(6));
        for n in 0..5 {
            assert_eq!(about(&proxy.next().await), format!("c{n}"));
        }
    }

    /// RFC 5438 sections 6.4 and 7.2.1: to the first recorded address, with all of them along.
    async fn a_report_goes_directly_to_where_it_was_recorded(backend: Backend) {
        let mut relay = Responder::start().await;
        let app = direct(backend).await;
        for scheme in ["sip", "im"] {
            let route = format!("{scheme}:relay@{}", relay.address);
            store_and_delete(&app, recorded(&route)).await;
            let seen = relay.next().await;
            assert_eq!(seen.uri(), format!("sip:relay@{}", relay.address));
            assert_eq!((seen.header("Route"), seen.header("P-Asserted-Identity")), (String::new(), String::new()));
            let cpim = opened(&seen).cpim.unwrap();
            let routes: Vec<&str> = cpim.find("urn:ietf:params:imdn", "IMDN-Route").map(|header| header.value.as_str()).collect();
            assert_eq!(routes, [format!("<{route}>")]);
            newest(&app, "sent").await;
        }
        store_and_delete(&app, recorded("mailto:carol@example.org")).await;
        assert!(newest(&app, "dead").await["last_error"].as_str().unwrap().contains("mailto"));
    }

    /// RFC 3263: NAPTR names the transport, SRV the servers; one that refuses is passed over.
    async fn dns_says_where_a_report_goes(backend: Backend) {
        let mut server = Responder::start().await;
        let closed = Responder::only_udp().await;
        let servers = dns::serve(vec![
            dns::naptr("example.org", 10, "SIP+D2T", "_sip._tcp.example.org"),
            dns::naptr("example.org", 20, "SIP+D2U", "_sip._udp.example.org"),
            dns::srv("_sip._tcp.example.org", 10, closed.address.port(), "a.example.org"),
            dns::srv("_sip._tcp.example.org", 20, server.address.port(), "b.example.org"),
            dns::srv("_sip._udp.example.net", 10, server.address.port(), "b.example.org"),
            dns::address("a.example.org", closed.address.ip()),
            dns::address("b.example.org", server.address.ip()),
        ]).await;
        let toml = format!("[sip]\nudp_limit = 60000\ndns_servers = ['{servers}']\n[reports]\nroute = 'direct'\n");
        let app = TestApp::start(backend, &toml).await;
        store_and_delete(&app, Pager::new().asking("m1")).await;
        let seen = server.next().await;
        assert_eq!((seen.uri(), seen.transport), ("sip:carol@example.org", "TCP"));
        newest(&app, "sent").await;
        // Without NAPTR: the SRV records of the transports that we like.
        store_and_delete(&app, from("sip:dave@example.net", "m2")).await;
        let seen = server.next().await;
        assert_eq!((seen.uri(), seen.transport), ("sip:dave@example.net", "UDP"));
        // Nobody at all: it is tried again later.
        store_and_delete(&app, from("sip:erin@example.com", "m3")).await;
        let row = newest(&app, "pending").await;
        assert_eq!(row["last_error"], "no server is known for example.com");
    }

    /// A proxy and a phone that others have written: by the very configuration in `deploy/kamailio`.
    async fn a_real_proxy_brings_a_report_to_a_phone(backend: Backend) {
        let kamailio = Kamailio::start("deploy/kamailio/relay-sip.cfg", &[], "").await;
        let phone = Phone::start().await;
        let port = phone.port.to_string();
        let keys = [("service", "carol"), ("domain", "example.org"), ("contact_port", port.as_str()), ("expires", "60")];
        assert!(sipp(kamailio.address, "register", "u1", 1, &keys).await.status.success());
        let app = TestApp::start(backend, &format!("[sip]\noutbound_proxy = 'sip:{}'\n", kamailio.address)).await;
        store_and_delete(&app, Pager::new().asking("34jk324j")).await;
        let message = phone.received().await;
        assert!(header(&message, "From").starts_with("<sip:alice@example.org>"));
        assert_eq!(header(&message, "P-Asserted-Identity"), "<sip:alice@example.org>");
        let seen = Seen { message, transport: "UDP", source: kamailio.address };
        assert_eq!(about(&seen), "34jk324j");
        newest(&app, "sent").await;
        // Nobody of this name is there.
        store_and_delete(&app, from("sip:dave@example.net", "m2")).await;
        assert_eq!(newest(&app, "dead").await["last_error"], "403 Domain Not Served");
    }

    /// A sender who is absent by then finds the report among its messages; nobody reports on that.
    async fn a_real_proxy_has_a_report_kept_for_an_absent_sender(backend: Backend) {
        let own = free_address();
        let settings = [
            ("RESTANTE_URI", format!("\"sip:{own};transport=tcp\"")),
            ("RESTANTE_SENT_BY", format!("\"{own}\"")),
        ];
        let kamailio = Kamailio::start("deploy/kamailio/relay-sip.cfg", &settings, "").await;
        let toml = format!("[sip]\nlisten = ['{own}']\noutbound_proxy = 'sip:{}'\n", kamailio.address);
        let app = TestApp::start(backend, &toml).await;
        store_and_delete(&app, Pager::new().asking("34jk324j")).await;
        newest(&app, "sent").await;
        assert_eq!(app.waiting("sip:carol@example.org").await, 1);
        let carol = "/api/v1/accounts/sip:carol@example.org/messages";
        let list = app.get(carol).await.json();
        let kept = &list["items"][0];
        assert_eq!((&kept["kind"], &kept["from"]["uri"]), (&json!("notification"), &json!("sip:alice@example.org")), "{kept}");
        let id = kept["id"].as_str().unwrap();
        assert_eq!(app.delete(&format!("{carol}/{id}")).await.status, 204);
        assert_eq!(rows(&app).await.len(), 1);
    }

    /// Over TLS only to whoever has a certificate for the name of the proxy.
    async fn a_proxy_behind_tls_proves_its_name(backend: Backend) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        for (name, state) in [("localhost", "sent"), ("other.example.org", "pending")] {
            let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.to_owned()]).unwrap();
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("authorities.pem");
            std::fs::write(&file, cert.pem()).unwrap();
            let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
            let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
            let mut proxy = Responder::over_tls(TlsAcceptor::from(Arc::new(config))).await;
            let toml = format!(
                "[sip]\noutbound_proxy = 'sips:localhost:{}'\ntls_authorities = '{}'\n",
                proxy.address.port(), file.display()
            );
            let app = TestApp::start(backend, &toml).await;
            store_and_delete(&app, Pager::new().asking("m1")).await;
            let row = newest(&app, state).await;
            if state == "sent" {
                let seen = proxy.next().await;
                assert_eq!((about(&seen).as_str(), seen.transport), ("m1", "TLS"));
                assert!(seen.header("Via").starts_with("SIP/2.0/TLS 127.0.0.1:"));
            } else {
                assert!(row["last_error"].as_str().unwrap().contains("certificate"), "{row}");
            }
        }
    }

    /// The proxy may hand a report back to be kept for its addressee, who is absent, too. It is nobody's loop, and there
    /// is no report on it.
    async fn a_report_that_comes_back_is_kept(backend: Backend) {
        let mut proxy = Responder::start().await;
        let app = with_proxy(backend, &proxy).await;
        store_and_delete(&app, Pager::new().asking("m1")).await;
        let seen = proxy.next().await;
        let raw = String::from_utf8(seen.message.raw().to_vec()).unwrap();
        let via = "\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bKproxy1\r\nVia: ";
        let answer = Udp::to(&app).await.ask(raw.replacen("\r\nVia: ", via, 1)).await;
        assert_eq!(status(&answer), 202);
        let carol = "/api/v1/accounts/sip:carol@example.org";
        let listed = app.get(&format!("{carol}/messages")).await.json();
        let id = listed["items"][0]["id"].as_str().unwrap();
        assert_eq!(app.delete(&format!("{carol}/messages/{id}")).await.status, 204);
        assert_eq!(rows(&app).await.len(), 1);
    }

    /// The server does not wait for answers that do not come.
    async fn silence_does_not_hold_up_the_end(backend: Backend) {
        let mut proxy = Responder::start().await;
        let mut app = with_proxy(backend, &proxy).await;
        proxy.answer(&[SILENCE]);
        store_and_delete(&app, Pager::new().asking("m1")).await;
        proxy.next().await;
        tokio::time::timeout(Duration::from_secs(7), app.stop()).await.expect("it stops");
    }

    /// Many at once, each exactly once.
    async fn a_heap_of_reports_is_sent(backend: Backend) {
        const REPORTS: usize = 300;
        let mut proxy = Responder::start().await;
        let app = with_proxy(backend, &proxy).await;
        let mut ids = Vec::new();
        for n in 0..REPORTS {
            ids.push(app.store(from(&format!("sip:s{}@example.org", n % 30), &format!("m{n}"))).await);
        }
        let done = app.post(&format!("{ALICE}/messages/delete"), &json!({"ids": ids})).await;
        assert_eq!(done.json()["deleted"], REPORTS);
        let mut seen = Vec::new();
        for _ in 0..REPORTS {
            let id = about(&proxy.next().await);
            seen.push(id.trim_start_matches('m').parse::<usize>().unwrap());
        }
        for sender in 0..30 {
            let own: Vec<usize> = seen.iter().copied().filter(|n| n % 30 == sender).collect();
            assert!(own.is_sorted(), "{own:?}");
        }
        seen.sort_unstable();
        assert!(seen.iter().copied().eq(0..REPORTS), "{seen:?}");
    }
}
