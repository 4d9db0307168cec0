//! One message, read.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::accounts::{base_href, head};
use super::extend::{self, Refused};
use super::format;
use super::inbox::is_suspicious;
use super::large;
use super::page::{PageError, Visitor, html};
use super::pages::{Chrome, ExtendForm, MessagePage, PartRow, TextBlock};
use super::{sealed, timeline};
use crate::domain::address::Aor;
use crate::domain::message::Facts;
use crate::mailbox::Mailbox;
use crate::mailbox::inspect::Inspected;
use crate::mailbox::read::{Opened, message_id};
use crate::mime::content::Part;
use crate::store::accounts::Account;
use crate::web::download::is_safe_picture;
use crate::web::extract::Path;
use crate::web::letter::Letter;
use crate::web::problem::{NOT_FOUND, Problem};
use crate::web::rest::account_path;
use crate::web::rest::view::message_path;

/// The most of a text that a page shows, in characters; the part can be downloaded whole.
const TEXT_SHOWN: usize = 100_000;
/// The same of a content that is too large to be looked at as a whole.
const BEGINNING_SHOWN: usize = 4_000;

pub(super) async fn show(
    State(mailbox): State<Mailbox>,
    visitor: Visitor,
    Path((aor, id)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let account =
        account_path::account(&mailbox, &visitor.principal, &visitor.scope(), &aor).await?;
    let missing = || Problem::new(NOT_FOUND);
    let key = account_path::key(&account, &id).ok_or_else(missing)?;
    let Some(opened) = mailbox.open(&account, key).await? else {
        return timeline::gone(&mailbox, &visitor, &account, key).await;
    };
    let refused = Refused::default();
    page(
        &mailbox,
        &visitor,
        &account,
        opened,
        StatusCode::OK,
        refused,
    )
    .await
}

/// The page of a message that is there.
pub(super) async fn page(
    mailbox: &Mailbox,
    visitor: &Visitor,
    account: &Account,
    opened: Opened,
    status: StatusCode,
    refused: Refused,
) -> Result<Response, PageError> {
    let key = opened.summary.key;
    let what = Inspected::Message(key);
    if !visitor.sees(account, what).await? {
        return sealed::page(mailbox, visitor, account, &opened.summary, status, refused).await;
    }
    let letter = Letter::open(mailbox, opened).await?;
    let extend = extend::form(
        format!("{}/messages/{key}/extend", base_href(account)),
        letter.summary.facts.expires_at,
        mailbox.clock.now(),
        &mailbox.policy,
        refused,
    );
    let timeline = mailbox.timeline(account, key).await?;
    let page = MessagePage {
        timeline: timeline.as_ref().map(timeline::told),
        ..letter_page(
            mailbox,
            account,
            &letter,
            visitor.chrome(title(&letter)).await?,
            extend,
        )
    };
    Ok(html(status, &page))
}

fn title(letter: &Letter) -> String {
    let subject = letter.summary.facts.subject.clone();
    subject.unwrap_or_else(|| "Message".to_owned())
}

fn letter_page(
    mailbox: &Mailbox,
    account: &Account,
    letter: &Letter,
    chrome: Chrome,
    extend: ExtendForm,
) -> MessagePage {
    let facts = &letter.summary.facts;
    let id = letter.summary.key.to_string();
    let api = message_path(account, Some(&id));
    let base = base_href(account);
    MessagePage {
        chrome,
        account: head(account, &mailbox.policy),
        back_href: base.clone(),
        message_id: message_id(account, letter.summary.key).to_string(),
        from_display: facts
            .from_display
            .clone()
            .unwrap_or_else(|| facts.from_uri.clone()),
        from_uri: facts.from_uri.clone(),
        to_uri: facts.to_uri.clone(),
        asserted: facts.auth_id.clone(),
        identity_warning: is_contradicted(facts),
        suspicious_text: is_suspicious(&letter.summary),
        subject: facts.subject.clone(),
        kind_label: format::kind_label(&letter.summary).to_owned(),
        sent: facts.sent_at.map(format::moment),
        stored: format::moment(facts.stored_at),
        expires: format::moment(facts.expires_at),
        expires_soon: format::is_soon(facts.expires_at, mailbox.clock.now()),
        size_human: format::bytes(facts.size),
        content_type: facts.content_type.clone().unwrap_or_default(),
        texts: texts(letter),
        parts: letter.parts().iter().map(|part| row(part, &api)).collect(),
        headers: letter.headers().collect(),
        cpim_headers: cpim_headers(letter),
        reports: facts.notifications_asked.clone(),
        content_href: format!("{api}/content"),
        session: large::session(letter, &api),
        raw_href: format!("{api}/raw"),
        json_href: api,
        metadata_href: format!("{base}/metadata"),
        delete_href: format!("{base}/delete"),
        extend,
        timeline: None,
        id,
    }
}

fn cpim_headers(letter: &Letter) -> Vec<(String, String)> {
    let fields = letter.content.cpim.iter().flat_map(|cpim| &cpim.headers);
    fields
        .map(|field| (field.name.clone(), field.value.clone()))
        .collect()
}

fn texts(letter: &Letter) -> Vec<TextBlock> {
    let parts = letter.content.parts.iter();
    if letter.is_whole {
        return parts.filter_map(|part| text(part, TEXT_SHOWN)).collect();
    }
    let first = parts.filter_map(|part| text(part, BEGINNING_SHOWN));
    first.take(1).collect()
}

/// Text is shown as text, whatever it is: HTML too.
fn text(part: &Part, most: usize) -> Option<TextBlock> {
    let text = part.text()?;
    let mut shown: String = text.chars().take(most).collect();
    if shown.len() < text.len() && most == TEXT_SHOWN {
        shown.push_str("\n\n[The text goes on: download the part to read all of it.]");
    }
    Some(TextBlock {
        number: part.number.to_string(),
        label: part.content_type.clone(),
        text: shown,
    })
}

fn row(part: &Part, api: &str) -> PartRow {
    let href = format!("{api}/parts/{}", part.number);
    let preview = is_safe_picture(&part.content_type).then(|| format!("{href}?inline=true"));
    PartRow {
        number: part.number.to_string(),
        content_type: part.content_type.clone(),
        filename: part.filename.clone(),
        size_human: format::bytes(i64::try_from(part.bytes.len()).unwrap_or(i64::MAX)),
        href,
        preview_href: preview,
    }
}

/// Whether the network says that somebody else sent the message.
pub(super) fn is_contradicted(facts: &Facts) -> bool {
    let same = |asserted: &str| match (Aor::parse(asserted), Aor::parse(&facts.from_uri)) {
        (Ok(asserted), Ok(shown)) => asserted == shown,
        _ => asserted == facts.from_uri,
    };
    facts
        .auth_id
        .as_deref()
        .is_some_and(|asserted| !same(asserted))
}
