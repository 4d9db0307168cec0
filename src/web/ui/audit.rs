//! The audit, for operators: the same filters as in the REST API.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::extend::length;
use super::format;
use super::page::{PageError, Visitor, html};
use super::pages::{AuditChoice, AuditPage, AuditRow};
use crate::domain::access::Scope;
use crate::domain::audit::{Action, ActorKind, AuditOutcome};
use crate::mailbox::Mailbox;
use crate::mailbox::audit::Audited;
use crate::store::audit::Filter;
use crate::web::cursor::CursorKey;
use crate::web::extract::Query;
use crate::web::problem::{INVALID_REQUEST, Problem};
use crate::web::rest::audit::filter::Asked;
use crate::web::rest::view::Page;

const PER_PAGE: u64 = 50;
/// Values of a list in an entry that are shown.
const VALUES_SHOWN: usize = 10;

/// Which entries; an empty text does not restrict.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct AuditQuery {
    #[serde(skip_serializing_if = "String::is_empty")]
    action: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    actor: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    outcome: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    account: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    from: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    to: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    cursor: String,
}

pub(super) async fn show(
    State(mailbox): State<Mailbox>,
    State(cursors): State<Arc<CursorKey>>,
    visitor: Visitor,
    Query(mut query): Query<AuditQuery>,
) -> Result<Response, PageError> {
    let scope = visitor.operating()?;
    let cursor = std::mem::take(&mut query.cursor);
    let list = format!("audit page {}", words(&query));
    let before = match cursor.as_str() {
        "" => None,
        cursor => cursors.open(&list, cursor)?.parse().ok(),
    };
    let (found, error) = match query.filter(&mailbox, &scope).await {
        Ok(filter) => (
            mailbox.audit(&scope, &filter, before, PER_PAGE + 1).await?,
            None,
        ),
        Err(problem) if *problem.kind() == *INVALID_REQUEST => {
            let why = "The filter cannot be read: look at the account and the days.";
            (Vec::new(), Some(why.to_owned()))
        }
        Err(problem) => return Err(problem.into()),
    };
    let page = Page::cut(found, PER_PAGE, |last| {
        cursors.seal(&list, &last.entry.place.to_string())
    });
    let is_filtered = !words(&query).is_empty();
    let first_href = (!cursor.is_empty()).then(|| href(&query));
    let next_href = page.next_cursor.map(|cursor| {
        href(&AuditQuery {
            cursor,
            ..query.clone()
        })
    });
    let page = AuditPage {
        chrome: visitor.chrome("Audit").await?,
        actions: choices(
            "Everything",
            &ACTIONS.map(|(action, words)| (action.as_str(), words)),
            &query.action,
        ),
        actors: choices(
            "Anybody",
            &ACTORS.map(|(kind, words)| (kind.as_str(), words)),
            &query.actor,
        ),
        outcomes: choices(
            "Any",
            &OUTCOMES.map(|(outcome, words)| (outcome.as_str(), words)),
            &query.outcome,
        ),
        error,
        is_filtered,
        rows: page.items.iter().map(row).collect(),
        kept: length(mailbox.policy.audit_keep),
        export_href: "/api/v1/audit/export".to_owned(),
        first_href,
        next_href,
        account: query.account,
        from: query.from,
        to: query.to,
    };
    Ok(html(StatusCode::OK, &page))
}

impl AuditQuery {
    async fn filter(&self, mailbox: &Mailbox, scope: &Scope) -> Result<Filter, Problem> {
        let account = self.account.trim();
        let account_id = account.parse().ok();
        let asked = Asked {
            action: some(&self.action),
            outcome: some(&self.outcome),
            actor: some(&self.actor),
            actor_id: None,
            account: some(account).filter(|_| account_id.is_none()),
            account_id,
            since: day(&self.from, 0)?,
            until: day(&self.to, 1)?,
        };
        asked.read(mailbox, scope).await
    }
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// The beginning of a day in UTC, or of the one after it.
fn day(text: &str, after: u64) -> Result<Option<DateTime<Utc>>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let day: Option<NaiveDate> = text.parse().ok();
    let day = day.and_then(|day| day.checked_add_days(Days::new(after)));
    let day = day.ok_or_else(|| Problem::new(INVALID_REQUEST))?;
    Ok(Some(day.and_time(NaiveTime::MIN).and_utc()))
}

fn words(query: &AuditQuery) -> String {
    serde_urlencoded::to_string(query).unwrap_or_default()
}

