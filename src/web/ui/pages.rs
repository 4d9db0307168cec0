//! The browser pages as askama structs: what a page shows is a field here, how it looks is its template.
//!
//! Every page carries a [`Chrome`] (header, footer, flash). Lists are partials of their own
//! ([`MessageList`], [`AccountList`]) which the page holds, so that a full page and a fragment share
//! one truth. Nothing here knows a database or a clock: handlers fill in finished values, askama
//! escapes them. Strings that came from outside are put into `<bdi>` or `dir="auto"` by the templates.

use askama::Template;

mod audit;
mod operators;
mod people;
#[cfg(test)]
mod people_tests;
mod removal;
#[cfg(test)]
mod removal_tests;
#[cfg(test)]
mod samples;
mod sealed;
#[cfg(test)]
mod tests;

pub use audit::{AuditChoice, AuditPage, AuditRow};
pub use operators::{ErasePage, ErasedPage, ReportFacts, ReportFilter, ReportRow, ReportsPage};
pub use people::{
    MePage, OwnSessionRow, OwnTokenRow, QrPicture, RecoveryCodesPage, SecondFactorPage,
    SignInCodePage, TokenMadePage, WelcomePage,
};
pub use removal::{ExtendForm, GonePage, Timeline, TimelineRow, UndoBar};
pub use sealed::{ReasonForm, ReasonPage, SealedPage};

/// A point in time, once for machines (RFC 3339) and once for people ("23 Nov 2026, 14:05 UTC").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    pub iso: String,
    pub human: String,
}

/// Who is signed in, for the header.
#[derive(Debug, Clone)]
pub struct UserBadge {
    pub name: String,
    pub role: String,
}

/// How a [`Flash`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlashKind {
    Ok,
    Error,
}

/// One sentence about what the previous request did, shown once.
#[derive(Debug, Clone)]
pub struct Flash {
    pub kind: FlashKind,
    pub text: String,
}

impl Flash {
    fn is_error(&self) -> bool {
        self.kind == FlashKind::Error
    }
}

/// What surrounds every page: title, signed-in user, CSRF token, flash, banner of `restante demo`.
#[derive(Debug, Clone)]
pub struct Chrome {
    /// Goes before " · Restante" in the window title.
    pub title: String,
    pub user: Option<UserBadge>,
    /// Repeated in the hidden field `csrf` of every POST form.
    pub csrf: String,
    pub flash: Option<Flash>,
    /// The latest deletion, while it may be taken back.
    pub undo: Option<UndoBar>,
    /// Appended to asset addresses so that they can be cached for ever.
    pub asset_version: String,
    /// Shows the ribbon that data vanishes on exit.
    pub demo: bool,
    /// Operators get a link to all accounts.
    pub accounts_link: bool,
    /// Operators get a link to the delivery reports.
    pub reports_link: bool,
}

/// `GET /sign-in`; its form posts `name`, `password`, `next` and `csrf` back.
#[derive(Debug, Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    pub chrome: Chrome,
    /// The name typed before a failed attempt.
    pub name_value: String,
    pub error: Option<String>,
    /// Local path to go on to afterwards.
    pub next: String,
}

/// `GET /setup?token=…` of a first start: creates the administrator.
#[derive(Debug, Template)]
#[template(path = "setup.html")]
pub struct SetupPage {
    pub chrome: Chrome,
    /// The one-time secret which the first start printed.
    pub token: String,
    pub error: Option<String>,
    pub name_value: String,
    /// Shortest password accepted, in characters.
    pub password_min: u32,
}

/// One account in [`AccountList`].
#[derive(Debug, Clone)]
pub struct AccountRow {
    pub aor: String,
    pub href: String,
    pub display_name: Option<String>,
    pub message_count: u64,
    pub bytes_human: String,
    /// 0 to 100, of whichever quota is closer to full.
    pub quota_percent: u8,
}

impl AccountRow {
    fn count(&self) -> String {
        grouped(self.message_count)
    }
}

/// Partial of [`AccountsPage`]: the table and its pager.
#[derive(Debug, Template)]
#[template(path = "_account_list.html")]
pub struct AccountList {
    pub rows: Vec<AccountRow>,
    /// Back to the start of the list, on every page but the first.
    pub first_href: Option<String>,
    pub next_href: Option<String>,
}

/// `GET /accounts?q=`, for operators.
#[derive(Debug, Template)]
#[template(path = "accounts.html")]
pub struct AccountsPage {
    pub chrome: Chrome,
    pub query: String,
    pub list: AccountList,
}

