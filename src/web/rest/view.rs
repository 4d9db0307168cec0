//! What the REST API shows of accounts and messages.

use std::str::FromStr;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::address::Aor;
use crate::domain::message::{Recipient, Summary};
use crate::domain::policy::Policy;
use crate::domain::search::MOST_CHARS;
use crate::mailbox::read::message_id;
use crate::mime::content::Part;
use crate::store::accounts::Account;
use crate::web::cursor::CursorKey;
use crate::web::letter::Letter;
use crate::web::problem::{INVALID_REQUEST, Problem};
use crate::web::rest::large_view::LargeView;

/// The most entries a page has, and how many it has when nothing is said.
const MOST_PER_PAGE: u64 = 500;
const USUAL_PER_PAGE: u64 = 50;

/// What is escaped in a path segment that holds an address.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// An address of record as one path segment.
#[must_use]
pub fn account_path_segment(aor: &Aor) -> String {
    utf8_percent_encode(aor.as_str(), SEGMENT).to_string()
}

/// The path of an account's messages in the REST API, or of one of them.
#[must_use]
pub fn message_path(account: &Account, id: Option<&str>) -> String {
    let messages = format!(
        "/api/v1/accounts/{}/messages",
        account_path_segment(&account.aor)
    );
    match id {
        Some(id) => format!("{messages}/{id}"),
        None => messages,
    }
}

/// Goes on only if a text to look for is of a bearable length.
///
/// # Errors
/// A [`Problem`] that names the parameter.
pub fn too_long(name: &str, text: &str) -> Result<(), Problem> {
    if text.chars().nth(MOST_CHARS).is_none() {
        return Ok(());
    }
    let detail = format!("expected {MOST_CHARS} characters at most");
    Err(Problem::new(INVALID_REQUEST).field(name, detail))
}

/// Which page of a list is asked for, and how the next one is named: the procedure of every list.
pub struct Paging<'a> {
    cursors: &'a CursorKey,
    /// What cursors are bound to: the list and its filter.
    list: String,
    /// The filter, as it stands in addresses.
    words: String,
    limit: u64,
    after: Option<String>,
}

impl<'a> Paging<'a> {
    /// Of the list that `name` stands for, under `filter`: the query without its limit and cursor.
    ///
    /// # Errors
    /// A [`Problem`] when the limit is none or too many, or the cursor was not made for this list and filter.
    pub fn new(
        cursors: &'a CursorKey,
        name: &str,
        limit: Option<u64>,
        cursor: Option<&str>,
        filter: &impl Serialize,
    ) -> Result<Self, Problem> {
        let limit = limit.unwrap_or(USUAL_PER_PAGE);
        if !(1..=MOST_PER_PAGE).contains(&limit) {
            let detail = format!("expected 1 to {MOST_PER_PAGE}");
            return Err(Problem::new(INVALID_REQUEST).field("limit", detail));
        }
        let words = serde_urlencoded::to_string(filter).unwrap_or_default();
        let list = format!("{name} {words}");
        let after = cursor.map(|cursor| cursors.open(&list, cursor));
        Ok(Self {
            after: after.transpose()?,
            cursors,
            list,
            words,
            limit,
        })
    }

    /// With parameters that cursors are not bound to, for they do not say which entries there are.
    #[must_use]
    pub fn also(mut self, parameters: &[(&str, Option<&str>)]) -> Self {
        self.words = self.address("", parameters);
        if let Some(words) = self.words.strip_prefix('?') {
            self.words = words.to_owned();
        }
        self
    }

    /// The position after which the page begins.
    #[must_use]
    pub fn after<T: FromStr>(&self) -> Option<T> {
        self.after.as_deref()?.parse().ok()
    }

    /// How many entries to look for: one more than the page holds, which is how it is known that there are more.
    #[must_use]
    pub fn to_fetch(&self) -> u64 {
        self.limit + 1
    }

    /// The page cut from what was found; `position` is that of an entry.
    pub fn cut<T>(&self, items: Vec<T>, position: impl Fn(&T) -> String) -> Page<T> {
        let seal = |last: &T| self.cursors.seal(&self.list, &position(last));
        Page::cut(items, self.limit, seal)
    }

    /// The address of the page at `cursor`, or of the first one, for people.
    #[must_use]
    pub fn href(&self, path: &str, cursor: Option<&str>) -> String {
        self.address(path, &[("cursor", cursor)])
    }

    /// The answer with a page, and with a Link to the next one (RFC 8288).
    pub fn answer(&self, path: &str, next: Option<&str>, body: &impl Serialize) -> Response {
        let mut response = axum::Json(body).into_response();
        let limit = self.limit.to_string();
        let link = next.map(|next| {
            let next = self.address(path, &[("limit", Some(&limit)), ("cursor", Some(next))]);
            format!("<{next}>; rel=\"next\"")
        });
        if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }

