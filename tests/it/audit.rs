//! The audit: what is written down, that nobody can be named by it, and that changing it shows.

use reqwest::Method;
use restante::domain::access::{Role, TokenScope};
use restante::domain::audit::{Actor, ActorKind};
use serde_json::{Value, json};

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
