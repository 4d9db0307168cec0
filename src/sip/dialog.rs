//! Dialogs: what two user agents know of each other between the INVITE and the BYE of a session (RFC 3261
//! section 12). Sans-IO: requests in the dialog are built here and sent by the caller.
//!
//! Where a request goes is [`Dialog::next_hop`], read by [`crate::sip::hop`]. Whether the session lives on is
//! for [`crate::sip::session_timer`], whether our 2xx has arrived for [`crate::sip::accepted`].

use std::sync::Arc;

use bytes::Bytes;

use crate::domain::uri::{Uri, UriError};
use crate::sip::basics::in_field;
use crate::sip::error::{ParseError, ValueError};
use crate::sip::header::{CSeq, NameAddr};
use crate::sip::message::{Message, StartLine};
use crate::sip::parse::is_token;
use crate::sip::write::{MessageWriter, WriteError};

/// Sequence numbers are below this (section 8.1.1.5).
const CSEQ_END: u32 = 1 << 31;
/// The number of the first request of a side that has sent none; any is good.
const FIRST_CSEQ: u32 = 1;

/// Names a dialog: Call-ID, local tag, remote tag. Cheap to clone.
///
/// A tag that is missing, as from elements older than RFC 3261, counts as empty (section 12.1.1). Tags are
/// compared octet by octet, for the reason given at [`crate::sip::transaction::TransactionKey`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DialogId(
    /// The three parts as lines; none of them can hold a line end.
    Arc<str>,
);

impl DialogId {
    /// The dialog that a received request names: its To tag is ours, its From tag the peer's.
    ///
    /// # Errors
    /// [`ParseError`] if From, To or Call-ID is missing, repeated or malformed.
    pub fn of_request(request: &Message) -> Result<Self, ParseError> {
        Self::new(request, "To", "From")
    }

    /// The dialog that a received response names: its From tag is ours, its To tag the peer's.
    ///
    /// # Errors
    /// As [`DialogId::of_request`].
    pub fn of_response(response: &Message) -> Result<Self, ParseError> {
        Self::new(response, "From", "To")
    }

    fn new(
        message: &Message,
        local: &'static str,
        remote: &'static str,
    ) -> Result<Self, ParseError> {
        let (_, local_tag) = party(message, local)?;
        let (_, remote_tag) = party(message, remote)?;
        let call_id = call_id(message)?;
        Ok(Self::of_parts(&call_id, &local_tag, &remote_tag))
    }

    fn of_parts(call_id: &str, local_tag: &str, remote_tag: &str) -> Self {
        Self(format!("{call_id}\n{local_tag}\n{remote_tag}").into())
    }
}

/// One dialog, seen from our side.
#[derive(Debug, Clone)]
pub struct Dialog {
    id: DialogId,
    call_id: String,
    /// Our From in the requests we send, tag and name included.
    local: Vec<u8>,
    /// Our To in the requests we send.
    remote: Vec<u8>,
    /// URIs; the first is the next hop.
    route_set: Vec<String>,
    remote_target: String,
    local_cseq: Option<u32>,
    remote_cseq: Option<u32>,
    /// The number of the last INVITE we sent, which its ACK repeats.
    invite_cseq: Option<u32>,
    secure: bool,
}

impl Dialog {
    /// The dialog that our 2xx to this INVITE makes (section 12.1.1). `local_tag` is the tag which that 2xx has
    /// in its To. `over_tls` says that the INVITE came over TLS.
    ///
    /// # Errors
    /// [`ParseError`], whose status the INVITE deserves: no Contact or more than one, a broken Record-Route, a
    /// To that has a tag already.
    pub fn answering(
        invite: &Message,
        local_tag: &str,
        over_tls: bool,
    ) -> Result<Self, ParseError> {
        let (remote, remote_tag) = party(invite, "From")?;
        let (mut local, found) = party(invite, "To")?;
        if !found.is_empty() {
            return Err(invalid("To", "no tag"));
        }
        if !is_token(local_tag.as_bytes()) {
            return Err(invalid("To", "a tag that is a token"));
        }
        local.extend_from_slice(b";tag=");
        local.extend_from_slice(local_tag.as_bytes());
        let call_id = call_id(invite)?;
        Ok(Self {
            id: DialogId::of_parts(&call_id, local_tag, &remote_tag),
            call_id,
            local,
            remote,
            route_set: route_set(invite)?,
            remote_target: contact(invite)?.ok_or(ParseError::Missing("Contact"))?,
            local_cseq: None,
            remote_cseq: Some(cseq(invite)?.number),
            invite_cseq: None,
            secure: over_tls && asks_for_sips(invite),
        })
    }

