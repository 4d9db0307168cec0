//! Putting off the expiry of a message.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::accounts::base_href;
use super::form::Form;
use super::format;
use super::message;
use super::page::{PageError, Visitor};
use super::pages::ExtendForm;
use super::timeline;
use crate::domain::address::Aor;
use crate::domain::message_id::MessageKey;
use crate::domain::policy::Policy;
use crate::mailbox::Mailbox;
use crate::mailbox::extend::ExtendError;
use crate::web::extract::Path;
use crate::web::problem::{NOT_FOUND, Problem};
use crate::web::rest::account_path;
use crate::web::rest::view::account_path_segment;

/// What is offered beside a date: the value, its words and how much longer it is.
const CHOICES: [(&str, &str, TimeDelta); 2] = [
    ("1d", "1 day more", TimeDelta::days(1)),
    ("7d", "7 days more", TimeDelta::days(7)),
];
/// As long as may be.
const LONGEST: &str = "max";

/// What was refused: the date as typed, and why.
#[derive(Debug, Default)]
pub(super) struct Refused {
    typed: String,
    error: Option<String>,
}

/// The form for a message that expires then.
pub(super) fn form(
    action_href: String,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
    policy: &Policy,
    refused: Refused,
) -> ExtendForm {
    let latest = now + policy.max_expiry;
    let fitting = CHOICES
        .iter()
        .filter(|(_, _, more)| expires_at + *more <= latest);
    let mut choices: Vec<(&'static str, String)> = fitting
        .map(|(value, words, _)| (*value, (*words).to_owned()))
        .collect();
    choices.push((
        LONGEST,
        format!("As long as possible, {}", length(policy.max_expiry)),
    ));
    ExtendForm {
        action_href,
        choices,
        date_min: now.date_naive().to_string(),
        date_max: latest.date_naive().to_string(),
        date_value: refused.typed,
        error: refused.error,
    }
}

/// "30 days", "12 hours".
pub(super) fn length(of: TimeDelta) -> String {
    let (count, unit) = match (of.num_days(), of.num_hours()) {
        (days @ 1.., _) => (days, "day"),
        (_, hours @ 1..) => (hours, "hour"),
        _ => (of.num_minutes(), "minute"),
    };
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{s}")
}

/// The instant that a form asks for; of a day its end, as far as it may be.
fn asked(
    form: &Form,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
    policy: &Policy,
) -> Result<DateTime<Utc>, &'static str> {
    let latest = now + policy.max_expiry;
    let more = form.get("more");
    if more == LONGEST {
        return Ok(latest);
    }
    if let Some((_, _, longer)) = CHOICES.iter().find(|(value, ..)| *value == more) {
        return Ok(expires_at + *longer);
    }
    let typed = form.get("date").trim();
    if typed.is_empty() {
        return Err("Choose a day first.");
    }
    let day: NaiveDate = typed
        .parse()
        .map_err(|_| "This is not a day. Write it as year, month and day: 2026-12-24.")?;
    let next = day.checked_add_days(Days::new(1));
    let end = next.map(|next| next.and_time(NaiveTime::MIN).and_utc() - TimeDelta::seconds(1));
    let end = end.ok_or("This day is too far away.")?;
    Ok(if day == latest.date_naive() {
        latest.min(end)
    } else {
        end
    })
}

/// To the message, for whoever comes back to where a refused form led.
pub(super) async fn show(Path((aor, id)): Path<(String, String)>) -> Response {
    let aor = Aor::parse(&aor).map(|aor| account_path_segment(&aor));
    let key: Result<MessageKey, _> = id.parse();
    match (aor, key) {
        (Ok(aor), Ok(key)) => Redirect::to(&format!("/accounts/{aor}/messages/{key}")),
        _ => Redirect::to("/"),
    }
    .into_response()
}