/// The account at the head of its pages.
#[derive(Debug, Clone)]
pub struct AccountHead {
    pub aor: String,
    pub display_name: Option<String>,
    pub message_count: u64,
    pub bytes_human: String,
    /// The quota that is closer to full, in words: `1,000 messages` or `256 MB`.
    pub quota: String,
    /// How full it is, 0 to 100.
    pub quota_percent: u8,
    pub metadata_href: String,
    /// The inbox itself, target of its search form.
    pub base_href: String,
}

impl AccountHead {
    fn messages(&self) -> String {
        messages(self.message_count)
    }
}

/// One waiting message in [`MessageList`].
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a mark of its own on the row, in any combination"
)]
pub struct MessageRow {
    /// The decimal string before the `@` of the Message-ID.
    pub id: String,
    pub href: String,
    pub from_display: String,
    pub from_uri: String,
    pub subject: Option<String>,
    pub preview: String,
    /// "Text", "CPIM", "Multipart", "Image", "Large", "Receipt"…
    pub kind_label: String,
    pub size_human: String,
    pub stored: Moment,
    pub expires: Moment,
    /// Makes the time left stand out.
    pub expires_soon: bool,
    pub has_attachments: bool,
    /// The sender wants to hear if the message is never delivered.
    pub wants_report: bool,
    /// Bidi controls in sender or subject.
    pub suspicious_text: bool,
    /// What it says is kept back.
    pub sealed: bool,
}

impl MessageRow {
    /// Keeps back what the message says.
    pub fn seal(&mut self) {
        self.subject = None;
        self.preview = String::new();
        self.sealed = true;
    }

    fn shows_uri(&self) -> bool {
        self.from_display != self.from_uri
    }

    fn kind_icon(&self) -> &'static str {
        kind_icon(&self.kind_label)
    }
}

/// Partial of [`InboxPage`]: the rows and the pager.
#[derive(Debug, Template)]
#[template(path = "_message_list.html")]
pub struct MessageList {
    pub rows: Vec<MessageRow>,
    /// Their order, in words.
    pub order_label: &'static str,
    /// Back to the newest, on every page but the first.
    pub first_href: Option<String>,
    pub next_href: Option<String>,
}

/// One term of a search.
#[derive(Debug, Clone)]
pub struct FilterChip {
    /// As it was typed.
    pub text: String,
    /// The list without it.
    pub without_href: String,
}

/// One order of a list.
#[derive(Debug, Clone)]
pub struct OrderLink {
    pub label: &'static str,
    pub href: String,
    pub is_current: bool,
}

/// The messages that wait for one account; `?q=` filters, `&sort=` orders.
#[derive(Debug, Template)]
#[template(path = "inbox.html")]
pub struct InboxPage {
    pub chrome: Chrome,
    pub account: AccountHead,
    /// Text of `q` as typed.
    pub filter: String,
    /// What the search grammar could not read, with its column.
    pub filter_error: Option<String>,
    /// Each term of the search, to be taken out.
    pub chips: Vec<FilterChip>,
    /// The orders there are.
    pub orders: Vec<OrderLink>,
    /// The order chosen, for the search form, if it is not the usual one.
    pub sort: Option<&'static str>,
    pub list: MessageList,
    /// Takes the bulk form: `csrf`, `id` (repeated).
    pub delete_href: String,
    /// Where the account is erased.
    pub erase_href: String,
    /// Where the visitor gives a reason for seeing what the messages say; none if they are theirs, or open.
    pub reason_href: Option<String>,
    /// Nothing was ever stored here: greet and explain.
    pub first_use: bool,
    /// Commands that send a test message, one block each, blocks parted by an empty line.
    pub try_it: Option<String>,
    /// In the demo: POST here puts one sample message into the account.
    pub demo_send_href: Option<String>,
}

impl InboxPage {
    fn try_it_blocks(&self) -> Vec<&str> {
        let text = self.try_it.as_deref().unwrap_or_default();
        text.split("\n\n")
            .map(str::trim)
            .filter(|block| !block.is_empty())
            .collect()
    }
}

/// One part of the message that is text.
#[derive(Debug, Clone)]
pub struct TextBlock {
    pub number: String,
    /// "text/plain", or what the part calls itself.
    pub label: String,
    pub text: String,
}

/// One MIME part.
#[derive(Debug, Clone)]
pub struct PartRow {
    pub number: String,
    pub content_type: String,
    pub filename: Option<String>,
    pub size_human: String,
    /// Download of the decoded part.
    pub href: String,
    /// Only for raster images that were found safe: shown in `<img>`.
    pub preview_href: Option<String>,
}

