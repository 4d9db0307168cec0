//! `GET /api/v1/events`

use std::collections::VecDeque;
use std::convert::Infallible;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};
use utoipa::{IntoParams, ToSchema};

use crate::domain::access::Scope;
use crate::domain::address::Aor;
use crate::domain::event::{Cause, EventKind, Place};
use crate::mailbox::Mailbox;
use crate::mailbox::feed::{Feed, Listener, News};
use crate::store::StoreError;
use crate::web::auth::Caller;
use crate::web::extract::Query;
use crate::web::problem::{INVALID_REQUEST, Problem, ProblemBody};
use crate::web::rest::account_path;

/// How often something is sent if nothing happens, so that nobody on the way takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long one request is answered: whoever comes back shows again who it is.
const LONGEST: Duration = Duration::from_mins(15);
/// How long a client waits before it comes back.
const COME_BACK_AFTER: Duration = Duration::from_secs(2);
/// Events that pass a client by before it is told how far it is.
const PASSED: usize = 500;
/// Past events read at a time.
const PER_READ: u64 = 500;

/// What to follow.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// One account only: its address of record, or `me`.
    #[param(example = "sip:alice@example.org")]
    account: Option<String>,
    /// These kinds only, comma-separated.
    #[param(example = "message.stored,message.removed")]
    kind: Option<String>,
    /// Go on after the event of this id, like the header field `Last-Event-ID`.
    #[param(example = "0-17")]
    after: Option<String>,
}

/// The `data` of an event.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventData {
    /// When it happened.
    at: DateTime<Utc>,
    /// What happened: `message.stored`, `message.expiring`, `message.changed`, `message.held`, `message.released`,
    /// `message.inspected`, `message.removed`, `account.erased` or `xcap.changed`.
    #[schema(example = "message.stored")]
    kind: &'static str,
    /// Whose account; null if it has been erased, or what is for everybody has changed.
    #[schema(example = "sip:alice@example.org")]
    account: Option<String>,
    /// The decimal string of the Message-ID.
    #[schema(example = "10000000001")]
    id: Option<String>,
    /// The whole Message-ID.
    #[schema(example = "sip:10000000001@mail.example.org")]
    message_id: Option<String>,
    /// Why a message was removed.
    #[schema(example = "expired")]
    reason: Option<&'static str>,
    /// The expiry the message has; of `message.held`, when the deletion becomes final.
    until: Option<DateTime<Utc>>,
    /// The XCAP document that was put, changed or deleted, relative to the XCAP root.
    #[schema(example = "resource-lists/users/sip:alice@example.org/index")]
    document: Option<String>,
}

