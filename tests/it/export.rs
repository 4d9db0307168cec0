//! What is taken out of the store to be read elsewhere: the text of a message, cleaned, and all messages of an account.

use std::io::{Cursor, Read as _};

use serde_json::{Value, json};
use zip::ZipArchive;

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::large::Large;
use crate::support::message::Pager;

const ALICE: &str = "/api/v1/accounts/sip:alice@example.org";

on_both_databases! {
    async fn html_is_shown_without_anything_that_acts_or_fetches(app: TestApp) {
        let html = "<html><head><style>b{background:url(https://evil.example/1)}</style><script>alert(1)</script></head>\
            <body onload=\"x()\"><p onclick=\"x()\" style=\"background:url(https://evil.example/2)\">Hello <b>there</b></p>\
            <img src=\"https://evil.example/3\"><svg onload=x()><a xlink:href=\"javascript:x()\">s</a></svg>\
            <a href=\"javascript:x()\">one</a> <a href=\"https://example.org/\">two</a>\
            <iframe src=\"https://evil.example/4\"></iframe><form action=\"https://evil.example/5\"><input name=a></form>\
            <meta http-equiv=refresh content=\"0;url=https://evil.example/6\"><base href=\"https://evil.example/7\"></body></html>";
        let id = app.store(Pager::new().content("text/html", html)).await;
        let preview = app.get(&format!("{ALICE}/messages/{id}/preview")).await;
        assert_eq!(preview.status, 200);
        assert_eq!(preview.header("content-type"), "text/html; charset=utf-8");
        let policy = preview.header("content-security-policy");
        assert!(policy.starts_with("sandbox; default-src 'none'"), "{policy}");
        assert_eq!((preview.header("x-content-type-options"), preview.header("preview-truncated")), ("nosniff", "false"));
        let text = preview.text();
        assert!(text.contains("<p>Hello <b>there</b></p>"), "{text}");
        assert!(text.contains("<a href=\"https://example.org/\" rel=\"noopener noreferrer nofollow\">two</a>"), "{text}");
        for gone in ["evil.example", "script", "onclick", "onload", "<img", "<svg", "<iframe", "<form", "<meta", "<base", "style"] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
    }

    async fn text_comes_before_html(app: TestApp) {
        let id = app.store(Pager::new().content("multipart/alternative; boundary=b",
            "--b\r\nContent-Type: text/html\r\n\r\n<p>rich</p>\r\n--b\r\nContent-Type: text/plain;charset=iso-8859-1\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\n<pl=E4in>\r\n--b--\r\n")).await;
        let path = format!("{ALICE}/messages/{id}/preview");
        let plain = app.get(&path).await;
        assert_eq!((plain.header("content-type"), plain.text().trim()), ("text/plain; charset=utf-8", "<pläin>"));
        assert_eq!(app.get(&format!("{path}?format=html")).await.text().trim(), "<p>rich</p>");
        app.get(&format!("{path}?format=pdf")).await.assert_problem(400, "invalid-request");
        let picture = app.store(Pager::new().content("image/png", vec![0; 8])).await;
        app.get(&format!("{ALICE}/messages/{picture}/preview")).await.assert_problem(404, "not-found");
    }

    async fn a_long_text_is_cut_and_said_to_be(app: TestApp) {
        // The limit falls into a character.
        let long = format!("x{}", "é".repeat(200 * 1024));
        let id = app.store_large(Large::new().content("text/plain;charset=UTF-8", long)).await;
        let preview = app.get(&format!("{ALICE}/messages/{id}/preview")).await;
        assert_eq!(preview.header("preview-truncated"), "true");
        let text = preview.text();
        assert!(text.len() <= 256 * 1024 && text.starts_with("xéé") && text.ends_with('é'), "{}", text.len());
    }

    /// Neither depth nor disorder holds up the server, or brings it down.
    async fn hostile_html_is_cleaned_in_time(app: TestApp) {
        for (piece, close) in [("<div>", ""), ("<b><i></b>", ""), ("<a href=x>", ""), ("<table><b>", "</table>"), ("<p><font color=a>", ""), ("&#x", "")] {
            let html = format!("{}{}", piece.repeat(250_000 / (piece.len() + close.len())), close);
            let id = app.store_large(Large::new().content("text/html", html)).await;
            let begin = std::time::Instant::now();
            let preview = app.get(&format!("{ALICE}/messages/{id}/preview")).await;
            assert_eq!(preview.status, 200, "{piece}");
            assert!(begin.elapsed() < std::time::Duration::from_secs(20), "{piece}: {:?}", begin.elapsed());
        }
    }

    async fn an_account_is_exported_whole(app: TestApp) {
        let pager = Pager::new().header("Subject", "One");
        let raw = pager.bytes();
        let first = app.store(pager).await;
        let content: Vec<u8> = (0..400_000u32).flat_map(u32::to_be_bytes).collect();
        let large = Large::new().content("application/octet-stream", content.clone());
        let invite = large.invite();
        let second = app.store_large(large).await;
        for _ in 0..101 {
            app.store(Pager::new()).await;
        }
        app.store(Pager::new().to("sip:bob@example.org")).await;
        let export = app.get(&format!("{ALICE}/export")).await;
        assert_eq!((export.status.as_u16(), export.header("content-type")), (200, "application/zip"));
        assert!(export.header("content-disposition").starts_with("attachment"));
        let mut zip = ZipArchive::new(Cursor::new(export.body)).unwrap();
        let mut file = |name: &str| {
            let mut octets = Vec::new();
            zip.by_name(name).unwrap_or_else(|error| panic!("{name}: {error}")).read_to_end(&mut octets).unwrap();
            octets
        };
        assert_eq!(file(&format!("{first}.sip")), raw);
        assert_eq!(file(&format!("{second}/invite.sip")), invite);
        assert!(file(&format!("{second}/content")) == content);
        let index: Value = serde_json::from_slice(&file("index.json")).unwrap();
        assert_eq!(index["account"]["aor"], "sip:alice@example.org");
        let messages = index["messages"].as_array().unwrap();
        assert_eq!(messages.len(), 103);
        assert_eq!((&messages[0]["file"], &messages[0]["subject"]), (&json!(format!("{first}.sip")), &json!("One")));
        assert_eq!(messages[1]["file"], format!("{second}/"));
        for message in &messages[2..] {
            assert!(file(message["file"].as_str().unwrap()).starts_with(b"MESSAGE "));
        }
        assert_eq!(zip.len(), 1 + 5 + 101 + 1);
    }

    async fn an_empty_account_has_an_empty_export(app: TestApp) {
        let id = app.store(Pager::new()).await;
        app.delete(&format!("{ALICE}/messages/{id}")).await;
        let export = app.get(&format!("{ALICE}/export")).await;
        let mut zip = ZipArchive::new(Cursor::new(export.body)).unwrap();
        let index: Value = serde_json::from_reader(zip.by_name("index.json").unwrap()).unwrap();
        assert_eq!(index["messages"], json!([]));
    }
}