impl PartRow {
    fn name(&self) -> &str {
        self.filename.as_deref().unwrap_or(&self.content_type)
    }
}

/// One stored message, read.
#[derive(Debug, Template)]
#[template(path = "message.html")]
pub struct MessagePage {
    pub chrome: Chrome,
    pub account: AccountHead,
    pub back_href: String,
    pub id: String,
    /// `sip:String@hostname`.
    pub message_id: String,
    pub from_display: String,
    pub from_uri: String,
    pub to_uri: String,
    /// P-Asserted-Identity, from configured peers only.
    pub asserted: Option<String>,
    /// What the sender shows differs from what the network asserted.
    pub identity_warning: bool,
    pub suspicious_text: bool,
    pub subject: Option<String>,
    pub kind_label: String,
    pub sent: Option<Moment>,
    pub stored: Moment,
    pub expires: Moment,
    pub expires_soon: bool,
    pub size_human: String,
    pub content_type: String,
    pub texts: Vec<TextBlock>,
    pub parts: Vec<PartRow>,
    pub headers: Vec<(String, String)>,
    pub cpim_headers: Vec<(String, String)>,
    /// Which reports the sender asked for: "negative-delivery".
    pub reports: Vec<String>,
    /// Download of the content whole.
    pub content_href: String,
    /// What brought a large message.
    pub session: Option<SessionBlock>,
    pub raw_href: String,
    pub json_href: String,
    pub metadata_href: String,
    /// Takes `csrf` and `id`.
    pub delete_href: String,
    pub extend: ExtendForm,
    /// What happened to it.
    pub timeline: Option<Timeline>,
}

/// The session that brought a large message.
#[derive(Debug)]
pub struct SessionBlock {
    pub completed: Option<Moment>,
    /// The content is too large to be shown or taken apart: what is shown is its beginning.
    pub is_beginning: bool,
    pub legs: Vec<SessionLeg>,
}

/// One thing that was said in it.
#[derive(Debug)]
pub struct SessionLeg {
    /// "INVITE", "200 OK", "MSRP SEND", "BYE".
    pub title: &'static str,
    /// Its relevant fields; none if it has not been said.
    pub fields: Vec<(String, String)>,
    /// Download of the octets.
    pub href: Option<String>,
}

impl MessagePage {
    fn shows_uri(&self) -> bool {
        self.from_display != self.from_uri
    }

    fn kind_icon(&self) -> &'static str {
        kind_icon(&self.kind_label)
    }
}

/// What a browser sees instead of `application/problem+json`.
#[derive(Debug, Template)]
#[template(path = "problem.html")]
pub struct ProblemPage {
    pub chrome: Chrome,
    pub status: u16,
    pub title: String,
    pub detail: String,
    pub back_href: String,
}

/// `GET /problems/{slug}`: what the `type` of an API error leads to.
#[derive(Debug, Template)]
#[template(path = "problem_type.html")]
pub struct ProblemTypePage {
    pub chrome: Chrome,
    pub slug: String,
    pub title: String,
    pub status: u16,
    pub explanation: String,
    pub remedy: String,
}

/// One line of [`ProblemIndexPage`].
#[derive(Debug, Clone)]
pub struct ProblemRow {
    pub slug: String,
    pub title: String,
    pub status: u16,
}

/// `GET /problems`: every problem type of the API.
#[derive(Debug, Template)]
#[template(path = "problem_index.html")]
pub struct ProblemIndexPage {
    pub chrome: Chrome,
    pub items: Vec<ProblemRow>,
}

/// The deferred-message metadata document of an account, to read.
#[derive(Debug, Template)]
#[template(path = "metadata.html")]
pub struct MetadataPage {
    pub chrome: Chrome,
    pub account: AccountHead,
    pub back_href: String,
    /// The document itself, as XCAP serves it.
    pub document_href: String,
    pub etag: String,
    pub xml: String,
}

/// The symbol in `_icons.html` for a kind of message.
fn kind_icon(kind_label: &str) -> &'static str {
    match kind_label {
        "Image" => "i-image",
        "Multipart" => "i-parts",
        "Large" => "i-parcel",
        "Receipt" => "i-receipt",
        "CPIM" => "i-wrapped",
        _ => "i-letter",
    }
}

/// "1 message", "1,204 messages".
pub(super) fn messages(count: u64) -> String {
    let noun = if count == 1 { "message" } else { "messages" };
    format!("{} {noun}", grouped(count))
}

/// Digits in groups of three: "1,204".
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
