//! Lists of messages: what can be looked for, orders, what is shown, waiting, and deleting what was found.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use restante::domain::access::TokenScope::{Delete, Read};
use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::large::Large;
use crate::support::message::Pager;

const ALICE: &str = "/api/v1/accounts/sip:alice@example.org";

fn texts(list: &Value, field: &str) -> Vec<String> {
    let items = list["items"].as_array().unwrap_or_else(|| panic!("{list}"));
    let text = |item: &Value| item[field].as_str().unwrap_or_default().to_owned();
    items.iter().map(text).collect()
}

fn path(pairs: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    format!("{ALICE}/messages?{query}")
}

/// The subjects that a search finds, newest first.
async fn found(app: &TestApp, q: &str) -> Vec<String> {
    texts(&app.get(&path(&[("q", q)])).await.json(), "subject")
}

fn subject(text: &str) -> Pager {
    Pager::new().header("Subject", text)
}

on_both_databases! {
    async fn words_are_found_by_their_beginnings_in_sender_subject_and_text(app: TestApp) {
        let long = format!("{} Zanzibar at the end", "filler ".repeat(200));
        app.store(subject("deep").text(&long)).await;
        app.store(subject("page").content("text/html", "<p title='hidden'>Visible <b>sent</b>ence</p>")).await;
        app.store(subject("two parts").content("multipart/mixed; boundary=b",
            "--b\r\nContent-Type: text/plain\r\n\r\nfirst\r\n--b\r\nContent-Type: text/plain\r\n\r\nSecondary\r\n--b--\r\n")).await;
        app.store(subject("Tōkyō 東京").text("東京都に行く")).await;
        app.store(subject("Über uns").from("sip:marie-claire@example.org").text("Nothing else")).await;
        for (q, expected) in [
            ("zanz", vec!["deep"]),
            ("ZANZIBAR end", vec!["deep"]),
            ("anzibar", vec![]),
            ("\"zanz\"", vec![]),
            ("\"Zanzibar at the\"", vec!["deep"]),
            ("\"at Zanzibar\"", vec![]),
            ("visible", vec!["page"]),
            ("hidden", vec![]),
            ("second", vec!["two parts"]),
            ("京都", vec!["Tōkyō 東京"]),
            ("都京", vec![]),
            ("üb", vec!["Über uns"]),
            ("marie claire", vec!["Über uns"]),
            ("sip:marie-cl", vec!["Über uns"]),
            ("carol", vec!["Tōkyō 東京", "two parts", "page", "deep"]),
            // No phrase reaches from the subject into the text.
            ("\"uns nothing\"", vec![]),
            ("'; DROP TABLE message; --", vec![]),
            ("a:* | !b & (c", vec![]),
            ("NEAR(deep zanzibar)", vec![]),
        ] {
            assert_eq!(found(&app, q).await, expected, "{q}");
        }
    }

    async fn the_grammar_restricts_and_excludes(app: TestApp) {
        let from = |pager: Pager, user: &str| pager.from(&format!("sip:{user}@example.org"));
        app.store(from(subject("Red").text("apple pear"), "bob")).await;
        app.store(from(subject("Blue").header("Expires", "3600").text("apple plum"), "bob")).await;
        app.store(from(subject("Green").content("image/png", vec![0; 3000]), "dan")).await;
        app.store(from(Pager::new().content("text/html", "<p>apple</p>"), "erin")).await;
        app.store_large(Large::new()).await;
        let large = found(&app, "mode:large").await;
        assert_eq!(large.len(), 1);
        let large = large[0].as_str();
        for (q, expected) in [
            ("apple -plum", vec!["", "Red"]),
            ("apple -\"apple plum\" -type:text/html", vec!["Red"]),
            ("from:bob from:example", vec!["Blue", "Red"]),
            ("from:bob from:dan", vec![]),
            ("-from:bob -from:erin -mode:large", vec!["Green"]),
            ("-subject:red from:bob", vec!["Blue"]),
            ("type:image", vec!["Green"]),
            ("type:image/png has:attachment", vec!["Green"]),
            ("type:image/jpeg", vec![]),
            ("-type:image -type:text -mode:large", vec![]),
            ("larger:2k smaller:4k", vec!["Green"]),
            ("-larger:2k -mode:large", vec!["", "Blue", "Red"]),
            ("expires:<2h", vec!["Blue"]),
            ("expires:>2h from:bob", vec!["Red"]),
            ("before:1d", vec![]),
            ("after:1d from:bob", vec!["Blue", "Red"]),
            ("mode:large", vec![large]),
            ("-mode:pager", vec![large]),
        ] {
            assert_eq!(found(&app, q).await, expected, "{q}");
        }
        for (pairs, expected) in [
            (vec![("content_type", "image")], vec!["Green"]),
            (vec![("min_size", "3000"), ("mode", "pager")], vec!["Green"]),
            (vec![("min_size", "3001"), ("mode", "pager")], vec![]),
            (vec![("state", "waiting"), ("from", "dan")], vec!["Green"]),
            (vec![("from", "bob"), ("q", "from:bob plum")], vec!["Blue"]),
        ] {
            assert_eq!(texts(&app.get(&path(&pairs)).await.json(), "subject"), expected, "{pairs:?}");
        }
    }

    async fn what_is_removed_is_in_no_index(app: TestApp) {
        let id = app.store(subject("one").text("zebra")).await;
        app.store(subject("two").header("Expires", "60").text("zebra")).await;
        app.store(subject("three").text("zebra")).await;
        assert_eq!(app.delete(&format!("{ALICE}/messages/{id}")).await.status, 204);
        assert_eq!(found(&app, "zebra").await, ["three", "two"]);
        app.clock.advance(TimeDelta::seconds(61));
        assert_eq!(found(&app, "zebra").await, ["three"]);
        assert_eq!(app.waiting("sip:alice@example.org").await, 1);
        if app.mailbox.db.read().get_database_backend() == DbBackend::Sqlite {
            let row = app.mailbox.db.read().query_one_raw(sea_orm::Statement::from_string(DbBackend::Sqlite,
                "SELECT count(*) AS n FROM message_text WHERE message_text MATCH 'zebra'")).await.unwrap().unwrap();
            assert_eq!(row.try_get::<i64>("", "n").unwrap(), 1);
        }
    }

    /// Messages that were stored by a release without an index have no words.
    async fn messages_older_than_the_index_are_found_by_what_lists_show(app: TestApp) {
        if app.mailbox.db.read().get_database_backend() != DbBackend::Postgres {
            return;
        }
        app.store(subject("older").text("quagga")).await;
        app.mailbox.db.read().execute_unprepared("UPDATE message_content SET words = NULL").await.unwrap();
        app.store(subject("newer").text("quagga zebra")).await;
        assert_eq!(found(&app, "quagga").await, ["newer", "older"]);
        assert_eq!(found(&app, "quagga -zebra").await, ["older"]);
        assert_eq!(found(&app, "older quag").await, ["older"]);
        assert_eq!(found(&app, "-older").await, ["newer"]);
    }

    async fn lists_come_in_each_order_page_by_page(app: TestApp) {
        for (name, expires, size) in [("a", 300, 30), ("b", 100, 10), ("c", 200, 20), ("d", 100, 30), ("e", 400, 5)] {
            app.store(subject(name).header("Expires", &expires.to_string()).text(&"x".repeat(size))).await;
        }
        // Those that expire at once do not quite, as they were not stored at once.
        for (sort, expected) in [
            ("stored", "abcde"), ("-stored", "edcba"), ("expires", "bdcae"), ("-expires", "eacdb"), ("size", "ebcad"), ("-size", "dacbe"),
        ] {
            let mut seen = String::new();
            let mut next = path(&[("sort", sort), ("limit", "2"), ("fields", "subject")]);
            loop {
                let page = app.get(&next).await;
                assert_eq!(page.status, 200, "{}", page.text());
                seen.extend(texts(&page.json(), "subject"));
                let link = page.header("link");
                assert_eq!(link.is_empty(), page.json()["has_more"] == false);
                let Some((link, _)) = link.split_once('>') else { break };
                link[1..].clone_into(&mut next);
            }
            assert_eq!(seen, expected, "{sort}");
        }
    }

    async fn cursors_belong_to_their_order_and_outlive_their_message(app: TestApp) {
        let mut ids = Vec::new();
        for expires in [300, 100, 200] {
            ids.push(app.store(Pager::new().header("Expires", &expires.to_string())).await);
        }
        let first = app.get(&path(&[("sort", "expires"), ("limit", "1")])).await.json();
        assert_eq!(texts(&first, "id"), [ids[1].clone()]);
        let cursor = first["next_cursor"].as_str().unwrap();
        app.delete(&format!("{ALICE}/messages/{}", ids[1])).await;
        let rest = app.get(&path(&[("sort", "expires"), ("cursor", cursor), ("fields", "id")])).await.json();
        assert_eq!(texts(&rest, "id"), [ids[2].clone(), ids[0].clone()]);
        for other in ["stored", "-expires"] {
            app.get(&path(&[("sort", other), ("cursor", cursor)])).await.assert_problem(400, "invalid-cursor");
        }
    }

    async fn lists_show_what_is_asked_for(app: TestApp) {
        for n in 0..3 {
            app.store(subject(&n.to_string()).header("Priority", "urgent")).await;
        }
        let list = app.get(&path(&[("fields", "subject,size"), ("limit", "1")])).await.json();
        let item = list["items"][0].as_object().unwrap();
        let mut names: Vec<_> = item.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["id", "size", "subject"]);
        assert!(list.get("total").is_none());
        let list = app.get(&path(&[("include", "total,headers,parts"), ("limit", "1"), ("q", "subject:1")])).await.json();
        assert_eq!(list["total"], json!({"count": 1, "is_exact": true}));
        let item = &list["items"][0];
        assert_eq!((&item["subject"], &item["parts"][0]["content_type"]), (&json!("1"), &json!("text/plain")));
        let headers = item["headers"].as_array().unwrap();
        assert!(headers.contains(&json!({"name": "Priority", "value": "urgent"})), "{headers:?}");
        assert_eq!(app.get(item["parts"][0]["href"].as_str().unwrap()).await.status, 200);
        // Every field that is there can be asked for.
        let whole = app.get(&path(&[("limit", "1")])).await.json();
        let all: Vec<_> = whole["items"][0].as_object().unwrap().keys().map(String::as_str).collect();
        let again = app.get(&path(&[("limit", "1"), ("fields", &all.join(","))])).await.json();
        assert_eq!(again["items"], whole["items"]);
    }

    async fn what_a_list_cannot_do_is_refused_by_name(app: TestApp) {
        app.store(Pager::new()).await;
        for (pairs, pointer) in [
            (vec![("sort", "subject")], "sort"), (vec![("fields", "subject,secret")], "fields"), (vec![("fields", "")], "fields"),
            (vec![("include", "total,body")], "include"), (vec![("include", "headers"), ("limit", "101")], "limit"),
            (vec![("wait", "61")], "wait"), (vec![("state", "held")], "state"), (vec![("min_size", "-1")], "min_size"),
            (vec![("content_type", "a b")], "content_type"), (vec![("q", "larger:x")], "q"),
            (vec![("expires_before", "-0001-01-01T00:00:00Z")], "expires_before"),
        ] {
            let problem = app.get(&path(&pairs)).await.assert_problem(400, "invalid-request");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        }
    }

    async fn a_list_waits_for_what_it_looks_for(app: TestApp) {
        app.store(subject("before")).await;
        let own = app.token(&[Read], &["sip:alice@example.org"]).await;
        let waits = path(&[("wait", "20"), ("subject", "wanted")]);
        let own_waits = waits.replace("sip:alice@example.org", "me");
        let stores = async {
            app.store(subject("another")).await;
            app.store(subject("wanted").to("sip:bob@example.org")).await;
            app.store(subject("wanted")).await
        };
        let begin = Instant::now();
        let (list, id) = tokio::join!(app.get_as(&own, &own_waits), stores);
        assert_eq!(texts(&list.json(), "id"), [id]);
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
        // What is there already is not waited for; what does not come is waited for no longer than said.
        assert_eq!(texts(&app.get(&waits).await.json(), "subject"), ["wanted"]);
        let begin = Instant::now();
        let nothing = app.get(&path(&[("wait", "1"), ("subject", "never")])).await;
        assert_eq!((nothing.status.as_u16(), texts(&nothing.json(), "id").len()), (200, 0));
        assert!(begin.elapsed() >= Duration::from_secs(1));
    }

    async fn a_filter_deletes_what_the_list_shows_with_it(app: TestApp) {
        for n in 0..12 {
            app.store(subject(&format!("spam {n}"))).await;
        }
        let keep = app.store(subject("letter")).await;
        let delete = format!("{ALICE}/messages/delete");
        let filter = json!({"subject": "spam", "q": "-\"spam 3\""});
        let trial = app.post(&delete, &json!({"filter": filter, "dry_run": true})).await;
        assert_eq!(trial.status, 200, "{}", trial.text());
        let trial = trial.json();
        assert_eq!((&trial["deleted"], &trial["matched"]), (&json!(0), &json!({"count": 11, "is_exact": true})));
        assert_eq!(trial["sample"].as_array().unwrap().len(), 10);
        assert_eq!(trial["sample"][0]["subject"], "spam 0");
        assert_eq!(app.waiting("sip:alice@example.org").await, 13);
        let outcome = app.post(&delete, &json!({"filter": filter})).await.json();
        assert_eq!((&outcome["deleted"], &outcome["has_more"]), (&json!(11), &json!(false)));
        assert_eq!(texts(&outcome, "outcome"), ["deleted"; 11]);
        assert_eq!(found(&app, "").await, ["letter", "spam 3"]);
        let trial = app.post(&delete, &json!({"ids": [keep, "19999999999"], "dry_run": true})).await.json();
        assert_eq!((texts(&trial, "outcome"), &trial["deleted"]), (vec!["would_delete".to_owned(), "not_found".to_owned()], &json!(0)));
        assert_eq!(app.waiting("sip:alice@example.org").await, 2);
        let audit = app.get("/api/v1/audit?action=messages.removed").await.json();
        assert_eq!(audit["items"][0]["action"], "messages.removed", "{audit}");
        for (bad, pointer) in [
            (json!({"filter": {}}), "/filter"), (json!({"filter": {"q": " "}}), "/filter"), (json!({"filter": {"state": "waiting"}}), "/filter"),
            (json!({"filter": {"q": "a larger:"}}), "/filter/q"), (json!({"filter": {"mode": "fast"}}), "/filter/mode"),
            (json!({"filter": {"from": "x".repeat(257)}}), "/filter/from"), (json!({"filter": {"q": "a"}, "ids": ["1"]}), ""), (json!({"dry_run": true}), ""),
        ] {
            let problem = app.post(&delete, &bad).await.assert_problem(400, "invalid-request");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        }
        app.post(&delete, &json!({"filter": {"unknown": 1}})).await.assert_problem(400, "invalid-request");
        // Deleting by what is in messages tells what is in them.
        let blind = app.token(&[Delete], &["sip:alice@example.org"]).await;
        let request = app.request(reqwest::Method::POST, &delete).bearer_auth(&blind).json(&json!({"filter": {"q": "letter"}, "dry_run": true}));
        app.send(request).await.assert_problem(403, "insufficient-scope");
    }
}