    fn address(&self, path: &str, more: &[(&str, Option<&str>)]) -> String {
        let more = more.iter().filter_map(|(name, value)| {
            let pair = [(*name, (*value)?)];
            serde_urlencoded::to_string(&pair[..]).ok()
        });
        let words = Some(self.words.clone()).filter(|words| !words.is_empty());
        let query: Vec<String> = words.into_iter().chain(more).collect();
        if query.is_empty() {
            return path.to_owned();
        }
        format!("{path}?{}", query.join("&"))
    }
}

/// A page cut from one entry more than it holds, which is how it is known that there are more.
#[derive(Debug)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Keeps `limit` entries; `seal` makes the cursor from the last one kept.
    pub fn cut(mut items: Vec<T>, limit: u64, seal: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = if more { items.last().map(seal) } else { None };
        Self { items, next_cursor }
    }
}

/// A page of accounts.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountPage {
    /// The accounts, by address.
    pub items: Vec<AccountView>,
    /// Where the next page begins; null on the last.
    pub next_cursor: Option<String>,
    /// Whether there is a next page.
    pub has_more: bool,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountView {
    /// Its address of record, normalised.
    #[schema(example = "sip:alice@example.org")]
    aor: String,
    /// What to call its owner.
    display_name: Option<String>,
    /// Messages that wait in it.
    #[schema(example = 12)]
    message_count: i64,
    /// Octets they take.
    #[schema(example = 18230)]
    byte_count: i64,
    /// The most messages it may hold.
    #[schema(example = 1000)]
    quota_messages: i64,
    /// The most octets it may hold.
    #[schema(example = 268_435_456)]
    quota_bytes: i64,
    /// When it was made.
    created_at: DateTime<Utc>,
}

impl AccountView {
    /// Shows `account`.
    #[must_use]
    pub fn new(account: &Account, policy: &Policy) -> Self {
        Self {
            aor: account.aor.to_string(),
            display_name: account.display_name.clone(),
            message_count: account.message_count,
            byte_count: account.byte_count,
            quota_messages: account.message_limit(policy),
            quota_bytes: account.byte_limit(policy),
            created_at: account.created_at,
        }
    }
}

/// Who sent a message, as the message says.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sender {
    /// The address.
    #[schema(example = "sip:carol@example.org")]
    uri: String,
    /// The display name.
    #[schema(example = "Carol")]
    display_name: Option<String>,
}

/// One of the others a message was sent to.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecipientView {
    /// The address.
    #[schema(example = "sip:bob@example.org")]
    uri: String,
    /// The display name.
    display_name: Option<String>,
}

impl From<&Recipient> for RecipientView {
    fn from(recipient: &Recipient) -> Self {
        Self {
            uri: recipient.uri.clone(),
            display_name: recipient.display_name.clone(),
        }
    }
}

/// A message without its content.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageView {
    /// The decimal string of the Message-ID, as it stands in paths.
    #[schema(example = "10000000001")]
    id: String,
    /// The Message-ID.
    #[schema(example = "sip:10000000001@mail.example.org")]
    message_id: String,
    /// Whose it is.
    #[schema(example = "sip:alice@example.org")]
    account: String,
    /// How it came: `pager` or `large`.
    #[schema(example = "pager")]
    mode: &'static str,
    /// What the content is to a reader: `empty`, `text`, `image`, `multipart`, `notification`, `encrypted` or `other`.
    #[schema(example = "text")]
    kind: &'static str,
    /// Who sent it, as the message says.
    from: Sender,
    /// Whom the sender addressed.
    #[schema(example = "sip:alice@example.org")]
    to: String,
    /// Who sent it, as the network says.
    asserted_identity: Option<String>,
    /// Whether subject and preview are kept back, because the caller is an operator and gave no reason.
    sealed: bool,
    /// Its subject.
    #[schema(example = "Site visit")]
    subject: Option<String>,
    /// The beginning of its text.
    #[schema(example = "Moved to Thursday at ten.")]
    preview: String,
    /// The Content-Type without parameters.
    #[schema(example = "text/plain")]
    content_type: Option<String>,
    /// Octets of the content.
    #[schema(example = 25)]
    size: i64,
    /// Octets stored: the whole request, or the content and the session of a large message.
    #[schema(example = 412)]
    stored_size: i64,
    /// Whether any part is something other than text.
    has_attachments: bool,
    /// When a large message was completely received.
    completed_at: Option<DateTime<Utc>>,
    /// When the sender says it was sent.
    sent_at: Option<DateTime<Utc>>,
    /// When it was stored.
    stored_at: DateTime<Utc>,
    /// When it stops waiting.
    expires_at: DateTime<Utc>,
    /// The others it was sent to (RFC 5365).
    recipients: Vec<RecipientView>,
    /// The sender's IMDN Message-ID (RFC 5438).
    imdn_message_id: Option<String>,
    /// The disposition notifications the sender asked for.
    notifications_asked: Vec<String>,
}

