//! `/api/v1/tokens`: made, renewed and ended by administrators, and by people for themselves; when they were used.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use restante::domain::access::Role;
use restante::domain::access::TokenScope::{self, Admin, Gateway, Operator, Read};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::on_both_databases;
use crate::support::browser::{csrf, page, sign_in};
use crate::support::{Answer, TestApp};

const ALICE: &str = "sip:alice@example.org";
const BOB: &str = "sip:bob@example.org";
const TOKENS: &str = "/api/v1/tokens";

/// Somebody who calls the API.
enum Who<'a> {
    Token(&'a str),
    /// A session, and what proves that a request is from one of its pages.
    Person(String, String),
}

impl Who<'_> {
    async fn signed_in(app: &TestApp, name: &str) -> Self {
        let cookie = sign_in(app, name).await;
        let csrf = csrf(&page(app, "/accounts", &cookie).await);
        Self::Person(cookie, csrf)
    }

    async fn call(&self, app: &TestApp, method: Method, path: &str, body: Value) -> Answer {
        let mut request = app.request(method, path);
        request = match self {
            Self::Token(token) => request.bearer_auth(token),
            Self::Person(cookie, csrf) => {
                let request = request.header("cookie", cookie);
                request.header("x-csrf-token", csrf)
            }
        };
        if !body.is_null() {
            request = request.json(&body);
        }
        app.send(request).await
    }

    async fn make(&self, app: &TestApp, scopes: &[TokenScope], aors: &[&str]) -> Answer {
        let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
        let body = json!({"name": "mine", "scopes": scopes, "aors": aors});
        self.call(app, Method::POST, TOKENS, body).await
    }
}

/// Whether a secret opens anything.
async fn is_good(app: &TestApp, secret: &Value) -> bool {
    let answer = app.get_as(secret.as_str().unwrap(), "/api/v1/me").await;
    answer.status == 200
}

async fn last_use(app: &TestApp, admin: &str, place: &str) -> Option<DateTime<Utc>> {
    let shown = app.get_as(admin, place).await.json();
    shown["last_used_at"].as_str().map(|at| at.parse().unwrap())
}