    /// The dialog that this 2xx to our INVITE makes (section 12.1.2). `over_tls` says that the INVITE was sent
    /// over TLS.
    ///
    /// # Errors
    /// [`ParseError`] as for [`Dialog::answering`]: what came cannot be acknowledged.
    pub fn called(
        invite: &Message,
        response: &Message,
        over_tls: bool,
    ) -> Result<Self, ParseError> {
        let (local, local_tag) = party(invite, "From")?;
        let (remote, remote_tag) = party(response, "To")?;
        let call_id = call_id(invite)?;
        let number = cseq(invite)?.number;
        // From the far end to us they stand in the order of the INVITE's way, which we go from its beginning.
        let mut route_set = route_set(response)?;
        route_set.reverse();
        Ok(Self {
            id: DialogId::of_parts(&call_id, &local_tag, &remote_tag),
            call_id,
            local,
            remote,
            route_set,
            remote_target: contact(response)?.ok_or(ParseError::Missing("Contact"))?,
            local_cseq: Some(number),
            remote_cseq: None,
            invite_cseq: Some(number),
            secure: over_tls && asks_for_sips(invite),
        })
    }

    /// Its name, for a table of dialogs.
    #[must_use]
    pub fn id(&self) -> &DialogId {
        &self.id
    }

    /// The Call-ID of every message in it.
    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// The URI at which the peer is reached, from its Contact.
    #[must_use]
    pub fn remote_target(&self) -> &str {
        &self.remote_target
    }

    /// The URIs that requests of ours go by, the nearest first.
    #[must_use]
    pub fn route_set(&self) -> &[String] {
        &self.route_set
    }

    /// Whether every hop has to be TLS, and our own Contact a SIPS URI.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether a received request is of this dialog.
    #[must_use]
    pub fn matches(&self, request: &Message) -> bool {
        DialogId::of_request(request).is_ok_and(|id| id == self.id)
    }

    /// Whether a received request of this dialog, new to the transaction layer, comes in order; if so, its
    /// number counts from now on. If not, it is refused with 500 (section 12.2.2). ACK and CANCEL have the
    /// number of their INVITE and always come in order.
    pub fn accepts_cseq(&mut self, request: &Message) -> bool {
        if matches!(request.method(), Some("ACK" | "CANCEL")) {
            return true;
        }
        let Ok(CSeq { number, .. }) = cseq(request) else {
            return false;
        };
        let in_order = self.remote_cseq.is_none_or(|last| number > last);
        if in_order {
            self.remote_cseq = Some(number);
        }
        in_order
    }

    /// A re-INVITE or UPDATE that we accept, or the 2xx to one of ours, may say where the peer is reached from
    /// now on (sections 12.2.1.2 and 12.2.2). The route set stays what it was.
    ///
    /// # Errors
    /// [`ParseError`] if its Contact cannot be used; nothing has changed.
    pub fn refresh_target(&mut self, message: &Message) -> Result<(), ParseError> {
        if let Some(target) = contact(message)? {
            self.remote_target = target;
        }
        Ok(())
    }

    /// Takes the remote target of a copy of this dialog that has been kept up with the peer's requests.
    pub fn retarget(&mut self, other: &Self) {
        self.remote_target.clone_from(&other.remote_target);
    }

    /// A copy that sends the next request, while this one goes on with the one after it.
    #[must_use]
    pub fn lend(&mut self) -> Self {
        let copy = self.clone();
        self.local_cseq = Some(
            self.local_cseq
                .map_or(FIRST_CSEQ, |last| last.saturating_add(1)),
        );
        copy
    }

    /// The URI of the element that requests of ours are sent to (section 8.1.2): the first of the route set,
    /// however it routes, or the peer itself.
    #[must_use]
    pub fn next_hop(&self) -> &str {
        self.route_set.first().unwrap_or(&self.remote_target)
    }

