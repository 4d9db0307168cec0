//! Delivery reports: who is told what when a message goes undelivered, exactly once, and how the report gets out.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use reqwest::Method;
use restante::domain::access::TokenScope;
use restante::domain::audit::Actor;
use restante::domain::message_id::MessageKey;
use restante::mailbox::delete::Reason;
use restante::mime::content::{Content, EntityHead};
use restante::mime::imdn::{ImdnHeaders, Status};
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::large::Large;
use crate::support::message::Pager;
use crate::support::{Answer, TestApp};

const ALICE: &str = "/api/v1/accounts/sip:alice@example.org";

/// Deletes a message as its owner; the status of the answer.
async fn delete(app: &TestApp, id: &str) -> u16 {
    let answer = app.delete(&format!("{ALICE}/messages/{id}")).await;
    answer.status.as_u16()
}

/// Stores a message and deletes it.
pub async fn store_and_delete(app: &TestApp, message: Pager) -> String {
    let id = app.store(message).await;
    assert_eq!(delete(app, &id).await, 204);
    id
}

async fn pull_as(app: &TestApp, token: &str, query: &str) -> Vec<Value> {
    let answer = app
        .get_as(token, &format!("/gateway/v1/reports{query}"))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

/// Takes the reports there are, as a gateway.
pub async fn pull(app: &TestApp) -> Vec<Value> {
    pull_as(app, &app.gateway, "?limit=100").await
}

/// Says what became of a report.
pub async fn answer(app: &TestApp, report: &Value, word: &str, body: Option<Value>) -> Answer {
    let id = report["id"].as_str().unwrap();
    let mut request = app.request(Method::POST, &format!("/gateway/v1/reports/{id}/{word}"));
    if let Some(body) = body {
        request = request.json(&body);
    }
    app.send(request.bearer_auth(&app.gateway)).await
}

/// The reports as operators see them, newest first.
pub async fn listed(app: &TestApp, query: &str) -> Vec<Value> {
    let answer = app.get(&format!("/api/v1/reports{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

/// The report taken apart as any other message.
fn opened(report: &Value) -> Content {
    assert_eq!(report["content_type"], "message/cpim");
    let octets = STANDARD.decode(report["body"].as_str().unwrap()).unwrap();
    let head = EntityHead {
        content_type: Some("message/cpim".into()),
        ..EntityHead::default()
    };
    Content::parse(&head, &octets)
}

/// The messages that reports are about.
fn ids(reports: &[Value]) -> Vec<&str> {
    reports
        .iter()
        .map(|report| {
            let whole = report["message_id"].as_str().unwrap();
            whole.trim_start_matches("sip:").split_once('@').unwrap().0
        })
        .collect()
}

on_both_databases! {
    async fn a_deletion_is_reported_as_the_rfc_says(app: TestApp) {
        let id = store_and_delete(&app, Pager::new().asking("34jk324j")).await;
        let reports = pull(&app).await;
        assert_eq!(reports.len(), 1);
        let report = &reports[0];
        for (field, value) in [
            ("to", json!("sip:carol@example.org")), ("account", json!("sip:alice@example.org")),
            ("message_id", json!(format!("sip:{id}@mail.example.org"))), ("reason", json!("requested")),
            ("attempts", json!(1)),
        ] {
            assert_eq!(report[field], value, "{field}");
        }
        let content = opened(report);
        let cpim = content.cpim.unwrap();
        assert_eq!(cpim.from.as_ref().unwrap().uri, "im:alice@example.org");
        assert_eq!(cpim.to[0].uri, "im:carol@example.org");
        let imdn = ImdnHeaders::read(&cpim);
        assert_eq!(imdn.message_id.as_deref(), report["imdn_message_id"].as_str());
        assert_ne!(imdn.message_id.as_deref(), Some("34jk324j"));
        assert!(imdn.requested.is_empty());
        let said = content.imdn.unwrap();
        assert_eq!((said.message_id.as_str(), said.status), ("34jk324j", Status::Failed));
        assert_eq!(said.datetime.as_deref(), Some("2026-10-01T10:15:29+02:00"));
        assert_eq!(said.recipient_uri.as_deref(), Some("im:alice@example.org"));
        assert_eq!(said.original_recipient_uri.as_deref(), Some("im:alice@example.org"));
        assert_eq!(content.parts[0].disposition.as_deref(), Some("notification"));
    }

    /// RFC 5438 sections 6.4 and 7.2.1: back along the way it came, to the list it was first sent to.
    async fn a_report_goes_the_way_back(app: TestApp) {
        let lines = "From: Carol <im:carol@example.org>\r\nTo: <sip:alice@example.org>\r\nNS: imdn <urn:ietf:params:imdn>\r\n\
            imdn.Message-ID: m1\r\nimdn.Disposition-Notification: negative-delivery\r\n\
            imdn.IMDN-Record-Route: <sip:relay2.example.com;lr>\r\nimdn.IMDN-Record-Route: One <sip:relay1.example.com>\r\n\
            imdn.Original-To: <sip:team@example.org>\r\n";
        store_and_delete(&app, Pager::new().enveloped(lines)).await;
        let report = pull(&app).await.remove(0);
        assert_eq!(report["to"], "sip:relay2.example.com;lr");
        let content = opened(&report);
        let cpim = content.cpim.unwrap();
        let routes: Vec<&str> = cpim.find("urn:ietf:params:imdn", "IMDN-Route").map(|header| header.value.as_str()).collect();
        assert_eq!(routes, ["<sip:relay2.example.com;lr>", "\"One\" <sip:relay1.example.com>"]);
        assert_eq!(cpim.to[0].uri, "im:carol@example.org");
        let said = content.imdn.unwrap();
        assert_eq!(said.original_recipient_uri.as_deref(), Some("sip:team@example.org"));
        // Without a DateTime of the sender's, the time it came.
        assert!(said.datetime.unwrap().parse::<DateTime<Utc>>().unwrap() <= app.clock.now());
    }

    async fn expiry_and_purge_are_reported_too(app: TestApp, "[policy]\nsweep_interval = '1h'") {
        let first = app.store(Pager::new().asking("m1").header("Expires", "60")).await;
        let second = app.store(Pager::new().asking("m2").from("sip:dave@example.org").header("Expires", "60")).await;
        app.store(Pager::new().header("Expires", "60")).await;
        let third = app.store(Pager::new().asking("m3").from("sip:erin@example.org")).await;
        app.clock.advance(TimeDelta::seconds(61));
        assert_eq!(app.mailbox.expire().await.unwrap(), 3);
        let key: MessageKey = third.parse().unwrap();
        assert_eq!(app.mailbox.delete(key.account_id, &[key.number], Reason::Purged { by: Actor::SYSTEM }).await.unwrap(), [key.number]);
        let reports = pull(&app).await;
        let reasons: Vec<&Value> = reports.iter().map(|report| &report["reason"]).collect();
        assert_eq!(reasons, [&json!("expired"), &json!("expired"), &json!("purged")]);
        let mut got = ids(&reports);
        got.sort_unstable();
        let mut expected = [first.as_str(), &second, &third];
        expected.sort_unstable();
        assert_eq!(got, expected);
        let document = opened(&reports[0]).parts.remove(0).bytes;
        assert!(String::from_utf8(document).unwrap().contains(">expired</r:reason>"));
    }

    async fn nobody_else_is_told(app: TestApp) {
        let notification = "From: <im:carol@example.org>\r\nTo: <im:alice@example.org>\r\nNS: imdn <urn:ietf:params:imdn>\r\n\
            imdn.Message-ID: n1\r\nimdn.Disposition-Notification: negative-delivery\r\n\r\nContent-Type: message/imdn+xml\r\n\r\n\
            <imdn xmlns=\"urn:ietf:params:xml:ns:imdn\"><message-id>1</message-id><datetime>x</datetime>\
            <delivery-notification><status><failed/></status></delivery-notification></imdn>";
        let asks_otherwise = "From: <im:carol@example.org>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: m\r\n\
            imdn.Disposition-Notification: positive-delivery, display\r\n";
        let anonymous = "From: <im:anonymous@anonymous.invalid>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: m\r\n\
            imdn.Disposition-Notification: negative-delivery\r\n";
        for message in [
            Pager::new(),
            Pager::new().enveloped("From: <im:carol@example.org>\r\n"),
            Pager::new().enveloped(asks_otherwise),
            Pager::new().enveloped(anonymous),
            Pager::new().asking("m").from("sip:anonymous@anonymous.invalid"),
            Pager::new().content("message/cpim", notification),
            Pager::new().content("application/pkcs7-mime", "x"),
            Pager::new().content("message/cpim", "no envelope"),
        ] {
            store_and_delete(&app, message).await;
        }
        assert!(listed(&app, "").await.is_empty());
        assert!(pull(&app).await.is_empty());
    }

    async fn policy_always_tells_who_did_not_ask(app: TestApp, "[policy]\ndelivery_reports = 'always'") {
        let plain = Pager::new();
        store_and_delete(&app, plain.clone()).await;
        let report = pull(&app).await.remove(0);
        let content = opened(&report);
        // The only name it has.
        assert_eq!(content.imdn.unwrap().message_id, plain.call_id);
        let cpim = content.cpim.unwrap();
        assert_eq!((cpim.from.unwrap().uri.as_str(), cpim.to[0].uri.as_str()), ("sip:alice@example.org", "sip:carol@example.org"));
        let large = app.store_large(Large::new()).await;
        assert_eq!(delete(&app, &large).await, 204);
        assert_eq!(listed(&app, "").await.len(), 2);
        for message in [
            Pager::new().from("sip:anonymous@anonymous.invalid"),
            Pager::new().content("application/pkcs7-mime", "x"),
        ] {
            store_and_delete(&app, message).await;
        }
        assert_eq!(listed(&app, "").await.len(), 2);
    }

    async fn policy_never_tells_nobody(app: TestApp, "[policy]\ndelivery_reports = 'never'") {
        store_and_delete(&app, Pager::new().asking("m1")).await;
        assert!(listed(&app, "").await.is_empty());
    }

    /// Of a large message the beginning is looked at, wherever it lies; one that cannot be read goes without.
    async fn large_messages_are_reported(app: TestApp, "[objects]\ninline_bytes = 1000") {
        // All that a report needs lies in the database.
        for (filler, is_there) in [(0, true), (100_000, true), (100_000, false)] {
            let mut content = Pager::new().asking("m1").body;
            content.extend(vec![b'x'; filler]);
            let id = app.store_large(Large::new().content("message/cpim", content)).await;
            if !is_there {
                // In the one folder that is this database's.
                let mut folders = std::fs::read_dir(app.data().join("objects")).unwrap();
                let folder = folders.next().unwrap().unwrap().path();
                for object in std::fs::read_dir(folder).unwrap() {
                    std::fs::remove_file(object.unwrap().path()).unwrap();
                }
            }
            assert_eq!(delete(&app, &id).await, 204);
            let reports = pull(&app).await;
            assert_eq!(reports.len(), 1);
            for report in reports {
                assert_eq!(opened(&report).imdn.unwrap().message_id, "m1");
                assert_eq!(answer(&app, &report, "ack", None).await.status, 204);
            }
        }
        assert_eq!(app.waiting("sip:alice@example.org").await, 0);
    }

    async fn a_second_deletion_makes_no_second_report(app: TestApp) {
        let request = Pager::new().asking("m1");
        let id = store_and_delete(&app, request.clone()).await;
        assert_eq!(delete(&app, &id).await, 404);
        // Nor does the same request, which is not stored again.
        assert_eq!(app.hand_over(request).await.status, 200);
        assert_eq!(delete(&app, &id).await, 404);
        let report = pull(&app).await.remove(0);
        assert_eq!(answer(&app, &report, "ack", None).await.status, 204);
        assert_eq!(delete(&app, &id).await, 404);
        assert_eq!(listed(&app, "").await.len(), 1);
    }

    async fn deletions_that_race_make_one_report_each(app: TestApp) {
        let mut stored = Vec::new();
        for n in 0..8 {
            stored.push(app.store(Pager::new().asking(&format!("m{n}")).header("Expires", "60")).await);
        }
        let all = json!({"ids": stored});
        let bulk = format!("{ALICE}/messages/delete");
        let one_by_one = join_all(stored.iter().flat_map(|id| (0..4).map(|_| delete(&app, id))));
        let together = join_all((0..6).map(|_| app.post(&bulk, &all)));
        let expired = async {
            app.clock.advance(TimeDelta::seconds(61));
            app.mailbox.expire().await.unwrap()
        };
        let (singles, bulks, swept) = tokio::join!(one_by_one, together, expired);
        let deleted = singles.iter().filter(|status| **status == 204).count();
        let in_bulk: u64 = bulks.iter().map(|answer| answer.json()["deleted"].as_u64().unwrap()).sum();
        // The server's own sweep and those who read an expired account may have had some.
        assert!(deleted + usize::try_from(in_bulk).unwrap() + swept <= stored.len());
        assert_eq!(app.waiting("sip:alice@example.org").await, 0);
        let reports = listed(&app, "").await;
        let mut reported = ids(&reports);
        reported.sort_unstable();
        assert_eq!(reported, stored);
    }

    /// For a sender the next report comes when the one before is done; other senders do not wait.
    async fn order_is_kept_for_each_sender(app: TestApp) {
        let mut carol = Vec::new();
        for n in 0..3 {
            carol.push(store_and_delete(&app, Pager::new().asking(&format!("c{n}"))).await);
        }
        let dave = store_and_delete(&app, Pager::new().asking("d0").from("sip:dave@example.org")).await;
        let first = pull(&app).await;
        assert_eq!(ids(&first), [carol[0].as_str(), dave.as_str()]);
        assert!(pull(&app).await.is_empty());
        assert_eq!(answer(&app, &first[0], "ack", None).await.status, 204);
        let second = pull(&app).await;
        assert_eq!(ids(&second), [carol[1].as_str()]);
        // One that failed is waited for as well.
        assert_eq!(answer(&app, &second[0], "nack", None).await.status, 204);
        assert!(pull(&app).await.is_empty());
        app.clock.advance(TimeDelta::seconds(6));
        let again = pull(&app).await;
        assert_eq!(ids(&again), [carol[1].as_str()]);
        assert_eq!(answer(&app, &again[0], "ack", None).await.status, 204);
        assert_eq!(ids(&pull(&app).await), [carol[2].as_str()]);
    }

    async fn many_who_pull_get_each_report_once(app: TestApp) {
        for n in 0..20 {
            let sender = format!("sip:s{}@example.org", n % 10);
            store_and_delete(&app, Pager::new().asking("m").from(&sender)).await;
        }
        let pulled = join_all((0..16).map(|_| pull_as(&app, &app.gateway, "?limit=2"))).await;
        let pulled = pulled.concat();
        let mut got: Vec<&str> = pulled.iter().map(|report| report["id"].as_str().unwrap()).collect();
        got.sort_unstable();
        got.dedup();
        assert_eq!((pulled.len(), got.len()), (10, 10));
        let mut to: Vec<&str> = pulled.iter().map(|report| report["to"].as_str().unwrap()).collect();
        to.sort_unstable();
        to.dedup();
        assert_eq!(to.len(), 10);
    }

    async fn a_lease_that_runs_out_hands_it_out_again(app: TestApp) {
        store_and_delete(&app, Pager::new().asking("m1")).await;
        let first = pull(&app).await.remove(0);
        app.clock.advance(TimeDelta::seconds(59));
        assert!(pull(&app).await.is_empty());
        app.clock.advance(TimeDelta::seconds(2));
        let second = pull(&app).await.remove(0);
        for field in ["id", "imdn_message_id", "body"] {
            assert_eq!(first[field], second[field], "{field}");
        }
        assert_eq!((&first["attempts"], &second["attempts"]), (&json!(1), &json!(2)));
        assert_eq!(answer(&app, &second, "ack", None).await.status, 204);
        app.clock.advance(TimeDelta::minutes(5));
        assert!(pull(&app).await.is_empty());
        // Whoever had it first says so, too, or says it twice.
        assert_eq!(answer(&app, &first, "ack", None).await.status, 204);
        answer(&app, &first, "nack", None).await.assert_problem(409, "report-state");
        let row = listed(&app, "?state=sent").await.remove(0);
        assert_eq!((&row["id"], &row["attempts"], &row["last_error"]), (&first["id"], &json!(2), &Value::Null));
        assert!(row["ended_at"].is_string() && row["next_attempt_at"].is_null());
    }

    async fn what_fails_is_tried_later_and_given_up(app: TestApp, "[reports]\ngive_up_after = '1h'\n[policy]\nsweep_interval = '1h'") {
        store_and_delete(&app, Pager::new().asking("m1")).await;
        let mut waits = Vec::new();
        let mut report = pull(&app).await.remove(0);
        let message_id = report["imdn_message_id"].clone();
        while listed(&app, "?state=dead").await.is_empty() {
            let said = json!({"error": "480 Temporarily Unavailable"});
            assert_eq!(answer(&app, &report, "nack", Some(said)).await.status, 204);
            let row = listed(&app, "").await.remove(0);
            assert_eq!(row["last_error"], "480 Temporarily Unavailable");
            let Some(next) = row["next_attempt_at"].as_str() else { continue };
            let wait = next.parse::<DateTime<Utc>>().unwrap() - app.clock.now();
            assert!(pull(&app).await.is_empty());
            // Not much later: the next attempt may be just before the end.
            app.clock.advance(wait + TimeDelta::milliseconds(5));
            waits.push(wait.as_seconds_f64());
            report = pull(&app).await.remove(0);
            assert_eq!(report["imdn_message_id"], message_id);
        }
        assert!(waits.len() >= 7, "{waits:?}");
        for (wait, whole) in waits.iter().zip([5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0]) {
            assert!((whole / 2.0 - 1.0..=whole).contains(wait), "{waits:?}");
        }
        assert!(pull(&app).await.is_empty());
        answer(&app, &report, "ack", None).await.assert_problem(409, "report-state");
        // An operator has it tried again, as the same report and for another hour.
        let id = report["id"].as_str().unwrap();
        let retry = format!("/api/v1/reports/{id}/retry");
        let row = app.post(&retry, &Value::Null).await;
        assert_eq!((row.status.as_u16(), &row.json()["state"]), (200, &json!("pending")));
        let again = pull(&app).await.remove(0);
        assert_eq!(again["imdn_message_id"], message_id);
        app.post(&retry, &Value::Null).await.assert_problem(409, "report-state");
    }

    /// The other side's wish counts; nobody is bothered before.
    async fn retry_after_is_honoured(app: TestApp) {
        store_and_delete(&app, Pager::new().asking("m1")).await;
        let report = pull(&app).await.remove(0);
        answer(&app, &report, "nack", Some(json!({"retry_after": -1}))).await.assert_problem(400, "invalid-request");
        answer(&app, &report, "nack", Some(json!({"after": 1}))).await.assert_problem(400, "invalid-request");
        assert_eq!(answer(&app, &report, "nack", Some(json!({"retry_after": 600}))).await.status, 204);
        answer(&app, &report, "nack", None).await.assert_problem(409, "report-state");
        answer(&app, &report, "ack", None).await.assert_problem(409, "report-state");
        app.clock.advance(TimeDelta::seconds(595));
        assert!(pull(&app).await.is_empty());
        app.clock.advance(TimeDelta::seconds(6));
        // A row that the sweep looks at in this moment is passed over: the connector waits for it.
        assert_eq!(pull_as(&app, &app.gateway, "?limit=100&wait=10").await.len(), 1);
        let refused = json!({"error": "404 Not Found", "permanent": true});
        let again = listed(&app, "").await.remove(0);
        assert_eq!(answer(&app, &again, "nack", Some(refused)).await.status, 204);
        assert_eq!(listed(&app, "?state=dead").await[0]["last_error"], "404 Not Found");
        answer(&app, &json!({"id": "99999"}), "ack", None).await.assert_problem(404, "not-found");
        answer(&app, &json!({"id": "x"}), "nack", None).await.assert_problem(404, "not-found");
    }

    /// Those that nobody fetches are given up as well, and what has ended is forgotten in time.
    async fn the_sweep_gives_up_and_forgets(app: TestApp, "[reports]\ngive_up_after = '1h'\nkeep = '2d'\n[policy]\nsweep_interval = '1h'") {
        for n in 0..2 {
            store_and_delete(&app, Pager::new().asking(&format!("m{n}"))).await;
        }
        app.clock.advance(TimeDelta::minutes(61));
        assert!(pull(&app).await.is_empty());
        app.mailbox.expire().await.unwrap();
        assert_eq!(listed(&app, "?state=dead").await.len(), 2);
        app.clock.advance(TimeDelta::hours(47));
        app.mailbox.forget_old().await.unwrap();
        assert_eq!(listed(&app, "").await.len(), 2);
        app.clock.advance(TimeDelta::hours(2));
        app.mailbox.forget_old().await.unwrap();
        assert!(listed(&app, "").await.is_empty());
    }

    async fn operators_list_and_drop(app: TestApp) {
        for n in 0..5 {
            store_and_delete(&app, Pager::new().asking(&format!("m{n}"))).await;
        }
        pull(&app).await;
        let all = listed(&app, "").await;
        assert_eq!(all.len(), 5);
        let page = app.get("/api/v1/reports?state=pending&limit=3").await;
        assert_eq!(page.json()["has_more"], true);
        let next = page.header("link").trim_start_matches('<').split_once('>').unwrap().0.to_owned();
        let rest = app.get(&next).await.json();
        assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next_cursor"]), (1, &Value::Null));
        let cursor = page.json()["next_cursor"].as_str().unwrap().to_owned();
        app.get(&format!("/api/v1/reports?state=dead&cursor={cursor}")).await.assert_problem(400, "invalid-cursor");
        app.get("/api/v1/reports?state=gone").await.assert_problem(400, "invalid-request");
        app.get("/api/v1/reports?limit=501").await.assert_problem(400, "invalid-request");
        // One that is dropped lets the next one go.
        let oldest = all[4]["id"].as_str().unwrap();
        assert_eq!(app.delete(&format!("/api/v1/reports/{oldest}")).await.status, 204);
        app.delete(&format!("/api/v1/reports/{oldest}")).await.assert_problem(404, "not-found");
        assert_eq!(pull(&app).await[0]["id"], all[3]["id"]);
        answer(&app, &all[4], "ack", None).await.assert_problem(404, "not-found");
    }

    async fn a_gateway_sees_the_reports_of_its_accounts(app: TestApp) {
        let bobs = app.token(&[TokenScope::Gateway], &["sip:bob@example.org"]).await;
        let both = app.token(&[TokenScope::Gateway], &["sip:bob@example.org", "sip:alice@example.org"]).await;
        let of_alice = store_and_delete(&app, Pager::new().asking("m1")).await;
        assert!(pull_as(&app, &bobs, "").await.is_empty());
        let of_bob = app.store(Pager::new().to("sip:bob@example.org").asking("m2")).await;
        let path = format!("/api/v1/accounts/sip:bob@example.org/messages/{of_bob}");
        assert_eq!(app.delete(&path).await.status, 204);
        // The sender's earlier report is another tenant's and holds up nobody here.
        let pulled = pull_as(&app, &bobs, "").await;
        assert_eq!(ids(&pulled), [of_bob.as_str()]);
        assert_eq!(ids(&pull_as(&app, &both, "").await), [of_alice.as_str()]);
    }

    /// Who waits is told at once, and not at all when nothing comes.
    async fn a_connector_may_wait(app: TestApp) {
        for query in ["?wait=61", "?wait=-1", "?limit=0", "?limit=101", "?x=y"] {
            app.get_as(&app.gateway, &format!("/gateway/v1/reports{query}")).await.assert_problem(400, "invalid-request");
        }
        assert!(pull_as(&app, &app.gateway, "?wait=1").await.is_empty());
        let id = app.store(Pager::new().asking("m1")).await;
        let waiting = pull_as(&app, &app.gateway, "?wait=20");
        let (pulled, _) = tokio::join!(tokio::time::timeout(Duration::from_secs(10), waiting), delete(&app, &id));
        assert_eq!(ids(&pulled.expect("it was told")), [id.as_str()]);
    }

    /// The server does not wait for those who wait.
    async fn waiting_ends_with_the_server(app: TestApp) {
        let mut app = app;
        let request = app.request(Method::GET, "/gateway/v1/reports?wait=25").bearer_auth(&app.gateway);
        let waiting = tokio::spawn(request.send());
        while app.mailbox.bell.listeners() == 0 {
            tokio::task::yield_now().await;
        }
        tokio::time::timeout(Duration::from_secs(5), app.stop()).await.expect("it stops");
        assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
    }
}
