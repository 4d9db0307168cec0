//! Messages whose time has passed: gone for every reader at once, and removed by the sweep.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use reqwest::Method;
use restante::domain::access::{Scope, TokenScope};
use restante::domain::listing::Order;
use restante::domain::message_id::MessageKey;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::message::Pager;

const ALICE: &str = "/api/v1/accounts/sip:alice@example.org";

on_both_databases! {
    /// Each reader leaves out what is due by itself, also in the instant between finding the
    /// account and reading from it.
    async fn no_reader_relies_on_another(app: TestApp, "[policy]\nsweep_interval = '1h'") {
        let short: MessageKey = app.store(Pager::new().header("Expires", "60")).await.parse().unwrap();
        let aor = "sip:alice@example.org".parse().unwrap();
        let account = app.mailbox.account(&Scope::All, &aor).await.unwrap().unwrap();
        app.clock.advance(TimeDelta::seconds(61));
        assert!(app.mailbox.open(&account, short).await.unwrap().is_none());
        assert!(app.mailbox.list(&account, &[], Order::NEWEST_FIRST, None, 10).await.unwrap().is_empty());
        let history = app.mailbox.history(&Scope::All, &aor).await.unwrap().unwrap();
        assert!(history.messages.is_empty());
        assert_eq!(history.account.list_version, account.list_version + 1);
        assert_eq!(history.account.message_count, 0);
    }

    async fn an_expired_message_is_gone_before_any_sweep(app: TestApp, "[policy]\nsweep_interval = '1h'") {
        let short = app.store(Pager::new().header("Expires", "60")).await;
        let long = app.store(Pager::new()).await;
        app.clock.advance(TimeDelta::seconds(61));
        app.get(&format!("{ALICE}/messages/{short}")).await.assert_problem(404, "not-found");
        app.get(&format!("{ALICE}/messages/{short}/raw")).await.assert_problem(404, "not-found");
        app.get(&format!("{ALICE}/messages/{short}/parts/1")).await.assert_problem(404, "not-found");
        app.delete(&format!("{ALICE}/messages/{short}")).await.assert_problem(404, "not-found");
        let list = app.get(&format!("{ALICE}/messages")).await.json();
        let ids: Vec<_> = list["items"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
        assert_eq!(ids, [long]);
        assert_eq!(app.waiting("sip:alice@example.org").await, 1);
    }

    async fn expired_messages_make_room(app: TestApp, "[policy]\nquota_messages = 2\nsweep_interval = '1h'") {
        app.store(Pager::new().header("Expires", "60")).await;
        app.store(Pager::new().header("Expires", "60")).await;
        app.hand_over(Pager::new()).await.assert_problem(507, "quota-exceeded");
        app.clock.advance(TimeDelta::seconds(61));
        app.store(Pager::new()).await;
        assert_eq!(app.waiting("sip:alice@example.org").await, 1);
    }

    /// More messages than one transaction removes go as well, and the document follows.
    async fn many_expired_messages_go_in_batches(app: TestApp, "[policy]\nquota_messages = 2000\nsweep_interval = '1h'") {
        let aor = "sip:alice@example.org";
        let requests: Vec<_> = (0..1100).map(|_| Pager::new().header("Expires", "600")).collect();
        for some in requests.chunks(20) {
            let stored = join_all(some.iter().map(|request| app.hand_over(request.clone()))).await;
            assert!(stored.iter().all(|answer| answer.status == 201));
        }
        app.store(Pager::new()).await;
        app.clock.advance(TimeDelta::minutes(11));
        assert_eq!(app.mailbox.expire().await.unwrap(), 1100);
        assert_eq!(app.waiting(aor).await, 1);
        assert_eq!((rows(&app, "message").await, rows(&app, "message_content").await), (1, 1));
    }

    /// Looks into the database itself, since every reader would hide what is due.
    async fn the_sweep_removes_what_is_due_by_itself(app: TestApp, "[policy]\nsweep_interval = '20ms'") {
        for user in ["sip:a@example.org", "sip:b@example.org", "sip:c@example.org"] {
            app.store(Pager::new().to(user).header("Expires", "60")).await;
            app.store(Pager::new().to(user)).await;
        }
        assert_eq!(rows(&app, "message").await, 6);
        app.clock.advance(TimeDelta::seconds(61));
        while rows(&app, "message").await != 3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(rows(&app, "message_content").await, 3);
        // A request is recognised for a day longer than its message lives, and then forgotten.
        assert_eq!(rows(&app, "retry_key").await, 6);
        app.clock.advance(TimeDelta::days(1));
        app.mailbox.forget_old().await.unwrap();
        assert_eq!(rows(&app, "retry_key").await, 3);
    }

    async fn an_expiry_may_be_changed(app: TestApp, "[policy]\nsweep_interval = '1h'") {
        let request = Pager::new().asking("m1").header("Expires", "600");
        let id = app.store(request.clone()).await;
        let message = format!("{ALICE}/messages/{id}");
        let owner = app.token(&[TokenScope::Delete, TokenScope::Read], &["sip:alice@example.org"]).await;
        let patch = async |token: &str, body: Value| {
            app.send(app.request(Method::PATCH, &message).bearer_auth(token).json(&body)).await
        };
        let document = async || {
            let answer = app.get("/xcap-root/org.openmobilealliance.deferred-list/users/sip:alice@example.org/deferred-list").await;
            (answer.header("etag").to_owned(), answer.text())
        };
        let now = app.clock.now();
        let before = document().await;
        for bad in [json!({"expires_at": now - TimeDelta::seconds(1)}), json!({"expires_at": now + TimeDelta::days(31)}),
            json!({"expires_at": "soon"}), json!({}), json!({"expires_at": now, "subject": "x"})] {
            patch(&owner, bad).await.assert_problem(400, "invalid-request");
        }
        assert_eq!(document().await, before);
        let chosen = now + TimeDelta::days(20);
        let answer = patch(&owner, json!({"expires_at": chosen})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["expires_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap(), chosen);
        assert_eq!(app.get(&message).await.json()["expires_at"], answer.json()["expires_at"]);
        let after = document().await;
        assert_ne!(after.0, before.0);
        assert!(after.1.contains(&chosen.format("<expiry>%Y-%m-%dT%H:%M:%SZ</expiry>").to_string()), "{}", after.1);
        // The same again changes nothing.
        assert_eq!(patch(&app.operator, json!({"expires_at": chosen})).await.status, 200);
        assert_eq!(document().await, after);
        let reader = app.token(&[TokenScope::Read], &["sip:alice@example.org"]).await;
        patch(&reader, json!({"expires_at": now})).await.assert_problem(403, "insufficient-scope");
        let stranger = app.token(&[TokenScope::Delete], &["sip:bob@example.org"]).await;
        patch(&stranger, json!({"expires_at": chosen})).await.assert_problem(404, "not-found");
        // It waits as long as was chosen, and its request is recognised as long.
        app.clock.advance(TimeDelta::days(19));
        assert_eq!(app.mailbox.expire().await.unwrap(), 0);
        assert_eq!(app.hand_over(request).await.status, 200);
        assert_eq!(app.waiting("sip:alice@example.org").await, 1);
        app.clock.advance(TimeDelta::days(2));
        patch(&owner, json!({"expires_at": app.clock.now() + TimeDelta::days(1)})).await.assert_problem(404, "not-found");
        assert_eq!(rows(&app, "report").await, 1);
    }
}

async fn rows(app: &TestApp, table: &str) -> i64 {
    let db = app.mailbox.db.read();
    let sql = format!("SELECT COUNT(*) AS n FROM {table}");
    let backend: DbBackend = db.get_database_backend();
    let row = db
        .query_one_raw(Statement::from_string(backend, sql))
        .await
        .unwrap()
        .unwrap();
    row.try_get("", "n").unwrap()
}
