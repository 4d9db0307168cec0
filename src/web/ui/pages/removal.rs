//! How messages go: taking it back, putting it off, and what is told of them afterwards.

use askama::Template;

use super::{AccountHead, Chrome, Moment, ReportFacts};

/// The latest deletion, while it may be taken back. Its form posts `csrf` and `deletion`.
#[derive(Debug, Clone)]
pub struct UndoBar {
    /// "3 messages".
    pub count: String,
    pub is_one: bool,
    pub action_href: String,
    /// Which deletion.
    pub deletion: String,
    /// Milliseconds that are left, when the page is made.
    pub left_ms: i64,
    /// Milliseconds there were at first.
    pub grace_ms: i64,
    /// When it is too late.
    pub until: Moment,
}

/// The form that puts off the expiry of a message. It posts `csrf` and `more` (one of the choices) or `date`.
#[derive(Debug, Clone)]
pub struct ExtendForm {
    pub action_href: String,
    /// Value and words of each choice, such as `7d` and "7 days more".
    pub choices: Vec<(&'static str, String)>,
    /// The last day that may be chosen, `2026-12-24`, and today.
    pub date_max: String,
    pub date_min: String,
    /// What was typed before it was refused.
    pub date_value: String,
    pub error: Option<String>,
}

/// Something that happened to a message.
#[derive(Debug, Clone)]
pub struct TimelineRow {
    /// A symbol of `_icons.html`.
    pub icon: &'static str,
    pub title: String,
    /// Who did it.
    pub by: Option<String>,
    pub at: Moment,
    /// What follows from it: "Expires", "Final", and when.
    pub then: Option<(&'static str, Moment)>,
}

/// Partial of [`MessagePage`](super::MessagePage) and [`GonePage`]: what happened to a message, and how the report to
/// its sender fares.
#[derive(Debug, Clone, Template)]
#[template(path = "_timeline.html")]
pub struct Timeline {
    pub rows: Vec<TimelineRow>,
    pub report: Option<ReportFacts>,
}

/// The address of a message that is not there any more, while it is known what became of it.
#[derive(Debug, Template)]
#[template(path = "gone.html")]
pub struct GonePage {
    pub chrome: Chrome,
    pub account: AccountHead,
    pub back_href: String,
    /// `sip:String@hostname`.
    pub message_id: String,
    /// What became of it, in a sentence.
    pub lead: String,
    pub timeline: Timeline,
}
