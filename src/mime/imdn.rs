//! Instant message disposition notifications (RFC 5438): what a message asks for, and what a report says.
//!
//! The request stands in CPIM headers of the namespace [`IMDN_NAMESPACE`], read here from
//! [`crate::mime::cpim`]; the report is a message/imdn+xml document.

use std::collections::BTreeSet;

use crate::mime::cpim::{Cpim, CpimAddress};
use crate::mime::xml::{XmlError, XmlLimits, parse_xml};

/// The namespace of the CPIM headers (RFC 5438 section 6.1).
pub const IMDN_NAMESPACE: &str = "urn:ietf:params:imdn";

/// The namespace of the report document (RFC 5438 section 11.1).
pub const IMDN_XML_NAMESPACE: &str = "urn:ietf:params:xml:ns:imdn";

/// The longest report document, in octets. A report has a few hundred.
pub const MAX_REPORT: usize = 64 * 1024;

/// What a sender may ask to be told (RFC 5438 section 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disposition {
    /// `positive-delivery`: tell me when it was delivered.
    PositiveDelivery,
    /// `negative-delivery`: tell me when it was not. What deferred messaging reports.
    NegativeDelivery,
    /// `processing`: tell me what happened on the way.
    Processing,
    /// `display`: tell me when it was displayed.
    Display,
}

/// The IMDN headers of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImdnHeaders {
    /// The sender's id of the message, which a report must quote. Not the Message-ID of our store.
    pub message_id: Option<String>,
    /// What the sender asked for; unknown tokens are left out.
    pub requested: BTreeSet<Disposition>,
    /// `IMDN-Record-Route`, in order: the way a report has to go.
    pub record_routes: Vec<CpimAddress>,
    /// The receiver's address before an intermediary changed To.
    pub original_to: Option<CpimAddress>,
}

impl ImdnHeaders {
    /// Reads the IMDN headers of an envelope, whatever prefix they carry.
    #[must_use]
    pub fn read(cpim: &Cpim) -> Self {
        let requested = cpim
            .find(IMDN_NAMESPACE, "Disposition-Notification")
            .flat_map(|header| header.value.split(','))
            .filter_map(Disposition::parse)
            .collect();
        let addresses = |name| {
            cpim.find(IMDN_NAMESPACE, name)
                .filter_map(|h| CpimAddress::parse(&h.value))
        };
        let message_id = cpim.value(IMDN_NAMESPACE, "Message-ID").map(str::trim);
        Self {
            message_id: message_id.filter(|id| !id.is_empty()).map(str::to_owned),
            requested,
            record_routes: addresses("IMDN-Record-Route").collect(),
            original_to: addresses("Original-To").next(),
        }
    }
}

impl Disposition {
    /// The token of the header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PositiveDelivery => "positive-delivery",
            Self::NegativeDelivery => "negative-delivery",
            Self::Processing => "processing",
            Self::Display => "display",
        }
    }

    /// One `notify-req`: a case-sensitive token, perhaps with parameters, which are ignored.
    fn parse(request: &str) -> Option<Self> {
        match request.split(';').next()?.trim() {
            "positive-delivery" => Some(Self::PositiveDelivery),
            "negative-delivery" => Some(Self::NegativeDelivery),
            "processing" => Some(Self::Processing),
            "display" => Some(Self::Display),
            _ => None,
        }
    }
}

/// Which event a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// `<delivery-notification>`.
    Delivery,
    /// `<processing-notification>`.
    Processing,
    /// `<display-notification>`.
    Display,
}

/// What a report says (RFC 5438 section 11.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Delivered to the recipient.
    Delivered,
    /// Not delivered.
    Failed,
    /// Processed on the way.
    Processed,
    /// Stored on the way, to be delivered later.
    Stored,
    /// Displayed to the recipient.
    Displayed,
    /// The recipient does not allow reports.
    Forbidden,
    /// The state could not be found out.
    Error,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImdnReport {
    /// The id that the sender of the original message gave it.
    pub message_id: String,
    /// When the original message was sent, as written there.
    pub datetime: Option<String>,
    /// Whom the original message reached.
    pub recipient_uri: Option<String>,
    /// Whom it was first sent to.
    pub original_recipient_uri: Option<String>,
    /// Which event.
    pub kind: ReportKind,
    /// With which outcome.
    pub status: Status,
}

