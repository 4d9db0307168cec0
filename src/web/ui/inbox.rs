//! The messages that wait in an account.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::accounts::{base_href, head};
use super::format;
use super::page::{PageError, Visitor, html};
use super::pages::{FilterChip, InboxPage, MessageList, MessageRow, OrderLink};
use crate::domain::listing::{MOST_BY_SIZE, Order, Place};
use crate::domain::message::Summary;
use crate::domain::search::{self, Term, Written};
use crate::mailbox::Mailbox;
use crate::mailbox::inspect::Inspected;
use crate::store::accounts::Account;
use crate::web::cursor::CursorKey;
use crate::web::extract::{Path, Query};
use crate::web::rest::account_path;
use crate::web::rest::view::Page;
use crate::web::state::Demo;

const PER_PAGE: u64 = 50;

/// Which messages.
#[derive(Debug, Deserialize)]
pub(super) struct InboxQuery {
    #[serde(default)]
    q: String,
    sort: Option<String>,
    cursor: Option<String>,
}

/// The orders that a page offers: their names in the API, and in words.
const ORDERS: [(&str, &str); 4] = [
    ("-stored", "Newest first"),
    ("stored", "Oldest first"),
    ("expires", "Expiring first"),
    ("-size", "Largest first"),
];

impl InboxQuery {
    /// The place among [`ORDERS`] of the order chosen, in an account where it may be chosen.
    fn chosen(&self, account: &Account) -> usize {
        let sort = self.sort.as_deref().unwrap_or_default();
        let mut orders = offered(account);
        orders
            .position(|(name, _)| name == sort)
            .unwrap_or_default()
    }

    /// The inbox with this search and order.
    fn href(account: &Account, q: &str, order: usize, cursor: Option<&str>) -> String {
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        if !q.is_empty() {
            pairs.append_pair("q", q);
        }
        if let Some((name, _)) = ORDERS.get(order).filter(|_| order > 0) {
            pairs.append_pair("sort", name);
        }
        if let Some(cursor) = cursor {
            pairs.append_pair("cursor", cursor);
        }
        let query = pairs.finish();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{mark}{query}", base_href(account))
    }
}

fn offered(account: &Account) -> impl Iterator<Item = (&'static str, &'static str)> {
    let by_size = account.message_count <= MOST_BY_SIZE;
    let may_be = move |(name, _): &(&str, &str)| by_size || *name != "-size";
    ORDERS.into_iter().filter(may_be)
}

pub(super) async fn show(
    State(mailbox): State<Mailbox>,
    State(cursors): State<Arc<CursorKey>>,
    State(Demo(demo)): State<Demo>,
    visitor: Visitor,
    Path(aor): Path<String>,
    Query(query): Query<InboxQuery>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let account =
        account_path::account(&mailbox, &visitor.principal, &visitor.scope(), &aor).await?;
    let sees = visitor.sees(&account, Inspected::List).await?;
    let (written, filter_error) = match search::parse(&query.q, mailbox.clock.now()) {
        Ok(written) if !sees && written.iter().any(|one| one.term.looks_inside()) => (
            None,
            Some("Give a reason first: subjects and texts are searched only then.".to_owned()),
        ),
        Ok(written) => (Some(written), None),
        Err(error) => (None, Some(format!("The search cannot be read: {error}."))),
    };
    let mut list = messages(&mailbox, &cursors, &account, written.as_deref(), &query).await?;
    if !sees {
        list.rows.iter_mut().for_each(MessageRow::seal);
    }
    let chosen = query.chosen(&account);
    let base = base_href(&account);
    let title = account
        .display_name
        .clone()
        .unwrap_or_else(|| account.aor.to_string());
    let page = InboxPage {
        chrome: visitor.chrome(title).await?,
        account: head(&account, &mailbox.policy),
        chips: chips(&account, written.as_deref().unwrap_or_default(), chosen),
        orders: orders(&account, &query.q, chosen),
        sort: ORDERS
            .get(chosen)
            .filter(|_| chosen > 0)
            .map(|(name, _)| *name),
        filter: query.q,
        filter_error,
        list,
        delete_href: format!("{base}/delete"),
        erase_href: format!("{base}/erase"),
        reason_href: (!sees).then(|| format!("{base}/reason")),
        // The first change of the document is the first message.
        first_use: account.list_version == 0,
        try_it: Some(try_it(&account, demo, &headers)),
        demo_send_href: demo.then(|| format!("{base}/test-message")),
    };
    Ok(html(StatusCode::OK, &page))
}