fn href(query: &AuditQuery) -> String {
    format!("/audit?{}", words(query))
}

const ACTIONS: [(Action, &str); 17] = [
    (Action::ContentOpened, "Content opened"),
    (Action::ContentRead, "Content read"),
    (Action::SignIn, "Sign-in"),
    (Action::SignOut, "Sign-out"),
    (Action::PasswordChanged, "Password changed"),
    (Action::UserCreated, "Person added"),
    (Action::UserChanged, "Person changed"),
    (Action::UserRemoved, "Person removed"),
    (Action::TokenCreated, "Token made"),
    (Action::TokenRotated, "Token rotated"),
    (Action::TokenRevoked, "Token revoked"),
    (Action::SetupUsed, "Setup link used"),
    (Action::MessagesRemoved, "Messages removed"),
    (Action::ExpiryChanged, "Expiry changed"),
    (Action::AccountErased, "Account erased"),
    (Action::ReportRetried, "Report retried"),
    (Action::ReportDropped, "Report dropped"),
];

const ACTORS: [(ActorKind, &str); 6] = [
    (ActorKind::User, "People"),
    (ActorKind::Token, "Programs"),
    (ActorKind::Owner, "Owners, by the network"),
    (ActorKind::System, "This server"),
    (ActorKind::Console, "The command line"),
    (ActorKind::Nobody, "Nobody known"),
];

const OUTCOMES: [(AuditOutcome, &str); 2] = [
    (AuditOutcome::Done, "Done"),
    (AuditOutcome::Refused, "Refused"),
];

fn choices(
    all: &'static str,
    known: &[(&'static str, &'static str)],
    chosen: &str,
) -> Vec<AuditChoice> {
    let choice = |(value, words): (&'static str, &'static str)| AuditChoice {
        value,
        words,
        is_chosen: value == chosen,
    };
    std::iter::once(("", all))
        .chain(known.iter().copied())
        .map(choice)
        .collect()
}

fn row(audited: &Audited) -> AuditRow {
    let entry = &audited.entry;
    let title = ACTIONS.iter().find(|(action, _)| *action == entry.action);
    let account = audited.aor.as_ref().map(ToString::to_string);
    let number = entry.account_id.map(|id| format!("account {id}"));
    AuditRow {
        title: title.map_or(entry.action.as_str(), |(_, words)| words),
        is_refused: entry.outcome == AuditOutcome::Refused,
        by: by(audited),
        at: format::moment(entry.at),
        account: account.or(number),
        details: details(entry.detail.as_ref()),
        number: entry.link.as_ref().map(|link| link.number),
    }
}

fn by(audited: &Audited) -> String {
    let actor = audited.entry.actor;
    match (actor.kind, actor.id, &audited.actor_name) {
        (ActorKind::System, ..) => "this server".to_owned(),
        (ActorKind::Console, ..) => "somebody at the command line".to_owned(),
        (ActorKind::Nobody, ..) => "nobody known".to_owned(),
        (ActorKind::Owner, ..) => "the owner, as the network says".to_owned(),
        (ActorKind::Token, _, Some(name)) => format!("{name} (token)"),
        (ActorKind::User, _, Some(name)) => name.clone(),
        (_, Some(id), None) => format!("{} {id}, not there any more", actor.kind),
        (_, None, None) => actor.kind.to_string(),
    }
}

/// What else an entry says, as names and values.
fn details(detail: Option<&Value>) -> Vec<(String, String)> {
    let fields = detail.and_then(Value::as_object).into_iter().flatten();
    fields
        .map(|(name, value)| (name.clone(), shown(value)))
        .collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => {
            let some: Vec<String> = values.iter().take(VALUES_SHOWN).map(shown).collect();
            let more = values.len().saturating_sub(VALUES_SHOWN);
            match more {
                0 => some.join(", "),
                more => format!("{} and {more} more", some.join(", ")),
            }
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn details_are_told_in_bounded_length() {
        let many: Vec<i32> = (1..=500).collect();
        let told = details(Some(&json!({"messages": many, "reason": "requested"})));
        assert_eq!(told[0].1, "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 490 more");
        assert_eq!(told[1].1, "requested");
        assert!(details(None).is_empty());
    }

    #[test]
    fn a_day_ends_when_the_next_begins() {
        assert_eq!(
            day("2026-11-30", 1).ok().flatten().unwrap().to_rfc3339(),
            "2026-12-01T00:00:00+00:00"
        );
        assert!(day("30.11.2026", 0).is_err());
    }
}
