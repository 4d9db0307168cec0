//! The header fields every SIP message must have, checked together, and shortcuts to the single fields the
//! product uses (RFC 3261 section 8.1.1, RFC 3325, RFC 5502).
//!
//! [`Message::parse`] accepts anything that can be taken apart; [`Message::basics`] is the second step, which
//! says whether the message may be processed.

use chrono::{DateTime, Utc};

use crate::domain::uri::Uri;
use crate::sip::date;
use crate::sip::error::{ParseError, ValueError};
use crate::sip::header::{CSeq, NameAddr, parse_delta_seconds};
use crate::sip::media_type::MediaType;
use crate::sip::message::{Field, Message, StartLine};
use crate::sip::via::Via;

/// What identifies a message and its parties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basics {
    /// The Request-URI, of scheme sip, sips or tel; `None` of a response.
    pub request_uri: Option<Uri>,
    /// Who sends, by own account. Its URI is well formed, of any scheme.
    pub from: NameAddr,
    /// Whom the sender meant. Its URI is well formed, of any scheme.
    pub to: NameAddr,
    /// Compared octet by octet (RFC 3261 section 20.8).
    pub call_id: String,
    /// In a request its method is that of the request line.
    pub cseq: CSeq,
    /// The hops of all Via fields, the nearest first. Empty when there is no Via, as in a message that came
    /// over HTTP.
    pub via: Vec<Via>,
}

impl Message {
    /// Checks what every message needs: a usable Request-URI, exactly one each of From, To, Call-ID and
    /// `CSeq`, well-formed Via fields, and a `CSeq` that fits the request line.
    ///
    /// # Errors
    /// [`ParseError::Missing`], [`ParseError::Repeated`] or [`ParseError::Value`] with the name of the field,
    /// [`ParseError::RequestUri`], [`ParseError::MethodMismatch`].
    pub fn basics(&self) -> Result<Basics, ParseError> {
        let request_uri = self.request_uri()?;
        let from = self.party("From")?;
        let to = self.party("To")?;
        let call_id = self.exactly_one("Call-ID")?;
        // Wider than the grammar's `word ["@" word]`: elements in the field put other characters in, and all
        // we do is compare.
        if call_id.raw_value().is_empty() || !call_id.raw_value().iter().all(u8::is_ascii_graphic) {
            let source = ValueError {
                at: 0,
                expected: "one word of visible characters",
            };
            return Err(ParseError::Value {
                name: "Call-ID",
                source,
            });
        }
        let cseq = CSeq::parse(self.exactly_one("CSeq")?.raw_value()).map_err(in_field("CSeq"))?;
        if let Some(method) = self.method().filter(|method| *method != cseq.method) {
            return Err(ParseError::MethodMismatch {
                cseq: cseq.method,
                request: method.to_owned(),
            });
        }
        Ok(Basics {
            request_uri,
            from,
            to,
            call_id: call_id.text(),
            cseq,
            via: self.via()?,
        })
    }

    /// The hops of all Via fields, the nearest first.
    ///
    /// # Errors
    /// [`ParseError::Value`] if one of them is malformed.
    pub fn via(&self) -> Result<Vec<Via>, ParseError> {
        let mut hops = Vec::new();
        for field in self.headers("Via") {
            hops.extend(Via::parse_list(field.raw_value()).map_err(in_field("Via"))?);
        }
        Ok(hops)
    }

    /// Subject, for people. May be empty.
    #[must_use]
    pub fn subject(&self) -> Option<String> {
        self.header("Subject").map(|field| field.text())
    }

    /// The media type of the body; `None` if the message does not say.
    ///
    /// # Errors
    /// [`ParseError::Repeated`] or [`ParseError::Value`].
    pub fn content_type(&self) -> Result<Option<MediaType>, ParseError> {
        let field = self.at_most_one("Content-Type")?;
        field
            .map(|field| MediaType::parse(field.raw_value()).map_err(in_field("Content-Type")))
            .transpose()
    }

    /// Expires in seconds; a value too large for `u32` is the largest. `None` if absent or malformed: a
    /// malformed one is as good as none (RFC 3261 section 20.19, RFC 4475 section 3.1.2.4).
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        parse_delta_seconds(self.header("Expires")?.raw_value())
    }

    /// Date: when the sender sent the message. `None` if absent or malformed.
    #[must_use]
    pub fn date(&self) -> Option<DateTime<Utc>> {
        date::parse(&self.header("Date")?.value())
    }

    /// The identities of P-Asserted-Identity (RFC 3325 section 9.1), of all its fields, in order. Trust them
    /// only from a peer configured as trusted.
    ///
    /// # Errors
    /// [`ParseError::Value`] if one of the fields is malformed.
    pub fn asserted_identities(&self) -> Result<Vec<NameAddr>, ParseError> {
        let mut identities = Vec::new();
        for field in self.headers("P-Asserted-Identity") {
            let list =
                NameAddr::parse_list(field.raw_value()).map_err(in_field("P-Asserted-Identity"))?;
            identities.extend(list);
        }
        Ok(identities)
    }

    /// The user on whose behalf the network invokes us: P-Served-User (RFC 5502). Trust as above.
    #[must_use]
    pub fn served_user(&self) -> Option<Result<NameAddr, ParseError>> {
        let field = match self.at_most_one("P-Served-User") {
            Ok(field) => field?,
            Err(error) => return Some(Err(error)),
        };
        Some(NameAddr::parse(field.raw_value()).map_err(in_field("P-Served-User")))
    }

    fn request_uri(&self) -> Result<Option<Uri>, ParseError> {
        let StartLine::Request { uri, .. } = self.start() else {
            return Ok(None);
        };
        let uri = Uri::parse_supported(uri).map_err(ParseError::RequestUri)?;
        if !uri.headers().is_empty() {
            // RFC 3261 section 19.1.1, table 1; RFC 4475 section 3.1.2.11.
            return Err(ParseError::StartLine(
                "the Request-URI has headers after a question mark",
            ));
        }
        Ok(Some(uri))
    }

    /// From or To.
    fn party(&self, name: &'static str) -> Result<NameAddr, ParseError> {
        let party = NameAddr::parse(self.exactly_one(name)?.raw_value()).map_err(in_field(name))?;
        Uri::parse(&party.uri).map_err(|source| ParseError::FieldUri { name, source })?;
        Ok(party)
    }

    /// The one field of this name.
    pub(in crate::sip) fn exactly_one(&self, name: &'static str) -> Result<Field<'_>, ParseError> {
        self.at_most_one(name)?.ok_or(ParseError::Missing(name))
    }

    /// The one field of this name, if there is one.
    pub(in crate::sip) fn at_most_one(
        &self,
        name: &'static str,
    ) -> Result<Option<Field<'_>>, ParseError> {
        let mut fields = self.headers(name);
        let first = fields.next();
        if fields.next().is_some() {
            return Err(ParseError::Repeated(name));
        }
        Ok(first)
    }
}

