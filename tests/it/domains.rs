//! What lies outside a caller's scope does not exist for them: of owners, and of operators and gateways of some domains.

use reqwest::Method;
use restante::domain::access::Role;
use restante::domain::access::TokenScope::{Delete, Gateway, Operator, Read};
use restante::domain::address::Aor;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::browser::{csrf, page, post, sign_in};
use crate::support::message::Pager;
use crate::support::xcap::{DOCUMENT, LISTS_TYPE};

const ALICE: &str = "sip:alice@example.org";
const BOB: &str = "sip:bob@example.net";
const NUMBER: &str = "tel:+12015550123";

/// One field of all items of a list.
fn fields(list: &Value, name: &str) -> Vec<String> {
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| item[name].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// A delivery report about a message of somebody's; its id.
async fn report_of(app: &TestApp, aor: &str, sender: &str) -> String {
    let message = Pager::new().asking("m").from(sender).to(aor);
    let id = app.store(message).await;
    app.delete(&format!("/api/v1/accounts/{aor}/messages/{id}"))
        .await;
    let list = app.get("/api/v1/reports").await.json();
    list["items"][0]["id"].as_str().unwrap().to_owned()
}

/// What the database makes of each account's address.
async fn stored_domains(app: &TestApp) -> Vec<(String, Option<String>)> {
    let db = app.mailbox.db.read();
    let sql = "SELECT aor, domain FROM account";
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await.unwrap();
    rows.iter()
        .map(|row| {
            (
                row.try_get("", "aor").unwrap(),
                row.try_get("", "domain").unwrap(),
            )
        })
        .collect()
}

on_both_databases! {
    /// Queries look at the column, all else at the address: they must agree.
    async fn the_database_knows_the_domain_of_every_address(app: TestApp) {
        let odd = [
            ALICE, "SIPS:Bob@EXAMPLE.net.:5061", "sip:carol@example.org:5070", "sip:a@[2001:DB8::1]", "sip:a@[2001:db8::1]:5070",
            "sip:a@192.0.2.1:5070", "sip:user;par=u%40example.net@example.com", "sip:%3A%5B%40@example.org", "sip:+1555@x",
            NUMBER, "tel:7042;phone-context=example.org",
        ];
        for aor in odd {
            app.mailbox.ensure_account(&aor.parse().unwrap()).await.unwrap();
        }
        let stored = stored_domains(&app).await;
        assert_eq!(stored.len(), odd.len());
        for (aor, domain) in stored {
            assert_eq!(domain.as_deref(), aor.parse::<Aor>().unwrap().domain(), "{aor}");
        }
    }

    async fn an_operator_of_a_domain_sees_its_accounts_and_messages_alone(app: TestApp) {
        let mut ids = Vec::new();
        for aor in [ALICE, BOB, NUMBER, "sip:dora@example.org", "sip:eve@sub.example.org"] {
            ids.push(app.store(Pager::new().to(aor)).await);
        }
        let operator = app.domain_token(&[Operator], &["Example.ORG."]).await;
        let own = [ALICE, "sip:dora@example.org"];
        let list = app.get_as(&operator, "/api/v1/accounts?limit=1").await;
        assert_eq!(fields(&list.json(), "aor"), own[..1]);
        let next = list.header("link").split(['<', '>']).nth(1).unwrap().to_owned();
        let list = app.get_as(&operator, &next).await.json();
        assert_eq!((fields(&list, "aor"), &list["has_more"]), (vec![own[1].to_owned()], &json!(false)));
        // Searching is no way round.
        let found = app.get_as(&operator, "/api/v1/accounts?q=example").await.json();
        assert_eq!(fields(&found, "aor"), own);
        for (aor, id) in [(BOB, &ids[1]), (NUMBER, &ids[2]), ("sip:eve@sub.example.org", &ids[4])] {
            let account = format!("/api/v1/accounts/{aor}");
            for path in [account.clone(), format!("{account}/messages"), format!("{account}/messages/{id}")] {
                app.get_as(&operator, &path).await.assert_problem(404, "not-found");
            }
            let erase = app.request(Method::DELETE, &account).bearer_auth(&operator);
            app.send(erase).await.assert_problem(404, "not-found");
            assert_eq!(app.waiting(aor).await, 1);
        }
        let message = format!("/api/v1/accounts/sips:alice@EXAMPLE.org:5061/messages/{}", ids[0]);
        assert_eq!(app.get_as(&operator, &message).await.status, 403, "no reason was given");
        let read = app.request(Method::GET, &message).bearer_auth(&operator).header("restante-reason", "A%20test%20reads.");
        assert_eq!(app.send(read).await.status, 200);
        let delete = app.request(Method::DELETE, &message).bearer_auth(&operator);
        assert_eq!(app.send(delete).await.status, 204);
        let erase = app.request(Method::DELETE, "/api/v1/accounts/sip:dora@example.org");
        assert_eq!(app.send(erase.bearer_auth(&operator)).await.status, 200);
        assert_eq!(fields(&app.get_as(&operator, "/api/v1/accounts").await.json(), "aor"), [ALICE]);
    }

    async fn reports_and_audit_are_those_of_the_domain(app: TestApp) {
        let operator = app.domain_token(&[Operator], &["example.net"]).await;
        let alices = report_of(&app, ALICE, "sip:c1@example.org").await;
        let bobs = report_of(&app, BOB, "sip:c2@example.org").await;
        report_of(&app, NUMBER, "sip:c3@example.org").await;
        let list = app.get_as(&operator, "/api/v1/reports").await.json();
        assert_eq!(fields(&list, "id"), [bobs.as_str()]);
        let of = async |method: Method, id: &str, word: &str| {
            let request = app.request(method, &format!("/api/v1/reports/{id}{word}"));
            app.send(request.bearer_auth(&operator)).await.status.as_u16()
        };
        assert_eq!(of(Method::POST, &alices, "/retry").await, 404);
        assert_eq!(of(Method::DELETE, &alices, "").await, 404);
        assert_eq!(of(Method::POST, &bobs, "/retry").await, 200);
        let audit = app.get_as(&operator, "/api/v1/audit").await.json();
        assert_eq!(fields(&audit, "action"), ["report.retried", "messages.removed"]);
        assert_eq!(fields(&audit, "account"), [BOB, BOB]);
        let alices = app.get_as(&operator, &format!("/api/v1/audit?account={ALICE}")).await.json();
        assert_eq!(alices["items"], json!([]));
        assert_eq!(of(Method::DELETE, &bobs, "").await, 204);
        // Others see all of it.
        assert_eq!(fields(&app.get("/api/v1/audit?action=messages.removed").await.json(), "account").len(), 3);
    }

    async fn a_gateway_of_a_domain_serves_it_alone(app: TestApp) {
        let gateway = app.domain_token(&[Gateway], &["example.net"]).await;
        let hand_over = async |aor: &str| {
            let request = app.request(Method::POST, "/gateway/v1/messages").bearer_auth(&gateway);
            let request = request.header("content-type", "message/sip").body(Pager::new().to(aor).bytes());
            app.send(request).await.status.as_u16()
        };
        assert_eq!(hand_over(BOB).await, 201);
        assert_eq!(hand_over("sips:new@EXAMPLE.net").await, 201);
        for elsewhere in [ALICE, NUMBER, "sip:bob@sub.example.net"] {
            assert_eq!(hand_over(elsewhere).await, 403, "{elsewhere}");
        }
        // One sender of both: what is for another tenant holds up nothing.
        report_of(&app, ALICE, "sip:c@example.org").await;
        let bobs = report_of(&app, BOB, "sip:c@example.org").await;
        let pulled = app.get_as(&gateway, "/gateway/v1/reports?limit=100").await.json();
        assert_eq!(fields(&pulled, "id"), [bobs.as_str()]);
        let ack = app.request(Method::POST, &format!("/gateway/v1/reports/{bobs}/ack"));
        assert_eq!(app.send(ack.bearer_auth(&gateway)).await.status, 204);
        let rest = app.get_as(&app.gateway, "/gateway/v1/reports?limit=100").await.json();
        assert_eq!(fields(&rest, "account"), [ALICE]);
    }

    async fn xcap_documents_are_those_of_the_domain(app: TestApp) {
        for aor in [ALICE, BOB] {
            app.mailbox.ensure_account(&aor.parse().unwrap()).await.unwrap();
        }
        let operator = app.domain_token(&[Operator], &["example.net"]).await;
        let put = async |token: &str, home: &str| {
            let request = app.request(Method::PUT, &format!("/xcap-root/resource-lists/{home}/index"));
            let request = request.header("content-type", LISTS_TYPE).body(DOCUMENT).bearer_auth(token);
            app.send(request).await.status.as_u16()
        };
        assert_eq!(put(&operator, &format!("users/{BOB}")).await, 201);
        assert_eq!(put(&operator, &format!("users/{ALICE}")).await, 404);
        // What is for everybody is of no domain.
        assert_eq!(put(&operator, "global").await, 403);
        assert_eq!(put(&app.operator, "global").await, 201);
        for (aor, status) in [(BOB, 200), (ALICE, 404)] {
            let path = format!("/xcap-root/org.openmobilealliance.deferred-list/users/{aor}/deferred-list");
            let read = app.request(Method::GET, &path).bearer_auth(&operator).header("restante-reason", "A%20test%20reads.");
            assert_eq!(app.send(read).await.status, status, "{aor}");
        }
    }

    async fn an_operator_in_person_has_the_pages_of_the_domain_and_the_own_mailbox(app: TestApp) {
        for aor in [ALICE, BOB, NUMBER] {
            app.store(Pager::new().to(aor)).await;
        }
        let report = report_of(&app, NUMBER, "sip:c@example.org").await;
        app.add_domain_operator("nora", &["sip:nora@home.example"], &["example.net"]).await;
        let cookie = sign_in(&app, "nora").await;
        let accounts = page(&app, "/accounts", &cookie).await.text();
        assert!(accounts.contains(BOB) && accounts.contains("sip:nora@home.example"), "{accounts}");
        assert!(!accounts.contains(ALICE) && !accounts.contains(NUMBER), "{accounts}");
        assert_eq!(page(&app, &format!("/accounts/{BOB}"), &cookie).await.status, 200);
        for path in [format!("/accounts/{ALICE}"), format!("/accounts/{ALICE}/erase")] {
            assert_eq!(page(&app, &path, &cookie).await.status, 404, "{path}");
        }
        let reports = page(&app, "/reports", &cookie).await;
        assert!(!reports.text().contains("c@example.org"), "{}", reports.text());
        let token = csrf(&reports);
        post(&app, &format!("/reports/{report}/drop"), &cookie, &[("csrf", &token)]).await;
        let left = app.get("/api/v1/reports").await.json();
        assert_eq!(fields(&left, "id"), [report]);
        // The own mailbox is read, not operated: its audit is nobody's here.
        app.store(Pager::new().to("sip:nora@home.example")).await;
        assert_eq!(page(&app, "/accounts/sip:nora@home.example", &cookie).await.status, 200);
    }

    async fn domains_are_kept_apart_from_what_they_are_not_for(app: TestApp) {
        let domain = ["example.org".parse().unwrap()];
        let refused = async |scopes: &[restante::domain::access::TokenScope]| {
            let aors = [ALICE.parse().unwrap()];
            let new = restante::identity::NewToken { name: "t", scopes, aors: &aors, domains: &domain, ..Default::default() };
            app.identity.make_token(new, restante::domain::audit::Actor::SYSTEM).await.is_err()
        };
        assert!(refused(&[Read]).await && refused(&[Read, Delete]).await);
        assert!(refused(&[restante::domain::access::TokenScope::Admin]).await);
        assert!(!refused(&[Operator]).await && !refused(&[Gateway, Read]).await);
        for role in [Role::User, Role::Admin] {
            let aors = [ALICE.parse().unwrap()];
            let new = restante::identity::NewUser { name: "x", password: crate::support::PASSWORD, role, aors: &aors, domains: &domain };
            assert!(app.identity.make_user(new, restante::domain::audit::Actor::SYSTEM).await.is_err());
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
