//! One attempt at a delivery report: where it goes, by which way, and what the answer means.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::TimeDelta;
use tokio::time::{Instant, timeout};

use super::dns::{Dns, DnsError};
use super::imdn_request::{Envelope, request_uri};
use crate::clock::{self, Clock};
use crate::domain::hex::hex;
use crate::domain::uri::Uri;
use crate::mailbox::outbox::{Failure, Report};
use crate::sip::endpoint::{Destination, Route, Unanswered, Way, Ways};
use crate::sip::header::parse_retry_after;
use crate::sip::hop::HopTransport;
use crate::sip::locate::Locating;
use crate::sip::message::{Message, StartLine};

/// An attempt takes no longer, so that it ends before its lease.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(50);
/// How long a server that did not answer is left alone, so that it does not keep reports for others waiting.
const LEFT_ALONE: Duration = Duration::from_secs(30);
/// How long it is asked after the others: longer than a report ever waits, or the next attempt would find it silent first
/// again, and no other was ever asked (RFC 3263 section 4.3).
const ASKED_LAST: Duration = Duration::from_hours(2);
/// How long a server that does not listen for TCP is not asked again.
const NO_TCP: Duration = Duration::from_mins(5);
/// The most servers remembered as such.
const MOST_REMEMBERED: usize = 10_000;
/// Octets that make a request unlike any other.
const UNIQUE_OCTETS: usize = 12;
/// The service is not available; another server may be (RFC 3263 section 4.3).
const UNAVAILABLE: u16 = 503;

/// How reports are sent.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The proxy that all go to; without one each goes to whoever DNS names.
    pub proxy: Option<String>,
    /// A request with more octets goes over TCP where it would go over UDP.
    pub udp_limit: usize,
    /// Our name.
    pub host: Arc<str>,
}

/// Sends reports.
#[derive(Clone)]
pub struct Courier {
    settings: Arc<Settings>,
    ways: Ways,
    dns: Dns,
    clock: Clock,
    silent: Silent,
    without_tcp: Remembered<SocketAddr>,
}

impl Courier {
    /// Sends by these ways.
    #[must_use]
    pub fn new(settings: Settings, ways: Ways, dns: Dns, clock: Clock) -> Self {
        Self {
            settings: Arc::new(settings),
            ways,
            dns,
            clock,
            silent: Silent::new(),
            without_tcp: Remembered::new(NO_TCP),
        }
    }

