//! Many messages at once, which share transactions: each is numbered, counted and answered as if it were alone.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use futures_util::future::join_all;
use restante::domain::message::{Facts, Kind, Mode};
use restante::mailbox::large::Payload;
use restante::mailbox::store::{Deferred, StoreRefusal};

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::message::Pager;

/// A message as it is handed to the mailbox.
fn deferred(app: &TestApp, retry_key: &str) -> Deferred {
    let raw = Pager::new().bytes();
    let now = app.clock.now();
    let octets = i64::try_from(raw.len()).unwrap();
    Deferred {
        aor: "sip:alice@example.org".parse().unwrap(),
        retry_key: retry_key.into(),
        facts: Facts {
            mode: Mode::Pager,
            stored_at: now,
            completed_at: None,
            sent_at: None,
            expires_at: now + TimeDelta::days(1),
            size: 18,
            stored_size: octets,
            from_uri: "sip:carol@example.org".into(),
            from_display: None,
            to_uri: "sip:alice@example.org".into(),
            auth_id: None,
            subject: None,
            content_type: Some("text/plain".into()),
            kind: Kind::Text,
            preview: "Watson, come here.".into(),
            has_attachments: false,
            recipients: Vec::new(),
            imdn_message_id: None,
            notifications_asked: Vec::new(),
        },
        text: "Watson, come here.".into(),
        expired: None,
        too_often: None,
        payload: Payload::Pager(raw.into()),
    }
}

on_both_databases! {
    async fn numbers_are_without_gap_and_nothing_is_lost(app: TestApp) {
        let users: Vec<String> = (0..7).map(|n| format!("sip:user{n}@example.org")).collect();
        let requests: Vec<Pager> = (0..280).map(|n| Pager::new().to(&users[n % 7])).collect();
        // Each comes twice, by two ways.
        let answers = join_all(requests.iter().chain(&requests).map(|request| app.hand_over(request.clone()))).await;
        assert!(answers.iter().all(|answer| answer.status.is_success()));
        let created = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(created, 280);
        for (one, other) in answers.iter().zip(&answers[280..]) {
            assert_eq!(one.json(), other.json());
        }
        for user in &users {
            assert_eq!(app.waiting(user).await, 40);
            let list = app.get(&format!("/api/v1/accounts/{user}/messages?limit=500")).await.json();
            let numbers: BTreeSet<u64> = list["items"].as_array().unwrap().iter()
                .map(|message| message["id"].as_str().unwrap().parse::<u64>().unwrap() % 10_000_000_000)
                .collect();
            assert_eq!(numbers, (1..=40).collect());
        }
    }

    /// A message that the database does not take (no text column of `PostgreSQL` holds a NUL) is refused alone.
    async fn one_that_cannot_be_stored_holds_up_no_other(app: TestApp) {
        let mut batch: Vec<Deferred> = (0..61).map(|n| deferred(&app, &format!("request {n}"))).collect();
        batch[30].facts.subject = Some("a\0b".into());
        let outcomes = join_all(batch.into_iter().map(|deferred| app.mailbox.store(deferred))).await;
        for (n, outcome) in outcomes.iter().enumerate() {
            match outcome {
                Ok(_) => {}
                Err(StoreRefusal::Store(_)) if n == 30 => {}
                Err(error) => panic!("message {n}: {error}"),
            }
        }
        let refused = outcomes.iter().filter(|outcome| outcome.is_err()).count();
        assert_eq!(app.waiting("sip:alice@example.org").await, 61 - refused);
    }
}
