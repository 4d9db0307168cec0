//! What goes, in a browser as far as no browser is needed: deletions that may be taken back, timelines, another
//! expiry, delivery reports, erasing an account; and who may do none of it.

use chrono::TimeDelta;
use restante::domain::access::{Role, Scope};

use crate::on_both_databases;
use crate::support::browser::{csrf, page, post, sign_in};
use crate::support::message::Pager;
use crate::support::{Answer, TestApp};

const AOR: &str = "sip:alice@example.org";
const ALICE: &str = "/accounts/sip%3Aalice%40example.org";

/// What a page's Undo button sends.
fn deletion(page: &Answer) -> String {
    let text = page.text();
    let after = text.split("name=\"deletion\" value=\"").nth(1).unwrap();
    after.split('"').next().unwrap().to_owned()
}

/// Deletes messages of Alice, and the page that is shown then.
async fn delete(app: &TestApp, session: &str, ids: &[&str]) -> Answer {
    let token = csrf(&page(app, ALICE, session).await);
    let mut fields = vec![("csrf", token.as_str())];
    fields.extend(ids.iter().map(|id| ("id", *id)));
    let done = post(app, &format!("{ALICE}/delete"), session, &fields).await;
    assert_eq!(
        (done.status.as_u16(), done.header("location")),
        (303, ALICE)
    );
    page(app, ALICE, session).await
}

async fn undo(app: &TestApp, session: &str, deletion: &str) -> String {
    let token = csrf(&page(app, "/accounts", session).await);
    let fields = [("csrf", token.as_str()), ("deletion", deletion)];
    let done = post(app, &format!("{ALICE}/undo"), session, &fields).await;
    assert_eq!(
        (done.status.as_u16(), done.header("location")),
        (303, ALICE)
    );
    page(app, ALICE, session).await.text()
}

/// A message of Alice's that went with a report to its sender.
async fn reported(app: &TestApp) -> String {
    let id = app.store(Pager::new().asking("m1")).await;
    let gone = app.delete(&format!("/api/v1{ALICE}/messages/{id}")).await;
    assert_eq!(gone.status, 204);
    id
}

async fn report_id(app: &TestApp) -> String {
    let reports = app.get("/api/v1/reports").await.json();
    reports["items"][0]["id"].as_str().unwrap().to_owned()
}

