//! Server-Sent Events: what happens, to whoever may know, without gaps.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::{Method, Response};
use restante::domain::access::TokenScope;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::on_both_databases;
use crate::support::message::Pager;
use crate::support::{Backend, TestApp};

const AOR: &str = "sip:alice@example.org";
const ALICE: &str = "/api/v1/accounts/sip:alice@example.org";

/// What a client reads of `/api/v1/events`.
struct Follower {
    response: Response,
    read: String,
}

/// One event as it was sent.
#[derive(Debug, Default, PartialEq)]
struct Sent {
    id: String,
    event: String,
    data: Value,
}

impl Follower {
    async fn start(app: &TestApp, token: &str, query: &str, last: Option<&str>) -> Self {
        let mut request = app
            .request(Method::GET, &format!("/api/v1/events{query}"))
            .bearer_auth(token);
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut follower = Self {
            response,
            read: String::new(),
        };
        // The first block says when to come back.
        let first = follower.block().await.unwrap();
        assert!(first.contains("retry:"), "{first}");
        follower
    }

    /// The next block up to an empty line; nothing at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.find("\n\n") {
                let rest = self.read.split_off(end + 2);
                return Some(std::mem::replace(&mut self.read, rest));
            }
            let chunk = timeout(Duration::from_secs(20), self.response.chunk())
                .await
                .expect("no event came");
            self.read
                .push_str(std::str::from_utf8(&chunk.ok()??).unwrap());
        }
    }

    async fn next(&mut self) -> Option<Sent> {
        loop {
            let block = self.block().await?;
            let mut sent = Sent::default();
            for line in block.lines() {
                match line.split_once(": ") {
                    Some(("id", id)) => id.clone_into(&mut sent.id),
                    Some(("event", event)) => event.clone_into(&mut sent.event),
                    Some(("data", data)) => sent.data = serde_json::from_str(data).unwrap(),
                    _ => {}
                }
            }
            if sent != Sent::default() {
                return Some(sent);
            }
        }
    }
}

