//! The audit, for operators to read.

use askama::Template;

use super::{Chrome, Moment};

/// A choice in a filter: value and words.
#[derive(Debug, Clone)]
pub struct AuditChoice {
    pub value: &'static str,
    pub words: &'static str,
    pub is_chosen: bool,
}

/// An entry of the audit in [`AuditPage`].
#[derive(Debug, Clone)]
pub struct AuditRow {
    /// What was done, in words.
    pub title: &'static str,
    /// It was refused.
    pub is_refused: bool,
    /// Who: "alice", "user 3, who is gone".
    pub by: String,
    pub at: Moment,
    /// Whose account: an address, or a number.
    pub account: Option<String>,
    /// What else there is to say.
    pub details: Vec<(String, String)>,
    /// Its number in the chain.
    pub number: Option<i64>,
}

/// `GET /audit?action=&actor=&outcome=&account=&from=&to=`, for operators.
#[derive(Debug, Template)]
#[template(path = "audit.html")]
pub struct AuditPage {
    pub chrome: Chrome,
    pub actions: Vec<AuditChoice>,
    pub actors: Vec<AuditChoice>,
    pub outcomes: Vec<AuditChoice>,
    /// An address of record, or the number of an account.
    pub account: String,
    /// Days, as the browser sends them.
    pub from: String,
    pub to: String,
    /// What is wrong with the filter.
    pub error: Option<String>,
    pub is_filtered: bool,
    pub rows: Vec<AuditRow>,
    /// How long entries are kept: "400 days".
    pub kept: String,
    pub export_href: String,
    pub first_href: Option<String>,
    pub next_href: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::super::samples::at;
    use super::super::tests::{has, render};
    use super::*;

    fn sample() -> AuditPage {
        let choice = |value, words| AuditChoice {
            value,
            words,
            is_chosen: value == "content.read",
        };
        AuditPage {
            chrome: Chrome::sample("Audit"),
            actions: vec![
                choice("", "Everything"),
                choice("content.read", "Content read"),
            ],
            actors: vec![choice("", "Anybody"), choice("user", "People")],
            outcomes: vec![choice("", "Any outcome"), choice("refused", "Refused")],
            account: "sip:alice@example.org".into(),
            from: "2026-11-01".into(),
            to: String::new(),
            error: None,
            is_filtered: true,
            rows: vec![
                AuditRow {
                    title: "Content read",
                    is_refused: false,
                    by: "oscar <b>".into(),
                    at: at(23, 14, 5),
                    account: Some("sip:alice@example.org".into()),
                    details: vec![(
                        "reason".into(),
                        "Ticket 4711 <script>alert(1)</script>".into(),
                    )],
                    number: Some(4711),
                },
                AuditRow {
                    title: "Sign-in",
                    is_refused: true,
                    by: "nobody".into(),
                    at: at(23, 14, 4),
                    account: None,
                    details: Vec::new(),
                    number: None,
                },
            ],
            kept: "400 days".into(),
            export_href: "/api/v1/audit/export".into(),
            first_href: None,
            next_href: Some("/audit?cursor=abc".into()),
        }
    }

    #[test]
    fn audit() {
        let html = render("audit", &sample());
        has(
            &html,
            &[
                "<option value=\"content.read\" selected>Content read</option>",
                "Ticket 4711 &#60;script&#62;",
                "oscar &#60;b&#62;",
                "Refused",
                "4711",
                "/audit?cursor=abc",
                "not chained yet",
            ],
        );
        let none = AuditPage {
            rows: Vec::new(),
            error: Some("account: this is no address.".into()),
            ..sample()
        };
        has(
            &render("audit-none", &none),
            &["role=\"alert\"", "Nothing like this was written down"],
        );
    }
}