    /// Sends a report once.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn send(&self, report: &Report) -> Result<(), Failure> {
        match timeout(LONGEST_ATTEMPT, self.attempt(report)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(failed("no answer came in time")),
        }
    }

    async fn attempt(&self, report: &Report) -> Result<(), Failure> {
        let no_way = |error| refused(format!("no way to {}: {error}", report.target));
        let uri = request_uri(&report.target).map_err(no_way)?;
        let proxy = self.settings.proxy.as_deref();
        let next = Locating::of(proxy.unwrap_or(&uri)).map_err(no_way)?;
        if uri.starts_with("sips:") && !next.is_over_tls() {
            return Err(refused(
                "a sips: address, and the proxy is not reached over TLS",
            ));
        }
        let found = self.dns.locate(&next).await;
        let found = found.map_err(|error: DnsError| failed(error.to_string()))?;
        let letter = Letter { report, uri: &uri };
        let mut why = Vec::new();
        let mut retry_after = None;
        for destination in self.silent.last(found) {
            let place = (destination.address, destination.transport);
            let at = destination.address;
            if self.silent.lately.knows(&place) {
                why.push(format!("{at} did not answer lately"));
                continue;
            }
            match self.ask(&letter, &destination).await {
                Ok(answer) => {
                    self.silent.forget(&place);
                    match judge(&answer) {
                        Err(failure) if code(&answer) == UNAVAILABLE => {
                            retry_after = retry_after.max(failure.retry_after);
                            why.extend(failure.error);
                        }
                        judged => return judged,
                    }
                }
                Err(Attempted::Silent) => {
                    if !self.silent.lately.knows(&place) {
                        tracing::warn!("{at} does not answer, and is left alone for a while");
                    }
                    self.silent.remember(place);
                    why.push(format!("{at}: no answer"));
                    // There is no time for another one.
                    break;
                }
                Err(Attempted::Not(error)) => why.push(format!("{at}: {error}")),
                Err(Attempted::Unwritable(error)) => return Err(refused(error)),
            }
        }
        if why.is_empty() {
            why.push(format!("no server is known for {}", next.host));
        }
        Err(Failure {
            retry_after,
            ..failed(why.join("; "))
        })
    }

    /// Asks one server; one over UDP by TCP if the request is long and TCP is listened on there (RFC 3261 section
    /// 18.1.1).
    async fn ask(&self, letter: &Letter<'_>, to: &Destination) -> Result<Message, Attempted> {
        let way = self.reach(to).await?;
        let request = self.write(letter, &way)?;
        if to.transport == HopTransport::Udp
            && request.len() > self.settings.udp_limit
            && let Some((by_tcp, way)) = self.by_tcp(to).await
        {
            let request = self.write(letter, &way)?;
            return self.exchange(letter, &by_tcp, way, request).await;
        }
        self.exchange(letter, to, way, request).await
    }

    /// The same server by TCP, if it listens for that.
    async fn by_tcp(&self, to: &Destination) -> Option<(Destination, Way)> {
        if self.without_tcp.knows(&to.address) {
            return None;
        }
        let by_tcp = Destination {
            transport: HopTransport::Tcp,
            ..to.clone()
        };
        match self.ways.reach(&by_tcp).await {
            Ok(way) => Some((by_tcp, way)),
            Err(error) => {
                tracing::debug!("no TCP to {}: {error}", to.address);
                self.without_tcp.remember(to.address);
                None
            }
        }
    }

    async fn exchange(
        &self,
        letter: &Letter<'_>,
        to: &Destination,
        way: Way,
        request: Bytes,
    ) -> Result<Message, Attempted> {
        let outgoing = self.ways.outgoing();
        let mut flow = way.route.flow.clone();
        let mut asked = outgoing.ask(request, way.route).await;
        if way.is_reused && matches!(asked, Err(Unanswered::Transport(_))) {
            // The other end had just closed the connection.
            let way = self.reach(to).await?;
            let request = self.write(letter, &way)?;
            flow = way.route.flow.clone();
            asked = outgoing.ask(request, way.route).await;
        }
        if matches!(asked, Err(Unanswered::Timeout)) {
            self.ways.forget(to, &flow).await;
        }
        asked.map_err(|error| match error {
            Unanswered::Timeout => Attempted::Silent,
            Unanswered::NoRequest(error) => Attempted::Unwritable(error.to_string()),
            error => Attempted::Not(error.to_string()),
        })
    }

    async fn reach(&self, destination: &Destination) -> Result<Way, Attempted> {
        let way = self.ways.reach(destination).await;
        way.map_err(|error| Attempted::Not(error.to_string()))
    }

    fn write(&self, letter: &Letter<'_>, way: &Way) -> Result<Bytes, Attempted> {
        let random = clock::random::<UNIQUE_OCTETS>();
        let unique = hex(&random.map_err(|error| Attempted::Not(error.to_string()))?);
        let proxy = self.settings.proxy.as_deref();
        let Route {
            transport, local, ..
        } = &way.route;
        let envelope = Envelope {
            uri: letter.uri,
            via: &format!("SIP/2.0/{transport} {local}"),
            route: proxy.filter(|proxy| is_loose(proxy)),
            is_asserted: proxy.is_some(),
            unique: &unique,
            host: &self.settings.host,
            now: self.clock.now(),
        };
        let request = envelope.write(letter.report);
        request.map_err(|error| Attempted::Unwritable(error.to_string()))
    }
}

