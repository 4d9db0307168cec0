//! Who asks too often is told so, and for how long; nobody else notices.

use reqwest::Method;
use restante::domain::access::TokenScope::{Operator, Read};

use crate::on_both_databases;
use crate::support::message::Pager;
use crate::support::sip::{Udp, pager, status};
use crate::support::{Answer, Backend, TestApp};

const ALICE: &str = "sip:alice@example.org";
const ACCOUNTS: &str = "/api/v1/accounts";
const LIMITS: &str =
    "[http]\n[http.rate_limits]\napi = 3\nsearch = 2\nexport = 0\ngateway = 4\nrefused = 2\n";

/// A header field of a problem as a number of seconds.
#[track_caller]
fn retry_after(answer: &Answer) -> u64 {
    let seconds = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    seconds
}

#[tokio::test]
async fn each_caller_and_each_kind_of_request_has_its_own_rate() {
    let app = TestApp::start(Backend::Sqlite, LIMITS).await;
    for left in [2, 1, 0] {
        let answer = app.get(ACCOUNTS).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit-policy"), "\"api\";q=3;w=60");
        let prefix = format!("\"api\";r={left};t=");
        assert!(
            answer.header("ratelimit").starts_with(&prefix),
            "{}",
            answer.header("ratelimit")
        );
    }
    let refused = app.get(ACCOUNTS).await;
    refused.assert_problem(429, "rate-limited");
    let seconds = retry_after(&refused);
    assert_eq!(
        refused.header("ratelimit"),
        format!("\"api\";r=0;t={seconds}")
    );
    // Another token of the same name is another caller, and searches are counted by themselves.
    let other = app.token(&[Operator], &[]).await;
    assert_eq!(app.get_as(&other, ACCOUNTS).await.status, 200);
    app.store(Pager::new()).await;
    let search = format!("{ACCOUNTS}/{ALICE}/messages?q=hello");
    for left in [1, 0] {
        let answer = app.get(&search).await;
        assert_eq!(answer.status, 200);
        assert!(
            answer
                .header("ratelimit")
                .starts_with(&format!("\"search\";r={left};t="))
        );
    }
    app.get(&search).await.assert_problem(429, "rate-limited");
    // XCAP asks the same of the same caller.
    let reader = app.token(&[Read], &[ALICE]).await;
    for _ in 0..3 {
        assert_eq!(app.get_as(&reader, "/api/v1/accounts/me").await.status, 200);
    }
    let document =
        "/xcap-root/org.openmobilealliance.deferred-list/users/sip:alice@example.org/history-list";
    app.get_as(&reader, document)
        .await
        .assert_problem(429, "rate-limited");
}

#[tokio::test]
async fn gateways_and_wrong_tokens_are_counted_by_themselves() {
    let app = TestApp::start(Backend::Sqlite, LIMITS).await;
    for n in 0..4 {
        let answer = app
            .hand_over(Pager::new().from(&format!("sip:c{n}@example.org")).bytes())
            .await;
        assert_eq!(answer.header("ratelimit-policy"), "\"gateway\";q=4;w=60");
        assert_eq!(answer.status, 201);
    }
    let refused = app.hand_over(Pager::new().bytes()).await;
    // The sender's server may say the same over SIP.
    assert_eq!(
        refused.assert_problem(429, "rate-limited")["sip_status"],
        503
    );
    assert_eq!(app.get_as("rst_wrong", ACCOUNTS).await.status, 401);
    assert_eq!(app.get_as("rst_wrong", ACCOUNTS).await.status, 401);
    app.get_as("rst_wrong", ACCOUNTS)
        .await
        .assert_problem(429, "rate-limited");
    // Whoever has proved something is not the one who guesses, though it comes from the same address.
    assert_eq!(app.get(ACCOUNTS).await.status, 200);
    // Whoever sends nothing at all is told what is missing.
    assert_eq!(
        app.send(app.request(Method::GET, ACCOUNTS)).await.status,
        401
    );
}

on_both_databases! {
    async fn a_sender_stores_so_many_for_one_user(app: TestApp, "[policy]\nsender_rate = 3\n") {
        let first = Pager::new().bytes();
        for n in 0..3 {
            let raw = if n == 0 { first.clone() } else { Pager::new().bytes() };
            assert_eq!(app.hand_over(raw).await.status, 201);
        }
        let flood = Pager::new().bytes();
        let refused = app.hand_over(flood.clone()).await;
        assert_eq!(refused.assert_problem(429, "sender-too-often")["sip_status"], 480);
        retry_after(&refused);
        assert_eq!(app.waiting(ALICE).await, 3);
        // A repeat of what is stored is answered like the first time; another sender, and another user, are not concerned.
        assert_eq!(app.hand_over(first).await.status, 200);
        assert_eq!(app.hand_over(Pager::new().from("sip:dan@example.org").bytes()).await.status, 201);
        assert_eq!(app.hand_over(Pager::new().to("sip:bob@example.org").bytes()).await.status, 201);
        let answer = Udp::connect(app.sip).await.ask(pager()).await;
        assert_eq!(status(&answer), 480);
        let seconds: u64 = answer.header("Retry-After").unwrap().text().parse().unwrap();
        assert!((1..=20).contains(&seconds));
        assert_eq!(app.waiting(ALICE).await, 4);
    }
}
