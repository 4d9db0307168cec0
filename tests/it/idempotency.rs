//! A POST that comes again under its `Idempotency-Key` gets the first answer, and nothing is done twice.

use chrono::TimeDelta;
use reqwest::Method;
use restante::domain::access::TokenScope::Delete;
use restante::domain::audit::Actor;
use restante::domain::message_id::MessageKey;
use restante::mailbox::delete::Reason;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::message::Pager;
use crate::support::{Answer, TestApp};

const ALICE: &str = "sip:alice@example.org";
const DELETE: &str = "/api/v1/accounts/sip:alice@example.org/messages/delete";

async fn post(app: &TestApp, token: &str, key: &str, body: &Value) -> Answer {
    let request = app.request(Method::POST, DELETE).bearer_auth(token);
    app.send(request.header("Idempotency-Key", key).json(body))
        .await
}

async fn hand_over(app: &TestApp, key: &str, raw: &[u8]) -> Answer {
    let request = app
        .request(Method::POST, "/gateway/v1/messages")
        .bearer_auth(&app.gateway);
    let request = request
        .header("Content-Type", "message/sip")
        .header("Idempotency-Key", key);
    app.send(request.body(raw.to_vec())).await
}

/// How many requests are remembered.
async fn remembered(app: &TestApp) -> i64 {
    let statement = Statement::from_string(
        app.mailbox.db.read().get_database_backend(),
        "SELECT COUNT(*) AS n FROM idempotency_key",
    );
    let row = app
        .mailbox
        .db
        .read()
        .query_one_raw(statement)
        .await
        .unwrap()
        .unwrap();
    row.try_get("", "n").unwrap()
}

on_both_databases! {
    async fn the_first_answer_comes_again(app: TestApp) {
        let body = json!({"ids": [app.store(Pager::new()).await]});
        let first = post(&app, &app.operator, "k1", &body).await;
        assert_eq!((first.status.as_u16(), &first.json()["deleted"]), (200, &json!(1)));
        assert!(!first.headers.contains_key("idempotency-replayed"));
        let again = post(&app, &app.operator, "k1", &body).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        assert_eq!(again.header("content-type"), first.header("content-type"));
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
        // Under another key it is another request, and so it is when somebody else sends it.
        assert_eq!(post(&app, &app.operator, "k2", &body).await.json()["deleted"], 0);
        let other = app.token(&[Delete], &[ALICE]).await;
        assert_eq!(post(&app, &other, "k1", &body).await.json()["deleted"], 0);
    }

    async fn a_key_stands_for_one_request(app: TestApp) {
        let body = json!({"ids": ["10000000001"]});
        app.store(Pager::new()).await;
        post(&app, &app.operator, "k", &body).await;
        let other = post(&app, &app.operator, "k", &json!({"ids": ["10000000002"]})).await;
        other.assert_problem(422, "idempotency-key-reused");
        for bad in ["", "with space", "é", &"x".repeat(256)] {
            let answer = post(&app, &app.operator, bad, &body).await;
            let problem = answer.assert_problem(400, "invalid-request");
            assert_eq!(problem["errors"][0]["pointer"], "Idempotency-Key", "{bad}");
        }
        post(&app, "nobody", "k", &body).await.assert_problem(401, "unauthenticated");
    }

    /// Whoever was refused mends the request and sends it under the same key.
    async fn a_refusal_is_not_kept(app: TestApp) {
        let id = app.store(Pager::new()).await;
        post(&app, &app.operator, "k", &json!({"ids": []})).await.assert_problem(400, "invalid-request");
        assert_eq!(remembered(&app).await, 0);
        assert_eq!(post(&app, &app.operator, "k", &json!({"ids": [id]})).await.json()["deleted"], 1);
    }

    async fn of_many_at_once_one_is_done(app: TestApp) {
        let body = json!({"ids": [app.store(Pager::new()).await]});
        let all = (0..8).map(|_| post(&app, &app.operator, "k", &body));
        let answers = futures_util::future::join_all(all).await;
        for answer in &answers {
            if answer.status == 409 {
                answer.assert_problem(409, "idempotency-in-progress");
                assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
            } else {
                assert_eq!(answer.json()["deleted"], 1);
            }
        }
        let first = answers.iter().filter(|answer| answer.status == 200 && answer.header("idempotency-replayed").is_empty());
        assert_eq!(first.count(), 1);
    }

    /// What a node that went away had begun is done by the next that is asked, once it is taken for lost.
    async fn nobody_waits_for_a_lost_node(app: TestApp) {
        let body = json!({"ids": [app.store(Pager::new()).await]});
        post(&app, &app.operator, "k", &body).await;
        app.mailbox.db.read().execute_unprepared("UPDATE idempotency_key SET status = NULL").await.unwrap();
        let waiting = post(&app, &app.operator, "k", &body).await;
        waiting.assert_problem(409, "idempotency-in-progress");
        let seconds: i64 = waiting.header("retry-after").parse().unwrap();
        app.clock.advance(TimeDelta::seconds(seconds));
        let done = post(&app, &app.operator, "k", &body).await;
        assert_eq!((done.status.as_u16(), done.header("idempotency-replayed")), (200, ""));
        assert_eq!(post(&app, &app.operator, "k", &body).await.header("idempotency-replayed"), "true");
    }

    /// The answer is written down with what was done, or neither is.
    async fn what_is_joined_is_done_together_or_not_at_all(app: TestApp) {
        let key: MessageKey = app.store(Pager::new()).await.parse().unwrap();
        let mailbox = app.mailbox.clone();
        let delete = async || {
            let reason = Reason::Requested { by: Actor::SYSTEM };
            mailbox.delete(key.account_id, &[key.number], reason).await.unwrap()
        };
        let (deleted, pending) = mailbox.db.join(delete()).await;
        assert_eq!(deleted, [key.number]);
        drop(pending.unwrap());
        assert_eq!(app.waiting(ALICE).await, 1, "it never happened");
        let (deleted, pending) = mailbox.db.join(async {
            // A part that is not committed is undone alone.
            drop(mailbox.db.write().await.unwrap());
            delete().await
        }).await;
        assert_eq!(deleted, [key.number]);
        pending.unwrap().commit().await.unwrap();
        assert_eq!(app.waiting(ALICE).await, 0);
    }

    async fn a_message_under_a_key_is_answered_alike(app: TestApp) {
        let raw = Pager::new().bytes();
        let first = hand_over(&app, "k", &raw).await;
        let again = hand_over(&app, "k", &raw).await;
        assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
        assert_eq!((&first.body, first.header("location")), (&again.body, again.header("location")));
        // Without the key it is known by what it is.
        assert_eq!(app.hand_over(raw).await.status, 200);
        assert_eq!(app.waiting(ALICE).await, 1);
    }

    async fn keys_are_forgotten_after_a_day(app: TestApp) {
        app.store(Pager::new()).await;
        let body = json!({"ids": ["10000000001"]});
        post(&app, &app.operator, "k", &body).await;
        app.clock.advance(TimeDelta::hours(23));
        app.mailbox.forget_old().await.unwrap();
        assert_eq!(post(&app, &app.operator, "k", &body).await.header("idempotency-replayed"), "true");
        app.clock.advance(TimeDelta::hours(2));
        assert_eq!(post(&app, &app.operator, "k", &json!({"ids": ["1"]})).await.status, 200);
        app.clock.advance(TimeDelta::hours(25));
        app.mailbox.forget_old().await.unwrap();
        assert_eq!(remembered(&app).await, 0);
    }
}
