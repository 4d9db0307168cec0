//! Offer and answer (RFC 3264, RFC 4975 section 8, RFC 6135 section 4).
//!
//! [`answer`] is for a session in which we receive, [`Offer`] for one that we propose. Either leads to
//! [`Negotiated`]: everything the session needs.

use std::fmt::Write as _;

use crate::msrp::accept::AcceptTypes;
use crate::msrp::sdp::error::Unacceptable;
use crate::msrp::sdp::parse::{Description, Media};
use crate::msrp::sdp::values::{Direction, Fingerprint, Role, Setup};
use crate::msrp::uri::{Path, Uri};

/// The port of one who connects and is not connected to (RFC 4145 section 4.1).
const NO_PORT: u16 = 9;

/// What we bring into a session.
#[derive(Debug, Clone)]
pub struct Local {
    /// Identifies the session in `o=`.
    pub origin_id: u64,
    /// Counts our descriptions of the session; the same number means the same description (RFC 4975 section
    /// 8.4).
    pub origin_version: u64,
    /// The address, or name, at which we are reached; an IPv6 address without brackets.
    pub host: String,
    /// Where we listen for MSRP over TCP; `None` if we do not speak it.
    pub tcp_port: Option<u16>,
    /// Where we listen for MSRP over TLS; `None` if we do not speak it.
    pub tls_port: Option<u16>,
    /// Whether others can connect to us.
    pub is_reachable: bool,
    /// The session part of our URI: hard to guess, never used twice.
    pub session_id: String,
    /// What we take. In an offer to send it is what we are going to send.
    pub accept: AcceptTypes,
    /// What we take besides inside other types.
    pub accept_wrapped: AcceptTypes,
    /// The longest message we take, in octets.
    pub max_octets: u64,
    /// The fingerprint of our certificate, sent where TLS is used.
    pub fingerprint: Option<Fingerprint>,
}

/// What was agreed on.
#[derive(Debug, Clone)]
pub struct Negotiated {
    /// Which media line it is, counted from 0.
    pub media: usize,
    /// Whether the connection is TLS.
    pub is_secure: bool,
    /// Who connects.
    pub role: Role,
    /// Our URI in the session.
    pub ours: Uri,
    /// The peer's path. If we connect, then to its first URI.
    pub peer: Path,
    /// The media types the peer takes.
    pub peer_accepts: AcceptTypes,
    /// The further media types the peer takes inside others.
    pub peer_accepts_wrapped: AcceptTypes,
    /// The longest message the peer takes, in octets, if it says so.
    pub peer_max_octets: Option<u64>,
    /// Digests of the peer's certificate; empty if there are none, or TLS is not used.
    pub peer_fingerprints: Vec<Fingerprint>,
    /// Which way content flows, as the peer sees it.
    pub peer_direction: Direction,
}

/// Our answer, and what it agrees to.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The description to send.
    pub sdp: String,
    /// What was agreed on.
    pub session: Negotiated,
}

/// An offer of ours.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The description to send.
    pub sdp: String,
    /// Our URI in the session.
    pub ours: Uri,
    is_secure: bool,
    direction: Direction,
}

/// Answers an offer: takes the first media line that brings us a message and refuses all others.
///
/// # Errors
/// [`Unacceptable`]: the reason that speaks against the first MSRP line.
pub fn answer(offer: &Description, local: &Local) -> Result<Answer, Unacceptable> {
    let mut reason = None;
    for (index, media) in offer.media.iter().enumerate() {
        match consider(offer, index, media, local) {
            Ok(session) => {
                let sdp = write_answer(offer, local, &session);
                return Ok(Answer { sdp, session });
            }
            Err(error) => {
                // That some other line is audio is no reason if there is an MSRP line as well.
                if reason.is_none() || reason == Some(Unacceptable::NoMessageMedia) {
                    reason = Some(error);
                }
            }
        }
    }
    Err(reason.unwrap_or(Unacceptable::NoMessageMedia))
}

/// Whether one media line of an offer suits us.
fn consider(
    offer: &Description,
    index: usize,
    media: &Media,
    local: &Local,
) -> Result<Negotiated, Unacceptable> {
    if !media.kind.eq_ignore_ascii_case("message") || media.port == 0 {
        return Err(Unacceptable::NoMessageMedia);
    }
    let is_secure = media.is_secure_msrp().ok_or(Unacceptable::Transport(
        "only TCP/MSRP and TCP/TLS/MSRP are known",
    ))?;
    let port = local.port(is_secure)?;
    if !offer.direction(media).sends() {
        return Err(Unacceptable::Direction);
    }
    if !media.accept_types().meets(&local.accept) {
        return Err(Unacceptable::Types);
    }
    let role = Role::of_answerer(offer.setup(media), local.is_reachable);
    let port = match role {
        Role::Active => NO_PORT,
        Role::Passive => port,
    };
    let ours = local.uri(is_secure, port)?;
    agree(offer, index, media, is_secure, role, ours)
}

/// Puts together what a media line of the peer means.
fn agree(
    description: &Description,
    index: usize,
    media: &Media,
    is_secure: bool,
    role: Role,
    ours: Uri,
) -> Result<Negotiated, Unacceptable> {
    let peer = media.path().map_err(Unacceptable::Path)?;
    let first = peer.first();
    if first.is_secure() != is_secure {
        return Err(Unacceptable::PathUnusable(
            "msrps goes with TCP/TLS/MSRP, msrp with TCP/MSRP",
        ));
    }
    if first.transport() != "tcp" {
        return Err(Unacceptable::PathUnusable("its transport is not tcp"));
    }
    if role == Role::Active && matches!(first.port(), None | Some(0 | NO_PORT)) {
        return Err(Unacceptable::PathUnusable("it has no port to connect to"));
    }
    let peer_fingerprints = if is_secure {
        description.fingerprints(media)
    } else {
        Vec::new()
    };
    Ok(Negotiated {
        media: index,
        is_secure,
        role,
        ours,
        peer,
        peer_accepts: media.accept_types(),
        peer_accepts_wrapped: media.accept_wrapped_types(),
        peer_max_octets: media.max_size(),
        peer_fingerprints,
        peer_direction: description.direction(media),
    })
}

