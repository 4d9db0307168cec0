//! Delivery reports, and erasing accounts.

use askama::Template;

use super::{AccountHead, Chrome, Moment};

/// How a delivery report fares.
#[derive(Debug, Clone)]
pub struct ReportFacts {
    /// "Waiting", "Being sent", "Sent", "Given up".
    pub state: &'static str,
    /// The class of its mark: "waits", "good", "bad".
    pub tone: &'static str,
    /// It is still to be sent.
    pub is_open: bool,
    /// Where it is sent.
    pub target: String,
    pub queued: Moment,
    pub attempts: u32,
    /// What the last attempt came to.
    pub last_answer: Option<String>,
    /// What is next, or was last: "Next try", "Sent", and when.
    pub then: Option<(&'static str, Moment)>,
}

impl ReportFacts {
    /// How the time that goes with the state is told: as one to come, or as one that has passed.
    fn tense(&self) -> &'static str {
        if self.is_open { "ahead" } else { "past" }
    }

    pub(super) fn tries(&self) -> String {
        match self.attempts {
            0 => "none yet".to_owned(),
            n => n.to_string(),
        }
    }
}

/// A delivery report in [`ReportsPage`].
#[derive(Debug, Clone)]
pub struct ReportRow {
    pub facts: ReportFacts,
    /// Whose the message was.
    pub aor: String,
    /// `sip:String@hostname` of the message that went.
    pub message_id: String,
    /// The page that tells what became of it.
    pub message_href: String,
    /// Why it went: "deleted", "expired".
    pub reason: &'static str,
    /// Takes `csrf`, `state` and `cursor`; none if it cannot be tried now.
    pub retry_href: Option<String>,
    pub drop_href: String,
    /// What dropping it does: "Drop: the sender is not told".
    pub drop_label: &'static str,
}

/// A choice of reports.
#[derive(Debug, Clone)]
pub struct ReportFilter {
    pub label: &'static str,
    pub href: String,
    pub is_current: bool,
}

/// `GET /reports?state=`, for operators.
#[derive(Debug, Template)]
#[template(path = "reports.html")]
pub struct ReportsPage {
    pub chrome: Chrome,
    pub filters: Vec<ReportFilter>,
    pub rows: Vec<ReportRow>,
    /// What makes the same page again.
    pub state: String,
    pub cursor: String,
    /// No report is ever made.
    pub never: bool,
    pub first_href: Option<String>,
    pub next_href: Option<String>,
}

impl ReportsPage {
    fn is_filtered(&self) -> bool {
        !self.state.is_empty()
    }
}

/// `GET /accounts/{aor}/erase`. Its form posts `csrf` and `aor`, typed.
#[derive(Debug, Template)]
#[template(path = "erase.html")]
pub struct ErasePage {
    pub chrome: Chrome,
    pub account: AccountHead,
    pub action_href: String,
    pub cancel_href: String,
    /// It is the visitor's own.
    pub is_own: bool,
    /// A later message makes the account anew.
    pub comes_back: bool,
    /// Senders may be told that their messages went.
    pub reports: bool,
    /// What was typed before it was refused.
    pub typed: String,
    pub error: Option<String>,
}

/// Who has erased what they signed in for.
#[derive(Debug, Template)]
#[template(path = "erased.html")]
pub struct ErasedPage {
    pub chrome: Chrome,
    pub aor: String,
    /// "3 messages and 1 API token".
    pub gone: String,
}
