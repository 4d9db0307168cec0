//! What operators see of other people's messages before they give a reason, and where they give it.

use askama::Template;

use super::{AccountHead, Chrome, ExtendForm, Moment, Timeline, kind_icon};

/// Takes `csrf`, `reason` and `next`.
#[derive(Debug, Clone)]
pub struct ReasonForm {
    pub action_href: String,
    /// The decimal string of the message to go on to, `metadata`, or nothing.
    pub next: String,
    /// What was typed before it was refused.
    pub typed: String,
    pub error: Option<String>,
    /// How long the account is open then.
    pub minutes: i64,
}

/// `GET /accounts/{aor}/reason`
#[derive(Debug, Template)]
#[template(path = "reason.html")]
pub struct ReasonPage {
    pub chrome: Chrome,
    pub account: AccountHead,
    pub reason: ReasonForm,
}

/// A message from outside: who wrote, when, how much.
#[derive(Debug, Template)]
#[template(path = "sealed.html")]
pub struct SealedPage {
    pub chrome: Chrome,
    pub account: AccountHead,
    pub back_href: String,
    /// The decimal string before the `@` of the Message-ID.
    pub id: String,
    pub message_id: String,
    pub from_display: String,
    pub from_uri: String,
    pub to_uri: String,
    pub asserted: Option<String>,
    /// The sender shown is not the one asserted.
    pub identity_warning: bool,
    pub kind_label: String,
    pub sent: Option<Moment>,
    pub stored: Moment,
    pub expires: Moment,
    pub expires_soon: bool,
    pub size_human: String,
    pub content_type: String,
    pub delete_href: String,
    pub reason: ReasonForm,
    pub extend: ExtendForm,
    pub timeline: Option<Timeline>,
}

impl SealedPage {
    fn shows_uri(&self) -> bool {
        self.from_display != self.from_uri
    }

    fn kind_icon(&self) -> &'static str {
        kind_icon(&self.kind_label)
    }
}
