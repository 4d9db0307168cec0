//! What holds of every mailbox at rest, whatever happened to it before: rows agree with each other, what is served
//! agrees with the rows, and whoever is gone left exactly the traces that it should.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use reqwest::Client;
use restante::domain::message_id::MessageKey;
use roxmltree::Document;
use sea_orm::DatabaseConnection;
use serde_json::Value;

use super::REASON;
use super::rows::{AccountRow, EventRow, Rows};

/// A server, and the database under it.
pub struct Site<'a> {
    pub db: &'a DatabaseConnection,
    pub client: &'a Client,
    pub url: &'a str,
    /// A token with the scope operator.
    pub operator: &'a str,
}

/// A message that was acknowledged as stored.
#[derive(Clone, Debug)]
pub struct Known {
    /// Whether its sender asked to be told if it goes undelivered.
    pub asked: bool,
    /// Whether somebody tried to delete it.
    pub may_be_deleted: bool,
    /// Whether somebody was told that it is deleted.
    pub is_deleted: bool,
}

/// What there was to look at.
#[derive(Debug, Default)]
pub struct Counts {
    pub stored: usize,
    pub waiting: usize,
    pub removed: BTreeMap<String, usize>,
    pub reports: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} stored, {} waiting", self.stored, self.waiting)?;
        for (reason, count) in &self.removed {
            write!(f, ", {count} {reason}")?;
        }
        write!(f, ", {} reports", self.reports)
    }
}

/// What does not hold.
#[derive(Default)]
struct Violations(Vec<String>);

impl Violations {
    fn unless(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }
}

/// Checks everything; nobody may use the server meanwhile, nothing be out of sight, and nothing be about to expire.
/// `known` are all messages there ever were.
pub async fn check(site: &Site<'_>, known: &HashMap<MessageKey, Known>) -> Counts {
    let rows = Rows::read(site.db).await;
    let mut wrong = Violations::default();
    for (key, known) in known {
        check_message(*key, known, &rows, &mut wrong);
    }
    check_strays(&rows, known, &mut wrong);
    for account in &rows.accounts {
        check_account(account, &rows, &mut wrong);
        check_served(site, account, &rows, &mut wrong).await;
    }
    let Violations(wrong) = wrong;
    let first: Vec<_> = wrong.iter().take(20).collect();
    assert!(wrong.is_empty(), "{} violations: {first:#?}", wrong.len());
    let mut counts = Counts {
        stored: known.len(),
        waiting: rows.messages.len(),
        reports: rows.reports.len(),
        ..Counts::default()
    };
    for reason in rows.audited.values().flatten() {
        *counts.removed.entry(reason.clone()).or_default() += 1;
    }
    counts
}

/// A message is there, or it was removed once, for a reason that fits, with all that has to follow.
fn check_message(key: MessageKey, known: &Known, rows: &Rows, wrong: &mut Violations) {
    let events = rows.events.get(&key).map_or(&[][..], Vec::as_slice);
    let of = |kind: &str| events.iter().filter(|event| event.kind == kind).count();
    let mut unless = |holds, what: &str| {
        wrong.unless(holds, || format!("{key}: {what}: {events:?}"));
    };
    unless(of("message.stored") == 1, "not stored exactly once");
    unless(
        rows.retry_keys.get(&key) == Some(&1),
        "its request is not known",
    );
    let told = rows.reports.get(&key).map_or(&[][..], Vec::as_slice);
    let audited = rows.audited.get(&key).map_or(&[][..], Vec::as_slice);
    let removed: Vec<_> = events
        .iter()
        .filter(|event| event.kind == "message.removed")
        .collect();
    let expiry = events
        .iter()
        .rfind(|event| matches!(&*event.kind, "message.stored" | "message.changed"))
        .and_then(|event| event.until);
    if let Some(message) = rows.messages.get(&key) {
        unless(removed.is_empty(), "removed, and still there");
        unless(!known.is_deleted, "deleted, and still there");
        unless(audited.is_empty(), "removed by the audit, and still there");
        unless(told.is_empty(), "reported as gone, and still there");
        unless(rows.contents.contains(&key), "without content");
        unless(expiry == Some(message.expires_at), "has another expiry");
        return;
    }
    let [removed] = removed[..] else {
        unless(false, "lost, or removed twice");
        return;
    };
    let reason = removed.reason.as_deref().unwrap_or_default();
    unless(audited == [reason], "not once in the audit as removed");
    let fits = match reason {
        "requested" => known.may_be_deleted,
        "expired" => !known.is_deleted && expiry.is_some_and(|expiry| expiry <= removed.at),
        _ => false,
    };
    unless(fits, "removed for no good reason");
    unless(
        if known.asked {
            told == [reason]
        } else {
            told.is_empty()
        },
        "not reported as it should be",
    );
    unless(is_in_order(events), "what happened makes no sense");
}

