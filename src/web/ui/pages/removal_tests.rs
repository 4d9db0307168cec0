//! Samples and tests of the pages about what goes: undoing, timelines, reports, erasing.

use super::samples::at;
use super::tests::{has, render};
use super::*;

impl UndoBar {
    fn sample() -> Self {
        Self {
            count: "3 messages".into(),
            is_one: false,
            action_href: "/accounts/sip%3Aalice%40example.org/undo".into(),
            deletion: "1795442707250000".into(),
            left_ms: 8200,
            grace_ms: 10_000,
            until: at(23, 14, 5),
        }
    }
}

impl ExtendForm {
    pub(crate) fn sample() -> Self {
        Self {
            action_href: "/accounts/sip%3Aalice%40example.org/messages/13684434995/extend".into(),
            choices: vec![
                ("1d", "1 day more".into()),
                ("max", "As long as possible, 30 days".into()),
            ],
            date_min: "2026-11-23".into(),
            date_max: "2026-12-23".into(),
            date_value: String::new(),
            error: None,
        }
    }
}

impl ReportFacts {
    fn sample() -> Self {
        Self {
            state: "Waiting",
            tone: "waits",
            is_open: true,
            target: "sip:carol@example.org".into(),
            queued: at(23, 14, 5),
            attempts: 3,
            last_answer: Some("480 <b>Away</b>".into()),
            then: Some(("Next try", at(23, 15, 5))),
        }
    }
}

impl Timeline {
    pub(crate) fn sample() -> Self {
        let row = |icon, title: &str, by: Option<&str>, then| TimelineRow {
            icon,
            title: title.into(),
            by: by.map(Into::into),
            at: at(23, 14, 5),
            then,
        };
        Self {
            rows: vec![
                row("i-letter", "Stored", None, Some(("Expires", at(30, 14, 5)))),
                row("i-trash", "Deleted", Some("mal <i>lory"), None),
            ],
            report: Some(ReportFacts::sample()),
        }
    }
}

impl ReportsPage {
    fn sample() -> Self {
        Self {
            chrome: Chrome::sample("Delivery reports"),
            filters: vec![ReportFilter {
                label: "Waiting",
                href: "/reports?state=pending".into(),
                is_current: true,
            }],
            rows: vec![ReportRow {
                facts: ReportFacts::sample(),
                aor: "sip:alice@example.org".into(),
                message_id: "sip:13684434990@mailserver32.example.org".into(),
                message_href: "/accounts/sip%3Aalice%40example.org/messages/13684434990".into(),
                reason: "Message expired",
                retry_href: Some("/reports/17/retry".into()),
                drop_href: "/reports/17/drop".into(),
                drop_label: "Drop, the sender is not told",
            }],
            state: "pending".into(),
            cursor: "abc".into(),
            never: false,
            first_href: None,
            next_href: Some("/reports?cursor=abc".into()),
        }
    }
}

impl ErasePage {
    fn sample() -> Self {
        Self {
            chrome: Chrome::sample("Erase account"),
            account: AccountHead::sample(),
            action_href: "/accounts/sip%3Aalice%40example.org/erase".into(),
            cancel_href: "/accounts/sip%3Aalice%40example.org".into(),
            is_own: false,
            comes_back: true,
            reports: true,
            typed: String::new(),
            error: None,
        }
    }
}

#[test]
fn undo() {
    let mut page = InboxPage::sample();
    page.chrome.undo = Some(UndoBar::sample());
    let html = render("inbox-undo", &page);
    has(
        &html,
        &[
            "3 messages deleted.",
            "They go for good",
            "action=\"/accounts/sip%3Aalice%40example.org/undo\"",
            "value=\"1795442707250000\"",
            "data-left=\"8200\"",
        ],
    );
    page.chrome.undo = Some(UndoBar {
        is_one: true,
        ..UndoBar::sample()
    });
    has(&render("inbox-undo-one", &page), &["It goes for good"]);
}

#[test]
fn extend() {
    let refused = MessagePage {
        extend: ExtendForm {
            date_value: "\"><b>".into(),
            error: Some("This is not a day.".into()),
            ..ExtendForm::sample()
        },
        ..MessagePage::sample()
    };
    let html = render("message-extend", &refused);
    has(
        &html,
        &[
            "<details class=\"extend\" open>",
            "aria-describedby=\"day-err day-hint\"",
            "aria-invalid",
            "&#34;&#62;&#60;b&#62;",
            "This is not a day.",
        ],
    );
    assert!(!render("message-3", &MessagePage::sample()).contains("aria-invalid"));
}

#[test]
fn gone() {
    let page = GonePage {
        chrome: Chrome::sample("This message is gone"),
        account: AccountHead::sample(),
        back_href: "/accounts/sip%3Aalice%40example.org".into(),
        message_id: "sip:13684434995@mailserver32.example.org".into(),
        lead: "It was deleted, and its content with it.".into(),
        timeline: Timeline::sample(),
    };
    let html = render("gone", &page);
    has(
        &html,
        &[
            "This message is gone",
            "It was deleted",
            "mal &#60;i&#62;lory",
            "480 &#60;b&#62;Away",
            "Next try",
        ],
    );
}

#[test]
fn reports() {
    let html = render("reports", &ReportsPage::sample());
    has(
        &html,
        &[
            "action=\"/reports/17/retry\"",
            "Drop, the sender is not told",
            "Message expired",
            "name=\"cursor\" value=\"abc\"",
        ],
    );
    let mut empty = ReportsPage::sample();
    empty.rows.clear();
    empty.next_href = None;
    has(
        &render("reports-none", &empty),
        &["No reports in this state"],
    );
    empty.state.clear();
    has(
        &render("reports-empty", &empty),
        &["No reports", "/gateway/v1/reports"],
    );
    empty.never = true;
    has(&render("reports-never", &empty), &["No reports are made"]);
}

#[test]
fn erase() {
    let html = render("erase", &ErasePage::sample());
    has(
        &html,
        &["What goes", "What stays", "8 messages", "name=\"aor\""],
    );
    let refused = ErasePage {
        typed: "<alice>".into(),
        error: Some("This is not the address of the account.".into()),
        is_own: true,
        ..ErasePage::sample()
    };
    has(
        &render("erase-refused", &refused),
        &["role=\"alert\"", "&#60;alice&#62;", "Erase your account"],
    );
    let page = ErasedPage {
        chrome: Chrome::anonymous("Account erased"),
        aor: "sip:alice@example.org".into(),
        gone: "3 messages, 1 person and 0 API tokens".into(),
    };
    has(&render("erased", &page), &["3 messages, 1 person"]);
}
