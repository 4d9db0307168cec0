//! What each kind of caller sees of Alice's account: one table for every operation.

use chrono::TimeDelta;
use reqwest::Method;
use restante::domain::access::TokenScope::{Delete, Gateway, Operator, Read};
use serde_json::json;

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::large::Large;
use crate::support::message::Pager;

const ALICE: &str = "sip:alice@example.org";

/// An operation on Alice's message `{id}`, and the answers to: her own reading token, her own
/// deleting token, a reading token of somebody else, one of a gateway.
const TABLE: &[(&str, &str, [u16; 4])] = &[
    ("GET", "/api/v1/accounts/{aor}", [200, 403, 404, 403]),
    (
        "GET",
        "/api/v1/accounts/{aor}/messages",
        [200, 403, 404, 403],
    ),
    (
        "GET",
        "/api/v1/accounts/{aor}/messages/{id}",
        [200, 403, 404, 403],
    ),
    (
        "GET",
        "/api/v1/accounts/{aor}/messages/{id}/raw",
        [200, 403, 404, 403],
    ),
    (
        "GET",
        "/api/v1/accounts/{aor}/messages/{id}/preview",
        [200, 403, 404, 403],
    ),
    ("GET", "/api/v1/accounts/{aor}/export", [200, 403, 404, 403]),
    (
        "GET",
        "/api/v1/accounts/{aor}/messages/{id}/parts/{n}",
        [200, 403, 404, 403],
    ),
    (
        "GET",
        "/api/v1/accounts/{aor}/messages/{id}/content",
        [200, 403, 404, 403],
    ),
    (
        "GET",
        "/api/v1/accounts/{aor}/messages/{id}/session/{part}",
        [200, 403, 404, 403],
    ),
    (
        "POST",
        "/api/v1/accounts/{aor}/messages/delete",
        [403, 200, 403, 403],
    ),
    (
        "PATCH",
        "/api/v1/accounts/{aor}/messages/{id}",
        [403, 200, 403, 403],
    ),
    (
        "GET",
        "/api/v1/accounts/{aor}/messages/{id}/timeline",
        [200, 403, 404, 403],
    ),
    ("GET", "/api/v1/events", [200, 403, 200, 403]),
    ("DELETE", "/api/v1/accounts/{aor}", [403, 403, 403, 403]),
    (
        "DELETE",
        "/api/v1/accounts/{aor}/messages/{id}",
        [403, 204, 403, 403],
    ),
];

/// An operation on a report about a message of Alice's that was handed out, and the answers to: her own token, a
/// gateway, a gateway for somebody else, an operator, nobody.
const REPORTS: &[(&str, &str, [u16; 5])] = &[
    ("GET", "/gateway/v1/reports", [403, 200, 200, 403, 401]),
    (
        "POST",
        "/gateway/v1/reports/{id}/ack",
        [403, 204, 404, 403, 401],
    ),
    (
        "POST",
        "/gateway/v1/reports/{id}/nack",
        [403, 204, 404, 403, 401],
    ),
    ("GET", "/api/v1/reports", [403, 403, 403, 200, 401]),
    ("GET", "/api/v1/audit", [403, 403, 403, 200, 401]),
    ("GET", "/api/v1/audit/export", [403, 403, 403, 200, 401]),
    (
        "GET",
        "/api/v1/audit/verification",
        [403, 403, 403, 200, 401],
    ),
    (
        "POST",
        "/api/v1/reports/{id}/retry",
        [403, 403, 403, 409, 401],
    ),
    ("DELETE", "/api/v1/reports/{id}", [403, 403, 403, 204, 401]),
];