/// What is to be sent.
struct Letter<'a> {
    report: &'a Report,
    /// The Request-URI.
    uri: &'a str,
}

/// Why a server gave no answer.
enum Attempted {
    /// It was asked and is silent.
    Silent,
    /// It could not be asked.
    Not(String),
    /// No request can be made of the report.
    Unwritable(String),
}

/// Whether a proxy wants to be named in Route: it knows loose routing (RFC 3261 section 16.12).
fn is_loose(proxy: &str) -> bool {
    Uri::parse(proxy).is_ok_and(|uri| uri.has_param("lr"))
}

fn failed(error: impl Into<String>) -> Failure {
    Failure {
        error: Some(error.into()),
        ..Failure::default()
    }
}

fn refused(error: impl Into<String>) -> Failure {
    Failure {
        is_final: true,
        ..failed(error)
    }
}

fn code(answer: &Message) -> u16 {
    match answer.start() {
        StartLine::Status { code, .. } => *code,
        StartLine::Request { .. } => 0,
    }
}

/// What a final answer means for a report.
fn judge(answer: &Message) -> Result<(), Failure> {
    let StartLine::Status { code, reason } = answer.start() else {
        return Err(failed("no answer"));
    };
    if (200..300).contains(code) {
        return Ok(());
    }
    let retry_after = answer
        .header("Retry-After")
        .and_then(|field| parse_retry_after(&field.value()));
    Err(Failure {
        retry_after: retry_after.map(|seconds| TimeDelta::seconds(seconds.into())),
        error: Some(format!("{code} {reason}").trim_end().to_owned()),
        is_final: is_final(*code) && retry_after.is_none(),
    })
}

/// Whether an answer would be the same tomorrow. 401 and 407 ask for what we do not have, and go away when the operator
/// has the proxy trust us.
fn is_final(code: u16) -> bool {
    matches!(
        code,
        400 | 402..=406 | 410 | 413..=416 | 420 | 421 | 482..=485 | 488 | 493 | 501 | 505 | 513 | 603 | 604 | 606
    )
}

/// A server, and how it is asked.
type Place = (SocketAddr, HopTransport);

/// The servers that did not answer.
#[derive(Debug, Clone)]
struct Silent {
    /// They are left alone.
    lately: Remembered<Place>,
    /// They are asked last.
    last_time: Remembered<Place>,
}

impl Silent {
    fn new() -> Self {
        Self {
            lately: Remembered::new(LEFT_ALONE),
            last_time: Remembered::new(ASKED_LAST),
        }
    }

    fn remember(&self, place: Place) {
        self.lately.remember(place);
        self.last_time.remember(place);
    }

    /// It has answered.
    fn forget(&self, place: &Place) {
        self.lately.forget(place);
        self.last_time.forget(place);
    }

    /// Servers in their order, those that were silent last time behind the others.
    fn last(&self, mut found: Vec<Destination>) -> Vec<Destination> {
        found.sort_by_cached_key(|to| self.last_time.knows(&(to.address, to.transport)));
        found
    }
}

/// What is remembered of servers for a while.
#[derive(Debug, Clone)]
struct Remembered<K> {
    entries: Arc<Mutex<HashMap<K, Instant>>>,
    life: Duration,
}

impl<K: Eq + std::hash::Hash> Remembered<K> {
    fn new(life: Duration) -> Self {
        Self {
            entries: Arc::default(),
            life,
        }
    }

    fn knows(&self, key: &K) -> bool {
        // Nothing panics while it holds the lock.
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries
            .get(key)
            .is_some_and(|until| Instant::now() < *until)
    }

    fn forget(&self, key: &K) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.remove(key);
    }

    fn remember(&self, key: K) {
        let now = Instant::now();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MOST_REMEMBERED {
            entries.retain(|_, until| now < *until);
        }
        if entries.len() < MOST_REMEMBERED {
            entries.insert(key, now + self.life);
        }
    }
}

#[cfg(test)]
#[path = "courier_tests.rs"]
mod tests;
