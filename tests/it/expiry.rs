//! Messages whose time has passed: gone for every reader at once, and removed by the sweep.

use chrono::TimeDelta;
use futures_util::future::join_all;
use restante::domain::access::Scope;
use restante::domain::message_id::MessageKey;
use restante::store::messages::Filter;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

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
        assert!(app.mailbox.list(&account, &Filter::default(), None, 10).await.unwrap().is_empty());
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
        while rows(&app, "retry_key").await != 3 {
            tokio::task::yield_now().await;
        }
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
