//! Writes the MESSAGE that carries a delivery report (RFC 3428, RFC 5438 section 12.1): a new request at each attempt,
//! with the same body.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::domain::uri::Uri;
use crate::mailbox::outbox::Report;
use crate::mime::imdn_write::MEDIA_TYPE;
use crate::sip::date;
use crate::sip::hop::HopError;
use crate::sip::write::{MessageWriter, WriteError};

/// The name in User-Agent.
const USER_AGENT: &str = concat!("Restante/", env!("CARGO_PKG_VERSION"));
/// Enough for any way (RFC 3261 section 8.1.1.6).
const MAX_FORWARDS: &str = "70";

/// What one attempt adds to a report.
#[derive(Debug, Clone)]
pub(super) struct Envelope<'a> {
    /// The Request-URI, and the address in To.
    pub(super) uri: &'a str,
    /// What Via begins with.
    pub(super) via: &'a str,
    /// The proxy, to be named in Route.
    pub(super) route: Option<&'a str>,
    /// Whether the next element believes us who the report is from (RFC 3325).
    pub(super) is_asserted: bool,
    /// Unique, for branch, tag and Call-ID.
    pub(super) unique: &'a str,
    /// Our name.
    pub(super) host: &'a str,
    pub(super) now: DateTime<Utc>,
}

impl Envelope<'_> {
    /// The request.
    pub(super) fn write(&self, report: &Report) -> Result<Bytes, WriteError> {
        let unique = self.unique;
        let from = &report.aor;
        let mut writer = MessageWriter::request("MESSAGE", self.uri)?
            .header("Via", format!("{};rport;branch=z9hG4bK{unique}", self.via))?
            .header("Max-Forwards", MAX_FORWARDS)?;
        if let Some(route) = self.route {
            writer = writer.header("Route", format!("<{route}>"))?;
        }
        writer = writer
            .header("From", format!("<{from}>;tag={unique}"))?
            .header("To", format!("<{}>", self.uri))?
            .header("Call-ID", format!("{unique}@{}", self.host))?
            .header("CSeq", "1 MESSAGE")?;
        if self.is_asserted {
            writer = writer.header("P-Asserted-Identity", format!("<{from}>"))?;
        }
        Ok(writer
            .header("Date", date::format(self.now))?
            .header("User-Agent", USER_AGENT)?
            .header("Content-Type", MEDIA_TYPE)?
            .finish(&report.body))
    }
}

/// The Request-URI for a target: an `im:` address is that of the same user in SIP, and what may not stand in a
/// Request-URI is left out (RFC 3261 section 19.1.1, table 1).
pub(super) fn request_uri(target: &str) -> Result<String, HopError> {
    let (scheme, rest) = target.split_once(':').unwrap_or(("", target));
    let target = if scheme.eq_ignore_ascii_case("im") {
        format!("sip:{rest}")
    } else {
        target.to_owned()
    };
    let uri = Uri::parse_supported(&target)?;
    let host_at = target.find('@').map_or(0, |at| at + 1);
    let (user, rest) = target.split_at(host_at);
    let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
    if uri.scheme() == "tel" {
        return Ok(target);
    }
    let kept = rest.split(';').filter(|part| {
        let name = part.split('=').next().unwrap_or_default();
        !name.eq_ignore_ascii_case("method")
    });
    Ok(format!("{user}{}", kept.collect::<Vec<_>>().join(";")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_becomes_a_request_uri() {
        for (target, uri) in [
            ("sip:carol@example.org", "sip:carol@example.org"),
            ("im:carol@example.org", "sip:carol@example.org"),
            ("IM:carol@example.org", "sip:carol@example.org"),
            ("sip:relay.example.com;lr", "sip:relay.example.com;lr"),
            (
                "sip:a?b;c@h.example:5070;method=INVITE;transport=tcp?subject=x",
                "sip:a?b;c@h.example:5070;transport=tcp",
            ),
            ("sips:c@h.example", "sips:c@h.example"),
            ("tel:+4930123", "tel:+4930123"),
        ] {
            assert_eq!(request_uri(target).unwrap(), uri);
        }
        for target in ["mailto:c@h.example", "carol", "im:", "sip:c@h .example", ""] {
            assert!(request_uri(target).is_err(), "{target}");
        }
    }
}
