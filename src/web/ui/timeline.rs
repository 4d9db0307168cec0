//! What happened to a message, told to people; also on the page of one that is gone.

use axum::http::StatusCode;
use axum::response::Response;

use super::accounts::{base_href, head};
use super::format;
use super::page::{PageError, Visitor, html};
use super::pages::{GonePage, Timeline, TimelineRow};
use super::reports;
use crate::domain::audit::{Actor, ActorKind};
use crate::domain::event::{Cause, EventKind};
use crate::domain::message_id::MessageKey;
use crate::mailbox::Mailbox;
use crate::mailbox::read::message_id;
use crate::mailbox::timeline;
use crate::store::accounts::Account;
use crate::store::events::Event;
use crate::web::problem::{NOT_FOUND, Problem};

/// The timeline as a page shows it.
pub(super) fn told(timeline: &timeline::Timeline) -> Timeline {
    let events = timeline.events.iter();
    Timeline {
        rows: events
            .map(|(event, name)| row(event, name.as_deref()))
            .collect(),
        report: timeline.report.as_ref().map(reports::facts),
    }
}

/// The page of a message that is not there any more.
pub(super) async fn gone(
    mailbox: &Mailbox,
    visitor: &Visitor,
    account: &Account,
    key: MessageKey,
) -> Result<Response, PageError> {
    let timeline = mailbox.timeline(account, key).await?;
    let timeline = timeline.ok_or_else(|| Problem::new(NOT_FOUND))?;
    // An operator who was reading at that moment may come after it.
    let mut events = timeline.events.iter().map(|(event, _)| event);
    let last = events.rfind(|event| event.kind != EventKind::Inspected);
    let page = GonePage {
        chrome: visitor.chrome("This message is gone").await?,
        account: head(account, &mailbox.policy),
        back_href: base_href(account),
        message_id: message_id(account, key).to_string(),
        lead: lead(last).to_owned(),
        timeline: told(&timeline),
    };
    Ok(html(StatusCode::NOT_FOUND, &page))
}

/// What became of a message whose last event this is.
fn lead(last: Option<&Event>) -> &'static str {
    let removed = last.filter(|event| event.kind == EventKind::Removed);
    match removed.and_then(|event| event.cause) {
        Some(Cause::Requested) => "It was deleted, and its content with it.",
        Some(Cause::Delivered) => "It was delivered, so it does not wait here any more.",
        Some(Cause::Purged) => "An operator removed it, and its content with it.",
        Some(Cause::Erased) => "It went with its account.",
        Some(Cause::Expired) => "It waited as long as it may, and expired.",
        None if last.is_some_and(|event| event.kind == EventKind::Held) => {
            "It was deleted. Only whoever deleted it can take that back, and not for long."
        }
        None => "It waited as long as it may, and expires now.",
    }
}

fn row(event: &Event, name: Option<&str>) -> TimelineRow {
    let (icon, title) = title(event);
    let label = match event.kind {
        EventKind::Held => "Final",
        _ => "Expires",
    };
    TimelineRow {
        icon,
        title: title.to_owned(),
        by: event.actor.and_then(|actor| by(actor, name)),
        at: format::moment(event.at),
        then: event.until.map(|until| (label, format::moment(until))),
    }
}

fn title(event: &Event) -> (&'static str, &'static str) {
    match event.kind {
        EventKind::Stored => ("i-letter", "Stored"),
        EventKind::Expiring => ("i-clock", "Warned that it expires soon"),
        EventKind::Changed => ("i-clock", "Expiry changed"),
        EventKind::Held => ("i-trash", "Deletion asked for"),
        EventKind::Inspected => ("i-users", "Read by an operator"),
        EventKind::Released => ("i-undo", "Deletion taken back"),
        EventKind::Removed => match event.cause {
            Some(Cause::Requested) => ("i-trash", "Deleted"),
            Some(Cause::Delivered) => ("i-ok", "Delivered"),
            Some(Cause::Purged) => ("i-trash", "Removed by an operator"),
            Some(Cause::Erased) => ("i-trash", "Removed with its account"),
            Some(Cause::Expired) => ("i-clock", "Expired"),
            None => ("i-trash", "Removed"),
        },
        EventKind::Erased => ("i-trash", "Erased with its account"),
        // About no message.
        EventKind::DocumentChanged => ("i-doc", "Document changed"),
    }
}

/// Who did it, in words; nobody if the server did it by itself.
fn by(actor: Actor, name: Option<&str>) -> Option<String> {
    let gone = || "somebody who is not known here any more".to_owned();
    match actor.kind {
        ActorKind::System | ActorKind::Nobody => None,
        ActorKind::User => Some(name.map_or_else(gone, str::to_owned)),
        ActorKind::Token => {
            Some(name.map_or_else(gone, |name| format!("a program with the token {name}")))
        }
        ActorKind::Owner => Some("the owner, as the network says".to_owned()),
        ActorKind::Console => Some("somebody at the server".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_did_it_is_named_if_it_can_be_told() {
        let of = |kind, name| by(Actor::of(kind, 7), name).unwrap_or_default();
        assert_eq!(of(ActorKind::User, Some("alice")), "alice");
        assert_eq!(
            of(ActorKind::Token, Some("cron")),
            "a program with the token cron"
        );
        assert!(of(ActorKind::User, None).contains("not known here any more"));
        assert_eq!(by(Actor::SYSTEM, None), None);
    }
}
