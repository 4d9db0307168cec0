//! Every template is rendered with its sample; `UI_SAMPLES=dir` also writes the pages there.

use super::*;

/// Renders, checks what holds for every page, and keeps the page where it was asked for.
pub(super) fn render(name: &str, page: &impl Template) -> String {
    let html = page.render().expect("template renders");
    assert!(html.starts_with("<!doctype html>"), "{name}: doctype");
    assert_eq!(html.matches("<h1").count(), 1, "{name}: one h1");
    assert!(html.contains("app.css?v=0f3a91c2"), "{name}: asset version");
    for banned in [
        " style=",
        "<style",
        " onclick=",
        "data:",
        "javascript:",
        "<script>",
        "{{",
        "{%",
    ] {
        assert!(
            !html.contains(banned),
            "{name}: {banned} is not for our pages"
        );
    }
    let posts = html.matches("method=\"post\"").count();
    let tokens = html
        .matches("name=\"csrf\" value=\"csrf-token-sample\"")
        .count();
    assert_eq!(posts, tokens, "{name}: a token in every POST form");
    if let Ok(dir) = std::env::var("UI_SAMPLES") {
        let path = std::path::Path::new(&dir).join(name).with_extension("html");
        std::fs::write(path, &html).expect("sample is written");
    }
    html
}

pub(super) fn has(html: &str, wanted: &[&str]) {
    for text in wanted {
        assert!(html.contains(text), "missing: {text}\n{html}");
    }
}

#[test]
fn large_message() {
    let page = MessagePage {
        session: Some(SessionBlock::sample()),
        parts: Vec::new(),
        ..MessagePage::sample()
    };
    let html = render("large-message", &page);
    has(
        &html,
        &[
            "Completely received",
            "href=\"/content\" download",
            "no more than its beginning",
            "<h3>INVITE",
            "href=\"/session/send\"",
            "Has not come.",
        ],
    );
    assert!(!render("message-2", &MessagePage::sample()).contains("Session"));
}

#[test]
fn sign_in() {
    let html = render("sign-in", &SignInPage::sample());
    has(
        &html,
        &[
            "action=\"/sign-in\"",
            "name=\"password\"",
            "autocomplete=\"current-password\"",
            "value=\"/accounts?q=%22a%22\"",
        ],
    );
    assert!(!html.contains("/sign-out"));
    let failed = SignInPage {
        error: Some("Name or password is not right.".into()),
        name_value: "\"><b>al".into(),
        ..SignInPage::sample()
    };
    let html = render("sign-in-error", &failed);
    has(
        &html,
        &[
            "role=\"alert\"",
            "Name or password is not right.",
            "&#34;&#62;&#60;b&#62;al",
        ],
    );
}

#[test]
fn setup() {
    let html = render("setup", &SetupPage::sample());
    has(
        &html,
        &[
            "action=\"/setup\"",
            "value=\"one-time-token\"",
            "name=\"password_again\"",
            "minlength=\"12\"",
        ],
    );
}

#[test]
fn accounts() {
    let html = render("accounts", &AccountsPage::sample());
    has(
        &html,
        &[
            "1,204",
            "Bob &#60;b&#62;Strong",
            "/accounts?cursor=abc",
            "<bdi>sip:alice@example.org</bdi>",
        ],
    );
    let mut empty = AccountsPage::sample();
    empty.list.rows.clear();
    empty.list.next_href = None;
    has(&render("accounts-empty", &empty), &["No accounts yet"]);
    empty.query = "zoe".into();
    has(
        &render("accounts-none", &empty),
        &["No account matches", "value=\"zoe\""],
    );
}

#[test]
fn inbox() {
    let html = render("inbox", &InboxPage::sample());
    has(
        &html,
        &[
            "&#60;script&#62;alert(1)&#60;/script&#62;",
            "name=\"id\" value=\"13684434997\"",
            "(no subject)",
            "Check the text",
            "datetime=\"2026-11-23T14:05:07.250000Z\"",
            "8 messages",
        ],
    );
    let mut flashed = InboxPage::sample();
    flashed.chrome.flash = Some(Flash {
        kind: FlashKind::Ok,
        text: "3 messages deleted.".into(),
    });
    flashed.chrome.demo = true;
    flashed.filter = "from:bob <\"".into();
    flashed.filter_error = Some("Column 10: a word or a quotation mark is missing.".into());
    flashed.chips = vec![FilterChip {
        text: "from:bob <\"".into(),
        without_href: "/without?q=<\"".into(),
    }];
    flashed.sort = Some("expires");
    flashed.account.quota_percent = 92;
    flashed.list.first_href = Some("/first".into());
    let html = render("inbox-flash", &flashed);
    has(
        &html,
        &[
            "3 messages deleted.",
            "role=\"status\"",
            "value=\"from:bob &#60;&#34;\"",
            "href=\"/without?q=&#60;&#34;\"",
            "name=\"sort\" value=\"expires\"",
            "vanish",
        ],
    );
}

#[test]
fn inbox_without_messages() {
    let html = render("inbox-empty", &InboxPage::empty());
    has(&html, &["restante send", "/api/v1/ingest", "/demo/message"]);
    assert!(!html.contains("name=\"id\""));
    let mut none = InboxPage::empty();
    none.filter = "from:zoe".into();
    none.first_use = false;
    has(
        &render("inbox-none", &none),
        &["Nothing matches", "from:zoe"],
    );
}

#[test]
fn message() {
    let html = render("message", &MessagePage::sample());
    has(
        &html,
        &[
            "sip:13684434995@mailserver32.example.org",
            "&#60;script&#62;alert(&#39;never runs&#39;)",
            "negative-delivery",
            "imdn.Message-ID",
            "href=\"#parts\"",
            "/static/sample.png",
            "P-Asserted-Identity",
        ],
    );
    let bare = MessagePage {
        subject: None,
        asserted: None,
        sent: None,
        texts: Vec::new(),
        parts: Vec::new(),
        cpim_headers: Vec::new(),
        reports: Vec::new(),
        suspicious_text: true,
        expires_soon: true,
        from_display: "sip:fatima@example.net".into(),
        ..MessagePage::sample()
    };
    let html = render("message-bare", &bare);
    has(
        &html,
        &["(no subject)", "No text to show", "Check the text"],
    );
    assert!(!html.contains("id=\"parts\""));
}

#[test]
fn problems() {
    has(
        &render("problem", &ProblemPage::sample()),
        &["404", "No such message"],
    );
    has(
        &render("problem-type", &ProblemTypePage::sample()),
        &["507", "/problems/quota-exceeded"],
    );
    has(
        &render("problem-index", &ProblemIndexPage::sample()),
        &["/problems/not-found", "429"],
    );
}

#[test]
fn metadata() {
    let html = render("metadata", &MetadataPage::sample());
    has(
        &html,
        &["&#60;history-list", "&#34;a1-1187&#34;", "deferred-list"],
    );
}

#[test]
fn numbers_are_grouped() {
    let shown: Vec<_> = [0, 999, 1000, 1_234_567].map(grouped).into();
    assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
    assert_eq!(messages(1), "1 message");
}
