//! Large messages: handed over in any pieces, kept in the database or as objects, given out whole or in part.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::{IF_RANGE, RANGE};
use restante::domain::access::{Scope, TokenScope};
use restante::domain::message_id::MessageKey;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::on_both_databases;
use crate::support::large::{Large, multipart};
use crate::support::sip::PATIENCE;
use crate::support::{Answer, TestApp};

const ALICE: &str = "/api/v1/accounts/sip:alice@example.org";
const MIB: usize = 1024 * 1024;

fn path(id: &str) -> String {
    format!("{ALICE}/messages/{id}")
}

/// Octets of which no two parts are the same.
fn octets(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// The names of all objects there are.
async fn objects(app: &TestApp) -> Vec<String> {
    let ever = app.clock.now() + TimeDelta::days(1000);
    let objects = app.mailbox.contents.objects.older_than(ever);
    objects.try_collect().await.unwrap()
}

/// Waits until there are so many: they are removed out of the way.
async fn until_there_are(app: &TestApp, most: usize) {
    let until = Instant::now() + PATIENCE;
    while objects(app).await.len() != most {
        assert!(Instant::now() < until, "never {most} objects");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn ranged(app: &TestApp, id: &str, range: &str) -> Answer {
    let request = app.request(Method::GET, &format!("{}/content", path(id)));
    app.send(app.as_operator(request).header(RANGE, range))
        .await
}

on_both_databases! {
    async fn what_was_received_comes_back(app: TestApp) {
        let large = Large::new()
            .header("Subject", "Site visit")
            .header("Date", "Thu, 01 Oct 2026 08:15:29 GMT")
            .header("P-Asserted-Identity", "<sip:carol@ims.example.org>");
        let large = Large { send_more: "Success-Report: yes\r\nFailure-Report: partial\r\nX-Other: 1\r\n".into(), ..large };
        let answer = app.hand_over_large(&large).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(answer.json()["account"], "sip:alice@example.org");
        let shown = app.get(answer.header("location")).await.json();
        for (field, value) in [
            ("mode", json!("large")), ("kind", json!("text")), ("subject", json!("Site visit")),
            ("preview", json!("Watson, come here.")), ("content_type", json!("text/plain")), ("size", json!(18)),
            ("to", json!("sip:alice@example.org")), ("asserted_identity", json!("sip:carol@ims.example.org")),
            ("sent_at", json!("2026-10-01T08:15:29Z")), ("has_attachments", json!(false)),
        ] {
            assert_eq!(shown[field], value, "{field}");
        }
        let said = &shown["large"];
        assert_eq!(said["completed_at"], shown["completed_at"]);
        assert_eq!((&said["success_report"], &said["failure_report"]), (&json!(true), &json!("partial")));
        assert_eq!(said["message_id"], large.message_id);
        assert_eq!(said["invite"], json!({"from": "\"Carol\" <sip:carol@example.org>;tag=c1", "to": "<sip:alice@example.org>",
            "asserted_identity": "<sip:carol@ims.example.org>", "subject": "Site visit", "date": "Thu, 01 Oct 2026 08:15:29 GMT"}));
        assert_eq!(said["ok"]["to"], "<sip:alice@example.org>;tag=r1");
        assert_eq!(said["ok"]["date"], "Thu, 01 Oct 2026 08:15:31 GMT");
        assert_eq!(said["bye"]["from"], said["ok"]["from"]);
        for (part, octets) in [("invite", large.invite()), ("ok", large.ok()), ("send", large.send_head()), ("bye", large.bye())] {
            let got = app.get(&format!("{}/session/{part}", path(&id))).await;
            assert_eq!((got.status.as_u16(), got.body), (200, octets), "{part}");
        }
        app.get(&format!("{}/session/sdp", path(&id))).await.assert_problem(404, "not-found");
        let evidence = large.invite().len() + large.ok().len() + large.send_head().len() + large.bye().len();
        assert_eq!(shown["stored_size"], evidence + 18);
        assert_eq!(app.get(&format!("{}/parts/1", path(&id))).await.body, large.content);
        assert_eq!(app.waiting("sip:alice@example.org").await, 1);
        // What is small lies in the database.
        assert!(objects(&app).await.is_empty());
    }

    /// Chunks of any size in any order, overlapping: the later one wins.
    async fn chunks_are_put_together(app: TestApp) {
        let content = octets(3000);
        let large = Large::new().content("application/octet-stream", content.clone());
        for chunks in [
            &[(0, 1000, '+'), (1000, 3000, '$')][..],
            &[(2000, 3000, '$'), (0, 1, '+'), (1, 2000, '+')],
            &[(1000, 2500, '+'), (500, 1500, '+'), (0, 600, '+'), (2400, 3000, '$')],
            &[(0, 0, '+'), (0, 3000, '$')],
        ] {
            let large = Large { call_id: format!("call {chunks:?}").replace(' ', ""), ..large.clone() };
            let id = app.store_large(large.chunks(chunks)).await;
            assert!(app.get(&format!("{}/content", path(&id))).await.body == content, "{chunks:?}");
        }
        // Parts in any order as well; an empty message is a message.
        let mut parts = large.clone().chunks(&[(1500, 3000, '$'), (0, 1500, '+')]).parts();
        parts.reverse();
        let answer = app.hand_over_parts(&parts).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let empty = app.store_large(Large::new().content("text/plain", "")).await;
        let got = app.get(&format!("{}/content", path(&empty))).await;
        assert_eq!((got.status.as_u16(), got.body.len()), (200, 0));
        assert_eq!(app.get(&path(&empty)).await.json()["kind"], "empty");
    }

    async fn what_is_not_whole_is_not_stored(app: TestApp) {
        let large = Large::new().content("application/octet-stream", octets(3000));
        for chunks in [&[(0, 1000, '+')][..], &[(0, 1000, '+'), (1001, 3000, '$')], &[(0, 1000, '+'), (1000, 2000, '#')]] {
            let answer = app.hand_over_large(&large.clone().chunks(chunks)).await;
            answer.assert_problem(422, "large-incomplete");
        }
        let mut cut = large.sends().remove(0);
        cut.truncate(1000);
        let parts = [("invite", large.invite()), ("ok", large.ok()), ("send", cut)];
        app.hand_over_parts(&parts).await.assert_problem(422, "large-incomplete");
        assert_eq!(app.waiting("sip:alice@example.org").await, 0);
        let left = std::fs::read_dir(app.data().join("spool")).unwrap().count();
        assert_eq!(left, 0);
    }

    async fn wrong_parts_are_refused(app: TestApp) {
        let large = Large::new();
        let other = Large::new();
        let parts = large.parts();
        let without = |name: &str| parts.iter().filter(|(part, _)| *part != name).cloned().collect::<Vec<_>>();
        let with = |name: &'static str, octets: Vec<u8>| [without(name), vec![(name, octets)]].concat();
        for (parts, said) in [
            (without("invite"), "no part invite"),
            (without("ok"), "no part ok"),
            (without("send"), "no part send"),
            ([parts.clone(), vec![("bye", large.bye())]].concat(), "two parts bye"),
            ([parts.clone(), vec![("other", large.bye())]].concat(), "a part is named"),
            (with("invite", large.bye()), "not an INVITE"),
            (with("invite", b"x".to_vec()), "part invite cannot be read"),
            (with("ok", large.invite()), "not a 2xx"),
            (with("ok", other.ok()), "not of the session"),
            (with("bye", other.bye()), "not of the session"),
            (with("send", b"x".to_vec()), "part send cannot be read"),
            (with("send", b"MSRP a786hjs2 200 OK\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://a:1/b;tcp\r\n-------a786hjs2$\r\n".to_vec()), "no SEND request"),
            ([parts.clone(), vec![("send", other.sends().remove(0))]].concat(), "of two messages"),
        ] {
            let problem = app.hand_over_parts(&parts).await.assert_problem(400, "large-parts");
            assert!(problem["detail"].as_str().unwrap().contains(said), "{said}: {problem}");
        }
        app.hand_over_body("multipart/mixed;boundary=zzz", b"--zzz\r\n\r\n".to_vec()).await.assert_problem(400, "large-parts");
        app.hand_over_body("multipart/mixed", multipart(&parts)).await.assert_problem(400, "large-parts");
        app.hand_over_body("multipart/form-data;boundary=zzz", multipart(&parts)).await.assert_problem(415, "unsupported-media-type");
        assert_eq!(app.waiting("sip:alice@example.org").await, 0);
        // A SEND without content only shows that the connection works.
        let binding = b"MSRP a786hjs2 SEND\r\nTo-Path: msrp://a:1/b;tcp\r\nFrom-Path: msrp://a:1/b;tcp\r\n-------a786hjs2$\r\n";
        let answer = app.hand_over_parts(&[vec![("send", binding.to_vec())], parts.clone()].concat()).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }

    async fn the_same_message_is_stored_once(app: TestApp, "[objects]\ninline_bytes = 10") {
        let large = Large::new();
        let first = app.hand_over_large(&large).await;
        let again = app.hand_over_large(&Large { has_bye: false, ..large.clone() }).await;
        assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 200));
        assert_eq!(first.json(), again.json());
        // The object of the repeat has gone again.
        assert_eq!(app.waiting("sip:alice@example.org").await, 1);
        until_there_are(&app, 1).await;
        for other in [
            Large { call_id: "other".into(), ..large.clone() },
            Large { message_id: "other".into(), ..large.clone() },
        ] {
            app.store_large(other).await;
        }
        let answers = join_all((0..8).map(|_| async {
            let large = Large { call_id: "at-once".into(), ..large.clone() };
            app.hand_over_large(&large).await
        })).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        assert_eq!(app.waiting("sip:alice@example.org").await, 4);
        until_there_are(&app, 4).await;
    }

    async fn a_large_content_is_an_object(app: TestApp) {
        let content = octets(8 * MIB);
        let large = Large::new().content("application/pdf", content.clone());
        let large = Large { send_more: "Content-Disposition: attachment; filename=\"../plan b.pdf\"\r\n".into(), ..large };
        let id = app.store_large(large.clone().chunks(&[(4 * MIB, 8 * MIB, '$'), (0, 4 * MIB, '+')])).await;
        assert_eq!(objects(&app).await.len(), 1);
        let got = app.get(&format!("{}/content", path(&id))).await;
        assert!(got.status == 200 && got.body == content);
        assert_eq!(got.header("content-type"), "application/pdf");
        assert_eq!(got.header("content-length"), content.len().to_string());
        assert_eq!(got.header("content-disposition"), "attachment; filename*=UTF-8''plan%20b%2Epdf");
        assert_eq!(got.header("x-content-type-options"), "nosniff");
        assert_eq!(got.header("content-security-policy"), "sandbox; default-src 'none'");
        let shown = app.get(&path(&id)).await.json();
        assert_eq!((&shown["size"], &shown["parts"]), (&json!(8 * MIB), &json!([])));
        app.get(&format!("{}/parts/1", path(&id))).await.assert_problem(404, "not-found");
        // What `raw` gives is what the gateway takes, and the same message.
        let raw = app.get(&format!("{}/raw", path(&id))).await;
        let content_type = raw.header("content-type").to_owned();
        let repeat = app.hand_over_body(&content_type, raw.body.clone()).await;
        assert_eq!((repeat.status.as_u16(), &repeat.json()["id"]), (200, &Value::from(id.clone())), "{}", repeat.text());
        app.delete(&path(&id)).await;
        until_there_are(&app, 0).await;
    }

    async fn content_is_given_in_ranges(app: TestApp, "[objects]\ninline_bytes = 1000") {
        for len in [1000, 100_000] {
            let content = octets(len);
            let id = app.store_large(Large::new().content("application/octet-stream", content.clone())).await;
            let part = ranged(&app, &id, "bytes=100-199").await;
            assert_eq!((part.status.as_u16(), &part.body[..]), (206, &content[100..200]));
            assert_eq!(part.header("content-range"), format!("bytes 100-199/{len}"));
            assert_eq!(part.header("content-length"), "100");
            let tail = ranged(&app, &id, "bytes=-1").await;
            assert_eq!((tail.status.as_u16(), &tail.body[..]), (206, &content[len - 1..]));
            let rest = ranged(&app, &id, "bytes=10-").await;
            assert_eq!((rest.status.as_u16(), &rest.body[..]), (206, &content[10..]));
            let behind = ranged(&app, &id, &format!("bytes={len}-")).await;
            behind.assert_problem(416, "range-not-satisfiable");
            assert_eq!(behind.header("content-range"), format!("bytes */{len}"));
            let several = ranged(&app, &id, "bytes=0-1,3-4").await;
            assert_eq!((several.status.as_u16(), several.body.len()), (200, len));
            assert_eq!(several.header("accept-ranges"), "bytes");
            let etag = several.header("etag").to_owned();
            for (tag, status) in [(etag.as_str(), 206), ("\"other\"", 200)] {
                let request = app.as_operator(app.request(Method::GET, &format!("{}/content", path(&id))));
                let answer = app.send(request.header(RANGE, "bytes=0-0").header(IF_RANGE, tag)).await;
                assert_eq!(answer.status, status);
            }
            let head = app.send(app.as_operator(app.request(Method::HEAD, &format!("{}/content", path(&id))))).await;
            assert_eq!((head.status.as_u16(), head.header("content-length")), (200, len.to_string().as_str()));
            let known = app.as_operator(app.request(Method::GET, &format!("{}/content", path(&id))));
            let known = app.send(known.header("if-none-match", &etag)).await;
            assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
        }
    }

    async fn a_pager_message_has_content_too(app: TestApp) {
        let id = app.store(crate::support::message::Pager::new()).await;
        let part = ranged(&app, &id, "bytes=0-5").await;
        assert_eq!((part.status.as_u16(), part.text()), (206, "Watson".to_owned()));
        assert_eq!(part.header("content-type"), "text/plain;charset=UTF-8");
        let shown = app.get(&path(&id)).await.json();
        assert_eq!((&shown["large"], &shown["completed_at"]), (&Value::Null, &Value::Null));
        app.get(&format!("{}/session/invite", path(&id))).await.assert_problem(404, "not-found");
    }

    async fn limits_hold(app: TestApp, "[policy]\nmax_large_bytes = 5000\nquota_bytes = 20000\n[objects]\ninline_bytes = 1000") {
        let of = |len| Large::new().content("application/octet-stream", octets(len));
        app.hand_over_large(&of(5001)).await.assert_problem(413, "message-too-large");
        // A total that is announced is believed at once.
        let lies = of(10).sends().remove(0);
        let lies = String::from_utf8_lossy(&lies).replace("1-10/10", "1-10/5001").into_bytes();
        let large = of(10);
        let parts = [("invite", large.invite()), ("ok", large.ok()), ("send", lies)];
        app.hand_over_parts(&parts).await.assert_problem(413, "message-too-large");
        for _ in 0..3 {
            app.store_large(of(5000)).await;
        }
        let alice = "sip:alice@example.org".parse().unwrap();
        app.mailbox.has_room(&alice, 1000).await.unwrap();
        app.mailbox.has_room(&alice, 5000).await.unwrap_err();
        assert_eq!(app.hand_over_large(&of(5000)).await.assert_problem(507, "quota-exceeded")["sip_status"], 480);
        assert_eq!(app.waiting("sip:alice@example.org").await, 3);
        until_there_are(&app, 3).await;
        app.mailbox.has_room(&"sip:bob@example.org".parse().unwrap(), 20000).await.unwrap();
        app.mailbox.has_room(&"sip:bob@example.org".parse().unwrap(), 20001).await.unwrap_err();
        // What has expired makes room.
        app.clock.advance(TimeDelta::days(8));
        app.mailbox.has_room(&alice, 5000).await.unwrap();
        assert_eq!(app.waiting("sip:alice@example.org").await, 0);
        until_there_are(&app, 0).await;
    }

    async fn it_expires_by_its_own_default(app: TestApp, "[policy]\nlarge_expiry = '2d'") {
        let answer = app.hand_over_large(&Large::new().header("Expires", "60")).await.json();
        let time = |field: &str| answer[field].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        assert_eq!(time("expires_at") - time("stored_at"), TimeDelta::days(2));
    }

    /// A BYE that comes after the message was stored is added to it, once, and counted.
    async fn a_bye_may_come_later(app: TestApp) {
        let large = Large { has_bye: false, ..Large::new() };
        let id = app.store_large(large.clone()).await;
        let shown = app.get(&path(&id)).await.json();
        assert_eq!(shown["large"]["bye"], Value::Null);
        app.get(&format!("{}/session/bye", path(&id))).await.assert_problem(404, "not-found");
        let alice = "sip:alice@example.org".parse().unwrap();
        let version = async || app.mailbox.account(&Scope::All, &alice).await.unwrap().unwrap().list_version;
        let before = version().await;
        let key: MessageKey = id.parse().unwrap();
        assert!(app.mailbox.add_bye(key, large.bye().into()).await.unwrap());
        assert!(!app.mailbox.add_bye(key, large.bye().into()).await.unwrap());
        assert_eq!(version().await, before);
        assert_eq!(app.get(&format!("{}/session/bye", path(&id))).await.body, large.bye());
        let after = app.get(&path(&id)).await.json();
        assert_eq!(after["stored_size"].as_u64().unwrap(), shown["stored_size"].as_u64().unwrap() + large.bye().len() as u64);
        assert_eq!(app.waiting("sip:alice@example.org").await, 1);
        app.delete(&path(&id)).await;
        assert!(!app.mailbox.add_bye(key, large.bye().into()).await.unwrap());
        assert_eq!(app.waiting("sip:alice@example.org").await, 0);
    }

    /// A crash between an object and its row leaves the object; one that has a row stays, however old.
    async fn objects_without_a_message_are_swept(app: TestApp, "[objects]\ninline_bytes = 10\n[policy]\nlarge_expiry = '90d'") {
        let kept = app.store_large(Large::new()).await;
        let orphan = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(orphan.path(), "left behind").unwrap();
        app.mailbox.contents.objects.put_file(orphan.path(), app.clock.now()).await.unwrap();
        assert_eq!((app.mailbox.sweep_objects().await.unwrap(), objects(&app).await.len()), (0, 2));
        app.clock.advance(TimeDelta::minutes(61));
        assert_eq!((app.mailbox.sweep_objects().await.unwrap(), objects(&app).await.len()), (1, 1));
        assert_eq!(app.get(&format!("{}/content", path(&kept))).await.text(), "Watson, come here.");
    }

    async fn others_see_neither_content_nor_session(app: TestApp, "[objects]\ninline_bytes = 10") {
        let id = app.store_large(Large::new()).await;
        let bob = app.token(&[TokenScope::Read], &["sip:bob@example.org"]).await;
        app.add_user("bob", restante::domain::access::Role::User, &["sip:bob@example.org"]).await;
        for what in ["content", "session/invite", "session/send", "raw"] {
            app.get_as(&bob, &format!("{}/{what}", path(&id))).await.assert_problem(404, "not-found");
            let own = format!("/api/v1/accounts/sip:bob@example.org/messages/{id}/{what}");
            app.get_as(&bob, &own).await.assert_problem(404, "not-found");
        }
        let reader = app.token(&[TokenScope::Read], &["sip:alice@example.org"]).await;
        let hand_over = app.request(Method::POST, "/gateway/v1/large-messages").bearer_auth(&reader);
        app.send(hand_over).await.assert_problem(403, "insufficient-scope");
    }

    /// What is inside is read as in a pager message, also if only its beginning is looked at.
    async fn the_content_is_looked_into(app: TestApp, "[objects]\ninline_bytes = 1000") {
        for filler in [0, 100_000] {
            let cpim = format!("From: <sip:carol@example.org>\r\nTo: <sip:alice@example.org>\r\nSubject: Plans\r\n\
                NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: m1\r\nimdn.Disposition-Notification: negative-delivery\r\n\r\n\
                Content-Type: text/plain\r\n\r\nThe north gate.{}", " x".repeat(filler));
            let id = app.store_large(Large::new().content("message/cpim", cpim)).await;
            let shown = app.get(&path(&id)).await.json();
            assert_eq!((&shown["subject"], &shown["imdn_message_id"]), (&json!("Plans"), &json!("m1")));
            assert_eq!(shown["notifications_asked"], json!(["negative-delivery"]));
            assert!(shown["preview"].as_str().unwrap().starts_with("The north gate."));
            assert_eq!(shown["cpim"]["headers"][2], json!({"name": "Subject", "value": "Plans"}));
        }
    }
}
