//! `Idempotency-Key` on POST: a request that comes again gets the first answer, and nothing is done twice.
//!
//! The answer is written down in the transaction of what was done ([`Db::join`](crate::store::Db::join)), so that a
//! crash leaves both or neither. Only good answers are kept: whoever was refused may mend the request.

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};
use tracing::Instrument as _;

use super::auth::Caller;
use super::gateway::{self, large};
use super::problem::{
    BODY_TOO_LARGE, IDEMPOTENCY_IN_PROGRESS, IDEMPOTENCY_KEY_REUSED, INTERNAL, INVALID_REQUEST,
    Problem, internal,
};
use super::state::AppState;
use crate::domain::hex::hex;
use crate::mailbox::Mailbox;
use crate::store::Db;
use crate::store::idempotency::{self, Answer, Known};
use crate::store::joined::Pending;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How long an answer is kept.
const KEEP: TimeDelta = TimeDelta::hours(24);
/// The longest key, in characters.
const LONGEST: usize = 255;
/// The largest answer that is kept, in octets.
const LARGEST: usize = 4 * 1024 * 1024;
/// Header fields that belong to an answer, whatever connection it goes out on.
const KEPT: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];

/// Whether the operation takes an `Idempotency-Key`. A large message is known by what it is.
pub(super) fn is_remembered(method: &str, path: &str) -> bool {
    let is_api = path.starts_with("/api/") || path.starts_with("/gateway/");
    method.eq_ignore_ascii_case("post") && is_api && path != large::PATH
}

/// Answers a request under a known key as it was answered before, and remembers the answer of another.
pub(super) async fn remember(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let is_keyed = request.method() == Method::POST && request.headers().contains_key(KEY);
    if !is_keyed || !is_remembered("post", request.uri().path()) {
        return next.run(request).await;
    }
    let answer = keyed(state, request, next).await;
    answer.unwrap_or_else(IntoResponse::into_response)
}

async fn keyed(state: AppState, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let key = key(&parts.headers)?.to_owned();
    let caller = Caller::from_request_parts(&mut parts, &state).await?;
    let most = state
        .mailbox
        .policy
        .max_message_bytes
        .max(super::router::BODY_LIMIT);
    let body = to_bytes(body, most).await;
    let body = body.map_err(|_| Problem::new(BODY_TOO_LARGE))?;
    let now = state.mailbox.clock.now();
    let patience = TimeDelta::from_std(state.settings.http.request_timeout);
    let request = idempotency::Request {
        key_hash: hash(&[
            caller.principal.actor.to_string().as_bytes(),
            key.as_bytes(),
        ]),
        fingerprint: fingerprint(&parts, &body),
        running_until: now + patience.unwrap_or(KEEP),
        forget_at: now + KEEP,
    };
    match idempotency::claim(&state.mailbox.db, &request, now).await? {
        Known::Another => Err(Problem::new(IDEMPOTENCY_KEY_REUSED)),
        Known::Running(until) => {
            let seconds = (until - now).num_seconds().max(0) + 1;
            let seconds = HeaderValue::from(seconds);
            Err(Problem::new(IDEMPOTENCY_IN_PROGRESS).header_value(header::RETRY_AFTER, seconds))
        }
        Known::Answered(answer) => Ok(replay(answer)),
        Known::New => {
            let again = Request::from_parts(parts, Body::from(body));
            // It goes on when the client does not wait for it: the answer is there when it comes back.
            let work = first(state.mailbox, request, again, next).in_current_span();
            match tokio::spawn(work).await {
                Ok(answer) => answer,
                Err(_) => Err(Problem::new(INTERNAL)),
            }
        }
    }
}

/// Answers a request for the first time.
async fn first(
    mailbox: Mailbox,
    request: idempotency::Request,
    again: Request,
    next: Next,
) -> Result<Response, Problem> {
    // A message is stored by a task that stores others with it, and is known by what it is.
    let alone = again.uri().path() == gateway::PATH;
    let (response, pending) = if alone {
        (next.run(again).await, mailbox.db.join(async {}).await.1)
    } else {
        mailbox.db.join(next.run(again)).await
    };
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, LARGEST).await;
    let body = body.map_err(|error| internal(&error))?;
    settle(
        &mailbox.db,
        &request,
        pending?,
        parts.status,
        &parts.headers,
        &body,
    )
    .await?;
    mailbox.bell.ring();
    mailbox.news.ring();
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// Makes what was done durable, together with a good answer to it. What failed was not done.
async fn settle(
    db: &Db,
    request: &idempotency::Request,
    pending: Pending,
    status: StatusCode,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<(), Problem> {
    if status.is_server_error() {
        drop(pending);
        let tx = db.write().await?;
        idempotency::give_up(&tx, request).await?;
        return Ok(tx.commit().await?);
    }
    if !status.is_success() {
        idempotency::give_up(pending.tx(), request).await?;
        return Ok(pending.commit().await?);
    }
    let text = |name: &HeaderName| {
        let value = headers.get(name)?.to_str().ok()?;
        Some((name.to_string(), value.to_owned()))
    };
    let answer = Answer {
        status: status.as_u16(),
        headers: KEPT.iter().filter_map(text).collect::<BTreeMap<_, _>>(),
        body: body.to_vec(),
    };
    if !idempotency::answer(pending.tx(), request, answer).await? {
        return Err(Problem::new(IDEMPOTENCY_IN_PROGRESS).header(header::RETRY_AFTER, "1"));
    }
    Ok(pending.commit().await?)
}

fn replay(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    let replayed = HeaderValue::from_static("true");
    response.headers_mut().insert(REPLAYED, replayed);
    response
}

fn key(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut keys = headers.get_all(KEY).iter();
    let key = keys.next().and_then(|key| key.to_str().ok());
    let good = |key: &&str| {
        (1..=LONGEST).contains(&key.len()) && key.bytes().all(|octet| octet.is_ascii_graphic())
    };
    match (key.filter(good), keys.next()) {
        (Some(key), None) => Ok(key),
        _ => Err(Problem::new(INVALID_REQUEST).field(
            "Idempotency-Key",
            format!("expected one, of 1 to {LONGEST} visible ASCII characters"),
        )),
    }
}

fn fingerprint(parts: &Parts, body: &[u8]) -> String {
    let method = parts.method.as_str().as_bytes();
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    hash(&[method, path.as_bytes(), body])
}

/// A hash that no other parts have.
fn hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}
