//! Writes a delivery report: the message/cpim entity that tells a sender what became of a message (RFC 5438
//! sections 7.2.1 and 11.1). [`crate::mime::imdn`] and [`crate::mime::cpim`] read it back.

use std::io;

use chrono::{DateTime, SecondsFormat, Utc};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::mime::cpim::CpimAddress;
use crate::mime::imdn::{IMDN_NAMESPACE, IMDN_XML_NAMESPACE};
use crate::mime::xml_text;

/// The media type of what is written here.
pub const MEDIA_TYPE: &str = "message/cpim";

/// The namespace of the element that says why a message was not delivered; it is ours, and RFC 5438 section 11.1.7
/// lets it stand in `<status>`. A UUID names what is nobody's domain and no registered name (RFC 9562, RFC 8141).
pub const REASON_NAMESPACE: &str = "urn:uuid:e98e52cd-b5d4-40e3-9379-b7e4994041f2";

/// A report that a message was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedDelivery<'a> {
    /// Whose message it was: From of the report.
    pub recipient: &'a CpimAddress,
    /// Who sent it: To of the report.
    pub sender: &'a CpimAddress,
    /// The way the report has to go: IMDN-Record-Route of the message, in order.
    pub routes: &'a [CpimAddress],
    /// The id of the report itself.
    pub report_id: &'a str,
    /// When the report is made.
    pub made_at: DateTime<Utc>,
    /// The id that the sender gave the message.
    pub message_id: &'a str,
    /// When the message was sent, as written there.
    pub datetime: &'a str,
    /// Whom it was first sent to: Original-To, or the address in To.
    pub original_recipient: &'a str,
    /// Why it was not delivered, one word.
    pub reason: &'a str,
}

impl FailedDelivery<'_> {
    /// The report as a message/cpim entity, without a Disposition-Notification: nobody is told of a report.
    ///
    /// # Errors
    /// None in practice: memory takes every write.
    pub fn write(&self) -> io::Result<Vec<u8>> {
        let document = self.document()?;
        let mut head = String::with_capacity(512);
        let mut field = |name: &str, value: &str| head.extend([name, ": ", value, "\r\n"]);
        field("From", &address(self.recipient));
        field("To", &address(self.sender));
        field("DateTime", &time(self.made_at));
        field("NS", &format!("imdn <{IMDN_NAMESPACE}>"));
        field("imdn.Message-ID", &one_line(self.report_id));
        for route in self.routes {
            field("imdn.IMDN-Route", &address(route));
        }
        head.push_str("\r\n");
        let mut field = |name: &str, value: &str| head.extend([name, ": ", value, "\r\n"]);
        field("Content-Type", "message/imdn+xml");
        field("Content-Disposition", "notification");
        field("Content-Length", &document.len().to_string());
        head.push_str("\r\n");
        let mut octets = head.into_bytes();
        octets.extend_from_slice(&document);
        Ok(octets)
    }

    /// The message/imdn+xml document, its elements in the order of the schema (RFC 5438 section 11.1.9).
    fn document(&self) -> io::Result<Vec<u8>> {
        let mut writer = Writer::new_with_indent(Vec::with_capacity(512), b' ', 2);
        writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        writer
            .create_element("imdn")
            .with_attribute(("xmlns", IMDN_XML_NAMESPACE))
            .write_inner_content(|writer| {
                text(writer, "message-id", self.message_id)?;
                text(writer, "datetime", self.datetime)?;
                text(writer, "recipient-uri", &self.recipient.uri)?;
                text(writer, "original-recipient-uri", self.original_recipient)?;
                writer
                    .create_element("delivery-notification")
                    .write_inner_content(|writer| self.status(writer))?;
                Ok(())
            })?;
        let mut octets = writer.into_inner();
        octets.extend_from_slice(b"\r\n");
        Ok(octets)
    }

    fn status(&self, writer: &mut Writer<Vec<u8>>) -> io::Result<()> {
        writer
            .create_element("status")
            .write_inner_content(|writer| {
                writer.create_element("failed").write_empty()?;
                writer
                    .create_element("r:reason")
                    .with_attribute(("xmlns:r", REASON_NAMESPACE))
                    .write_text_content(BytesText::new(&xml_text(self.reason)))?;
                Ok(())
            })?;
        Ok(())
    }
}

fn text(writer: &mut Writer<Vec<u8>>, element: &str, content: &str) -> io::Result<()> {
    writer
        .create_element(element)
        .write_text_content(BytesText::new(&xml_text(content)))?;
    Ok(())
}

/// `[ Formal-name ] "<" URI ">"`, the name quoted and escaped (RFC 3862 sections 3.6 and 4.1).
fn address(address: &CpimAddress) -> String {
    let uri: String = address
        .uri
        .chars()
        .filter(|c| c.is_ascii_graphic() && !"<>".contains(*c))
        .collect();
    let Some(name) = &address.name else {
        return format!("<{uri}>");
    };
    let mut text = String::with_capacity(name.len() + uri.len() + 8);
    text.push('"');
    for c in name.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            c if c.is_control() => text.push(char::REPLACEMENT_CHARACTER),
            c => text.push(c),
        }
    }
    text.extend(["\" <", &uri, ">"]);
    text
}

/// A value that cannot end its line.
fn one_line(value: &str) -> String {
    value
        .chars()
        .map(|c| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

/// An instant as in RFC 3339, in UTC.
#[must_use]
pub fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
#[path = "imdn_write_tests.rs"]
mod tests;
