//! What a removal leaves behind: events, the audit and the timeline; deletions that may be taken back; erasing an
//! account; warnings of what expires; several nodes that sweep at once.

use std::collections::HashMap;

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::Method;
use restante::domain::access::{Role, Scope, TokenScope};
use restante::domain::audit::{Actor, ActorKind};
use restante::domain::event::{Cause, EventKind, Place};
use restante::domain::message_id::MessageKey;
use restante::store::events::{self, Event, NewEvent};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::message::Pager;

const AOR: &str = "sip:alice@example.org";
const ALICE: &str = "/api/v1/accounts/sip:alice@example.org";

/// All events there are.
async fn happened(app: &TestApp) -> Vec<Event> {
    let db = app.mailbox.db.read();
    events::after(db, Place::default(), 10_000).await.unwrap()
}

/// The kinds of the events of a message, in order.
async fn kinds(app: &TestApp, id: &str) -> Vec<&'static str> {
    let key: MessageKey = id.parse().unwrap();
    let own =
        |event: &Event| event.account_id == key.account_id && event.number == Some(key.number);
    let events = happened(app).await;
    events
        .iter()
        .filter(|event| own(event))
        .map(|event| event.kind.as_str())
        .collect()
}

/// Rows of the audit that are about messages and accounts, oldest first, each with all they hold.
async fn audit(app: &TestApp) -> Vec<HashMap<&'static str, Value>> {
    let db = app.mailbox.db.read();
    let sql = "SELECT action, outcome, actor_kind, actor_id, account_id, detail FROM audit_event \
        WHERE action NOT LIKE 'token.%' AND action NOT LIKE 'user.%' AND action NOT LIKE 'content.%' ORDER BY tx, id";
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await.unwrap();
    let text =
        |row: &sea_orm::QueryResult, column| row.try_get::<Option<String>>("", column).unwrap();
    let number =
        |row: &sea_orm::QueryResult, column| row.try_get::<Option<i64>>("", column).unwrap();
    rows.iter()
        .map(|row| {
            HashMap::from([
                ("action", json!(text(row, "action"))),
                ("outcome", json!(text(row, "outcome"))),
                ("actor_kind", json!(text(row, "actor_kind"))),
                ("actor_id", json!(number(row, "actor_id"))),
                ("account_id", json!(number(row, "account_id"))),
                (
                    "detail",
                    serde_json::from_str(&text(row, "detail").unwrap_or("null".into())).unwrap(),
                ),
            ])
        })
        .collect()
}

/// The document of Alice and its entity tag.
async fn document(app: &TestApp) -> (String, String) {
    let path =
        "/xcap-root/org.openmobilealliance.deferred-list/users/sip:alice@example.org/deferred-list";
    let answer = app.get(path).await;
    assert_eq!(answer.status, 200);
    (answer.header("etag").to_owned(), answer.text())
}

async fn account_id(app: &TestApp) -> i64 {
    let aor = AOR.parse().unwrap();
    app.mailbox
        .account(&Scope::All, &aor)
        .await
        .unwrap()
        .unwrap()
        .id
}

