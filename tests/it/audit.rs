//! The audit: what is written down, that nobody can be named by it, and that changing it shows.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::Method;
use restante::domain::access::{Role, TokenScope};
use restante::domain::audit::{Action, Actor, ActorKind};
use restante::domain::audit_chain::Fault;
use restante::store::audit::{self, NewEntry};
use restante::store::audit_chain::Verification;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::on_both_databases;
use crate::support::browser::{cookie, csrf, page, post, sign_in};
use crate::support::{PASSWORD, TestApp};

/// What an operator reads, newest first.
async fn read(app: &TestApp, query: &str) -> Vec<Value> {
    let answer = app.get(&format!("/api/v1/audit{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

on_both_databases! {
    async fn what_is_done_to_people_and_tokens_is_written_down(app: TestApp) {
        let by = app.identity.by(Actor::of(ActorKind::User, 77));
        let aor = "sip:alice@example.org".parse().unwrap();
        by.add_user("alice", PASSWORD, Role::User, &[aor]).await.unwrap();
        by.set_password("alice", "quite another one").await.unwrap();
        by.create_token("for alice", &[TokenScope::Gateway], &[], None).await.unwrap();
        let token = app.identity.tokens().await.unwrap().last().unwrap().id;
        assert!(by.revoke_token(token).await.unwrap());
        // What changes nothing is not there.
        assert!(!by.revoke_token(token).await.unwrap());
        by.set_password("nobody", "quite another one").await.unwrap_err();
        let entries = read(&app, "?actor=user").await;
        let said: Vec<_> = entries.iter().map(|entry| (entry["action"].as_str().unwrap(), entry["detail"].clone())).collect();
        let user = app.identity.users().await.unwrap()[0].id;
        assert_eq!(said, [
            ("token.revoked", json!({"token": token})),
            ("token.created", json!({"token": token, "scopes": ["gateway"], "accounts": 0})),
            ("password.changed", json!({"user": user})),
            ("user.created", json!({"user": user, "role": "user", "accounts": 1})),
        ]);
        assert!(entries.iter().all(|entry| entry["actor_id"] == "77"));
        // Without anybody's word it was somebody at the server.
        assert_eq!(read(&app, "?actor=console").await.len(), 2);
    }

    async fn signing_in_and_out_is_written_down(app: TestApp) {
        app.add_user("oscar", Role::Operator, &[]).await;
        let user = app.identity.users().await.unwrap()[0].id;
        let wrong = [("name", "oscar"), ("password", "a guess that is wrong")];
        assert_eq!(post(&app, "/sign-in", "", &wrong).await.status, 401);
        // People type their password where the name belongs.
        let slip = [("name", PASSWORD), ("password", "")];
        assert_eq!(post(&app, "/sign-in", "", &slip).await.status, 401);
        let session = sign_in(&app, "oscar").await;
        let accounts = page(&app, "/accounts", &session).await;
        let out = post(&app, "/sign-out", &session, &[("csrf", &csrf(&accounts))]).await;
        assert_eq!(out.status, 303);
        assert!(!cookie(&out).is_empty());
        let entries: Vec<Value> = read(&app, "").await.into_iter()
            .filter(|entry| entry["action"].as_str().unwrap().starts_with("session.")).collect();
        let said: Vec<_> = entries.iter().map(|entry| (
            entry["action"].as_str().unwrap(), entry["outcome"].as_str().unwrap(), entry["actor"].as_str().unwrap(), entry["detail"].clone(),
        )).collect();
        let network = "127.0.0.0/24";
        assert_eq!(said, [
            ("session.sign_out", "done", "user", Value::Null),
            ("session.sign_in", "done", "user", json!({"way": "page", "network": network})),
            ("session.sign_in", "refused", "nobody", json!({"way": "page", "network": network, "user": "unknown"})),
            ("session.sign_in", "refused", "nobody", json!({"way": "page", "network": network, "user": user})),
        ]);
        assert!(!json!(entries).to_string().contains(PASSWORD));
    }

    async fn the_setup_link_is_written_down(app: TestApp) {
        let link = app.identity.setup_link().await.unwrap().unwrap();
        app.identity.set_up(&link, "root", PASSWORD).await.unwrap();
        let entries = read(&app, "?action=setup.used").await;
        let user = app.identity.users().await.unwrap()[0].id;
        assert_eq!((&entries[0]["actor"], &entries[0]["actor_id"], &entries[0]["detail"]), (&json!("user"), &json!(user.to_string()), &json!({"user": user})));
        let delete = app.request(Method::DELETE, "/api/v1/audit").bearer_auth(&app.operator);
        app.send(delete).await.assert_problem(405, "method-not-allowed");
    }
}

/// Runs a statement as somebody who can reach the database.
async fn tamper(app: &TestApp, sql: &str) {
    app.mailbox.db.read().execute_unprepared(sql).await.unwrap();
}

/// The chain, once all that was written is in it.
async fn chained(app: &TestApp) -> Verification {
    loop {
        app.mailbox.chain_audit().await.unwrap();
        let found = app.mailbox.verify_audit().await.unwrap();
        if found.waiting == 0 {
            return found;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

fn entry(n: i64, app: &TestApp) -> NewEntry {
    NewEntry::of(
        Action::SignOut,
        Actor::of(ActorKind::User, n),
        app.clock.now(),
    )
}

on_both_databases! {
    async fn whoever_changes_the_audit_is_found_out(app: TestApp) {
        for n in 1..=6 {
            audit::note(&app.mailbox.db, entry(n, &app)).await.unwrap();
        }
        let whole = chained(&app).await;
        assert_eq!((whole.fault, whole.entries, whole.last.number), (None, 8, 8));
        let fault = async || app.mailbox.verify_audit().await.unwrap().fault;
        tamper(&app, "UPDATE audit_event SET actor_id = 99 WHERE number = 5").await;
        assert_eq!(fault().await, Some(Fault::Changed(5)));
        tamper(&app, "UPDATE audit_event SET actor_id = 3 WHERE number = 5").await;
        assert_eq!(fault().await, None);
        // Two change places.
        for (from, to) in [(5, 100), (6, 5), (100, 6)] {
            tamper(&app, &format!("UPDATE audit_event SET number = {to} WHERE number = {from}")).await;
        }
        assert_eq!(fault().await, Some(Fault::Changed(5)));
        for (from, to) in [(5, 100), (6, 5), (100, 6)] {
            tamper(&app, &format!("UPDATE audit_event SET number = {to} WHERE number = {from}")).await;
        }
        assert_eq!(fault().await, None);
        // The newest goes, then one in the middle, then the oldest.
        tamper(&app, "DELETE FROM audit_event WHERE number = 8").await;
        assert_eq!(fault().await, Some(Fault::OtherEnd(8)));
        tamper(&app, "DELETE FROM audit_event WHERE number = 4").await;
        assert_eq!(fault().await, Some(Fault::Missing(4)));
        tamper(&app, "DELETE FROM audit_event WHERE number = 1").await;
        assert_eq!(fault().await, Some(Fault::Missing(1)));
    }

    async fn retention_moves_the_beginning(app: TestApp, "[policy]\nsweep_interval = '1h'\naudit_keep = '20d'") {
        audit::note(&app.mailbox.db, entry(1, &app)).await.unwrap();
        let before = chained(&app).await;
        app.clock.advance(TimeDelta::days(21));
        for n in 2..=3 {
            audit::note(&app.mailbox.db, entry(n, &app)).await.unwrap();
        }
        // Several nodes forget at once, and chain meanwhile.
        for done in join_all((0..4).map(|_| app.mailbox.forget_old())).await {
            done.unwrap();
        }
        let after = chained(&app).await;
        assert_eq!(after.fault, None);
        assert_eq!((after.before_first, after.entries, after.last.number), (before.last, 2, 5));
        tamper(&app, "DELETE FROM audit_event WHERE number = 4").await;
        assert_eq!(app.mailbox.verify_audit().await.unwrap().fault, Some(Fault::Missing(4)));
    }

    /// Entries of transactions that end in another order than they began, with several nodes at work.
    async fn many_write_and_many_chain(app: TestApp) {
        let db = &app.mailbox.db;
        let write = async |n: i64| {
            let tx = db.write().await.unwrap();
            audit::insert(&tx, entry(n, &app)).await.unwrap();
            if n % 3 == 0 {
                sleep(Duration::from_millis(u64::try_from(n % 7).unwrap())).await;
            }
            // Some of them never happen.
            if n % 10 == 0 {
                drop(tx);
            } else {
                tx.commit().await.unwrap();
            }
        };
        let chain = async |_: usize| {
            for _ in 0..40 {
                app.mailbox.chain_audit().await.unwrap();
            }
        };
        let writers = join_all((1..=300).map(write));
        let chainers = join_all((0..3).map(chain));
        tokio::join!(writers, chainers);
        let found = chained(&app).await;
        assert_eq!((found.fault, found.entries), (None, 272));
    }

    async fn what_commits_late_is_waited_for(app: TestApp) {
        let db = &app.mailbox.db;
        let before = chained(&app).await;
        if db.writers() == 1 {
            // Nobody begins before the other has ended.
            return;
        }
        let early = db.write().await.unwrap();
        audit::insert(&early, entry(1, &app)).await.unwrap();
        audit::note(db, entry(2, &app)).await.unwrap();
        assert_eq!(app.mailbox.chain_audit().await.unwrap(), 0);
        let waits = app.mailbox.verify_audit().await.unwrap();
        assert_eq!((waits.waiting, waits.last, waits.fault), (1, before.last, None));
        early.commit().await.unwrap();
        assert_eq!(chained(&app).await.entries, before.entries + 2);
    }
}