/// Stored first; hidden and shown by turns; removed last. A warning that it will expire may come at any time.
fn is_in_order(events: &[EventRow]) -> bool {
    let mut state = "nothing";
    // Places are those of transactions, which have theirs before they get what another still holds.
    let mut events: Vec<&EventRow> = events.iter().collect();
    if let [.., before, last] = &mut events[..]
        && (&*before.kind, &*last.kind) == ("message.removed", "message.released")
    {
        std::mem::swap(before, last);
    }
    for event in events {
        state = match (&*event.kind, state) {
            ("message.stored", "nothing")
            | ("message.released", "held")
            | ("message.changed", "there") => "there",
            ("message.held", "there") => "held",
            ("message.removed", "there" | "held") => "gone",
            // Whoever reads may come a moment after it has gone.
            ("message.expiring" | "message.inspected", state) if state != "nothing" => state,
            _ => return false,
        };
    }
    state == "gone"
}

/// Nothing is there of messages that nobody was told of.
fn check_strays(rows: &Rows, known: &HashMap<MessageKey, Known>, wrong: &mut Violations) {
    let all = [
        ("message", rows.messages.keys().collect::<Vec<_>>()),
        ("event", rows.events.keys().collect()),
        ("retry key", rows.retry_keys.keys().collect()),
        ("report", rows.reports.keys().collect()),
        ("line of the audit", rows.audited.keys().collect()),
    ];
    for (what, keys) in all {
        for key in keys {
            wrong.unless(known.contains_key(key), || format!("{key}: stray {what}"));
        }
    }
    for key in &rows.contents {
        wrong.unless(rows.messages.contains_key(key), || {
            format!("{key}: content without message")
        });
    }
}

fn check_account(account: &AccountRow, rows: &Rows, wrong: &mut Violations) {
    let own = rows
        .messages
        .iter()
        .filter(|(key, row)| key.account_id == account.id && !row.is_held);
    let (mut count, mut octets) = (0, 0);
    for (key, row) in own {
        count += 1;
        octets += row.stored_size;
        wrong.unless(key.number < account.next_number, || {
            format!("{key}: its number is given out again")
        });
    }
    let counted = (account.message_count, account.byte_count);
    wrong.unless(counted == (count, octets), || {
        format!("{account:?} holds {count} messages, {octets} octets")
    });
}

/// The document and the list show the rows.
async fn check_served(site: &Site<'_>, account: &AccountRow, rows: &Rows, wrong: &mut Violations) {
    let aor = &account.aor;
    let mut own: Vec<_> = rows
        .messages
        .iter()
        .filter(|(key, row)| key.account_id == account.id && !row.is_held)
        .map(|(key, row)| (key.to_string(), row.expires_at.timestamp()))
        .collect();
    let document = document(site, aor).await;
    wrong.unless(document == own, || {
        format!("{aor}: the document has {document:?}, the rows are {own:?}")
    });
    // Newest first.
    own.reverse();
    let listed = listed(site, aor).await;
    wrong.unless(listed == own, || {
        format!("{aor}: the list has {listed:?}, the rows are {own:?}")
    });
}

async fn get(site: &Site<'_>, path: &str) -> String {
    let request = site.client.get(format!("{}{path}", site.url));
    let (name, reason) = REASON;
    let request = request.bearer_auth(site.operator).header(name, reason);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.unwrap()
}

/// Ids and expiries of the metadata document.
async fn document(site: &Site<'_>, aor: &str) -> Vec<(String, i64)> {
    let path = format!("/xcap-root/org.openmobilealliance.deferred-list/users/{aor}/deferred-list");
    let text = get(site, &path).await;
    let xml = Document::parse(&text).unwrap();
    let history = xml.root_element().children();
    history
        .filter(roxmltree::Node::is_element)
        .map(|history| {
            let reference = history.attribute("history-reference").unwrap();
            let key: MessageKey = reference.parse().unwrap();
            let expiry = history
                .children()
                .find(|child| child.tag_name().name() == "expiry")
                .and_then(|expiry| expiry.text())
                .unwrap();
            (key.to_string(), seconds(expiry))
        })
        .collect()
}

/// Ids and expiries of the list, all pages.
async fn listed(site: &Site<'_>, aor: &str) -> Vec<(String, i64)> {
    let mut all = Vec::new();
    let mut query = "limit=500".to_owned();
    loop {
        let page = get(site, &format!("/api/v1/accounts/{aor}/messages?{query}")).await;
        let page: Value = serde_json::from_str(&page).unwrap();
        for item in page["items"].as_array().unwrap() {
            let expiry = seconds(item["expires_at"].as_str().unwrap());
            all.push((item["id"].as_str().unwrap().to_owned(), expiry));
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("limit=500&cursor={cursor}"),
            None => return all,
        }
    }
}

fn seconds(time: &str) -> i64 {
    time.parse::<chrono::DateTime<chrono::Utc>>()
        .unwrap()
        .timestamp()
}
