//! A real Kamailio hands over what sipp and baresip send to users who are not registered, by the very
//! configurations in `deploy/kamailio`; and the two speak to the server themselves.

use std::process::Output;

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::clients::{baresip, sipp};
use crate::support::kamailio::Kamailio;
use restante::domain::access::TokenScope;
use restante::identity::DigestName;

const ALICE: &str = "sip:alice@example.org";

#[track_caller]
fn assert_all_answered_202(output: &Output) {
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
}

on_both_databases! {
    async fn messages_relayed_by_sip_are_kept(app: TestApp) {
        let settings = |transport| [
            ("RESTANTE_URI", format!("\"sip:{};transport={transport}\"", app.sip)),
            ("RESTANTE_SENT_BY", format!("\"{}\"", app.sip)),
        ];
        let text = "Grüße über Kamailio ☎";
        let by_tcp = Kamailio::start("relay-sip.cfg", &settings("tcp"), "").await;
        assert_all_answered_202(&sipp(by_tcp.address, "message", "u1", 5, &keys(text)).await);
        assert_all_answered_202(&sipp(by_tcp.address, "message", "t1", 5, &keys(text)).await);
        let by_udp = Kamailio::start("relay-sip.cfg", &settings("udp"), "").await;
        assert_all_answered_202(&sipp(by_udp.address, "message", "u1", 5, &keys(text)).await);
        is_all_there(&app, text, 15).await;
    }

    async fn messages_handed_over_by_http_are_kept(app: TestApp) {
        let settings = [("RESTANTE_HTTP", format!("\"{}\"", app.url))];
        let kamailio = Kamailio::start("relay-http.cfg", &settings, &app.gateway).await;
        assert_all_answered_202(&sipp(kamailio.address, "message", "u1", 5, &keys("By HTTP")).await);
        is_all_there(&app, "By HTTP", 5).await;
        // A telephone number in an address keeps its plus on the way.
        let number = [("service", "+4930123"), ("domain", "example.org"), ("sender", "carol"), ("text", "By number")];
        assert_all_answered_202(&sipp(kamailio.address, "message", "u1", 1, &number).await);
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
        let kamailio = Kamailio::start("relay-sip.cfg", &settings, "").await;
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
        let digest = DigestName { username: "branch", realm: "mail.example.org" };
        let secret = app.identity.create_digest_token("t", &[TokenScope::Gateway], &[], None, digest).await.unwrap();
        let login = |password: &str| format!(";auth_user=branch;auth_pass={password}");
        let said = baresip(app.sip, "udp", &login(&secret), "Signed").await;
        assert!(said.lines().any(|line| line.starts_with("SIP/2.0 401 ")), "{said}");
        assert!(said.lines().any(|line| line.starts_with("SIP/2.0 202 ")), "{said}");
        let said = baresip(app.sip, "tcp", &login("guess"), "Forged").await;
        assert!(said.lines().any(|line| line.starts_with("SIP/2.0 403 ")), "{said}");
        assert_eq!(app.waiting(ALICE).await, 1);
    }

    /// What Restante refuses, the sender is told; sipp expects a 202 and fails.
    async fn a_full_account_is_told_to_the_sender(app: TestApp, "[policy]\nquota_messages = 1") {
        let settings = [
            ("RESTANTE_URI", format!("\"sip:{};transport=tcp\"", app.sip)),
            ("RESTANTE_SENT_BY", format!("\"{}\"", app.sip)),
        ];
        let kamailio = Kamailio::start("relay-sip.cfg", &settings, "").await;
        assert_all_answered_202(&sipp(kamailio.address, "message", "u1", 1, &keys("One")).await);
        let refused = sipp(kamailio.address, "message", "u1", 1, &keys("Two")).await;
        assert!(!refused.status.success());
        assert!(String::from_utf8_lossy(&refused.stderr).contains("480"), "{refused:?}");
        assert_eq!(app.waiting(ALICE).await, 1);
    }
}