    /// Builds the next request of ours (section 12.2.1.1), or the ACK of the 2xx to our last INVITE.
    ///
    /// `via` is the value of its Via, with a new branch; `headers` are those beyond Max-Forwards, Route, From,
    /// To, Call-ID and `CSeq`: Contact where the request refreshes the target, Content-Type where there is a body.
    ///
    /// # Errors
    /// [`WriteError`]; the sequence number has not been used up.
    pub fn request(
        &mut self,
        method: &str,
        via: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Bytes, WriteError> {
        let number = self
            .number_for(method)
            .ok_or_else(|| WriteError::NotInDialog(method.to_owned()))?;
        let (request_uri, routes) = self.way();
        let mut writer = MessageWriter::request(method, &for_request_line(request_uri))?
            .header("Via", via)?
            .header("Max-Forwards", "70")?;
        if !routes.is_empty() {
            let routes: Vec<String> = routes.iter().map(|uri| format!("<{uri}>")).collect();
            writer = writer.header("Route", routes.join(", "))?;
        }
        writer = writer
            .copied_value("From", &self.local)
            .copied_value("To", &self.remote)
            .header("Call-ID", &self.call_id)?
            .header("CSeq", format!("{number} {method}"))?;
        for (name, value) in headers {
            writer = writer.header(name, value)?;
        }
        if method != "ACK" {
            self.local_cseq = Some(number);
        }
        if method == "INVITE" {
            self.invite_cseq = Some(number);
        }
        Ok(writer.finish(body))
    }

    /// The number of the next request of this method.
    fn number_for(&self, method: &str) -> Option<u32> {
        match method {
            "ACK" => self.invite_cseq,
            "CANCEL" => None,
            _ => match self.local_cseq {
                None => Some(FIRST_CSEQ),
                Some(last) => last.checked_add(1).filter(|&next| next < CSEQ_END),
            },
        }
    }

    /// The Request-URI and the values of Route.
    fn way(&self) -> (&str, Vec<&str>) {
        let mut routes: Vec<&str> = self.route_set.iter().map(String::as_str).collect();
        match routes.first() {
            // A strict router takes the Request-URI for its own and finds the next one in Route.
            Some(first) if !is_loose(first) => {
                let first = routes.remove(0);
                routes.push(&self.remote_target);
                (first, routes)
            }
            _ => (&self.remote_target, routes),
        }
    }
}

/// Whether a URI names a loose router (section 19.1.1).
fn is_loose(uri: &str) -> bool {
    Uri::parse(uri).is_ok_and(|uri| uri.has_param("lr"))
}

/// A SIP URI without what a Request-URI must not have: a `method` and header fields (section 19.1.1, table 1).
fn for_request_line(uri: &str) -> String {
    // A user part may hold question marks and semicolons of its own.
    let (user, rest) = match uri.split_once('@') {
        Some((user, rest)) => (format!("{user}@"), rest),
        None => (String::new(), uri),
    };
    let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
    let is_method = |param: &&str| {
        let name = param.split_once('=').map_or(*param, |(name, _)| name);
        name.eq_ignore_ascii_case("method")
    };
    let kept: Vec<&str> = rest.split(';').filter(|param| !is_method(param)).collect();
    user + &kept.join(";")
}

/// From or To: the value as it stands, unfolded, and its tag, empty if there is none.
fn party(message: &Message, name: &'static str) -> Result<(Vec<u8>, String), ParseError> {
    let field = message.exactly_one(name)?;
    let party = NameAddr::parse(field.raw_value()).map_err(in_field(name))?;
    let tag = party.tag().unwrap_or_default().to_owned();
    Ok((field.value().into_owned(), tag))
}

fn call_id(message: &Message) -> Result<String, ParseError> {
    let field = message.exactly_one("Call-ID")?;
    if field.raw_value().is_empty() || !field.raw_value().iter().all(u8::is_ascii_graphic) {
        return Err(invalid("Call-ID", "one word of visible characters"));
    }
    Ok(field.text())
}

fn cseq(message: &Message) -> Result<CSeq, ParseError> {
    CSeq::parse(message.exactly_one("CSeq")?.raw_value()).map_err(in_field("CSeq"))
}

/// The URI of Contact, if there is one.
fn contact(message: &Message) -> Result<Option<String>, ParseError> {
    let mut contacts = addresses(message, "Contact")?.into_iter();
    let first = contacts.next();
    if contacts.next().is_some() {
        return Err(ParseError::Repeated("Contact"));
    }
    Ok(first.map(|contact| contact.uri))
}

/// The URIs of Record-Route in the order received.
fn route_set(message: &Message) -> Result<Vec<String>, ParseError> {
    let routes = addresses(message, "Record-Route")?;
    if routes.iter().any(|route| route.has_param("lr")) {
        // Without its brackets the "lr" of a URI is none of the URI's, and a loose router looks strict.
        return Err(invalid("Record-Route", "\"<\""));
    }
    Ok(routes.into_iter().map(|route| route.uri).collect())
}

/// The addresses of all fields of this name; each with a SIP or SIPS URI.
fn addresses(message: &Message, name: &'static str) -> Result<Vec<NameAddr>, ParseError> {
    let mut addresses = Vec::new();
    for field in message.headers(name) {
        addresses.extend(NameAddr::parse_list(field.raw_value()).map_err(in_field(name))?);
    }
    for address in &addresses {
        let uri = Uri::parse(&address.uri).and_then(|uri| match uri.scheme() {
            "sip" | "sips" => Ok(()),
            other => Err(UriError::UnknownScheme(other.to_owned())),
        });
        uri.map_err(|source| ParseError::FieldUri { name, source })?;
    }
    Ok(addresses)
}

/// Whether the Request-URI is a SIPS URI.
fn asks_for_sips(invite: &Message) -> bool {
    match invite.start() {
        StartLine::Request { uri, .. } => Uri::parse(uri).is_ok_and(|uri| uri.scheme() == "sips"),
        StartLine::Status { .. } => false,
    }
}

fn invalid(name: &'static str, expected: &'static str) -> ParseError {
    ParseError::Value {
        name,
        source: ValueError { at: 0, expected },
    }
}

#[cfg(test)]
#[path = "dialog_tests.rs"]
mod tests;
