//! Delivery reports on their way, for operators.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};

use super::form::Form;
use super::format;
use super::page::{PageError, Visitor, html};
use super::pages::{ReportFacts, ReportFilter, ReportRow, ReportsPage};
use crate::domain::access::Scope;
use crate::domain::address::Aor;
use crate::domain::event::Cause;
use crate::domain::report::{DeliveryReports, State as ReportState};
use crate::mailbox::Mailbox;
use crate::mailbox::outbox::Handled;
use crate::store::reports::Report;
use crate::web::cursor::CursorKey;
use crate::web::extract::{Path, Query};
use crate::web::gateway::reports::number;
use crate::web::problem::{INVALID_REQUEST, Problem};
use crate::web::rest::view::{Paging, account_path_segment};

/// The states that may be chosen.
const STATES: [ReportState; 4] = [
    ReportState::Pending,
    ReportState::Leased,
    ReportState::Sent,
    ReportState::Dead,
];

/// Which reports.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct ReportsQuery {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

pub(super) async fn show(
    State(mailbox): State<Mailbox>,
    State(cursors): State<Arc<CursorKey>>,
    visitor: Visitor,
    Query(mut query): Query<ReportsQuery>,
) -> Result<Response, PageError> {
    let scope = visitor.operating()?;
    let state = match query.state.as_str() {
        "" => None,
        word => Some(word.parse().map_err(|_| {
            Problem::new(INVALID_REQUEST).detail("state is pending, leased, sent or dead")
        })?),
    };
    let cursor = query.cursor.take();
    let paging = Paging::new(&cursors, "reports page", None, cursor.as_deref(), &query)?;
    let found = mailbox.reports(&scope, state, paging.after(), paging.to_fetch());
    let page = paging.cut(found.await?, |last| last.id.to_string());
    let filter = |value: &str, label| ReportFilter {
        label,
        href: list_href(value, ""),
        is_current: value == query.state,
    };
    let states = STATES.map(|state| filter(state.as_str(), label(state)));
    let filters = std::iter::once(filter("", "All")).chain(states);
    let page = ReportsPage {
        chrome: visitor.chrome("Delivery reports").await?,
        filters: filters.collect(),
        rows: page.items.iter().map(row).collect(),
        never: mailbox.policy.delivery_reports == DeliveryReports::Never,
        first_href: cursor.is_some().then(|| paging.href("/reports", None)),
        next_href: page
            .next_cursor
            .map(|cursor| paging.href("/reports", Some(&cursor))),
        cursor: cursor.unwrap_or_default(),
        state: query.state,
    };
    Ok(html(StatusCode::OK, &page))
}

fn list_href(state: &str, cursor: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [("state", state), ("cursor", cursor)] {
        if !value.is_empty() {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() {
        return "/reports".to_owned();
    }
    format!("/reports?{query}")
}

fn row(report: &Report) -> ReportRow {
    let is_idle = matches!(report.state, ReportState::Pending | ReportState::Dead);
    let key = report.message_id.key;
    let aor = Aor::parse(&report.aor).map(|aor| account_path_segment(&aor));
    ReportRow {
        facts: facts(report),
        aor: report.aor.clone(),
        message_id: report.message_id.to_string(),
        message_href: format!("/accounts/{}/messages/{key}", aor.unwrap_or_default()),
        reason: reason(report.cause),
        retry_href: is_idle.then(|| format!("/reports/{}/retry", report.id)),
        drop_href: format!("/reports/{}/drop", report.id),
        drop_label: match report.state {
            ReportState::Pending | ReportState::Dead => "Drop, the sender is not told",
            ReportState::Leased => "Drop, if it is not sent yet",
            ReportState::Sent => "Drop from this list",
        },
    }
}

fn reason(cause: Cause) -> &'static str {
    match cause {
        Cause::Requested => "Message deleted",
        Cause::Expired => "Message expired",
        Cause::Delivered => "Message delivered",
        Cause::Purged => "Message removed by an operator",
        Cause::Erased => "Account erased",
    }
}

/// What a state is called.
fn label(state: ReportState) -> &'static str {
    match state {
        ReportState::Pending => "Waiting",
        ReportState::Leased => "Being sent",
        ReportState::Sent => "Sent",
        ReportState::Dead => "Given up",
    }
}

/// How a report fares.
pub(super) fn facts(report: &Report) -> ReportFacts {
    let (tone, then) = match report.state {
        ReportState::Pending => ("waits", "Next try"),
        ReportState::Leased => ("waits", "Answer due"),
        ReportState::Sent => ("good", "Sent"),
        ReportState::Dead => ("bad", "Given up"),
    };
    let when = report.next_attempt_at.or(report.ended_at);
    ReportFacts {
        state: label(report.state),
        tone,
        is_open: report.next_attempt_at.is_some(),
        target: report.target.clone(),
        queued: format::moment(report.created_at),
        attempts: report.attempts,
        last_answer: report.last_error.clone(),
        then: when.map(|at| (then, format::moment(at))),
    }
}

pub(super) async fn retry(
    State(mailbox): State<Mailbox>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    let scope = prove(&visitor, &form).await?;
    let by = visitor.principal.actor;
    match mailbox.retry_report(&scope, number(&id)?, by).await? {
        Handled::Done(report) => {
            let text = format!("The report to {} is tried again now.", report.target);
            visitor.flash(&text).await?;
        }
        Handled::NotThere => gone(&visitor).await?,
        Handled::NotNow(ReportState::Sent) => {
            visitor
                .flash_error("The report was sent meanwhile. It is not sent twice.")
                .await?;
        }
        Handled::NotNow(_) => {
            visitor
                .flash_error("The report is being sent at this moment.")
                .await?;
        }
    }
    Ok(back(&form))
}

pub(super) async fn drop_one(
    State(mailbox): State<Mailbox>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    let scope = prove(&visitor, &form).await?;
    let by = visitor.principal.actor;
    if mailbox.drop_report(&scope, number(&id)?, by).await? {
        visitor.flash("The report was dropped.").await?;
    } else {
        gone(&visitor).await?;
    }
    Ok(back(&form))
}

async fn prove(visitor: &Visitor, form: &Form) -> Result<Scope, PageError> {
    let scope = visitor.operating()?;
    visitor.prove_own_page(form.get("csrf")).await?;
    Ok(scope)
}

async fn gone(visitor: &Visitor) -> Result<(), PageError> {
    visitor
        .flash_error("There is no such report any more.")
        .await
}

/// To the page that the form was on.
fn back(form: &Form) -> Response {
    Redirect::to(&list_href(form.get("state"), form.get("cursor"))).into_response()
}