/// Why a document is no report.
#[derive(Debug, thiserror::Error)]
pub enum ImdnError {
    /// Longer than [`MAX_REPORT`].
    #[error("the disposition notification is longer than {MAX_REPORT} octets")]
    TooLong,
    /// Not XML we read.
    #[error("the disposition notification cannot be read")]
    Xml(#[from] XmlError),
    /// Well formed, but an element the schema requires is missing.
    #[error("the disposition notification has no {0}")]
    Missing(&'static str),
}

impl ImdnReport {
    /// Reads a message/imdn+xml document. Elements of other namespaces are extensions and are ignored.
    ///
    /// # Errors
    /// [`ImdnError`].
    pub fn parse(octets: &[u8]) -> Result<Self, ImdnError> {
        if octets.len() > MAX_REPORT {
            return Err(ImdnError::TooLong);
        }
        let document = parse_xml(octets, &XmlLimits::BODY)?;
        let root = document.root_element();
        if !root.has_tag_name((IMDN_XML_NAMESPACE, "imdn")) {
            return Err(ImdnError::Missing("imdn element"));
        }
        let text = |name| {
            let element = root
                .children()
                .find(|node| node.has_tag_name((IMDN_XML_NAMESPACE, name)))?;
            element
                .text()
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty())
        };
        let (kind, status) = notification(root)?;
        Ok(Self {
            message_id: text("message-id").ok_or(ImdnError::Missing("message-id"))?,
            datetime: text("datetime"),
            recipient_uri: text("recipient-uri"),
            original_recipient_uri: text("original-recipient-uri"),
            kind,
            status,
        })
    }
}

fn notification(root: roxmltree::Node<'_, '_>) -> Result<(ReportKind, Status), ImdnError> {
    let in_namespace =
        |node: &roxmltree::Node<'_, '_>| node.tag_name().namespace() == Some(IMDN_XML_NAMESPACE);
    let kind_of = |name| match name {
        "delivery-notification" => Some(ReportKind::Delivery),
        "processing-notification" => Some(ReportKind::Processing),
        "display-notification" => Some(ReportKind::Display),
        _ => None,
    };
    let (node, kind) = root
        .children()
        .filter(in_namespace)
        .find_map(|node| Some((node, kind_of(node.tag_name().name())?)))
        .ok_or(ImdnError::Missing("notification element"))?;
    let status = node
        .children()
        .find(|node| node.has_tag_name((IMDN_XML_NAMESPACE, "status")))
        .and_then(|status| {
            status
                .children()
                .filter(in_namespace)
                .find_map(|node| Status::of(node.tag_name().name()))
        })
        .ok_or(ImdnError::Missing("status"))?;
    Ok((kind, status))
}

impl Status {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "delivered" => Self::Delivered,
            "failed" => Self::Failed,
            "processed" => Self::Processed,
            "stored" => Self::Stored,
            "displayed" => Self::Displayed,
            "forbidden" => Self::Forbidden,
            "error" => Self::Error,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 5438 section 7.2.1.1.
    const DELIVERED: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
        <imdn xmlns="urn:ietf:params:xml:ns:imdn">
          <message-id>34jk324j</message-id>
          <datetime>2008-04-04T12:16:49-05:00</datetime>
          <recipient-uri>im:bob@example.com</recipient-uri>
          <original-recipient-uri
            >im:bob@example.com</original-recipient-uri>
          <delivery-notification><status><delivered/></status></delivery-notification>
        </imdn>"#;

    #[test]
    fn reads_the_report_of_the_rfc() {
        let report = ImdnReport::parse(DELIVERED.as_bytes()).unwrap();
        assert_eq!(report.message_id, "34jk324j");
        assert_eq!(
            report.datetime.as_deref(),
            Some("2008-04-04T12:16:49-05:00")
        );
        assert_eq!(
            report.original_recipient_uri.as_deref(),
            Some("im:bob@example.com")
        );
        assert_eq!(
            (report.kind, report.status),
            (ReportKind::Delivery, Status::Delivered)
        );
    }

    #[test]
    fn extensions_are_ignored() {
        let extended = DELIVERED.replace(
            "<delivered/>",
            "<x:delivered xmlns:x=\"urn:x\"/><failed/><x:reason xmlns:x=\"urn:x\"/>",
        );
        assert_eq!(
            ImdnReport::parse(extended.as_bytes()).unwrap().status,
            Status::Failed
        );
    }

    #[test]
    fn refuses_what_is_no_report() {
        assert!(matches!(
            ImdnReport::parse(b"<imdn/>"),
            Err(ImdnError::Missing("imdn element"))
        ));
        assert!(matches!(
            ImdnReport::parse(b"<imdn xmlns='urn:ietf:params:xml:ns:imdn'/>"),
            Err(ImdnError::Missing(_))
        ));
        let dtd = DELIVERED.replace("<imdn ", "<!DOCTYPE imdn [<!ENTITY a \"b\">]><imdn ");
        assert!(matches!(
            ImdnReport::parse(dtd.as_bytes()),
            Err(ImdnError::Xml(_))
        ));
        assert!(matches!(
            ImdnReport::parse(&vec![b' '; MAX_REPORT + 1]),
            Err(ImdnError::TooLong)
        ));
        assert!(matches!(
            ImdnReport::parse(b"\xff"),
            Err(ImdnError::Xml(XmlError::Encoding(_)))
        ));
        let deep = "<a>".repeat(MAX_REPORT / 3);
        assert!(matches!(
            ImdnReport::parse(deep.as_bytes()),
            Err(ImdnError::Xml(_))
        ));
    }

    #[test]
    fn headers_are_found_under_any_prefix() {
        let cpim = Cpim::parse(
            b"NS: q <urn:ietf:params:imdn>\r\nNS: imdn <urn:other>\r\nq.Message-ID: 34jk324j\r\nimdn.Message-ID: wrong\r\n\
            q.Disposition-Notification: positive-delivery , negative-delivery;x=y,Display,new-thing\r\n\
            q.IMDN-Record-Route: <sip:one@example.com>\r\nq.IMDN-Record-Route: Two <sip:two@example.com>\r\n\
            q.Original-To: <im:bob@example.com>\r\n\r\n",
        )
        .unwrap();
        let imdn = ImdnHeaders::read(&cpim);
        assert_eq!(imdn.message_id.as_deref(), Some("34jk324j"));
        let requested: Vec<_> = imdn.requested.into_iter().collect();
        assert_eq!(
            requested,
            [Disposition::PositiveDelivery, Disposition::NegativeDelivery]
        );
        assert_eq!(imdn.record_routes[1].uri, "sip:two@example.com");
        assert_eq!(imdn.original_to.unwrap().uri, "im:bob@example.com");
    }

    proptest! {
        #[test]
        fn a_mutated_report_never_panics(at in 0..DELIVERED.len(), b in any::<u8>()) {
            let mut octets = DELIVERED.as_bytes().to_vec();
            octets[at] = b;
            let _ = ImdnReport::parse(&octets);
        }
    }
}
