//! `/api/v1/users` and `/api/v1/me`: people as administrators make, change, disable and remove them.

use futures_util::future::join_all;
use reqwest::Method;
use restante::domain::access::Role;
use restante::domain::access::TokenScope::{Admin, Operator, Read};
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::browser::{page, post, sign_in};
use crate::support::message::Pager;
use crate::support::{Answer, PASSWORD, TestApp};

const ALICE: &str = "sip:alice@example.org";

async fn call(app: &TestApp, token: &str, method: Method, path: &str, body: Value) -> Answer {
    let mut request = app.request(method, path).bearer_auth(token);
    if !body.is_null() {
        request = request.json(&body);
    }
    app.send(request).await
}

async fn add(app: &TestApp, admin: &str, name: &str, role: &str, aors: &[&str]) -> Answer {
    let body = json!({"name": name, "password": PASSWORD, "role": role, "aors": aors});
    call(app, admin, Method::POST, "/api/v1/users", body).await
}

fn names(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| item["name"].as_str().unwrap()).collect()
}

on_both_databases! {
    async fn an_administrator_adds_changes_and_removes_people(app: TestApp) {
        let admin = app.token(&[Admin], &[]).await;
        let made = add(&app, &admin, "alice", "user", &[ALICE, "sips:alice@EXAMPLE.org"]).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let alice = made.json();
        assert_eq!((&alice["name"], &alice["role"], &alice["disabled"]), (&json!("alice"), &json!("user"), &json!(false)));
        // Two spellings are one address.
        assert_eq!((&alice["aors"], &alice["domains"]), (&json!([ALICE]), &json!([])));
        assert!(!made.text().contains("password") && !made.text().contains("argon2"), "{}", made.text());
        let place = made.header("location").to_owned();
        assert_eq!(place, format!("/api/v1/users/{}", alice["id"].as_str().unwrap()));
        // She can sign in, and has her account.
        let cookie = sign_in(&app, "alice").await;
        assert_eq!(page(&app, &format!("/accounts/{ALICE}"), &cookie).await.status, 200);
        let shown = app.get_as(&admin, &place).await;
        assert_eq!((shown.json(), shown.header("etag")), (alice, made.header("etag")));
        let again = app.request(Method::GET, &place).bearer_auth(&admin).header("if-none-match", shown.header("etag"));
        assert_eq!(app.send(again).await.status, 304);
        let change = json!({"role": "operator", "domains": ["EXAMPLE.org", "example.net"]});
        let changed = call(&app, &admin, Method::PATCH, &place, change).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        assert_eq!((&changed.json()["domains"], &changed.json()["aors"]), (&json!(["example.net", "example.org"]), &json!([ALICE])));
        assert_ne!(changed.header("etag"), shown.header("etag"));
        // Whoever has the old entity tag has not seen the change.
        for method in [Method::PATCH, Method::DELETE] {
            let stale = app.request(method, &place).bearer_auth(&admin).header("if-match", shown.header("etag"));
            app.send(stale.json(&json!({"disabled": true}))).await.assert_problem(412, "precondition-failed");
        }
        let gone = app.request(Method::DELETE, &place).bearer_auth(&admin).header("if-match", changed.header("etag"));
        assert_eq!(app.send(gone).await.status, 204);
        app.get_as(&admin, &place).await.assert_problem(404, "not-found");
        assert_eq!(page(&app, "/accounts", &cookie).await.status, 303);
        // The account stays.
        assert_eq!(app.get(&format!("/api/v1/accounts/{ALICE}")).await.status, 200);
        let audit = app.get("/api/v1/audit?actor=token").await.json();
        let actions: Vec<_> = audit["items"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["user.removed", "user.changed", "user.created"]);
        assert!(!audit.to_string().contains("alice"), "{audit}");
    }

    async fn what_cannot_be_is_refused_by_name(app: TestApp) {
        let admin = app.token(&[Admin], &[]).await;
        let user = json!({"name": "bob", "password": PASSWORD, "role": "user", "aors": [ALICE]});
        for (field, value, pointer) in [
            ("name", json!(""), "/name"), ("name", json!("a\u{7}b"), "/name"), ("name", json!("x".repeat(129)), "/name"),
            ("password", json!("short"), "/password"), ("role", json!("king"), "/role"), ("aors", json!([]), "/aors"),
            ("aors", json!([ALICE, "nobody"]), "/aors/1"), ("domains", json!(["example.org"]), "/domains"),
            ("domains", json!(["sip:a@b"]), "/domains/0"),
        ] {
            let mut body = user.clone();
            body[field] = value;
            let problem = call(&app, &admin, Method::POST, "/api/v1/users", body).await.assert_problem(400, "invalid-request");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        }
        let mut unknown = user.clone();
        unknown["is_admin"] = json!(true);
        call(&app, &admin, Method::POST, "/api/v1/users", unknown).await.assert_problem(400, "invalid-request");
        assert_eq!(call(&app, &admin, Method::POST, "/api/v1/users", user.clone()).await.status, 201);
        call(&app, &admin, Method::POST, "/api/v1/users", user).await.assert_problem(409, "name-taken");
        let list = app.get_as(&admin, "/api/v1/users").await.json();
        let place = format!("/api/v1/users/{}", list["items"][0]["id"].as_str().unwrap());
        for body in [json!({}), json!({"name": "x"}), json!({"role": "king"}), json!({"aors": []}), json!({"disabled": "yes"})] {
            call(&app, &admin, Method::PATCH, &place, body).await.assert_problem(400, "invalid-request");
        }
        for id in ["0", "999", "x", "-1", "9223372036854775808"] {
            app.get_as(&admin, &format!("/api/v1/users/{id}")).await.assert_problem(404, "not-found");
        }
    }

    async fn only_administrators_see_people(app: TestApp) {
        app.add_user("root", Role::Admin, &[]).await;
        for token in [app.operator.clone(), app.gateway.clone(), app.token(&[Read], &[ALICE]).await] {
            app.get_as(&token, "/api/v1/users").await.assert_problem(403, "insufficient-scope");
        }
        let bound = app.domain_token(&[Operator], &["example.org"]).await;
        let body = json!({"name": "x", "password": PASSWORD, "role": "admin"});
        call(&app, &bound, Method::POST, "/api/v1/users", body).await.assert_problem(403, "insufficient-scope");
    }

    async fn the_list_is_by_name_and_in_pages(app: TestApp) {
        let admin = app.token(&[Admin], &[]).await;
        for name in ["carol", "alice", "bob"] {
            app.add_user(name, Role::User, &[ALICE]).await;
        }
        let first = app.get_as(&admin, "/api/v1/users?limit=2").await;
        assert_eq!((names(&first.json()), &first.json()["has_more"]), (vec!["alice", "bob"], &json!(true)));
        let next = first.header("link").split(['<', '>']).nth(1).unwrap().to_owned();
        let last = app.get_as(&admin, &next).await.json();
        assert_eq!((names(&last), &last["has_more"], &last["next_cursor"]), (vec!["carol"], &json!(false), &json!(null)));
        for query in ["?limit=0", "?limit=501", "?limit=x", "?name=a"] {
            app.get_as(&admin, &format!("/api/v1/users{query}")).await.assert_problem(400, "invalid-request");
        }
        app.get_as(&admin, "/api/v1/users?cursor=x").await.assert_problem(400, "invalid-cursor");
    }

    async fn whoever_is_disabled_is_out_at_once_and_stays_signed_out(app: TestApp) {
        let admin = app.token(&[Admin], &[]).await;
        let made = add(&app, &admin, "alice", "user", &[ALICE]).await;
        let place = made.header("location").to_owned();
        let cookie = sign_in(&app, "alice").await;
        let set = async |disabled: bool| {
            let changed = call(&app, &admin, Method::PATCH, &place, json!({"disabled": disabled})).await;
            assert_eq!(changed.json()["disabled"], disabled, "{}", changed.text());
        };
        set(true).await;
        assert_eq!(page(&app, "/accounts", &cookie).await.status, 303);
        let fields = [("name", "alice"), ("password", PASSWORD)];
        let refused = post(&app, "/sign-in", "", &fields).await;
        // As with a wrong password: nobody learns that there is such a person.
        assert_eq!(refused.status, 401);
        set(false).await;
        assert_eq!(page(&app, "/accounts", &cookie).await.status, 303);
        sign_in(&app, "alice").await;
    }

    async fn the_last_administrator_stays(app: TestApp) {
        let admin = app.token(&[Admin], &[]).await;
        let place = add(&app, &admin, "root", "admin", &[]).await.header("location").to_owned();
        let other = add(&app, &admin, "other", "admin", &[]).await.header("location").to_owned();
        let patch = async |place: &str, body: Value| call(&app, &admin, Method::PATCH, place, body).await;
        // One who may not sign in does not count.
        assert_eq!(patch(&other, json!({"disabled": true})).await.status, 200);
        for body in [json!({"disabled": true}), json!({"role": "operator"}), json!({"role": "user", "aors": [ALICE]})] {
            patch(&place, body).await.assert_problem(409, "last-administrator");
        }
        call(&app, &admin, Method::DELETE, &place, json!(null)).await.assert_problem(409, "last-administrator");
        assert_eq!(patch(&place, json!({"aors": [ALICE]})).await.status, 200);
        assert_eq!(patch(&other, json!({"disabled": false})).await.status, 200);
        assert_eq!(patch(&place, json!({"role": "operator"})).await.status, 200);
        patch(&other, json!({"disabled": true})).await.assert_problem(409, "last-administrator");
    }

    /// Each of two who go at once sees that the other is still there.
    async fn of_two_administrators_who_go_at_once_one_stays(app: TestApp) {
        let admin = app.token(&[Admin], &[]).await;
        for round in 0..5 {
            let mut places = Vec::new();
            for n in 0..2 {
                let name = format!("root-{round}-{n}");
                places.push(add(&app, &admin, &name, "admin", &[]).await.header("location").to_owned());
            }
            let demote = |place| call(&app, &admin, Method::PATCH, place, json!({"role": "operator"}));
            let demoted = join_all(places.iter().map(|place| demote(place))).await;
            let mut statuses: Vec<u16> = demoted.iter().map(|answer| answer.status.as_u16()).collect();
            statuses.sort_unstable();
            // From the second round on one is left of those before.
            let expected = if round == 0 { [200, 409] } else { [200, 200] };
            assert_eq!(statuses, expected, "round {round}");
            let list = app.get_as(&admin, "/api/v1/users?limit=500").await.json();
            let left = list["items"].as_array().unwrap().iter().filter(|user| user["role"] == "admin").count();
            assert_eq!(left, 1, "{list}");
        }
    }

    async fn everybody_learns_who_they_are(app: TestApp) {
        app.store(Pager::new()).await;
        let me = async |token: &str| app.get_as(token, "/api/v1/me").await.json();
        let reader = me(&app.token(&[Read], &[ALICE]).await).await;
        assert_eq!((&reader["kind"], &reader["name"], &reader["role"]), (&json!("token"), &json!("t"), &json!(null)));
        assert_eq!((&reader["scopes"], &reader["aors"], &reader["expires_at"]), (&json!(["read"]), &json!([ALICE]), &json!(null)));
        let bound = me(&app.domain_token(&[Operator], &["example.org"]).await).await;
        assert_eq!((&bound["scopes"], &bound["domains"]), (&json!(["read", "delete", "operator"]), &json!(["example.org"])));
        assert_eq!(me(&app.gateway).await["scopes"], json!(["gateway"]));
        app.add_user("alice", Role::User, &[ALICE]).await;
        let cookie = sign_in(&app, "alice").await;
        let alice = page(&app, "/api/v1/me", &cookie).await.json();
        assert_eq!((&alice["kind"], &alice["name"], &alice["role"]), (&json!("user"), &json!("alice"), &json!("user")));
        assert_eq!(alice["scopes"], json!(["read", "delete"]));
        app.send(app.request(Method::GET, "/api/v1/me")).await.assert_problem(401, "unauthenticated");
    }
}