on_both_databases! {
    async fn an_owner_follows_what_happens(app: TestApp) {
        let owner = app.token(&[TokenScope::Read], &[AOR]).await;
        let before = app.store(Pager::new()).await;
        let mut follower = Follower::start(&app, &owner, "", None).await;
        app.store(Pager::new().to("sip:bob@example.org")).await;
        let id = app.store(Pager::new()).await;
        let stored = follower.next().await.unwrap();
        assert_eq!(stored.event, "message.stored");
        for (field, value) in [
            ("account", json!(AOR)), ("id", json!(id)), ("message_id", json!(format!("sip:{id}@mail.example.org"))),
            ("kind", json!("message.stored")), ("reason", json!(null)),
        ] {
            assert_eq!(stored.data[field], value, "{field}");
        }
        assert_eq!(stored.data["until"], app.get(&format!("{ALICE}/messages/{id}")).await.json()["expires_at"]);
        // That was an operator.
        let inspected = follower.next().await.unwrap();
        assert_eq!((inspected.event.as_str(), &inspected.data["id"]), ("message.inspected", &json!(id)));
        app.delete(&format!("{ALICE}/messages/{before}")).await;
        let removed = follower.next().await.unwrap();
        assert_eq!((removed.event.as_str(), &removed.data["id"], &removed.data["reason"]),
            ("message.removed", &json!(before), &json!("requested")));
        assert_ne!(removed.id, stored.id);
        // Nothing of a message is in it but its number.
        assert!(!removed.data.to_string().contains("carol"), "{removed:?}");
    }

    async fn an_operator_of_a_domain_follows_what_happens_there(app: TestApp) {
        let operator = app.domain_token(&[TokenScope::Operator], &["EXAMPLE.net"]).await;
        let mut follower = Follower::start(&app, &operator, "", None).await;
        for elsewhere in [AOR, "sip:bob@sub.example.net", "tel:+12015550123"] {
            app.store(Pager::new().to(elsewhere)).await;
        }
        let id = app.store(Pager::new().to("sips:bob@Example.NET")).await;
        let stored = follower.next().await.unwrap();
        assert_eq!((&stored.data["id"], &stored.data["account"]), (&json!(id), &json!("sip:bob@example.net")));
        // Those who come back are told no more either.
        let begin = format!("?account={AOR}");
        let refused = app.get_as(&operator, &format!("/api/v1/events{begin}")).await;
        refused.assert_problem(404, "not-found");
    }

    async fn whoever_comes_back_has_missed_nothing(app: TestApp) {
        let first = app.store(Pager::new()).await;
        let mut follower = Follower::start(&app, &app.operator, "", None).await;
        let second = app.store(Pager::new()).await;
        let seen = follower.next().await.unwrap();
        assert_eq!(seen.data["id"], json!(second));
        drop(follower);
        let missed = [app.store(Pager::new()).await, app.store(Pager::new().to("sip:bob@example.org")).await];
        let mut back = Follower::start(&app, &app.operator, "", Some(&seen.id)).await;
        let third = app.store(Pager::new()).await;
        for id in missed.iter().chain([&third]) {
            assert_eq!(back.next().await.unwrap().data["id"], json!(id));
        }
        // The same by a parameter, for clients that cannot set header fields, and of one account only.
        let query = format!("?after={}&account={AOR}&kind=message.stored,message.removed", seen.id);
        let mut back = Follower::start(&app, &app.operator, &query, None).await;
        assert_eq!(back.next().await.unwrap().data["id"], json!(missed[0]));
        assert_eq!(back.next().await.unwrap().data["id"], json!(third));
        let mut only = Follower::start(&app, &app.operator, &format!("?after={}&kind=message.removed", seen.id), None).await;
        app.delete(&format!("{ALICE}/messages/{first}")).await;
        assert_eq!(only.next().await.unwrap().data["id"], json!(first));
    }

    async fn what_is_forgotten_is_said(app: TestApp, "[policy]\nevents_keep = '1d'\nsweep_interval = '1h'") {
        let mut follower = Follower::start(&app, &app.operator, "", None).await;
        app.store(Pager::new()).await;
        let seen = follower.next().await.unwrap();
        app.store(Pager::new()).await;
        app.clock.advance(TimeDelta::days(2));
        app.mailbox.forget_old().await.unwrap();
        let mut back = Follower::start(&app, &app.operator, "", Some(&seen.id)).await;
        assert_eq!(back.next().await.unwrap().event, "reset");
        let id = app.store(Pager::new()).await;
        assert_eq!(back.next().await.unwrap().data["id"], json!(id));
    }

    async fn wrong_requests_are_told_so(app: TestApp) {
        app.store(Pager::new()).await;
        let owner = app.token(&[TokenScope::Read], &[AOR]).await;
        for query in ["?after=x", "?after=1", "?after=1-x", "?kind=message.eaten", "?color=red"] {
            app.get_as(&owner, &format!("/api/v1/events{query}")).await.assert_problem(400, "invalid-request");
        }
        let bad = app.request(Method::GET, "/api/v1/events").bearer_auth(&owner).header("Last-Event-ID", "\u{e9}");
        app.send(bad).await.assert_problem(400, "invalid-request");
        app.get_as(&owner, "/api/v1/events?account=sip:bob@example.org").await.assert_problem(404, "not-found");
        app.get_as(&app.gateway, "/api/v1/events").await.assert_problem(403, "insufficient-scope");
        app.send(app.request(Method::GET, "/api/v1/events")).await.assert_problem(401, "unauthenticated");
    }

    /// Transactions of several writers end in another order than they began.
    async fn nothing_is_missed_while_many_write(app: TestApp) {
        let mut follower = Follower::start(&app, &app.operator, "", None).await;
        let writers = (0..8).map(|n| {
            let app = &app;
            async move {
                let mut ids = Vec::new();
                for _ in 0..25 {
                    ids.push(app.store(Pager::new().to(&format!("sip:u{n}@example.org"))).await);
                }
                ids
            }
        });
        let reading = async {
            let mut seen = Vec::new();
            while seen.len() < 200 {
                seen.push(follower.next().await.unwrap().data["id"].as_str().unwrap().to_owned());
            }
            seen
        };
        let (stored, mut seen) = tokio::join!(join_all(writers), reading);
        let mut stored: Vec<String> = stored.into_iter().flatten().collect();
        stored.sort_unstable();
        seen.sort_unstable();
        assert_eq!(seen, stored);
    }

    async fn a_stop_ends_the_stream(mut_app: TestApp) {
        let mut app = mut_app;
        let mut follower = Follower::start(&app, &app.operator, "", None).await;
        app.stop().await;
        assert_eq!(follower.next().await, None);
    }
}

/// What one node stores, a client of another node hears of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_cross_nodes() {
    let url = Backend::Postgres.fresh_url().await.unwrap();
    // The embedded one gets no address of its own.
    let config = format!("[database]\nurl = '{url}'\n");
    let one = TestApp::start(Backend::Sqlite, &config).await;
    let other = TestApp::start(Backend::Sqlite, &config).await;
    let mut follower = Follower::start(&other, &other.operator, "", None).await;
    let id = one.store(Pager::new()).await;
    assert_eq!(follower.next().await.unwrap().data["id"], json!(id));
}