pub(super) async fn submit(
    State(mailbox): State<Mailbox>,
    visitor: Visitor,
    Path((aor, id)): Path<(String, String)>,
    form: Form,
) -> Result<Response, PageError> {
    visitor.prove_own_page(form.get("csrf")).await?;
    let account =
        account_path::account(&mailbox, &visitor.principal, &visitor.scope(), &aor).await?;
    let key = account_path::key(&account, &id).ok_or_else(|| Problem::new(NOT_FOUND))?;
    let Some(opened) = mailbox.open(&account, key).await? else {
        return timeline::gone(&mailbox, &visitor, &account, key).await;
    };
    let (policy, now) = (&mailbox.policy, mailbox.clock.now());
    let refused = match asked(&form, opened.summary.facts.expires_at, now, policy) {
        Err(error) => error.to_owned(),
        Ok(until) => {
            let by = visitor.principal.actor;
            match mailbox.set_expiry(key, until, by, |_| true).await {
                Ok(Some(message)) => {
                    let until = format::moment(message.facts.expires_at).human;
                    visitor.flash(&format!("Kept until {until}.")).await?;
                    let place = format!("{}/messages/{key}", base_href(&account));
                    return Ok(Redirect::to(&place).into_response());
                }
                // Nothing is demanded of how it was, so that it cannot have changed.
                Ok(None) | Err(ExtendError::Changed) => {
                    return timeline::gone(&mailbox, &visitor, &account, key).await;
                }
                Err(ExtendError::Bounds(bounds)) => {
                    let latest = format::moment(bounds.latest).human;
                    format!("Choose a time after now and not after {latest}.")
                }
                Err(ExtendError::Store(error)) => return Err(error.into()),
            }
        }
    };
    let refused = Refused {
        typed: form.get("date").to_owned(),
        error: Some(refused),
    };
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    message::page(&mailbox, &visitor, &account, opened, status, refused).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn ask(fields: &[(&str, &str)]) -> Result<DateTime<Utc>, &'static str> {
        let now = at("2026-10-01T08:00:00Z");
        let policy = Policy::default();
        asked(&Form::of(fields), now + TimeDelta::days(2), now, &policy)
    }

    #[test]
    fn choices_count_from_the_expiry_and_days_end_at_midnight() {
        assert_eq!(ask(&[("more", "1d")]), Ok(at("2026-10-04T08:00:00Z")));
        assert_eq!(
            ask(&[("more", "7d"), ("date", "x")]),
            Ok(at("2026-10-10T08:00:00Z"))
        );
        assert_eq!(ask(&[("more", "max")]), Ok(at("2026-10-31T08:00:00Z")));
        assert_eq!(
            ask(&[("date", "2026-10-09")]),
            Ok(at("2026-10-09T23:59:59Z"))
        );
        // The last day ends for a message when it has waited as long as it may.
        assert_eq!(
            ask(&[("date", "2026-10-31")]),
            Ok(at("2026-10-31T08:00:00Z"))
        );
    }

    #[test]
    fn what_is_no_day_is_refused_with_the_reason() {
        assert!(ask(&[]).unwrap_err().contains("Choose a day"));
        for typed in ["tomorrow", "2026-02-30", "24.12.2026", "+99999999-01-01"] {
            assert!(
                ask(&[("date", typed)]).unwrap_err().contains("not a day"),
                "{typed}"
            );
        }
        assert!(ask(&[("date", "+262142-12-31")]).is_err());
    }

    #[test]
    fn no_more_is_offered_than_there_is() {
        let now = at("2026-10-01T08:00:00Z");
        let offered = |expires_at| {
            let form = form(
                String::new(),
                expires_at,
                now,
                &Policy::default(),
                Refused::default(),
            );
            form.choices
                .into_iter()
                .map(|(value, _)| value)
                .collect::<Vec<_>>()
        };
        assert_eq!(offered(now + TimeDelta::days(7)), ["1d", "7d", "max"]);
        assert_eq!(offered(now + TimeDelta::days(25)), ["1d", "max"]);
        assert_eq!(offered(now + TimeDelta::days(30)), ["max"]);
    }
}
