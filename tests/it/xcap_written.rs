//! Documents that the server writes itself, over XCAP: the deferred list, the capabilities, the directory.

use futures_util::future::join_all;
use reqwest::Method;
use restante::domain::access::Scope;
use restante::domain::access::TokenScope::{Delete, Read};
use restante::domain::event::Place;
use restante::mailbox::feed::Feed;
use roxmltree::Document;

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::message::Pager;
use crate::support::xcap::{AOR, Client, DOCUMENT, EL, LISTS, conflict};

on_both_databases! {
    /// What the server writes it writes alone; an owner deletes messages by their elements.
    async fn the_deferred_list_is_served_by_selectors(app: TestApp) {
        let alice = Client::alice(&app).await;
        let path = "/xcap-root/org.openmobilealliance.deferred-list/users/sip:alice@example.org/deferred-list";
        let mut ids = Vec::new();
        for n in 0..3 {
            ids.push(app.store(Pager::new().header("Subject", &format!("S{n}")).asking("m1")).await);
        }
        let one = |id: &str| format!("{path}/~~/history-list/history%5B@history-reference=%22sip:{id}@mail.example.org%22%5D");
        let tag = alice.get(path).await.header("etag").to_owned();
        let got = alice.get(&one(&ids[1])).await;
        assert_eq!((got.status.as_u16(), got.header("content-type"), got.header("etag")), (200, EL, tag.as_str()));
        assert!(got.text().starts_with("<history history-reference=") && got.text().contains("<subject>S1</subject>"), "{}", got.text());
        let subject = alice.get(&format!("{}/subject", one(&ids[2]))).await;
        assert_eq!(subject.text(), "<subject>S2</subject>");
        let from = format!("{path}/~~/o:history-list/o:history%5B1%5D/o:pager/o:from?xmlns(o=urn:oma:xml:im:history-list)");
        assert_eq!(alice.get(&from).await.text(), "<from>sip:carol@example.org</from>");
        assert_eq!(alice.get(&format!("{path}/~~/history-list/history")).await.status, 404);
        // Nobody writes it.
        for (path, headers) in [(path.to_owned(), [("content-type", "application/vnd.oma.im.deferred-list+xml")]), (one(&ids[0]), [("content-type", EL)])] {
            let answer = alice.send(Method::PUT, &path, &headers, "<history/>").await;
            let problem = answer.assert_problem(405, "method-not-allowed");
            assert_eq!(answer.header("allow"), "GET, HEAD");
            assert!(problem["detail"].as_str().unwrap().contains("server writes"), "{problem}");
        }
        alice.delete(path).await.assert_problem(405, "method-not-allowed");
        alice.delete(&format!("{}/subject", one(&ids[0]))).await.assert_problem(405, "method-not-allowed");
        // The wrong ones, and the wrong conditions.
        assert_eq!(conflict(&alice.delete(&format!("{path}/~~/history-list/history%5B1%5D")).await).0, "cannot-delete");
        let ask = async |id: &str, tag: &str| alice.send(Method::DELETE, &one(id), &[("if-match", tag)], "").await;
        assert_eq!(ask(&ids[0], "\"0-0\"").await.status, 412);
        let reader = Client { app: &app, token: app.token(&[Read], &[AOR]).await };
        assert_eq!(reader.delete(&one(&ids[0])).await.status, 403);
        let stranger = Client { app: &app, token: app.token(&[Read, Delete], &["sip:bob@example.org"]).await };
        assert_eq!(stranger.delete(&one(&ids[0])).await.status, 404);
        assert_eq!(app.waiting(AOR).await, 3);
        // The right one.
        let gone = ask(&ids[0], &tag).await;
        assert_eq!(gone.status, 200);
        let now = alice.get(path).await;
        assert_eq!(gone.header("etag"), now.header("etag"));
        assert!(!now.text().contains(&ids[0]) && now.text().contains(&ids[1]));
        assert_eq!(ask(&ids[1], &tag).await.status, 412);
        assert_eq!(alice.delete(&one(&ids[0])).await.status, 404);
        assert_eq!(alice.delete(&format!("{path}/~~/history-list/history%5B2%5D")).await.status, 200);
        assert_eq!(app.waiting(AOR).await, 1);
        let reports = app.get("/api/v1/reports").await.json();
        assert_eq!(reports["items"].as_array().unwrap().len(), 2);
        // Of several who have seen the same document one deletes.
        let more: Vec<String> = [app.store(Pager::new()).await, app.store(Pager::new()).await].into();
        let tag = alice.get(path).await.header("etag").to_owned();
        let answers = join_all(more.iter().map(|id| ask(id, &tag))).await;
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412]);
    }

    /// Whoever follows events hears of documents as well.
    async fn changes_are_told(app: TestApp) {
        let alice = Client::alice(&app).await;
        alice.document().await;
        alice.document().await;
        alice.delete(LISTS).await;
        let operator = Client { app: &app, token: app.operator.clone() };
        operator.put("/xcap-root/resource-lists/global/team", "application/resource-lists+xml", DOCUMENT).await;
        let feed = Feed::new(app.mailbox.db.clone());
        let news = feed.after(Place::default(), 10).await.unwrap();
        let documents: Vec<_> = news.iter().map(|news| news.document().unwrap()).collect();
        // The same again is no change.
        let own = "resource-lists/users/sip:alice@example.org/index";
        assert_eq!(documents, [own, own, "resource-lists/global/team"]);
        let bob = Scope::Aors(vec!["sip:bob@example.org".parse().unwrap()]);
        let seen: Vec<_> = news.iter().map(|news| news.is_within(&bob)).collect();
        assert_eq!(seen, [false, false, true]);
    }

    async fn capabilities_and_directory(app: TestApp, "[[xcap.usages]]\nauid = 'org.example.notes'\nnamespace = 'urn:example:notes'\nmime_type = 'application/notes+xml'") {
        let alice = Client::alice(&app).await;
        let caps = alice.get("/xcap-root/xcap-caps/global/index").await;
        assert_eq!((caps.status.as_u16(), caps.header("content-type")), (200, "application/xcap-caps+xml"));
        for auid in ["xcap-caps", "resource-lists", "org.openmobilealliance.deferred-list", "org.example.notes"] {
            assert!(caps.text().contains(&format!("<auid>{auid}</auid>")), "{auid}: {}", caps.text());
        }
        assert_eq!(alice.send(Method::GET, "/xcap-root/xcap-caps/global/index", &[("if-none-match", caps.header("etag"))], "").await.status, 304);
        alice.put("/xcap-root/xcap-caps/global/index", "application/xcap-caps+xml", "<a/>").await.assert_problem(405, "method-not-allowed");
        alice.document().await;
        let notes = "/xcap-root/org.example.notes/users/sip:alice@example.org/drafts/to%20do";
        assert_eq!(alice.put(notes, "application/notes+xml", "<n xmlns='urn:example:notes'/>").await.status, 201);
        let directory = "/xcap-root/org.openmobilealliance.xcap-directory/users/sip:alice@example.org/directory.xml";
        let answer = alice.get(directory).await;
        assert_eq!(answer.header("content-type"), "application/vnd.oma.xcap-directory+xml");
        let text = answer.text();
        let document = Document::parse(&text).unwrap();
        let entries: Vec<_> = document.descendants().filter(|node| node.tag_name().name() == "entry").collect();
        assert_eq!(entries.len(), 3, "{text}");
        for entry in entries {
            let uri = entry.attribute("uri").unwrap();
            let got = alice.get(uri.strip_prefix(&app.url).unwrap()).await;
            assert_eq!((got.status.as_u16(), got.header("etag").trim_matches('"')), (200, entry.attribute("etag").unwrap()), "{uri}");
        }
        let folder = format!("{directory}/~~/xcap-directory/folder%5B@auid=%22resource-lists%22%5D/entry/@size");
        assert_eq!(alice.get(&folder).await.text(), format!("\"{}\"", DOCUMENT.len()));
        // Gone with the account.
        assert_eq!(app.delete("/api/v1/accounts/sip:alice@example.org").await.status, 200);
        let again = Client::alice(&app).await;
        assert_eq!(again.get(LISTS).await.status, 404);
        app.store(Pager::new()).await;
        assert_eq!(again.get(LISTS).await.status, 404);
    }
}