/// Follow what happens
///
/// Server-Sent Events: each has an `id`, its kind as `event`, and JSON as `data`. A client that comes back with
/// `Last-Event-ID` misses nothing; an event `reset` says that this cannot be promised, because what came after that id
/// is not kept any more. A comment is sent every 15 seconds if nothing happens. A connection lasts 15 minutes at most,
/// and is closed when the client reads too slowly.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", operation_id = "follow_events",
    params(EventsQuery, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen", example = "0-17")),
    responses(
        (status = 200, content_type = "text/event-stream", body = EventData, description = "The events, as they happen"),
        (status = 400, body = ProblemBody, content_type = "application/problem+json", description = "A parameter is wrong"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope read is missing"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such account for this caller"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the server stops"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn follow_events(
    State(mailbox): State<Mailbox>,
    State(feed): State<Feed>,
    caller: Caller,
    headers: HeaderMap,
    Query(query): Query<EventsQuery>,
) -> Result<Response, Problem> {
    let mut scope = caller.reading()?;
    if let Some(aor) = &query.account {
        let account = account_path::account(&mailbox, &caller.principal, &scope, aor).await?;
        scope = Scope::Aors(vec![account.aor]);
    }
    let wanted = Wanted {
        scope,
        kinds: kinds(query.kind.as_deref())?,
    };
    let last = match headers.get("last-event-id") {
        Some(value) => Some(place("Last-Event-ID", value.to_str().unwrap_or_default())?),
        None => query
            .after
            .as_deref()
            .map(|id| place("after", id))
            .transpose()?,
    };
    let listener = feed.listen().await?.ok_or(StoreError::Stopped)?;
    let follower = Follower::new(feed, listener, wanted, last).await?;
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    let keep_alive = KeepAlive::new().interval(HEARTBEAT);
    Ok(Sse::new(events).keep_alive(keep_alive).into_response())
}

/// What a client wants to hear of.
struct Wanted {
    scope: Scope,
    kinds: Vec<EventKind>,
}

impl Wanted {
    fn has(&self, news: &News) -> bool {
        let kind = self.kinds.is_empty() || self.kinds.contains(&news.event.kind);
        kind && news.is_within(&self.scope)
    }
}

/// A client, and how far it is.
struct Follower {
    feed: Feed,
    listener: Listener,
    wanted: Wanted,
    until: Instant,
    /// The last event it has seen, while what came after it is being read.
    behind: Option<Place>,
    /// How many events were not for it since it was told of one.
    passed: usize,
    ready: VecDeque<Event>,
}

impl Follower {
    async fn new(
        feed: Feed,
        listener: Listener,
        wanted: Wanted,
        last: Option<Place>,
    ) -> Result<Self, StoreError> {
        let mut ready = VecDeque::from([Event::default()
            .retry(COME_BACK_AFTER)
            .comment("what happens from here on")]);
        let behind = match last {
            Some(place) if feed.knows(place).await? => Some(place),
            Some(_) => {
                ready.push_back(Event::default().event("reset").data("{}"));
                None
            }
            None => None,
        };
        Ok(Self {
            feed,
            listener,
            wanted,
            until: Instant::now() + LONGEST,
            behind,
            passed: 0,
            ready,
        })
    }

    /// The next event; nothing when it is time to come back.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if let Some(place) = self.behind {
                self.catch_up(place).await.ok()?;
                continue;
            }
            // Too long, or the server stops: it may come back with the last id it has seen.
            let news = timeout_at(self.until, self.listener.news.recv())
                .await
                .ok()?;
            let news: Arc<News> = match news {
                Ok(news) => news,
                // Too slow for what waits in memory: the rest is read again.
                Err(RecvError::Lagged(_)) => {
                    self.behind = Some(self.listener.since);
                    continue;
                }
                Err(RecvError::Closed) => return None,
            };
            if news.event.place <= self.listener.since {
                continue;
            }
            self.listener.since = news.event.place;
            if self.wanted.has(&news) {
                self.passed = 0;
                return Some(written(&news));
            }
            self.passed += 1;
            if self.passed >= PASSED {
                return Some(self.mark());
            }
        }
    }

    /// Reads what came after `place`, some at a time.
    async fn catch_up(&mut self, place: Place) -> Result<(), StoreError> {
        let missed = self.feed.after(place, PER_READ).await?;
        let is_all = u64::try_from(missed.len()).is_ok_and(|len| len < PER_READ);
        let last = missed.last().map_or(place, |news| news.event.place);
        let wanted = missed.iter().filter(|news| self.wanted.has(news));
        self.ready.extend(wanted.map(written));
        self.behind = (!is_all).then_some(last);
        if is_all {
            // What it has been told already does not come again.
            self.listener.since = self.listener.since.max(last);
        } else {
            self.ready.push_back(id_of(last));
        }
        Ok(())
    }

    /// Tells the client how far it is, if nothing of what happened was for it.
    fn mark(&mut self) -> Event {
        self.passed = 0;
        id_of(self.listener.since)
    }
}

/// An id that a client remembers, without anything that happened.
fn id_of(place: Place) -> Event {
    Event::default().id(place.to_string())
}

fn written(news: &News) -> Event {
    let happened = &news.event;
    let message = news.message_id.as_ref();
    let data = EventData {
        at: happened.at,
        kind: happened.kind.as_str(),
        account: news.aor.as_ref().map(Aor::to_string),
        id: message.map(|message| message.key.to_string()),
        message_id: message.map(ToString::to_string),
        reason: happened.cause.map(Cause::as_str),
        until: happened.until,
        document: news.document(),
    };
    // It has nothing that cannot be written as JSON.
    let data = serde_json::to_string(&data).unwrap_or_default();
    id_of(happened.place)
        .event(happened.kind.as_str())
        .data(data)
}

fn place(field: &str, text: &str) -> Result<Place, Problem> {
    text.parse()
        .map_err(|_| Problem::new(INVALID_REQUEST).field(field, "expected the id of an event"))
}

fn kinds(text: Option<&str>) -> Result<Vec<EventKind>, Problem> {
    let words = text.into_iter().flat_map(|text| text.split(','));
    let words = words.map(str::trim).filter(|word| !word.is_empty());
    words
        .map(EventKind::from_str)
        .collect::<Result<_, _>>()
        .map_err(|error| Problem::new(INVALID_REQUEST).field("kind", error.to_string()))
}