on_both_databases! {
    async fn a_secret_is_shown_once(app: TestApp) {
        let admin = app.token(&[Admin], &[]).await;
        let who = Who::Token(&admin);
        let made = who.make(&app, &[Read], &[ALICE, "sips:alice@EXAMPLE.org"]).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let token = made.json();
        let secret = token["secret"].as_str().unwrap();
        assert!(secret.starts_with("rst_"), "{secret}");
        assert_eq!((&token["aors"], &token["scopes"], &token["owner_id"]), (&json!([ALICE]), &json!(["read"]), &json!(null)));
        let place = made.header("location").to_owned();
        for path in [TOKENS, &place] {
            let shown = app.get_as(&admin, path).await;
            assert_eq!(shown.status, 200);
            assert!(!shown.text().contains(secret) && !shown.text().contains("hash"), "{}", shown.text());
        }
        assert!(is_good(&app, &token["secret"]).await);
        for _ in 0..2 {
            assert_eq!(who.call(&app, Method::DELETE, &place, json!(null)).await.status, 204);
            app.get_as(secret, "/api/v1/me").await.assert_problem(401, "token-expired");
        }
        assert!(app.get_as(&admin, &place).await.json()["revoked_at"].is_string());
        let audit = app.get("/api/v1/audit?actor=token").await.json();
        let actions: Vec<_> = audit["items"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["token.revoked", "token.created"]);
    }

    async fn what_cannot_be_is_refused_by_name(app: TestApp) {
        let admin = app.token(&[Admin], &[]).await;
        let token = json!({"name": "x", "scopes": ["read"], "aors": [ALICE]});
        for (field, value, pointer) in [
            ("name", json!(" "), "/name"), ("scopes", json!([]), "/scopes"), ("scopes", json!(["read", "fly"]), "/scopes/1"),
            ("aors", json!([]), "/aors"), ("aors", json!(["x"]), "/aors/0"), ("domains", json!(["example.org"]), "/domains"),
            ("domains", json!(["a@b"]), "/domains/0"), ("expires_at", json!("2020-01-01T00:00:00Z"), "/expires_at"),
            ("expires_at", json!("9999-01-01T00:00:00Z"), "/expires_at"),
        ] {
            let mut body = token.clone();
            body[field] = value;
            let problem = Who::Token(&admin).call(&app, Method::POST, TOKENS, body).await.assert_problem(400, "invalid-request");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        }
        for id in ["0", "x", "9999"] {
            app.get_as(&admin, &format!("{TOKENS}/{id}")).await.assert_problem(404, "not-found");
        }
    }

    async fn people_make_tokens_of_their_own_and_no_stronger_ones(app: TestApp) {
        app.add_user("alice", Role::User, &[ALICE]).await;
        app.add_user("bob", Role::User, &[BOB]).await;
        app.add_domain_operator("nora", &[], &["example.net"]).await;
        let (alice, bob) = (Who::signed_in(&app, "alice").await, Who::signed_in(&app, "bob").await);
        let made = alice.make(&app, &[Read], &[ALICE]).await;
        assert_eq!(made.status, 201, "{}", made.text());
        assert!(made.json()["owner_id"].is_string());
        let place = made.header("location").to_owned();
        for (scopes, aors) in [
            (&[Read][..], &[BOB][..]), (&[Read][..], &[ALICE, BOB][..]), (&[Operator][..], &[][..]), (&[Admin][..], &[][..]),
            (&[Gateway][..], &[][..]), (&[Read, Admin][..], &[ALICE][..]),
        ] {
            alice.make(&app, scopes, aors).await.assert_problem(403, "insufficient-scope");
        }
        // Bob knows nothing of it.
        let list = bob.call(&app, Method::GET, TOKENS, json!(null)).await.json();
        assert_eq!(list["items"], json!([]));
        for (method, path) in [(Method::GET, place.clone()), (Method::DELETE, place.clone()), (Method::POST, format!("{place}/rotate"))] {
            bob.call(&app, method, &path, json!(null)).await.assert_problem(404, "not-found");
        }
        let list = alice.call(&app, Method::GET, TOKENS, json!(null)).await.json();
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
        // An operator of a domain makes none for another, nor for all, nor for an account of somebody's.
        let nora = Who::signed_in(&app, "nora").await;
        let asked = async |domains: Value, aors: Value, scope: &str| {
            let body = json!({"name": "x", "scopes": [scope], "domains": domains, "aors": aors});
            nora.call(&app, Method::POST, TOKENS, body).await.status.as_u16()
        };
        assert_eq!(asked(json!(["Example.NET"]), json!([]), "operator").await, 201);
        assert_eq!(asked(json!(["example.org"]), json!([]), "operator").await, 403);
        assert_eq!(asked(json!([]), json!([]), "operator").await, 403);
        assert_eq!(asked(json!([]), json!(["sip:x@example.net"]), "read").await, 403);
        assert_eq!(asked(json!(["example.net"]), json!([]), "gateway").await, 403);
        // A program has none to handle, and makes none.
        let program = made.json()["secret"].as_str().unwrap().to_owned();
        let program = Who::Token(&program);
        program.make(&app, &[Read], &[ALICE]).await.assert_problem(403, "insufficient-scope");
        program.call(&app, Method::GET, TOKENS, json!(null)).await.assert_problem(403, "insufficient-scope");
    }

    async fn a_persons_tokens_end_with_their_rights(app: TestApp) {
        let admin = app.token(&[Admin], &[]).await;
        app.add_user("nora", Role::Operator, &[ALICE]).await;
        let nora = Who::signed_in(&app, "nora").await;
        let reader = nora.make(&app, &[Read], &[ALICE]).await.json();
        let operator = nora.make(&app, &[Operator], &[]).await.json();
        let place = format!("/api/v1/users/{}", reader["owner_id"].as_str().unwrap());
        let who = Who::Token(&admin);
        let both = async || (is_good(&app, &reader["secret"]).await, is_good(&app, &operator["secret"]).await);
        assert_eq!(both().await, (true, true));
        assert_eq!(who.call(&app, Method::PATCH, &place, json!({"domains": ["example.org"]})).await.status, 200);
        assert_eq!(both().await, (true, false));
        assert_eq!(who.call(&app, Method::PATCH, &place, json!({"disabled": true})).await.status, 200);
        assert_eq!(both().await, (false, false));
        // For good.
        assert_eq!(who.call(&app, Method::PATCH, &place, json!({"disabled": false})).await.status, 200);
        assert_eq!(both().await, (false, false));
        let nora = Who::signed_in(&app, "nora").await;
        let last = nora.make(&app, &[Read], &[ALICE]).await.json();
        assert_eq!(who.call(&app, Method::DELETE, &place, json!(null)).await.status, 204);
        assert!(!is_good(&app, &last["secret"]).await);
    }

    async fn no_token_makes_one_that_outlives_it(app: TestApp) {
        let life = Some(TimeDelta::hours(1));
        let admin = app.identity.create_token("t", &[Admin], &[], life).await.unwrap();
        let make = async |expires_at: Value| {
            let body = json!({"name": "x", "scopes": ["gateway"], "expires_at": expires_at});
            Who::Token(&admin).call(&app, Method::POST, TOKENS, body).await.status.as_u16()
        };
        assert_eq!(make(json!(null)).await, 403);
        assert_eq!(make(json!(app.clock.now() + TimeDelta::hours(2))).await, 403);
        assert_eq!(make(json!(app.clock.now() + TimeDelta::minutes(30))).await, 201);
    }

    async fn a_rotated_token_has_another_secret_and_the_old_one_for_a_while(app: TestApp) {
        let admin = app.token(&[Admin], &[]).await;
        let who = Who::Token(&admin);
        let made = who.make(&app, &[Read], &[ALICE]).await;
        let rotate = format!("{}/rotate", made.header("location"));
        let first = made.json()["secret"].clone();
        let renewed = who.call(&app, Method::POST, &rotate, json!({"grace_seconds": 3600})).await;
        assert_eq!(renewed.status, 200, "{}", renewed.text());
        let second = renewed.json()["secret"].clone();
        assert_ne!(first, second);
        assert!(is_good(&app, &first).await && is_good(&app, &second).await);
        // Who shows the old one learns when it ends.
        let me = app.get_as(first.as_str().unwrap(), "/api/v1/me").await.json();
        assert!(me["expires_at"].is_string(), "{me}");
        // Without grace the old one ends at once, and so does the one before it.
        let third = who.call(&app, Method::POST, &rotate, json!(null)).await.json()["secret"].clone();
        assert_eq!((is_good(&app, &first).await, is_good(&app, &second).await, is_good(&app, &third).await), (false, false, true));
        app.get_as(second.as_str().unwrap(), "/api/v1/me").await.assert_problem(401, "token-expired");
        for body in [json!({"grace_seconds": 2_592_001}), json!({"grace_seconds": -1}), json!({"grace": 1})] {
            who.call(&app, Method::POST, &rotate, body).await.assert_problem(400, "invalid-request");
        }
        who.call(&app, Method::DELETE, made.header("location"), json!(null)).await;
        who.call(&app, Method::POST, &rotate, json!(null)).await.assert_problem(404, "not-found");
        assert!(!is_good(&app, &third).await);
    }

    async fn the_last_use_is_noted_once_a_minute(app: TestApp) {
        let admin = app.token(&[Admin], &[]).await;
        let made = Who::Token(&admin).make(&app, &[Read], &[ALICE]).await;
        let place = made.header("location").to_owned();
        assert_eq!(last_use(&app, &admin, &place).await, None);
        assert!(is_good(&app, &made.json()["secret"]).await);
        let noted = timeout(Duration::from_secs(20), async {
            loop {
                if let Some(at) = last_use(&app, &admin, &place).await {
                    return at;
                }
                sleep(Duration::from_millis(20)).await;
            }
        });
        let noted = noted.await.expect("the use was not noted");
        assert!((app.clock.now() - noted).abs() < TimeDelta::minutes(1));
        assert!(is_good(&app, &made.json()["secret"]).await);
        assert_eq!(last_use(&app, &admin, &place).await, Some(noted));
    }
}
