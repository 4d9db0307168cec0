//! What is written is what our own readers read, whatever a sender put into its message.

use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;
use crate::mime::content::{Content, EntityHead};
use crate::mime::cpim::Cpim;
use crate::mime::imdn::{ImdnHeaders, ReportKind, Status};

fn named(name: Option<&str>, uri: &str) -> CpimAddress {
    CpimAddress {
        name: name.map(str::to_owned),
        uri: uri.to_owned(),
    }
}

/// Takes a report apart as any other message.
fn read(octets: &[u8]) -> Content {
    let head = EntityHead {
        content_type: Some(MEDIA_TYPE.to_owned()),
        ..EntityHead::default()
    };
    Content::parse(&head, octets)
}

/// A report with these texts, all chosen by somebody else.
fn report(name: &str, message_id: &str, datetime: &str, original: &str) -> Vec<u8> {
    FailedDelivery {
        recipient: &named(Some("Bob"), "sip:bob@example.com"),
        sender: &named(Some(name), "im:alice@example.com"),
        routes: &[
            named(None, "sip:relay1.example.com"),
            named(Some("Two"), "sip:relay2.example.com;lr"),
        ],
        report_id: "d834jied93rf",
        made_at: "2008-04-05T12:16:49Z".parse().unwrap(),
        message_id,
        datetime,
        original_recipient: original,
        reason: "expired",
    }
    .write()
    .unwrap()
}

const SENT: &str = "2008-04-04T12:16:49-05:00";

#[test]
fn our_readers_read_it_back() {
    let octets = report("Alice", "34jk324j", SENT, "sip:team@example.com");
    let content = read(&octets);
    let cpim = content.cpim.unwrap();
    let from = cpim.from.as_ref().unwrap();
    assert_eq!(from, &named(Some("Bob"), "sip:bob@example.com"));
    assert_eq!(cpim.to, [named(Some("Alice"), "im:alice@example.com")]);
    let made_at = cpim.date_time.unwrap().to_rfc3339();
    assert_eq!(made_at, "2008-04-05T12:16:49+00:00");
    let imdn = ImdnHeaders::read(&cpim);
    assert_eq!(imdn.message_id.as_deref(), Some("d834jied93rf"));
    assert!(imdn.requested.is_empty() && imdn.record_routes.is_empty());
    let routes: Vec<&str> = cpim
        .find(IMDN_NAMESPACE, "IMDN-Route")
        .map(|header| header.value.as_str())
        .collect();
    assert_eq!(
        routes,
        [
            "<sip:relay1.example.com>",
            "\"Two\" <sip:relay2.example.com;lr>"
        ]
    );
    let said = content.imdn.unwrap();
    assert_eq!(said.message_id, "34jk324j");
    assert_eq!(said.datetime.as_deref(), Some(SENT));
    assert_eq!(said.recipient_uri.as_deref(), Some("sip:bob@example.com"));
    let original = said.original_recipient_uri.as_deref();
    assert_eq!(original, Some("sip:team@example.com"));
    assert_eq!(
        (said.kind, said.status),
        (ReportKind::Delivery, Status::Failed)
    );
    let part = &content.parts[0];
    assert_eq!(part.content_type, "message/imdn+xml");
    assert_eq!(part.disposition.as_deref(), Some("notification"));
}

/// RFC 5438 section 11.1.9: the schema gives an order, and ours comes after `<failed/>`.
#[test]
fn elements_stand_in_the_order_of_the_schema() {
    let octets = report("Alice", "34jk324j", SENT, "sip:team@example.com");
    let part = read(&octets).parts.remove(0);
    let text = String::from_utf8(part.bytes.clone()).unwrap();
    let document = roxmltree::Document::parse(&text).unwrap();
    let names = |node: roxmltree::Node<'_, '_>| -> Vec<String> {
        let elements = node.children().filter(roxmltree::Node::is_element);
        elements.map(|n| n.tag_name().name().to_owned()).collect()
    };
    assert_eq!(
        names(document.root_element()),
        [
            "message-id",
            "datetime",
            "recipient-uri",
            "original-recipient-uri",
            "delivery-notification"
        ]
    );
    let status = document
        .descendants()
        .find(|node| node.has_tag_name((IMDN_XML_NAMESPACE, "status")))
        .unwrap();
    assert_eq!(names(status), ["failed", "reason"]);
    let reason = status.last_element_child().unwrap();
    assert_eq!(reason.tag_name().namespace(), Some(REASON_NAMESPACE));
    assert_eq!(reason.text(), Some("expired"));
    // The length that is said is the length of the document.
    let head = String::from_utf8(octets).unwrap();
    assert!(head.contains(&format!("Content-Length: {}\r\n\r\n", part.bytes.len())));
}

#[test]
fn xmllint_takes_it() {
    let hostile = "<&\"'>]]>\u{1}\u{ffff}é";
    let xmllint = std::env::var("RESTANTE_TEST_XMLLINT").unwrap_or_else(|_| "xmllint".into());
    let part = read(&report(hostile, hostile, hostile, hostile))
        .parts
        .remove(0);
    let mut check = Command::new(xmllint)
        .args(["--noout", "--nonet", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("xmllint is needed: run ./scripts/test");
    check.stdin.take().unwrap().write_all(&part.bytes).unwrap();
    assert!(check.wait().unwrap().success());
}

#[test]
fn a_name_cannot_add_a_header() {
    let name = "Al \"x\" \\ <sip:evil@example.com>\r\nimdn.Disposition-Notification: display\u{0}";
    let cpim = read(&report(name, "1", SENT, "sip:a@b")).cpim.unwrap();
    assert!(ImdnHeaders::read(&cpim).requested.is_empty());
    assert_eq!(cpim.to[0].uri, "im:alice@example.com");
    let expected = name.replace('\0', "\u{fffd}");
    assert_eq!(cpim.to[0].name.as_deref(), Some(expected.as_str()));
}

proptest! {
    #[test]
    fn any_texts_come_back(name in "\\PC{1,40}", id in "[!-~]{1,40}", uri in "sip:[!-~]{1,40}") {
        let content = read(&report(&name, &id, SENT, &uri));
        let said = content.imdn.unwrap();
        prop_assert_eq!((said.message_id, said.original_recipient_uri), (id, Some(uri)));
        let to = &content.cpim.unwrap().to[0];
        prop_assert_eq!(to.name.as_deref(), Some(name.as_str()));
    }

    #[test]
    fn nothing_breaks_out(name in any::<String>(), id in any::<String>(), uri in any::<String>()) {
        let recipient = CpimAddress { name: Some(name), uri };
        let octets = FailedDelivery {
            recipient: &recipient,
            sender: &recipient,
            routes: &[],
            report_id: &id,
            made_at: DateTime::UNIX_EPOCH,
            message_id: &id,
            datetime: &id,
            original_recipient: &recipient.uri,
            reason: "expired",
        }.write().unwrap();
        let cpim = Cpim::parse(&octets).unwrap();
        prop_assert_eq!(cpim.headers.len(), 5);
        let document = std::str::from_utf8(&octets[cpim.content]).unwrap().split_once("\r\n\r\n").unwrap().1.to_owned();
        prop_assert!(roxmltree::Document::parse(&document).is_ok());
    }
}
