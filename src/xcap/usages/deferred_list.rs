//! The deferred-message metadata document (OMA SIMPLE IM TS 12.4.2.4): one `<history>` element per
//! stored message. `docs/schema/im-history-list.xsd` is its schema.
//!
//! The document is derived from the message rows at each request, so it cannot disagree with them.

use chrono::{DateTime, SecondsFormat, Utc};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use std::io;

use crate::domain::message::{Facts, Mode, Summary};
use crate::domain::message_id::MessageId;
use crate::mime::xml_text;

/// The usage's id.
pub const AUID: &str = "org.openmobilealliance.deferred-list";
/// The media type of the document.
pub const MEDIA_TYPE: &str = "application/vnd.oma.im.deferred-list+xml";
/// The namespace of its elements.
pub const NAMESPACE: &str = "urn:oma:xml:im:history-list";
/// The document's name in a user's home.
pub const DOCUMENT: &str = "deferred-list";

/// Writes the document: `messages` in the order they came, `host` as in their Message-IDs.
///
/// # Errors
/// None in practice: memory takes every write.
pub fn document(host: &str, messages: &[Summary]) -> io::Result<String> {
    let mut writer =
        Writer::new_with_indent(Vec::with_capacity(512 + messages.len() * 512), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let list = writer
        .create_element("history-list")
        .with_attribute(("xmlns", NAMESPACE));
    if messages.is_empty() {
        list.write_empty()?;
    } else {
        list.write_inner_content(|writer| {
            messages
                .iter()
                .try_for_each(|message| history(writer, host, message))
        })?;
    }
    let mut bytes = writer.into_inner();
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn history(writer: &mut Writer<Vec<u8>>, host: &str, message: &Summary) -> io::Result<()> {
    let id = MessageId {
        key: message.key,
        host: host.to_owned(),
    }
    .to_string();
    let facts = &message.facts;
    writer
        .create_element("history")
        .with_attribute(("history-reference", id.as_str()))
        .with_attribute(("date", time(facts.stored_at).as_str()))
        .write_inner_content(|writer| {
            text(writer, "size", &facts.size.to_string())?;
            text(writer, "expiry", &time(facts.expires_at))?;
            if let Some(subject) = &facts.subject {
                text(writer, "subject", subject)?;
            }
            writer
                .create_element(match facts.mode {
                    Mode::Pager => "pager",
                    Mode::Large => "large",
                })
                .write_inner_content(|writer| session(writer, facts))?;
            Ok(())
        })?;
    Ok(())
}

fn session(writer: &mut Writer<Vec<u8>>, facts: &Facts) -> io::Result<()> {
    // When it was sent; a large message, when it was completely received.
    let at = match facts.mode {
        Mode::Pager => facts.sent_at,
        Mode::Large => facts.completed_at,
    };
    text(writer, "time-stamp", &time(at.unwrap_or(facts.stored_at)))?;
    text(writer, "from", &facts.from_uri)?;
    text(writer, "to", &facts.to_uri)?;
    if !facts.recipients.is_empty() {
        writer
            .create_element("recipient-list")
            .with_attribute(("group-uri", xml_text(&facts.to_uri).as_str()))
            .write_inner_content(|writer| recipients(writer, facts))?;
    }
    match &facts.auth_id {
        Some(auth_id) => text(writer, "auth-id", auth_id),
        None => Ok(()),
    }
}

fn recipients(writer: &mut Writer<Vec<u8>>, facts: &Facts) -> io::Result<()> {
    for recipient in &facts.recipients {
        let uri = xml_text(&recipient.uri);
        let entry = writer
            .create_element("entry")
            .with_attribute(("uri", uri.as_str()));
        match &recipient.display_name {
            None => entry.write_empty()?,
            Some(name) => entry.write_inner_content(|writer| text(writer, "display-name", name))?,
        };
    }
    Ok(())
}

fn text(writer: &mut Writer<Vec<u8>>, element: &str, content: &str) -> io::Result<()> {
    writer
        .create_element(element)
        .write_text_content(BytesText::new(&xml_text(content)))?;
    Ok(())
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
