//! A real Kamailio hands over what sipp sends to users who are not registered, by the very
//! configurations in `deploy/kamailio`.

use std::process::Output;

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::kamailio::Kamailio;

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
        assert_all_answered_202(&by_tcp.sipp("message", "u1", 5, &keys(text)).await);
        assert_all_answered_202(&by_tcp.sipp("message", "t1", 5, &keys(text)).await);
        let by_udp = Kamailio::start("relay-sip.cfg", &settings("udp"), "").await;
        assert_all_answered_202(&by_udp.sipp("message", "u1", 5, &keys(text)).await);
        is_all_there(&app, text, 15).await;
    }

    async fn messages_handed_over_by_http_are_kept(app: TestApp) {
        let settings = [("RESTANTE_HTTP", format!("\"{}\"", app.url))];
        let kamailio = Kamailio::start("relay-http.cfg", &settings, &app.gateway).await;
        assert_all_answered_202(&kamailio.sipp("message", "u1", 5, &keys("By HTTP")).await);
        is_all_there(&app, "By HTTP", 5).await;
    }

    /// What Restante refuses, the sender is told; sipp expects a 202 and fails.
    async fn a_full_account_is_told_to_the_sender(app: TestApp, "[policy]\nquota_messages = 1") {
        let settings = [
            ("RESTANTE_URI", format!("\"sip:{};transport=tcp\"", app.sip)),
            ("RESTANTE_SENT_BY", format!("\"{}\"", app.sip)),
        ];
        let kamailio = Kamailio::start("relay-sip.cfg", &settings, "").await;
        assert_all_answered_202(&kamailio.sipp("message", "u1", 1, &keys("One")).await);
        let refused = kamailio.sipp("message", "u1", 1, &keys("Two")).await;
        assert!(!refused.status.success());
        assert!(String::from_utf8_lossy(&refused.stderr).contains("480"), "{refused:?}");
        assert_eq!(app.waiting(ALICE).await, 1);
    }
}
