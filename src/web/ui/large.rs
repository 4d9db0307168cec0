//! The session that brought a large message, for the page of the message.

use super::format;
use super::pages::{SessionBlock, SessionLeg};
use crate::web::letter::Letter;
use crate::web::rest::large_view::{LargeView, SessionFields};

/// What the page shows of it; `api` is the message's path in the REST API.
pub(super) fn session(letter: &Letter, api: &str) -> Option<SessionBlock> {
    let view = LargeView::new(letter)?;
    let href = |part: &str| Some(format!("{api}/session/{part}"));
    let asked = if view.success_report { "yes" } else { "no" };
    let send = [
        ("Message-ID", view.message_id.clone().unwrap_or_default()),
        ("Success-Report", asked.to_owned()),
        ("Failure-Report", view.failure_report.clone()),
    ];
    let send = send.map(|(name, value)| (name.to_owned(), value));
    Some(SessionBlock {
        completed: view.completed_at.map(format::moment),
        is_beginning: !letter.is_whole,
        legs: vec![
            SessionLeg {
                title: "INVITE",
                fields: fields(&view.invite),
                href: href("invite"),
            },
            SessionLeg {
                title: "200 OK",
                fields: fields(&view.ok),
                href: href("ok"),
            },
            SessionLeg {
                title: "MSRP SEND",
                fields: send.into(),
                href: href("send"),
            },
            SessionLeg {
                title: "BYE",
                fields: view.bye.as_ref().map(fields).unwrap_or_default(),
                href: view.bye.as_ref().and_then(|_| href("bye")),
            },
        ],
    })
}

fn fields(said: &SessionFields) -> Vec<(String, String)> {
    let rows = said.rows().into_iter();
    rows.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