on_both_databases! {
    async fn a_deletion_is_told_and_written_down(app: TestApp) {
        let owner = app.token(&[TokenScope::Delete, TokenScope::Read], &[AOR]).await;
        let id = app.store(Pager::new().asking("m1")).await;
        let answer = app.send(app.request(Method::DELETE, &format!("{ALICE}/messages/{id}")).bearer_auth(&owner)).await;
        assert_eq!(answer.status, 204);
        assert_eq!(kinds(&app, &id).await, ["message.stored", "message.removed"]);
        // The timeline is there when the message is not.
        app.get(&format!("{ALICE}/messages/{id}")).await.assert_problem(404, "not-found");
        let timeline = app.get_as(&owner, &format!("{ALICE}/messages/{id}/timeline")).await;
        assert_eq!(timeline.status, 200);
        let timeline = timeline.json();
        let items = timeline["items"].as_array().unwrap();
        assert_eq!(items[0]["kind"], "message.stored");
        assert!(items[0]["until"].is_string());
        let removed = &items[1];
        assert_eq!((&removed["reason"], &removed["by"], &removed["by_name"]), (&json!("requested"), &json!("token"), &json!("t")));
        assert_eq!(timeline["report"]["state"], "pending");
        let audit = audit(&app).await;
        let entry = audit.iter().find(|entry| entry["action"] == "messages.removed").unwrap();
        assert_eq!((&entry["actor_kind"], &entry["outcome"]), (&json!("token"), &json!("done")));
        assert_eq!(entry["account_id"], account_id(&app).await);
        assert_eq!(entry["detail"], json!({"reason": "requested", "messages": [id]}));
        // A second deletion is no deletion.
        app.delete(&format!("{ALICE}/messages/{id}")).await.assert_problem(404, "not-found");
        assert_eq!(kinds(&app, &id).await.len(), 2);
        app.get(&format!("{ALICE}/messages/99990000000001/timeline")).await.assert_problem(404, "not-found");
        let next = format!("{}", id.parse::<u64>().unwrap() + 1);
        app.get(&format!("{ALICE}/messages/{next}/timeline")).await.assert_problem(404, "not-found");
    }

    async fn a_changed_expiry_is_told_and_written_down(app: TestApp) {
        let id = app.store(Pager::new()).await;
        let until = app.clock.now() + TimeDelta::days(3);
        let patch = app.request(Method::PATCH, &format!("{ALICE}/messages/{id}")).bearer_auth(&app.operator);
        assert_eq!(app.send(patch.json(&json!({"expires_at": until}))).await.status, 200);
        assert_eq!(kinds(&app, &id).await, ["message.stored", "message.changed"]);
        assert_eq!(happened(&app).await[1].until, Some(until));
        let audit = audit(&app).await;
        assert_eq!(audit[0]["action"], "message.expiry_changed");
        assert_eq!(audit[0]["detail"]["message"], id);
    }

    /// Nobody would see it, and the document would have a new version without a change.
    async fn what_has_expired_meanwhile_is_not_taken_back(app: TestApp, "[policy]\nexpiry_warning = '0s'\nsweep_interval = '1h'") {
        let by = Actor::of(ActorKind::User, 7);
        let id = app.store(Pager::new().header("Expires", "3")).await;
        let key: MessageKey = id.parse().unwrap();
        app.mailbox.hold(key.account_id, &[key.number], by).await.unwrap();
        app.clock.advance(TimeDelta::seconds(3));
        assert!(app.mailbox.release(key.account_id, &[key.number], by).await.unwrap().is_empty());
        let before = document(&app).await;
        assert_eq!(app.mailbox.expire().await.unwrap(), 0);
        assert_eq!(document(&app).await, before);
        assert_eq!(kinds(&app, &id).await, ["message.stored", "message.held", "message.removed"]);
    }

    async fn a_deletion_may_be_taken_back_for_a_while(app: TestApp, "[policy]\nsweep_interval = '1h'") {
        let by = Actor::of(ActorKind::User, 7);
        let first = app.store(Pager::new().asking("m1")).await;
        let second = app.store(Pager::new()).await;
        let keys: Vec<MessageKey> = [&first, &second].map(|id| id.parse().unwrap()).into();
        let (account, number) = (keys[0].account_id, keys[0].number);
        let before = document(&app).await;
        let held = app.mailbox.hold(account, &[number, 99], by).await.unwrap();
        assert_eq!(held.numbers, [number]);
        let grace = held.until - app.clock.now();
        assert!(grace > TimeDelta::seconds(5) && grace <= TimeDelta::seconds(10), "{grace}");
        // It is gone for everybody, and nobody is told yet.
        app.get(&format!("{ALICE}/messages/{first}")).await.assert_problem(404, "not-found");
        app.get(&format!("{ALICE}/messages/{first}/raw")).await.assert_problem(404, "not-found");
        app.delete(&format!("{ALICE}/messages/{first}")).await.assert_problem(404, "not-found");
        assert_eq!(app.waiting(AOR).await, 1);
        let meanwhile = document(&app).await;
        assert!(meanwhile.0 != before.0 && !meanwhile.1.contains(&first), "{meanwhile:?}");
        assert!(app.mailbox.hold(account, &[number], by).await.unwrap().numbers.is_empty());
        assert_eq!(app.mailbox.expire().await.unwrap(), 0);
        assert!(app.get("/api/v1/reports").await.json()["items"].as_array().unwrap().is_empty());
        // Whoever asked may take it back, nobody else.
        assert!(app.mailbox.release(account, &[number], Actor::of(ActorKind::User, 8)).await.unwrap().is_empty());
        assert_eq!(app.mailbox.release(account, &[number], by).await.unwrap(), [number]);
        assert_eq!(app.waiting(AOR).await, 2);
        assert_eq!(document(&app).await.1, before.1);
        assert!(app.mailbox.release(account, &[number], by).await.unwrap().is_empty());
        // When the while is over it goes, and its sender hears of it.
        app.mailbox.hold(account, &[number], by).await.unwrap();
        let held = document(&app).await;
        app.clock.advance(TimeDelta::seconds(10));
        assert!(app.mailbox.release(account, &[number], by).await.unwrap().is_empty());
        assert_eq!(app.mailbox.expire().await.unwrap(), 1);
        assert_eq!(app.waiting(AOR).await, 1);
        // Nothing changed for whoever reads the document.
        assert_eq!(document(&app).await, held);
        let reports = app.get("/api/v1/reports").await.json();
        assert_eq!(reports["items"][0]["reason"], "requested");
        assert_eq!(kinds(&app, &first).await,
            ["message.stored", "message.held", "message.released", "message.held", "message.removed"]);
        let audit = audit(&app).await;
        assert_eq!((&audit[0]["actor_kind"], &audit[0]["actor_id"]), (&json!("user"), &json!(7)));
    }

    async fn a_held_message_may_expire(app: TestApp, "[policy]\nsweep_interval = '1h'\nundo_grace = '1h'") {
        let id = app.store(Pager::new().header("Expires", "60")).await;
        let key: MessageKey = id.parse().unwrap();
        app.mailbox.hold(key.account_id, &[key.number], Actor::of(ActorKind::User, 7)).await.unwrap();
        app.clock.advance(TimeDelta::seconds(61));
        assert_eq!(app.mailbox.expire().await.unwrap(), 1);
        assert_eq!(app.waiting(AOR).await, 0);
        assert_eq!(kinds(&app, &id).await.last(), Some(&"message.removed"));
    }

    async fn what_expires_soon_is_told_once(app: TestApp, "[policy]\nsweep_interval = '1h'\nexpiry_warning = '24h'") {
        let day = |days: i64| (days * 86_400).to_string();
        let far = app.store(Pager::new().header("Expires", &day(3))).await;
        let near = app.store(Pager::new().header("Expires", &day(2))).await;
        let warned = async |id: &str| kinds(&app, id).await.iter().filter(|kind| **kind == "message.expiring").count();
        app.mailbox.expire().await.unwrap();
        assert_eq!((warned(&far).await, warned(&near).await), (0, 0));
        app.clock.advance(TimeDelta::hours(25));
        // Several nodes at once.
        for swept in join_all((0..4).map(|_| app.mailbox.expire())).await {
            swept.unwrap();
        }
        assert_eq!((warned(&far).await, warned(&near).await), (0, 1));
        app.mailbox.expire().await.unwrap();
        assert_eq!(warned(&near).await, 1);
        // Of one that is kept longer there is another warning later.
        let until = app.clock.now() + TimeDelta::days(5);
        let patch = app.request(Method::PATCH, &format!("{ALICE}/messages/{near}")).bearer_auth(&app.operator);
        assert_eq!(app.send(patch.json(&json!({"expires_at": until}))).await.status, 200);
        app.clock.advance(TimeDelta::hours(25));
        app.mailbox.expire().await.unwrap();
        assert_eq!((warned(&far).await, warned(&near).await), (1, 1));
        app.clock.advance(TimeDelta::hours(84));
        app.mailbox.expire().await.unwrap();
        assert_eq!(warned(&near).await, 2);
    }

    async fn nodes_share_the_sweep(app: TestApp, "[policy]\nsweep_interval = '1h'\ndelivery_reports = 'always'") {
        let messages: Vec<Pager> = (0..30)
            .flat_map(|n| (0..20).map(move |_| Pager::new().to(&format!("sip:u{n}@example.org")).header("Expires", "60")))
            .collect();
        for some in messages.chunks(100) {
            for answer in join_all(some.iter().map(|message| app.hand_over(message.clone()))).await {
                assert_eq!(answer.status, 201);
            }
        }
        app.clock.advance(TimeDelta::seconds(61));
        let sweeps = join_all((0..4).map(|_| app.mailbox.expire())).await;
        let mut removed: usize = sweeps.into_iter().map(Result::unwrap).sum();
        // What one was at, another left alone.
        removed += app.mailbox.expire().await.unwrap();
        assert_eq!(removed, 600);
        let gone = happened(&app).await;
        let gone: Vec<_> = gone.iter().filter(|event| event.kind == EventKind::Removed).collect();
        assert_eq!(gone.len(), 600);
        assert!(gone.iter().all(|event| event.cause == Some(Cause::Expired)));
        for n in 0..30 {
            assert_eq!(app.waiting(&format!("sip:u{n}@example.org")).await, 0);
        }
    }

    async fn an_account_is_erased_with_all_that_names_it(app: TestApp) {
        app.add_user("alice", Role::User, &[AOR]).await;
        app.add_user("both", Role::User, &[AOR, "sip:bob@example.org"]).await;
        app.add_user("oscar", Role::Operator, &[AOR]).await;
        let own = app.token(&[TokenScope::Read], &[AOR]).await;
        let shared = app.token(&[TokenScope::Read, TokenScope::Delete], &[AOR, "sip:bob@example.org"]).await;
        app.store(Pager::new().to("sip:bob@example.org")).await;
        let id = app.store(Pager::new().asking("m1")).await;
        let held = app.store(Pager::new()).await;
        let key: MessageKey = held.parse().unwrap();
        app.mailbox.hold(key.account_id, &[key.number], Actor::of(ActorKind::User, 7)).await.unwrap();
        // A program does not erase its owner.
        let answer = app.send(app.request(Method::DELETE, ALICE).bearer_auth(&shared)).await;
        answer.assert_problem(403, "insufficient-scope");
        let answer = app.delete(ALICE).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json(), json!({"messages": 2, "users": 1, "tokens": 1}));
        app.delete(ALICE).await.assert_problem(404, "not-found");
        app.get(ALICE).await.assert_problem(404, "not-found");
        app.get_as(&own, ALICE).await.assert_problem(401, "unauthenticated");
        app.get_as(&shared, ALICE).await.assert_problem(404, "not-found");
        assert_eq!(app.get_as(&shared, "/api/v1/accounts/me").await.json()["aor"], "sip:bob@example.org");
        let users: Vec<String> = app.identity.users().await.unwrap().into_iter().map(|user| user.name).collect();
        assert_eq!(users, ["both", "oscar"]);
        // Its sender is told, and whoever follows along; nothing else tells of it.
        assert_eq!(app.get("/api/v1/reports").await.json()["items"][0]["reason"], "erased");
        let events = happened(&app).await;
        let own: Vec<_> = events.iter().filter(|event| event.account_id == key.account_id).map(|event| event.kind).collect();
        assert_eq!(own, [EventKind::Erased]);
        for entry in audit(&app).await {
            assert!(!format!("{entry:?}").contains("alice"), "{entry:?}");
        }
        // The next message begins anew.
        let next = app.store(Pager::new()).await;
        assert_ne!(next, id);
        assert_eq!(app.waiting(AOR).await, 1);
    }

    /// Each sees the account before any has erased it; one does it, and what comes after it is not of this account.
    async fn who_erases_at_once_erases_once(app: TestApp) {
        let aor = AOR.parse().unwrap();
        for round in 0..5_usize {
            app.add_user(&format!("alice{round}"), Role::User, &[AOR]).await;
            app.store(Pager::new()).await;
            let by = Actor::of(ActorKind::User, 7);
            let erasing = (0..8).map(|_| app.mailbox.erase(&Scope::All, &aor, by));
            let erased: Vec<_> = join_all(erasing).await.into_iter().filter_map(Result::unwrap).collect();
            assert_eq!(erased.len(), 1, "{erased:?}");
            assert_eq!(erased[0].users, 1);
            let entries = audit(&app).await;
            let written = entries.iter().filter(|entry| entry["action"] == "account.erased");
            assert_eq!(written.count(), round + 1);
        }
    }

    async fn operators_read_the_audit(app: TestApp) {
        let owner = app.token(&[TokenScope::Delete], &[AOR]).await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            let id = app.store(Pager::new()).await;
            app.send(app.request(Method::DELETE, &format!("{ALICE}/messages/{id}")).bearer_auth(&owner)).await;
            ids.push(id);
        }
        app.store(Pager::new().to("sip:bob@example.org")).await;
        app.delete("/api/v1/accounts/sip:bob@example.org").await;
        let read = async |query: &str| {
            let answer = app.get(&format!("/api/v1/audit{query}")).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            answer.json()
        };
        let all = read("?until=9999-01-01T00:00:00Z&limit=5").await;
        let actions: Vec<_> = all["items"].as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["account.erased", "messages.removed", "messages.removed", "messages.removed", "messages.removed"]);
        // Who is erased is a number.
        assert_eq!((&all["items"][0]["account"], all["items"][0]["account_id"].is_string()), (&json!(null), true));
        assert!(!all.to_string().contains("bob"), "{all}");
        let last = &all["items"][2];
        assert_eq!((&last["actor"], &last["actor_name"], &last["account"], &last["outcome"]), (&json!("token"), &json!("t"), &json!(AOR), &json!("done")));
        assert_eq!(last["detail"], json!({"reason": "requested", "messages": [ids[2]]}));
        let count = async |query: &str| read(query).await["items"].as_array().unwrap().len();
        for (query, expected) in [
            ("?action=account.erased".to_owned(), 1), (format!("?account={AOR}"), 3), ("?account=sip:bob@example.org".to_owned(), 0),
            ("?actor=token".to_owned(), 5), ("?actor=system".to_owned(), 0), ("?since=2020-01-01T00:00:00Z".to_owned(), 8),
            ("?until=2020-01-01T00:00:00Z".to_owned(), 0),
        ] {
            assert_eq!(count(&query).await, expected, "{query}");
        }
        let page = read(&format!("?account={AOR}&limit=2")).await;
        assert_eq!(page["has_more"], true);
        let cursor = page["next_cursor"].as_str().unwrap();
        let rest = read(&format!("?account={AOR}&limit=2&cursor={cursor}")).await;
        assert_eq!(rest["items"][0]["detail"]["messages"], json!([ids[0]]));
        assert_eq!(rest["has_more"], false);
        for query in ["?action=x", "?actor=x", "?account=x", "?since=x", "?limit=501", "?color=red"] {
            app.get(&format!("/api/v1/audit{query}")).await.assert_problem(400, "invalid-request");
        }
        app.get(&format!("/api/v1/audit?cursor={cursor}")).await.assert_problem(400, "invalid-cursor");
        app.get_as(&owner, "/api/v1/audit").await.assert_problem(403, "insufficient-scope");
    }

    async fn old_events_are_forgotten(app: TestApp, "[policy]\nevents_keep = '10d'\naudit_keep = '20d'") {
        let id = app.store(Pager::new()).await;
        app.delete(&format!("{ALICE}/messages/{id}")).await;
        app.clock.advance(TimeDelta::days(9));
        app.store(Pager::new()).await;
        app.clock.advance(TimeDelta::days(2));
        app.mailbox.forget_old().await.unwrap();
        assert_eq!(happened(&app).await.len(), 1);
        assert_eq!(audit(&app).await.len(), 1);
        app.get(&format!("{ALICE}/messages/{id}/timeline")).await.assert_problem(404, "not-found");
        app.clock.advance(TimeDelta::days(10));
        app.mailbox.chain_audit().await.unwrap();
        app.mailbox.forget_old().await.unwrap();
        assert!(audit(&app).await.is_empty());
        // What is left begins where the rest ended.
        let kept = app.mailbox.verify_audit().await.unwrap();
        assert!(kept.fault.is_none() && kept.entries == 0 && kept.before_first.number == 3, "{kept:?}");
    }

    /// A transaction that began earlier may commit later: whoever reads events by place misses none.
    async fn events_come_in_the_order_they_became_visible(app: TestApp) {
        let key = |number| MessageKey { account_id: 1, number };
        let event = |number| NewEvent::of(EventKind::Stored, key(number), app.clock.now());
        let db = &app.mailbox.db;
        if db.writers() == 1 {
            // Nobody begins before the other has ended.
            return;
        }
        let early = db.write().await.unwrap();
        events::insert_all(&early, &[event(1)]).await.unwrap();
        let late = db.write().await.unwrap();
        events::insert_all(&late, &[event(2)]).await.unwrap();
        late.commit().await.unwrap();
        assert!(happened(&app).await.is_empty());
        early.commit().await.unwrap();
        let seen = happened(&app).await;
        let numbers: Vec<_> = seen.iter().map(|event| event.number.unwrap()).collect();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(events::after(db.read(), seen[0].place, 10).await.unwrap().len(), 1);
    }
}