on_both_databases! {
    async fn deletions_are_taken_back_one_by_one(app: TestApp, "[policy]\nsweep_interval = '1h'") {
        app.add_user("alice", Role::User, &[AOR]).await;
        let ids = [app.store(Pager::new()).await, app.store(Pager::new()).await, app.store(Pager::new()).await];
        let session = sign_in(&app, "alice").await;
        let first = deletion(&delete(&app, &session, &[&ids[0], &ids[1]]).await);
        let shown = delete(&app, &session, &[&ids[2]]).await;
        assert!(shown.text().contains("1 message deleted."), "{}", shown.text());
        let second = deletion(&shown);
        assert_ne!(first, second);
        // Any page offers it.
        assert_eq!(deletion(&page(&app, "/accounts", &session).await), second);
        let shown = undo(&app, &session, &second).await;
        assert!(shown.contains("1 message is back.") && shown.contains("2 messages deleted."), "{shown}");
        assert_eq!(app.waiting(AOR).await, 1);
        // It is taken back once.
        assert!(undo(&app, &session, &second).await.contains("too late"));
        assert!(undo(&app, &session, &first).await.contains("2 messages are back."));
        assert_eq!(app.waiting(AOR).await, 3);
        assert!(!page(&app, ALICE, &session).await.text().contains("id=\"undo\""));
        // What is gone already is not deleted again.
        delete(&app, &session, &[&ids[0]]).await;
        let again = delete(&app, &session, &[&ids[0], "x", "99990000000001"]).await.text();
        assert!(again.contains("gone already"), "{again}");
    }

    async fn after_the_grace_it_is_too_late(app: TestApp, "[policy]\nsweep_interval = '1h'\nundo_grace = '30s'") {
        app.add_user("alice", Role::User, &[AOR]).await;
        let id = app.store(Pager::new()).await;
        let session = sign_in(&app, "alice").await;
        let kept = deletion(&delete(&app, &session, &[&id]).await);
        app.clock.advance(TimeDelta::seconds(30));
        assert!(!page(&app, ALICE, &session).await.text().contains("id=\"undo\""));
        let shown = undo(&app, &session, &kept).await;
        assert!(shown.contains("It is too late to undo") && shown.contains("role=\"alert\""), "{shown}");
        assert!(!page(&app, ALICE, &session).await.text().contains("too late"), "said once");
        assert_eq!(app.waiting(AOR).await, 0);
    }

    async fn without_a_grace_there_is_nothing_to_undo(app: TestApp, "[policy]\nundo_grace = '0s'") {
        app.add_user("alice", Role::User, &[AOR]).await;
        let id = app.store(Pager::new()).await;
        let session = sign_in(&app, "alice").await;
        let shown = delete(&app, &session, &[&id]).await.text();
        assert!(shown.contains("1 message deleted.") && !shown.contains("id=\"undo\""), "{shown}");
        assert_eq!(app.waiting(AOR).await, 0);
    }

    async fn nobody_else_takes_a_deletion_back(app: TestApp, "[policy]\nsweep_interval = '1h'") {
        app.add_user("alice", Role::User, &[AOR]).await;
        app.add_user("bob", Role::User, &["sip:bob@example.org"]).await;
        app.add_user("otto", Role::Operator, &[]).await;
        let id = app.store(Pager::new()).await;
        app.store(Pager::new().to("sip:bob@example.org")).await;
        let session = sign_in(&app, "alice").await;
        let kept = deletion(&delete(&app, &session, &[&id]).await);
        let path = format!("{ALICE}/undo");
        for forged in ["", "wrong", "a.b"] {
            let fields = [("csrf", forged), ("deletion", kept.as_str())];
            assert_eq!(post(&app, &path, &session, &fields).await.status, 403, "{forged}");
        }
        let bob = sign_in(&app, "bob").await;
        let token = csrf(&page(&app, "/accounts", &bob).await);
        let fields = [("csrf", token.as_str()), ("deletion", kept.as_str())];
        assert_eq!(post(&app, &path, &bob, &fields).await.status, 404);
        assert_eq!(post(&app, &path, "", &fields).await.status, 303);
        // Not even an operator: it is the deletion of somebody else.
        let otto = sign_in(&app, "otto").await;
        assert!(undo(&app, &otto, &kept).await.contains("too late"));
        assert_eq!(app.waiting(AOR).await, 0);
        assert!(undo(&app, &session, &kept).await.contains("1 message is back."));
    }

    async fn a_message_that_is_gone_has_a_page(app: TestApp) {
        app.add_user("alice", Role::User, &[AOR]).await;
        app.add_user("bob", Role::User, &["sip:bob@example.org"]).await;
        app.store(Pager::new().to("sip:bob@example.org")).await;
        let id = app.store(Pager::new().asking("m1")).await;
        let address = format!("{ALICE}/messages/{id}");
        let session = sign_in(&app, "alice").await;
        let there = page(&app, &address, &session).await;
        assert_eq!(there.status, 200);
        assert!(there.text().contains("id=\"timeline\"") && there.text().contains("Stored"));
        delete(&app, &session, &[&id]).await;
        let held = page(&app, &address, &session).await;
        assert_eq!(held.status, 404);
        assert!(held.text().contains("Deletion asked for") && held.text().contains("<bdi>alice</bdi>"), "{}", held.text());
        app.clock.advance(TimeDelta::seconds(10));
        app.mailbox.expire().await.unwrap();
        let gone = page(&app, &address, &session).await;
        assert_eq!(gone.status, 404);
        let text = gone.text();
        for wanted in ["This message is gone", "It was deleted", "<strong>Deleted</strong>", "Report to the sender", "Waiting", "none yet"] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        // For others, and where there never was a message, there is nothing.
        let bob = sign_in(&app, "bob").await;
        let never = format!("{ALICE}/messages/{}", id.parse::<u64>().unwrap() + 1);
        for (path, session) in [(&address, &bob), (&never, &session)] {
            let nothing = page(&app, path, session).await;
            assert_eq!(nothing.status, 404);
            assert!(!nothing.text().contains("Timeline") && nothing.text().contains("Not found"), "{path}");
        }
    }

    async fn the_expiry_of_a_message_is_put_off(app: TestApp) {
        app.add_user("alice", Role::User, &[AOR]).await;
        app.add_user("bob", Role::User, &["sip:bob@example.org"]).await;
        let id = app.store(Pager::new().header("Expires", "86400")).await;
        let path = format!("{ALICE}/messages/{id}/extend");
        let session = sign_in(&app, "alice").await;
        let token = csrf(&page(&app, ALICE, &session).await);
        let aor = AOR.parse().unwrap();
        let account = app.mailbox.account(&Scope::All, &aor).await.unwrap().unwrap();
        let expiry = async || {
            let key = id.parse().unwrap();
            app.mailbox.open(&account, key).await.unwrap().unwrap().summary.facts.expires_at
        };
        let before = expiry().await;
        let longer = post(&app, &path, &session, &[("csrf", &token), ("more", "7d")]).await;
        assert_eq!((longer.status.as_u16(), longer.header("location")), (303, &*format!("{ALICE}/messages/{id}")));
        assert_eq!(expiry().await, before + TimeDelta::days(7));
        let told = page(&app, longer.header("location"), &session).await.text();
        assert!(told.contains("Kept until") && told.contains("Expiry changed"), "{told}");
        post(&app, &path, &session, &[("csrf", &token), ("more", "max")]).await;
        let latest = app.clock.now() + app.mailbox.policy.max_expiry;
        assert!((latest - expiry().await).abs() < TimeDelta::minutes(1));
        // What may not be chosen is refused beside the field, and what was typed is kept.
        let kept = expiry().await;
        let far = (latest + TimeDelta::days(2)).date_naive().to_string();
        for (name, value, why) in [("date", "tomorrow", "This is not a day"), ("date", "2001-01-01", "after now and not after"),
            ("date", &far, "not after"), ("more", "1d", "not after"), ("more", "9d", "Choose a day first"), ("date", "", "Choose a day first")] {
            let refused = post(&app, &path, &session, &[("csrf", &token), (name, value)]).await;
            assert_eq!(refused.status, 422, "{value}");
            let text = refused.text();
            assert!(text.contains(why) && text.contains("aria-invalid") && text.contains("<details class=\"extend\" open>"), "{value}: {text}");
            assert!(name == "more" || text.contains(&format!("value=\"{value}\"")), "{value}");
        }
        assert_eq!(expiry().await, kept);
        // The address of a refused form leads to the message.
        let there = page(&app, &path, &session).await;
        assert_eq!((there.status.as_u16(), there.header("location")), (303, longer.header("location")));
        assert_eq!(post(&app, &path, &session, &[("csrf", "wrong"), ("more", "max")]).await.status, 403);
        let bob = sign_in(&app, "bob").await;
        app.store(Pager::new().to("sip:bob@example.org")).await;
        let foreign = csrf(&page(&app, "/accounts", &bob).await);
        assert_eq!(post(&app, &path, &bob, &[("csrf", &foreign), ("more", "max")]).await.status, 404);
        app.delete(&format!("/api/v1{ALICE}/messages/{id}")).await;
        let gone = post(&app, &path, &session, &[("csrf", &token), ("more", "max")]).await;
        assert_eq!(gone.status, 404);
        assert!(gone.text().contains("This message is gone"));
    }

    async fn operators_retry_and_drop_reports(app: TestApp) {
        app.add_user("otto", Role::Operator, &[]).await;
        let otto = sign_in(&app, "otto").await;
        let empty = page(&app, "/reports", &otto).await.text();
        assert!(empty.contains("No reports") && empty.contains("/gateway/v1/reports"), "{empty}");
        let id = reported(&app).await;
        let listed = page(&app, "/reports", &otto).await;
        for wanted in ["Waiting", "Message deleted", AOR, &format!("{ALICE}/messages/{id}"), "the sender is not told"] {
            assert!(listed.text().contains(wanted), "{wanted}: {}", listed.text());
        }
        assert!(page(&app, "/reports?state=pending", &otto).await.text().contains(AOR));
        assert!(page(&app, "/reports?state=dead", &otto).await.text().contains("No reports in this state"));
        assert_eq!(page(&app, "/reports?state=lost", &otto).await.status, 400);
        assert_eq!(page(&app, "/reports?cursor=x", &otto).await.status, 400);
        let report = report_id(&app).await;
        let token = csrf(&listed);
        let act = async |what: &str, id: &str| {
            let fields = [("csrf", token.as_str()), ("state", "pending")];
            let done = post(&app, &format!("/reports/{id}/{what}"), &otto, &fields).await;
            assert_eq!((done.status.as_u16(), done.header("location")), (303, "/reports?state=pending"));
            page(&app, "/reports", &otto).await.text()
        };
        assert!(act("retry", &report).await.contains("is tried again now."));
        // One that is being sent is left alone.
        app.mailbox.claim_reports(&Scope::All, 1).await.unwrap();
        assert!(act("retry", &report).await.contains("being sent at this moment"));
        let number = report.parse().unwrap();
        app.mailbox.report_sent(&Scope::All, number).await.unwrap();
        assert!(act("retry", &report).await.contains("It is not sent twice"));
        assert!(act("drop", &report).await.contains("The report was dropped."));
        for what in ["retry", "drop"] {
            assert!(act(what, &report).await.contains("no such report any more"));
        }
        assert!(app.get("/api/v1/reports").await.json()["items"].as_array().unwrap().is_empty());
    }

    async fn reports_come_in_pages(app: TestApp, "[policy]\ndelivery_reports = 'always'\nquota_messages = 100") {
        app.add_user("otto", Role::Operator, &[]).await;
        for _ in 0..51 {
            let id = app.store(Pager::new()).await;
            assert_eq!(app.delete(&format!("/api/v1{ALICE}/messages/{id}")).await.status, 204);
        }
        let otto = sign_in(&app, "otto").await;
        let first = page(&app, "/reports", &otto).await.text();
        assert_eq!(first.matches("/drop\"").count(), 50);
        let next = first.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap();
        let second = page(&app, next, &otto).await.text();
        assert_eq!(second.matches("/drop\"").count(), 1);
        assert!(second.contains("Start of the list") && !second.contains("Next page"));
    }

    async fn reports_are_for_operators(app: TestApp) {
        app.add_user("alice", Role::User, &[AOR]).await;
        app.add_user("otto", Role::Operator, &[]).await;
        reported(&app).await;
        let report = report_id(&app).await;
        let alice = sign_in(&app, "alice").await;
        let inbox = page(&app, ALICE, &alice).await;
        assert!(!inbox.text().contains("href=\"/reports\""));
        assert_eq!(page(&app, "/reports", &alice).await.status, 404);
        assert_eq!(page(&app, "/reports", "").await.status, 303);
        let otto = sign_in(&app, "otto").await;
        assert!(page(&app, "/accounts", &otto).await.text().contains("href=\"/reports\""));
        for what in ["retry", "drop"] {
            let path = format!("/reports/{report}/{what}");
            assert_eq!(post(&app, &path, &alice, &[("csrf", &csrf(&inbox))]).await.status, 404);
            assert_eq!(post(&app, &path, &otto, &[("csrf", "wrong")]).await.status, 403);
            assert_eq!(post(&app, &path, "", &[]).await.status, 303);
        }
        let token = csrf(&page(&app, "/reports", &otto).await);
        assert_eq!(post(&app, "/reports/x/drop", &otto, &[("csrf", &token)]).await.status, 404);
        assert_eq!(report_id(&app).await, report);
    }

    async fn erasing_takes_the_address_typed(app: TestApp) {
        app.add_user("alice", Role::User, &[AOR]).await;
        app.add_user("bob", Role::User, &["sip:bob@example.org"]).await;
        app.add_user("otto", Role::Operator, &[]).await;
        app.store(Pager::new()).await;
        app.store(Pager::new().to("sip:bob@example.org")).await;
        let path = format!("{ALICE}/erase");
        let otto = sign_in(&app, "otto").await;
        assert!(page(&app, ALICE, &otto).await.text().contains(&format!("href=\"{path}\"")));
        let asked = page(&app, &path, &otto).await;
        for wanted in ["What goes", "What stays", "1 message", "audit"] {
            assert!(asked.text().contains(wanted), "{wanted}");
        }
        let token = csrf(&asked);
        for (typed, why) in [("", "Type the address"), ("sip:bob@example.org", "not the address"), ("alice", "not the address"), ("<b>", "not the address")] {
            let refused = post(&app, &path, &otto, &[("csrf", &token), ("aor", typed)]).await;
            assert_eq!(refused.status, 422, "{typed}");
            assert!(refused.text().contains(why) && !refused.text().contains("<b>"), "{typed}: {}", refused.text());
        }
        assert_eq!(post(&app, &path, &otto, &[("csrf", "wrong"), ("aor", AOR)]).await.status, 403);
        let bob = sign_in(&app, "bob").await;
        let foreign = csrf(&page(&app, "/accounts", &bob).await);
        assert_eq!(page(&app, &path, &bob).await.status, 404);
        assert_eq!(post(&app, &path, &bob, &[("csrf", &foreign), ("aor", AOR)]).await.status, 404);
        assert_eq!(post(&app, &path, "", &[("aor", AOR)]).await.status, 303);
        assert_eq!(app.waiting(AOR).await, 1);
        let id = app.store(Pager::new()).await;
        assert!(delete(&app, &otto, &[&id]).await.text().contains("id=\"undo\""));
        let done = post(&app, &path, &otto, &[("csrf", &token), ("aor", &format!(" {AOR} "))]).await;
        assert_eq!((done.status.as_u16(), done.header("location")), (303, "/"));
        let told = page(&app, "/accounts", &otto).await.text();
        assert!(told.contains("is erased, with 2 messages, 1 person and 0 API tokens."), "{told}");
        assert!(!told.contains("id=\"undo\""), "there is nothing to bring back to");
        assert_eq!(page(&app, ALICE, &otto).await.status, 404);
        // The owner of another one erases it alone, and is signed out.
        let own = "/accounts/sip%3Abob%40example.org/erase";
        let erased = post(&app, own, &bob, &[("csrf", &foreign), ("aor", "sip:bob@example.org")]).await;
        assert_eq!(erased.status, 200);
        assert!(erased.text().contains("Your account is erased"), "{}", erased.text());
        assert_eq!(page(&app, "/accounts", &bob).await.status, 303);
    }
}
