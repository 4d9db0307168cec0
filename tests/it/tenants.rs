//! Who may do what: one table for every operation of the API, every page and the XCAP root. A route without a row fails.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use reqwest::{Method, RequestBuilder};
use restante::domain::access::Role;
use restante::domain::access::TokenScope::{Admin, Delete, Gateway, Operator, Read};
use restante::domain::audit::Actor;
use restante::identity::{NewToken, NewUser};
use serde_json::{Value, json};

mod rights;

use rights::{API, Answers, MESSAGE, PAGES, XCAP};

use crate::on_both_databases;
use crate::support::browser::{csrf, page, sign_in};
use crate::support::large::{Large, multipart};
use crate::support::message::Pager;
use crate::support::xcap::{DOCUMENT, LISTS_TYPE};
use crate::support::{PASSWORD, TestApp, repository};

const ALICE: &str = "sip:alice@example.org";
const BOB: &str = "sip:bob@example.net";

/// What a caller shows: a token, or the cookie of a session and what its forms carry.
#[derive(Default)]
struct Caller {
    token: Option<String>,
    session: Option<(String, String)>,
}

impl Caller {
    fn asks(&self, request: RequestBuilder, is_page: bool) -> RequestBuilder {
        // Without a reason operators read nothing that is somebody else's.
        let request = request.header("restante-reason", "the%20table%20of%20rights");
        match (&self.token, &self.session) {
            (_, Some((cookie, _))) if is_page => request.header("cookie", cookie),
            (Some(token), _) => request.bearer_auth(token),
            _ => request,
        }
    }

    fn csrf(&self) -> &str {
        self.session.as_ref().map_or("", |(_, csrf)| csrf)
    }
}

/// The callers in the order of [`Answers`].
async fn callers(app: &TestApp) -> Vec<Caller> {
    let token = |text: String| Caller {
        token: Some(text),
        session: None,
    };
    app.add_user("stranger", Role::User, &[BOB]).await;
    app.add_user("root", Role::Admin, &[]).await;
    app.add_domain_operator("foreign", &[], &["example.net"])
        .await;
    app.add_domain_operator("own", &[], &["example.org"]).await;
    let admin = app.token(&[Admin], &[]).await;
    let stranger = app.token(&[Read, Delete], &[BOB]).await;
    let operator = async |domain| app.domain_token(&[Operator], &[domain]).await;
    let (foreign, own) = (operator("example.net").await, operator("example.org").await);
    let person = async |name: &str, token: String| {
        let cookie = sign_in(app, name).await;
        let csrf = csrf(&page(app, "/accounts", &cookie).await);
        Caller {
            token: Some(token),
            session: Some((cookie, csrf)),
        }
    };
    let aors = [ALICE.parse().unwrap()];
    let over = NewToken {
        name: "t",
        scopes: &[Read, Delete],
        aors: &aors,
        expires_at: Some(app.clock.now() - TimeDelta::seconds(1)),
        ..NewToken::default()
    };
    let expired = app.identity.make_token(over, Actor::SYSTEM).await.unwrap();
    let good = NewToken {
        expires_at: None,
        ..over
    };
    let revoked = app.identity.make_token(good, Actor::SYSTEM).await.unwrap();
    assert!(app.identity.revoke_token(revoked.token.id).await.unwrap());
    vec![
        Caller::default(),
        person("stranger", stranger).await,
        token(app.token(&[Read], &[ALICE]).await),
        token(expired.text),
        token(revoked.text),
        person("foreign", foreign).await,
        person("own", own).await,
        token(app.token(&[Gateway], &[]).await),
        person("root", admin).await,
    ]
}

/// What is asked about, made anew for each request that may take it away.
struct Things {
    count: usize,
}

impl Things {
    /// The path with what is to be there for it.
    async fn path(&mut self, app: &TestApp, path: &str) -> String {
        self.count += 1;
        let id = if path.contains("/messages/{id}") {
            // A large one has all there is to a message.
            app.store_large(Large::new()).await
        } else if path.contains("/reports/{id}") {
            self.report(app).await
        } else if path.contains("/users/{id}") {
            self.user(app).await
        } else if path.contains("/tokens/{id}") {
            self.token(app).await
        } else {
            String::new()
        };
        if path.contains("{aor}") {
            app.mailbox
                .ensure_account(&ALICE.parse().unwrap())
                .await
                .unwrap();
        }
        path.replace("{aor}", ALICE)
            .replace("{id}", &id)
            .replace("{n}", "1")
            .replace("{part}", "ok")
            .replace("{slug}", "not-found")
    }

    /// A report about a message of Alice's that was handed out, of a sender of its own, so that none waits for another.
    async fn report(&self, app: &TestApp) -> String {
        let sender = format!("sip:c{}@example.org", self.count);
        let id = app.store(Pager::new().asking("m1").from(&sender)).await;
        app.delete(&format!("/api/v1/accounts/{ALICE}/messages/{id}"))
            .await;
        let leased = app.get_as(&app.gateway, "/gateway/v1/reports").await.json();
        leased["items"][0]["id"].as_str().unwrap().to_owned()
    }

    async fn user(&self, app: &TestApp) -> String {
        let new = NewUser {
            name: &format!("victim {}", self.count),
            password: PASSWORD,
            role: Role::Operator,
            aors: &[],
            domains: &[],
        };
        app.identity
            .make_user(new, Actor::SYSTEM)
            .await
            .unwrap()
            .id
            .to_string()
    }