/// Says which field a fault was found in.
pub(in crate::sip) fn in_field(name: &'static str) -> impl Fn(ValueError) -> ParseError {
    move |source| ParseError::Value { name, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const BASICS: [&str; 4] = [
        "From: <sip:a@x>;tag=1",
        "To: sip:b@x",
        "Call-ID: 1@x",
        "CSeq: 1 MESSAGE",
    ];

    fn message(lines: &[&str]) -> Message {
        let text = format!("MESSAGE sip:b@x SIP/2.0\r\n{}\r\n\r\n", lines.join("\r\n"));
        Message::parse(Bytes::from(text)).unwrap()
    }

    #[test]
    fn the_basics_are_enough() {
        let basics = message(&BASICS).basics().unwrap();
        assert_eq!(basics.from.tag(), Some("1"));
        assert_eq!(basics.to.uri, "sip:b@x");
        assert_eq!((basics.call_id.as_str(), basics.cseq.number), ("1@x", 1));
        assert_eq!(basics.request_uri.unwrap().user(), Some("b"));
        assert_eq!(basics.via, []);
    }

    #[test]
    fn each_of_them_is_needed_once() {
        for (index, name) in ["From", "To", "Call-ID", "CSeq"].into_iter().enumerate() {
            let mut lines = BASICS.to_vec();
            let line = lines.remove(index);
            assert_eq!(message(&lines).basics(), Err(ParseError::Missing(name)));
            lines.extend([line, line]);
            assert_eq!(message(&lines).basics(), Err(ParseError::Repeated(name)));
        }
    }

    #[test]
    fn faults_name_their_field() {
        let with = |from: &str, to: &str| {
            message(&[from, to, BASICS[2], BASICS[3]])
                .basics()
                .unwrap_err()
        };
        assert!(matches!(
            with("f: <sip:", BASICS[1]),
            ParseError::Value { name: "From", .. }
        ));
        assert!(matches!(
            with(BASICS[0], "t: <nothing>"),
            ParseError::FieldUri { name: "To", .. }
        ));
        let mismatch = message(&[BASICS[0], BASICS[1], BASICS[2], "CSeq: 1 INVITE"])
            .basics()
            .unwrap_err();
        assert_eq!(
            mismatch.to_string(),
            "CSeq names the method INVITE, the request line MESSAGE"
        );
        assert_eq!(mismatch.sip_status(), 400);
    }

    #[test]
    fn the_request_uri_is_checked() {
        let request = |uri: &str| {
            let text = format!("MESSAGE {uri} SIP/2.0\r\n{}\r\n\r\n", BASICS.join("\r\n"));
            Message::parse(Bytes::from(text))
                .unwrap()
                .basics()
                .map_err(|error| error.sip_status())
        };
        assert_eq!(request("unknown:opaque").unwrap_err(), 416);
        assert_eq!(request("<sip:b@x>").unwrap_err(), 400);
        assert_eq!(request("sip:b@x?Route=y").unwrap_err(), 400);
        assert!(request("tel:+123").is_ok());
    }

    #[test]
    fn shortcuts() {
        let message = message(&[
            "s: Site\tvisit",
            "Expires: 99999999999",
            "Date: Sat, 13 Nov 2010 23:29:00 GMT",
            "c: text/plain;charset=utf-8",
            "P-Asserted-Identity: \"Cullen Jennings\" <sip:fluffy@cisco.com>",
            "P-Asserted-Identity: tel:+14085264000",
            "P-Served-User: <sip:user@example.com>; sescase=term; regstate=unreg",
        ]);
        assert_eq!(message.subject().as_deref(), Some("Site\tvisit"));
        assert_eq!(message.expires(), Some(u32::MAX));
        assert_eq!(message.date().unwrap().timestamp(), 1_289_690_940);
        assert_eq!(
            message.content_type().unwrap().unwrap().param("charset"),
            Some("utf-8")
        );
        let identities = message.asserted_identities().unwrap();
        assert_eq!(
            identities
                .iter()
                .map(|i| i.uri.as_str())
                .collect::<Vec<_>>(),
            ["sip:fluffy@cisco.com", "tel:+14085264000"]
        );
        let served = message.served_user().unwrap().unwrap();
        assert_eq!(served.param("regstate"), Some("unreg"));
    }
}
