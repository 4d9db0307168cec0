//! The bodies of requests, which must come at some pace, and of answers, whose end is noted.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::watched::Watch;

/// What must come a second, in octets, of a body that was waited for longer than once.
const LEAST_A_SECOND: u64 = 4096;

/// Whether a request's body was given up because its client is too slow.
#[derive(Debug, Clone, Default)]
pub(in crate::web) struct Lateness(Arc<AtomicBool>);

impl Lateness {
    /// Whether it was.
    pub(in crate::web) fn is_late(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why the body of a request ends early.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// The connection failed.
    #[error(transparent)]
    Http(#[from] hyper::Error),
    /// The client takes too long.
    #[error("the body comes too slowly")]
    TooSlow,
}

/// The body of a request. Counted is the time for which a handler waits for it, not the time that the handler takes.
pub(super) struct Paced {
    body: Incoming,
    patience: Duration,
    lateness: Lateness,
    received: u64,
    waited: Duration,
    /// Since when something is waited for, and until when it is.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Paced {
    pub(super) fn new(body: Incoming, patience: Duration, lateness: Lateness) -> Self {
        Self {
            body,
            patience,
            lateness,
            received: 0,
            waited: Duration::ZERO,
            waiting: None,
        }
    }

    /// How long may be waited now.
    fn allowance(&self) -> Duration {
        let earned = Duration::from_secs(self.received / LEAST_A_SECOND);
        let left = (self.patience + earned).saturating_sub(self.waited);
        left.min(self.patience)
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            if let Some((since, _)) = self.waiting.take() {
                self.waited += since.elapsed();
            }
            if let Some(Ok(frame)) = &frame
                && let Some(data) = frame.data_ref()
            {
                self.received += data.len() as u64;
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)));
        }
        let allowance = self.allowance();
        let (_, sleep) = self.waiting.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(sleep_until(now + allowance)))
        });
        ready!(sleep.as_mut().poll(cx));
        self.lateness.0.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(BodyError::TooSlow)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer. When it is dropped all of it is written or about to be.
pub(super) struct Answer {
    body: Body,
    watch: Arc<Watch>,
}

impl Answer {
    pub(super) fn new(body: Body, watch: Arc<Watch>) -> Self {
        Self { body, watch }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.watch.answered();
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