    async fn token(&self, app: &TestApp) -> String {
        let new = NewToken {
            name: "t",
            scopes: &[Gateway],
            ..NewToken::default()
        };
        let made = app.identity.make_token(new, Actor::SYSTEM).await.unwrap();
        made.token.id.to_string()
    }

    /// The request with the body that it needs to be done.
    fn filled(
        &self,
        app: &TestApp,
        request: RequestBuilder,
        row: (&str, &str),
        csrf: &str,
    ) -> RequestBuilder {
        let json = |body: Value| request.try_clone().unwrap().json(&body);
        match row {
            (_, "/gateway/v1/messages") => request
                .header("content-type", "message/sip")
                .body(Pager::new().bytes()),
            (_, "/gateway/v1/large-messages") => request
                .header("content-type", "multipart/mixed;boundary=zzz")
                .body(multipart(&Large::new().parts())),
            ("PUT", _) => request.header("content-type", LISTS_TYPE).body(DOCUMENT),
            ("POST", "/api/v1/accounts/{aor}/messages/delete") => {
                json(json!({"ids": ["10000000001"]}))
            }
            ("PATCH", MESSAGE) => json(json!({"expires_at": app.clock.now() + TimeDelta::days(1)})),
            ("POST", "/api/v1/users") => json(
                json!({"name": format!("new {}", self.count), "password": PASSWORD, "role": "operator"}),
            ),
            ("PATCH", "/api/v1/users/{id}") => json(json!({"disabled": true})),
            ("POST", "/api/v1/tokens") => json(json!({"name": "t", "scopes": ["gateway"]})),
            ("POST", page) if !page.starts_with("/api/") && !page.starts_with("/gateway/") => {
                let fields = [
                    ("csrf", csrf),
                    ("more", "max"),
                    ("name", "nobody"),
                    ("token", "none"),
                ];
                let body = form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(fields)
                    .finish();
                request
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(body)
            }
            _ => request,
        }
    }
}

/// The methods and paths of the pages, as their router has them.
fn page_routes() -> BTreeSet<(String, String)> {
    let read = |path| std::fs::read_to_string(repository(path)).unwrap();
    let source = read("src/web/ui/mod.rs") + &read("src/web/ui/me/mod.rs");
    let mut routes = BTreeSet::new();
    for route in source.split(".route(").skip(1) {
        // The last one goes on to the end of its file.
        let route = route.split("\n}").next().unwrap();
        let path = route.split('"').nth(1).unwrap();
        for method in ["get", "post", "put", "patch", "delete", "any"] {
            if route.contains(&format!("{method}(")) {
                routes.insert((method.to_uppercase(), path.to_owned()));
            }
        }
    }
    routes
}

fn of(rows: &[(&str, &str, Answers)]) -> BTreeSet<(String, String)> {
    let owned =
        |(method, path, _): &(&str, &str, Answers)| ((*method).to_owned(), (*path).to_owned());
    rows.iter().map(owned).collect()
}

/// Every row is tried with every caller.
async fn try_all(app: &TestApp, rows: &[(&str, &str, Answers)], is_page: bool) {
    let mut wrong = Vec::new();
    let mut things = Things { count: 0 };
    let mut callers = callers(app).await;
    for (method, path, answers) in rows {
        for (who, expected) in answers.iter().enumerate() {
            let target = things.path(app, path).await;
            if path.contains("resource-lists") {
                put(app, &target).await;
            }
            let caller = &callers[who];
            let method: Method = method.parse().unwrap();
            let request = caller.asks(app.request(method.clone(), &target), is_page);
            let request = things.filled(app, request, (method.as_str(), path), caller.csrf());
            // What is allowed of events does not end.
            let answer = request.send().await.unwrap();
            let place = answer
                .headers()
                .get("location")
                .map_or("", |place| place.to_str().unwrap());
            let status = if is_page && place.starts_with("/sign-in") {
                401
            } else {
                answer.status().as_u16()
            };
            if status != *expected {
                wrong.push(format!(
                    "{method} {path} by caller {who}: {status}, not {expected}"
                ));
            }
            // Tokens that are bound to her alone go with the account.
            if method == Method::DELETE && *path == "/api/v1/accounts/{aor}" && status == 200 {
                callers[2].token = Some(app.token(&[Read], &[ALICE]).await);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A document for whoever may read, change or delete it.
async fn put(app: &TestApp, path: &str) {
    let request = app.request(Method::PUT, path).bearer_auth(&app.operator);
    let answer = app
        .send(request.header("content-type", LISTS_TYPE).body(DOCUMENT))
        .await;
    assert!(answer.status.is_success(), "{}", answer.text());
}

#[test]
fn every_page_has_a_row() {
    assert_eq!(page_routes(), of(PAGES));
}

#[test]
fn every_operation_has_a_row() {
    let document = std::fs::read_to_string(repository("openapi/openapi.json")).unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let mut operations = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            operations.insert((method.to_uppercase(), path.clone()));
        }
    }
    assert_eq!(operations, of(API));
}

on_both_databases! {
    async fn each_caller_gets_what_the_table_says_of_the_api(app: TestApp) {
        try_all(&app, API, false).await;
    }

    async fn each_caller_gets_what_the_table_says_of_pages(app: TestApp) {
        try_all(&app, PAGES, true).await;
    }

    async fn each_caller_gets_what_the_table_says_of_xcap(app: TestApp) {
        try_all(&app, XCAP, false).await;
    }
}