/// The terms of a search, each with the way to the list without it.
fn chips(account: &Account, written: &[Written], order: usize) -> Vec<FilterChip> {
    let without = |left_out: usize| {
        let others = written.iter().enumerate();
        let others = others.filter(|(index, _)| *index != left_out);
        let others: Vec<&str> = others.map(|(_, one)| one.source.as_str()).collect();
        InboxQuery::href(account, &others.join(" "), order, None)
    };
    let chip = |(index, one): (usize, &Written)| FilterChip {
        text: one.source.clone(),
        without_href: without(index),
    };
    written.iter().enumerate().map(chip).collect()
}

fn orders(account: &Account, q: &str, chosen: usize) -> Vec<OrderLink> {
    let link = |(index, (_, label)): (usize, (&str, &'static str))| OrderLink {
        label,
        href: InboxQuery::href(account, q, index, None),
        is_current: index == chosen,
    };
    offered(account).enumerate().map(link).collect()
}

async fn messages(
    mailbox: &Mailbox,
    cursors: &CursorKey,
    account: &Account,
    written: Option<&[Written]>,
    query: &InboxQuery,
) -> Result<MessageList, PageError> {
    let chosen = query.chosen(account);
    let (sort, order_label) = ORDERS[chosen];
    let href = |cursor: Option<&str>| InboxQuery::href(account, &query.q, chosen, cursor);
    let first_href = query.cursor.is_some().then(|| href(None));
    let Some(written) = written else {
        return Ok(MessageList {
            rows: Vec::new(),
            order_label,
            first_href,
            next_href: None,
        });
    };
    let list = format!("inbox {} {sort} {}", account.id, query.q);
    let order = sort.parse().unwrap_or(Order::NEWEST_FIRST);
    let after = query
        .cursor
        .as_deref()
        .map(|cursor| cursors.open(&list, cursor))
        .transpose()?;
    let after = after.and_then(|place| place.parse().ok());
    let terms: Vec<Term> = written.iter().map(|one| one.term.clone()).collect();
    let found = mailbox
        .list(account, &terms, order, after, PER_PAGE + 1)
        .await?;
    let page = Page::cut(found, PER_PAGE, |last| {
        cursors.seal(&list, &Place::behind(last, order).to_string())
    });
    let now = mailbox.clock.now();
    Ok(MessageList {
        rows: page
            .items
            .iter()
            .map(|message| row(account, message, now))
            .collect(),
        order_label,
        first_href,
        next_href: page.next_cursor.map(|cursor| href(Some(&cursor))),
    })
}

fn row(account: &Account, message: &Summary, now: DateTime<Utc>) -> MessageRow {
    let facts = &message.facts;
    let id = message.key.to_string();
    MessageRow {
        href: format!("{}/messages/{id}", base_href(account)),
        id,
        from_display: facts
            .from_display
            .clone()
            .unwrap_or_else(|| facts.from_uri.clone()),
        from_uri: facts.from_uri.clone(),
        subject: facts.subject.clone(),
        preview: facts.preview.clone(),
        kind_label: format::kind_label(message).to_owned(),
        size_human: format::bytes(facts.size),
        stored: format::moment(facts.stored_at),
        expires: format::moment(facts.expires_at),
        expires_soon: format::is_soon(facts.expires_at, now),
        has_attachments: facts.has_attachments,
        wants_report: facts
            .notifications_asked
            .iter()
            .any(|asked| asked == "negative-delivery"),
        suspicious_text: is_suspicious(message),
        sealed: false,
    }
}

/// Whether the sender's name or the subject may not say what it seems to say.
pub(super) fn is_suspicious(message: &Summary) -> bool {
    let shown = [&message.facts.from_display, &message.facts.subject];
    shown
        .into_iter()
        .flatten()
        .any(|text| format::is_suspicious(text))
}

/// Commands that put a first message into this account.
fn try_it(account: &Account, demo: bool, headers: &HeaderMap) -> String {
    let aor = account.aor.as_str().replace('\'', "%27");
    // Where the browser reached us, as far as it may stand in a command.
    let plain = |c: char| c.is_ascii_alphanumeric() || ".:-[]".contains(c);
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let server = match host.filter(|host| host.chars().all(plain)) {
        Some(host) => format!("http://{host}"),
        None => "http://127.0.0.1:8080".to_owned(),
    };
    let token = if demo {
        "export RESTANTE_TOKEN=…  # printed where the demo was started"
    } else {
        "export RESTANTE_TOKEN=$(restante token create --name try --scope gateway)"
    };
    format!(
        "{token}\n\nrestante send pager --to '{aor}' --from sip:carol@example.org --text 'Hello' --server {server}"
    )
}