on_both_databases! {
    async fn each_caller_gets_what_the_table_says(app: TestApp) {
        let tokens = [
            app.token(&[Read], &[ALICE]).await,
            app.token(&[Delete], &[ALICE]).await,
            app.token(&[Read], &["sip:bob@example.org"]).await,
            app.token(&[Gateway], &[]).await,
        ];
        for (method, path, expected) in TABLE {
            for (token, status) in tokens.iter().zip(expected) {
                // A large one has all there is to a message.
                let id = app.store_large(Large::new()).await;
                let path = path.replace("{aor}", ALICE).replace("{id}", &id).replace("{n}", "1").replace("{part}", "ok");
                let mut request = app.request(method.parse().unwrap(), &path).bearer_auth(token);
                if *method == "POST" {
                    request = request.json(&json!({"ids": [id]}));
                } else if *method == "PATCH" {
                    request = request.json(&json!({"expires_at": app.clock.now() + TimeDelta::days(1)}));
                }
                // What is allowed of events does not end.
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), *status, "{method} {path}");
                let gone = app.get(&format!("/api/v1/accounts/{ALICE}/messages/{id}")).await.status == 404;
                let deletes = matches!(*method, "POST" | "DELETE");
                assert_eq!(gone, deletes && *status < 300, "{method} {path}");
            }
        }
    }

    async fn reports_are_for_gateways_and_operators(app: TestApp) {
        let tokens = [
            app.token(&[Delete], &[ALICE]).await,
            app.gateway.clone(),
            app.token(&[Gateway], &["sip:bob@example.org"]).await,
            app.operator.clone(),
            String::new(),
        ];
        for (n, (method, path, expected)) in REPORTS.iter().enumerate() {
            for (who, (token, status)) in tokens.iter().zip(expected).enumerate() {
                // Each of a sender of its own, so that none waits for another.
                let message = Pager::new().asking("m1").from(&format!("sip:c{n}-{who}@example.org"));
                let id = app.store(message).await;
                app.delete(&format!("/api/v1/accounts/{ALICE}/messages/{id}")).await;
                let leased = app.get_as(&app.gateway, "/gateway/v1/reports").await.json();
                let id = leased["items"][0]["id"].as_str().unwrap();
                let path = path.replace("{id}", id);
                let mut request = app.request(method.parse().unwrap(), &path);
                if !token.is_empty() {
                    request = request.bearer_auth(token);
                }
                let answer = app.send(request).await;
                assert_eq!(answer.status, *status, "{method} {path}: {}", String::from_utf8_lossy(&answer.body));
            }
        }
    }

    async fn every_documented_operation_has_a_row(app: TestApp) {
        let document = app.get("/openapi.json").await.json();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for method in operations.as_object().unwrap().keys() {
                let is_this = |m: &str, p: &str| m.eq_ignore_ascii_case(method) && p == path;
                let row = TABLE.iter().any(|(m, p, _)| is_this(m, p)) || REPORTS.iter().any(|(m, p, _)| is_this(m, p));
                let elsewhere = ["/healthz", "/readyz", "/gateway/v1/messages", "/gateway/v1/large-messages", "/api/v1/accounts"];
                assert!(row || elsewhere.contains(&path.as_str()), "{method} {path} has no row in the table");
            }
        }
    }

    /// Deleting in an account one may not see is as if it were not there.
    async fn somebody_elses_account_is_not_found(app: TestApp) {
        let id = app.store(Pager::new()).await;
        let stranger = app.token(&[Read, Delete], &["sip:bob@example.org"]).await;
        for aor in [ALICE, "sip:nobody@example.org"] {
            let delete = app.request(Method::DELETE, &format!("/api/v1/accounts/{aor}/messages/{id}"));
            app.send(delete.bearer_auth(&stranger)).await.assert_problem(404, "not-found");
            let get = app.get_as(&stranger, &format!("/api/v1/accounts/{aor}")).await;
            get.assert_problem(404, "not-found");
        }
        // Alice's message is not in Bob's account, whatever the path says.
        app.store(Pager::new().to("sip:bob@example.org")).await;
        let mixed = format!("/api/v1/accounts/sip:bob@example.org/messages/{id}");
        app.get_as(&stranger, &mixed).await.assert_problem(404, "not-found");
        app.get(&mixed).await.assert_problem(404, "not-found");
        app.delete(&mixed).await.assert_problem(404, "not-found");
        assert_eq!(app.waiting(ALICE).await, 1);
    }

    async fn the_list_of_accounts_is_ones_own(app: TestApp) {
        for user in [ALICE, "sip:bob@example.org"] {
            app.store(Pager::new().to(user)).await;
        }
        let own = app.token(&[Read], &[ALICE, "sip:unused@example.org"]).await;
        let list = app.get_as(&own, "/api/v1/accounts").await.json();
        let aors: Vec<_> = list["items"].as_array().unwrap().iter().map(|a| a["aor"].as_str().unwrap()).collect();
        assert_eq!(aors, [ALICE, "sip:unused@example.org"]);
        let gateway = app.token(&[Gateway], &[]).await;
        app.get_as(&gateway, "/api/v1/accounts").await.assert_problem(403, "insufficient-scope");
        let operator = app.token(&[Operator], &[]).await;
        assert_eq!(app.get_as(&operator, "/api/v1/accounts").await.json()["items"].as_array().unwrap().len(), 3);
    }
}