impl MessageView {
    /// Shows a message of `account`, without what it says if it is `sealed`.
    #[must_use]
    pub fn new(account: &Account, message: &Summary, sealed: bool) -> Self {
        let facts = &message.facts;
        Self {
            id: message.key.to_string(),
            message_id: message_id(account, message.key).to_string(),
            account: account.aor.to_string(),
            mode: facts.mode.as_str(),
            kind: facts.kind.as_str(),
            from: Sender {
                uri: facts.from_uri.clone(),
                display_name: facts.from_display.clone(),
            },
            to: facts.to_uri.clone(),
            asserted_identity: facts.auth_id.clone(),
            sealed,
            subject: facts.subject.clone().filter(|_| !sealed),
            preview: Some(facts.preview.clone())
                .filter(|_| !sealed)
                .unwrap_or_default(),
            content_type: facts.content_type.clone(),
            size: facts.size,
            stored_size: facts.stored_size,
            has_attachments: facts.has_attachments,
            completed_at: facts.completed_at,
            sent_at: facts.sent_at,
            stored_at: facts.stored_at,
            expires_at: facts.expires_at,
            recipients: facts.recipients.iter().map(RecipientView::from).collect(),
            imdn_message_id: facts.imdn_message_id.clone(),
            notifications_asked: facts.notifications_asked.clone(),
        }
    }
}

/// A header field.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeaderView {
    /// The name as received.
    #[schema(example = "Subject")]
    name: String,
    /// The value, unfolded; what is not UTF-8 is replaced. `raw` has the octets.
    #[schema(example = "Site visit")]
    value: String,
}

impl From<(String, String)> for HeaderView {
    fn from((name, value): (String, String)) -> Self {
        Self { name, value }
    }
}

/// A part of the content.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartView {
    /// Its number, from 1.
    #[schema(example = 1)]
    number: usize,
    /// Its place among nested parts.
    #[schema(example = "1.2")]
    path: String,
    /// Its media type.
    #[schema(example = "text/plain")]
    content_type: String,
    /// The charset of a text.
    #[schema(example = "utf-8")]
    charset: Option<String>,
    /// Its Content-Disposition.
    disposition: Option<String>,
    /// The name of its file.
    filename: Option<String>,
    /// Octets when decoded.
    #[schema(example = 25)]
    size: usize,
    /// Where to get it.
    #[schema(example = "/api/v1/accounts/sip%3Aalice%40example.org/messages/10000000001/parts/1")]
    href: String,
}

/// The wrapper of a message/cpim body (RFC 3862).
#[derive(Debug, Serialize, ToSchema)]
pub struct CpimView {
    /// Its header fields in their order.
    headers: Vec<HeaderView>,
}

/// A message with everything that can be read from it.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageDetail {
    /// What lists show of it.
    #[serde(flatten)]
    message: MessageView,
    /// The session that brought a large message; null for a pager message.
    large: Option<LargeView>,
    /// Where to get the content whole, or a range of it.
    #[schema(example = "/api/v1/accounts/sip%3Aalice%40example.org/messages/10000000001/content")]
    content_href: String,
    /// All header fields of the request, of a large message of the INVITE, in their order.
    headers: Vec<HeaderView>,
    /// The wrapper, where the body is message/cpim.
    cpim: Option<CpimView>,
    /// The parts of the content; none of a large message whose content is too large to be taken apart.
    parts: Vec<PartView>,
}

impl MessageDetail {
    /// Shows a message of `account`.
    #[must_use]
    pub fn new(account: &Account, letter: &Letter) -> Self {
        let path = message_path(account, Some(&letter.summary.key.to_string()));
        Self {
            message: MessageView::new(account, &letter.summary, false),
            large: LargeView::new(letter),
            content_href: format!("{path}/content"),
            headers: letter.headers().map(HeaderView::from).collect(),
            cpim: letter.content.cpim.as_ref().map(|cpim| CpimView {
                headers: cpim
                    .headers
                    .iter()
                    .map(|field| (field.name.clone(), field.value.clone()).into())
                    .collect(),
            }),
            parts: letter
                .parts()
                .iter()
                .map(|part| PartView::new(part, &path))
                .collect(),
        }
    }
}

impl PartView {
    /// Shows a part of the message at this path.
    #[must_use]
    pub fn new(part: &Part, message_path: &str) -> Self {
        Self {
            number: part.number,
            path: part.path.clone(),
            content_type: part.content_type.clone(),
            charset: part.charset.clone(),
            disposition: part.disposition.clone(),
            filename: part.filename.clone(),
            size: part.bytes.len(),
            href: format!("{message_path}/parts/{}", part.number),
        }
    }
}
