//! The audit: what is written down, that nobody can be named by it, and that changing it shows.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::Method;
use restante::domain::access::{Role, TokenScope};
use restante::domain::audit::{Action, Actor, ActorKind};
use restante::domain::audit_chain::Fault;
use restante::identity::secret;
use restante::store::audit::{self, NewEntry};
use restante::store::audit_chain::Verification;
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::on_both_databases;
use crate::support::browser::{cookie, csrf, page, post, sign_in};
use crate::support::message::Pager;
use crate::support::program::{Server, run, stdout};
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

/// Alice's messages in the API, and her inbox.
const MESSAGES: &str = "/api/v1/accounts/sip:alice@example.org/messages";
const INBOX: &str = "/accounts/sip%3Aalice%40example.org";

/// What the timeline of a message says, as its owner sees it.
async fn timeline(app: &TestApp, owner: &str, id: &str) -> Vec<(String, Value)> {
    let answer = app
        .get_as(owner, &format!("{MESSAGES}/{id}/timeline"))
        .await;
    let items = answer.json()["items"].as_array().unwrap().clone();
    let seen = |item: Value| {
        (
            item["kind"].as_str().unwrap().to_owned(),
            item["by_name"].clone(),
        )
    };
    items.into_iter().map(seen).collect()
}

on_both_databases! {
    async fn operators_read_for_a_reason(app: TestApp) {
        let id = app.store(Pager::new().header("Subject", "Quite private")).await;
        let owner = app.token(&[TokenScope::Read], &["sip:alice@example.org"]).await;
        let bound = app.token(&[TokenScope::Operator], &["sip:alice@example.org"]).await;
        let paths = ["", "/raw", "/content", "/parts/1"].map(|path| format!("{MESSAGES}/{id}{path}"));
        for path in &paths {
            app.get_as(&app.operator, path).await.assert_problem(403, "reason-required");
            for token in [&owner, &bound] {
                assert_eq!(app.get_as(token, path).await.status, 200, "{path}");
            }
        }
        // What is not there is not there, whatever the reason.
        app.get_as(&app.operator, &format!("{MESSAGES}/99999999999")).await.assert_problem(404, "not-found");
        // The envelope is there, the text is not.
        let sealed = app.get_as(&app.operator, MESSAGES).await.json()["items"][0].clone();
        assert_eq!((&sealed["sealed"], &sealed["subject"], &sealed["preview"]), (&json!(true), &json!(null), &json!("")));
        assert_eq!((&sealed["id"], sealed["size"].as_i64().unwrap() > 0), (&json!(id), true));
        for search in ["?q=private", "?subject=private", "?q=subject:private"] {
            app.get_as(&app.operator, &format!("{MESSAGES}{search}")).await.assert_problem(403, "reason-required");
        }
        assert_eq!(app.get_as(&app.operator, &format!("{MESSAGES}?from=carol")).await.status, 200);
        assert_eq!(read(&app, "?action=content.read").await.len(), 0);
        assert_eq!(timeline(&app, &owner, &id).await.len(), 1);
        for bad in ["short", "%FF%FF%FF%FF%FF%FF%FF%FF%FF%FF", "two%0Alines%20of%20text", &"x".repeat(501)] {
            let request = app.request(Method::GET, &paths[0]).bearer_auth(&app.operator).header("restante-reason", bad);
            app.send(request).await.assert_problem(400, "invalid-request");
        }
        let why = "Störung 4711, on the owner's request";
        for path in &paths {
            let request = app.request(Method::GET, path).bearer_auth(&app.operator);
            let answer = app.send(request.header("restante-reason", "St%C3%B6rung 4711, on the owner's request")).await;
            assert_eq!(answer.status, 200, "{path}");
        }
        let request = app.request(Method::GET, &format!("{MESSAGES}?q=private")).bearer_auth(&app.operator);
        let list = app.send(request.header("restante-reason", "Ticket 4711 again")).await.json();
        assert_eq!((&list["items"][0]["subject"], &list["items"][0]["sealed"]), (&json!("Quite private"), &json!(false)));
        let entries = read(&app, "?action=content.read&account=sip:alice@example.org").await;
        assert_eq!(entries.len(), 5);
        assert_eq!(entries[0]["detail"], json!({"reason": "Ticket 4711 again", "list": true}));
        assert_eq!(entries[1]["detail"], json!({"reason": why, "message": id}));
        assert_eq!((&entries[1]["actor"], &entries[1]["actor_name"]), (&json!("token"), &json!("t")));
        // Its owner sees that, and not who it was.
        let seen = timeline(&app, &owner, &id).await;
        assert_eq!(seen.len(), 5);
        assert_eq!(seen[4], ("message.inspected".to_owned(), Value::Null));
    }

    async fn documents_of_others_are_read_for_a_reason(app: TestApp) {
        app.store(Pager::new().header("Subject", "Quite private")).await;
        let path = "/xcap-root/org.openmobilealliance.deferred-list/users/sip:alice@example.org/deferred-list";
        app.get_as(&app.operator, path).await.assert_problem(403, "reason-required");
        assert!(app.get(path).await.text().contains("Quite private"));
        let entries = read(&app, "?action=content.read").await;
        assert_eq!(entries[0]["detail"]["document"], "org.openmobilealliance.deferred-list/deferred-list");
    }

    async fn pages_ask_operators_for_a_reason(app: TestApp) {
        app.add_user("otto", Role::Operator, &[]).await;
        app.add_user("alice", Role::User, &["sip:alice@example.org"]).await;
        let id = app.store(Pager::new().header("Subject", "Quite private")).await;
        app.store(Pager::new().to("sip:bob@example.org").header("Subject", "His own")).await;
        let owner = app.token(&[TokenScope::Read], &["sip:alice@example.org"]).await;
        let otto = sign_in(&app, "otto").await;
        let message = format!("{INBOX}/messages/{id}");
        let private = async |path: &str| page(&app, path, &otto).await.text().contains("Quite private");
        for path in [INBOX, &message, &format!("{INBOX}/metadata"), &format!("{INBOX}?q=private")] {
            assert!(!private(path).await, "{path}");
        }
        assert!(page(&app, &format!("{INBOX}?q=private"), &otto).await.text().contains("Give a reason first"));
        let sealed = page(&app, &message, &otto).await;
        for shown in ["sip:carol@example.org", "Why do you read this message?", "Extend", "Timeline"] {
            assert!(sealed.text().contains(shown), "{shown}: {}", sealed.text());
        }
        // The forms of the page tell no more when they are refused.
        let refused = post(&app, &format!("{message}/extend"), &otto, &[("csrf", &csrf(&sealed)), ("date", "x")]).await;
        assert!(refused.status == 422 && !refused.text().contains("Quite private"), "{}", refused.text());
        let token = csrf(&sealed);
        let reason = format!("{INBOX}/reason");
        let short = post(&app, &reason, &otto, &[("csrf", &token), ("reason", "<b>why"), ("next", &id)]).await;
        assert!(short.status == 422 && short.text().contains("10 to 500 characters") && !short.text().contains("<b>why"));
        assert_eq!(post(&app, &reason, &otto, &[("csrf", "wrong"), ("reason", "Ticket 4711"), ("next", &id)]).await.status, 403);
        assert!(!private(&message).await);
        let opened = post(&app, &reason, &otto, &[("csrf", &token), ("reason", "Ticket 4711"), ("next", &id)]).await;
        assert_eq!((opened.status.as_u16(), opened.header("location")), (303, message.as_str()));
        for path in [&message, INBOX, &message, &format!("{INBOX}?q=private"), &format!("{INBOX}/metadata")] {
            assert!(private(path).await, "{path}");
        }
        // The parts on the page belong to it; other accounts and other sessions are closed.
        assert_eq!(page(&app, &format!("/api/v1/accounts/sip:alice@example.org/messages/{id}/parts/1"), &otto).await.status, 200);
        assert!(!page(&app, "/accounts/sip%3Abob%40example.org", &otto).await.text().contains("His own"));
        let again = sign_in(&app, "otto").await;
        assert!(!page(&app, &message, &again).await.text().contains("Quite private"));
        let said: Vec<_> = read(&app, "?actor=user").await.into_iter()
            .filter(|entry| entry["action"].as_str().unwrap().starts_with("content."))
            .map(|entry| (entry["action"].as_str().unwrap().to_owned(), entry["detail"].clone())).collect();
        assert_eq!(said, [
            ("content.read".to_owned(), json!({"reason": "Ticket 4711", "message": id})),
            ("content.opened".to_owned(), json!({"reason": "Ticket 4711", "minutes": 15})),
        ]);
        let seen = timeline(&app, &owner, &id).await;
        assert_eq!(seen[1..], [("message.inspected".to_owned(), Value::Null)]);
        let alice = sign_in(&app, "alice").await;
        let told = page(&app, &message, &alice).await.text();
        assert!(told.contains("Read by an operator") && !told.contains("otto") && told.contains("Quite private"));
        assert_eq!(page(&app, &reason, &alice).await.status, 404);
        app.clock.advance(TimeDelta::minutes(16));
        assert!(!private(&message).await);
    }

    async fn the_audit_is_searched_and_exported(app: TestApp) {
        app.add_user("otto", Role::Operator, &[]).await;
        app.add_user("alice", Role::User, &["sip:alice@example.org"]).await;
        let id = app.store(Pager::new()).await;
        app.get(&format!("{MESSAGES}/{id}/raw")).await;
        post(&app, "/sign-in", "", &[("name", "otto"), ("password", "a guess")]).await;
        let otto = sign_in(&app, "otto").await;
        for n in 1..=1200 {
            audit::note(&app.mailbox.db, entry(n, &app)).await.unwrap();
        }
        let whole = chained(&app).await;
        let account = read(&app, "?account=sip:alice@example.org").await;
        let number = account[0]["account_id"].as_str().unwrap();
        for (query, expected) in [
            ("?outcome=refused", 1), ("?actor=user&actor_id=1200", 1), ("?action=session.sign_out&limit=500", 500),
            (&format!("?account_id={number}"), 1), ("?account_id=999", 0), ("?actor=console", 4),
        ] {
            assert_eq!(read(&app, query).await.len(), expected, "{query}");
        }
        for query in ["?outcome=x", "?actor_id=x", "?since=10000-01-01T00:00:00Z", "?after=3"] {
            app.get(&format!("/api/v1/audit{query}")).await.assert_problem(400, "invalid-request");
        }
        // Each line can be checked by the one before.
        let export = app.get("/api/v1/audit/export").await;
        assert_eq!((export.status.as_u16(), export.header("content-type")), (200, "application/jsonl"));
        let lines: Vec<Value> = export.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), usize::try_from(whole.last.number).unwrap());
        assert_eq!(lines.last().unwrap()["hash"], whole.last.hash);
        let mut before = whole.before_first.hash;
        for line in &lines {
            let detail = (!line["detail"].is_null()).then(|| line["detail"].to_string());
            let content = json!([before, line["number"], line["tx"], line["id"], line["at"], line["action"], line["outcome"],
                line["actor"], line["actor_id"], line["account_id"], detail]);
            before = secret::hash(&content.to_string());
            assert_eq!(line["hash"], before, "{line}");
        }
        for name in ["alice", "otto"] {
            assert!(!export.text().contains(name), "{name}");
        }
        let some = app.get(&format!("/api/v1/audit/export?after=700&action=session.sign_out&until={}", "9999-01-01T00:00:00Z")).await.text();
        assert_eq!(some.lines().count(), usize::try_from(whole.last.number).unwrap() - 700);
        assert_eq!(app.get("/api/v1/audit/export?account_id=999").await.text(), "");
        app.get("/api/v1/audit/export?limit=3").await.assert_problem(400, "invalid-request");
        let verified = app.get("/api/v1/audit/verification").await.json();
        assert_eq!((&verified["is_whole"], &verified["entries"], &verified["last"]["hash"]), (&json!(true), &json!(lines.len()), &json!(whole.last.hash)));
        tamper(&app, "UPDATE audit_event SET outcome = 'done' WHERE outcome = 'refused'").await;
        let verified = app.get("/api/v1/audit/verification").await.json();
        let at = lines.iter().find(|line| line["outcome"] == "refused").unwrap()["number"].clone();
        assert_eq!((&verified["is_whole"], &verified["fault_at"]), (&json!(false), &at));
        // The page has the same filters.
        let shown = page(&app, "/audit?action=content.read", &otto).await;
        assert!(shown.status == 200 && shown.text().contains("A test reads.") && shown.text().contains("sip:alice@example.org"), "{}", shown.text());
        assert_eq!(shown.text().matches("data-row").count(), 1);
        let first = page(&app, "/audit?action=session.sign_out&account=&from=2020-01-01&to=", &otto).await.text();
        assert_eq!(first.matches("data-row").count(), 50);
        let next = first.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
        assert_eq!(page(&app, &next, &otto).await.text().matches("data-row").count(), 50);
        assert!(page(&app, "/audit?account=%3Cb%3E", &otto).await.text().contains("cannot be read"));
        assert_eq!(page(&app, "/audit?cursor=x", &otto).await.status, 400);
        let alice = sign_in(&app, "alice").await;
        assert_eq!(page(&app, "/audit", &alice).await.status, 404);
        assert!(!page(&app, INBOX, &alice).await.text().contains("href=\"/audit\""));
    }
}

/// The command, with the server that chains.
#[tokio::test]
async fn the_command_says_where_the_chain_breaks() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let make = ["token", "create", "--name", "t", "--scope", "gateway"];
    stdout(&run(here, &make, None));
    let verify = || run(here, &["audit", "verify"], None);
    // Nothing chains but a server.
    let said = stdout(&verify());
    assert!(said.contains("1 entries are not chained yet"), "{said}");
    let server = Server::start(here, &[], None, "/setup?token=");
    while !stdout(&verify()).contains("1 entries, 1 to 1, are as they were chained") {
        sleep(Duration::from_millis(100)).await;
    }
    assert!(server.terminate().success());
    let file = here.join("restante-data/restante.db");
    let db = Database::connect(format!("sqlite://{}", file.display()))
        .await
        .unwrap();
    db.execute_unprepared("UPDATE audit_event SET actor_kind = 'system'")
        .await
        .unwrap();
    db.close().await.unwrap();
    let broken = verify();
    assert_eq!(broken.status.code(), Some(1));
    let said = String::from_utf8(broken.stdout).unwrap();
    assert!(
        said.contains("BROKEN: entry 1 is not what was chained"),
        "{said}"
    );
}