impl Offer {
    /// An offer of a session, over TLS or not. `direction` is ours: [`Direction::SendOnly`] to deliver a
    /// message, [`Direction::RecvOnly`] to get one from a peer that left the offer to us.
    ///
    /// # Errors
    /// [`Unacceptable::Transport`] if we do not speak it; [`Unacceptable::Local`].
    pub fn new(local: &Local, is_secure: bool, direction: Direction) -> Result<Self, Unacceptable> {
        let port = local.port(is_secure)?;
        let (setup, port) = if local.is_reachable {
            (Setup::Actpass, port)
        } else {
            (Setup::Active, NO_PORT)
        };
        let ours = local.uri(is_secure, port)?;
        let mut sdp = session_lines(local, "0 0");
        media_lines(&mut sdp, local, &ours, setup, direction);
        Ok(Self {
            sdp,
            ours,
            is_secure,
            direction,
        })
    }

    /// Reads the peer's answer.
    ///
    /// # Errors
    /// [`Unacceptable`]: no session comes of it.
    pub fn answered(&self, answer: &Description) -> Result<Negotiated, Unacceptable> {
        let media = answer
            .media
            .first()
            .filter(|media| media.port != 0 && media.kind.eq_ignore_ascii_case("message"))
            .ok_or(Unacceptable::NoMessageMedia)?;
        if media.is_secure_msrp() != Some(self.is_secure) {
            return Err(Unacceptable::Transport(
                "it is not the one that was offered",
            ));
        }
        let theirs = answer.direction(media);
        let sender_has_receiver = !self.direction.sends() || theirs.receives();
        let receiver_has_sender = !self.direction.receives() || theirs.sends();
        let both_ways = self.direction == Direction::SendRecv;
        let fits = if both_ways {
            sender_has_receiver || receiver_has_sender
        } else {
            sender_has_receiver && receiver_has_sender
        };
        if !fits {
            return Err(Unacceptable::Direction);
        }
        // Our own URI says whether we can be connected to.
        let role = match Role::of_offerer(answer.setup(media)) {
            Role::Passive if self.ours.port() == Some(NO_PORT) => Role::Active,
            role => role,
        };
        agree(answer, 0, media, self.is_secure, role, self.ours.clone())
    }
}

impl Local {
    fn port(&self, is_secure: bool) -> Result<u16, Unacceptable> {
        if is_secure {
            self.tls_port.ok_or(Unacceptable::Transport(
                "MSRP over TLS is not available here",
            ))
        } else {
            self.tcp_port
                .ok_or(Unacceptable::Transport("MSRP is available over TLS only"))
        }
    }

    fn uri(&self, is_secure: bool, port: u16) -> Result<Uri, Unacceptable> {
        Uri::new(is_secure, &self.host, port, &self.session_id).map_err(Unacceptable::Local)
    }
}

fn write_answer(offer: &Description, local: &Local, session: &Negotiated) -> String {
    let is_time = |timing: &&str| {
        !timing.is_empty() && timing.bytes().all(|b| b.is_ascii_digit() || b == b' ')
    };
    let timing = offer.timing.as_deref().filter(is_time).unwrap_or("0 0");
    let mut sdp = session_lines(local, timing);
    for (index, media) in offer.media.iter().enumerate() {
        if index == session.media {
            let setup = session.role.setup();
            media_lines(&mut sdp, local, &session.ours, setup, Direction::RecvOnly);
        } else {
            let Media {
                kind,
                protocol,
                formats,
                ..
            } = media;
            line(&mut sdp, format_args!("m={kind} 0 {protocol} {formats}"));
        }
    }
    sdp
}

/// From `v=` to `t=`.
fn session_lines(local: &Local, timing: &str) -> String {
    let Local {
        origin_id,
        origin_version,
        host,
        ..
    } = local;
    let family = if host.contains(':') { "IP6" } else { "IP4" };
    format!(
        "v=0\r\no=- {origin_id} {origin_version} IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt={timing}\r\n"
    )
}

/// Our media line and its attributes. Everything in them is typed, so nothing can add lines.
fn media_lines(sdp: &mut String, local: &Local, ours: &Uri, setup: Setup, direction: Direction) {
    let protocol = if ours.is_secure() {
        "TCP/TLS/MSRP"
    } else {
        "TCP/MSRP"
    };
    let port = ours.port().unwrap_or(NO_PORT);
    line(sdp, format_args!("m=message {port} {protocol} *"));
    line(sdp, format_args!("a=accept-types:{}", local.accept));
    if !local.accept_wrapped.is_empty() {
        line(
            sdp,
            format_args!("a=accept-wrapped-types:{}", local.accept_wrapped),
        );
    }
    line(sdp, format_args!("a=max-size:{}", local.max_octets));
    line(sdp, format_args!("a=path:{ours}"));
    line(sdp, format_args!("a=setup:{setup}"));
    line(sdp, format_args!("a={direction}"));
    if let Some(fingerprint) = local.fingerprint.as_ref().filter(|_| ours.is_secure()) {
        line(sdp, format_args!("a=fingerprint:{fingerprint}"));
    }
}

fn line(sdp: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = write!(sdp, "{line}\r\n");
}

#[cfg(test)]
#[path = "negotiate_tests.rs"]
mod tests;
