//! A connection that notes what it is at, so that whoever takes too long with it can be told from whoever may.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::sip::transport::stream::Stream;

/// How long what may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// The head of a request, from its first octet; the first octet of a connection.
    pub(super) head: Duration,
    /// The client, to read anything of its answer; to send anything of a body.
    pub(super) body: Duration,
    /// The next request.
    pub(super) idle: Duration,
}

/// What a connection is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing has come yet.
    Fresh,
    /// The last request is answered.
    Idle,
    /// A head is coming.
    Head,
    /// A request is being answered.
    Serving,
    /// All of the answer is handed over, but maybe not written.
    Answered,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    since: Instant,
    /// Since when the client takes nothing of what is to be written.
    stalled: Option<Instant>,
    /// What hyper has refused by itself.
    refusal: Option<u16>,
    /// The client sends no more.
    ended: bool,
}

/// What takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    /// The client, to send a head.
    Head,
    /// The client, to ask or to read anything.
    Silent,
}

impl Overdue {
    /// What the client is told.
    pub(super) fn status(self) -> Option<u16> {
        (self == Self::Head).then_some(408)
    }
}

/// What is noted of a connection.
#[derive(Debug)]
pub(super) struct Watch(Mutex<State>);

impl Watch {
    /// A connection on which nothing has come.
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(State {
            phase: Phase::Fresh,
            since: now,
            stalled: None,
            refusal: None,
            ended: false,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A head is complete.
    pub(super) fn begins(&self) {
        self.state().phase = Phase::Serving;
    }

    /// All of the answer is handed over.
    pub(super) fn answered(&self) {
        self.state().phase = Phase::Answered;
    }

    /// The status that hyper has answered with where there was no request to hand on.
    pub(super) fn refusal(&self) -> Option<u16> {
        self.state().refusal
    }

    /// Whether nothing is left unread that could matter: the client has ended, or what it has `given up` for a reason
    /// of ours was between two requests.
    pub(super) fn is_over(&self, given_up: bool) -> bool {
        let state = self.state();
        state.ended || (given_up && matches!(state.phase, Phase::Fresh | Phase::Idle))
    }

    /// When to look whether something is overdue.
    pub(super) fn look_at(&self, patience: &Patience, now: Instant) -> Instant {
        let soon = now + patience.head.min(patience.body).min(patience.idle);
        deadline(&self.state(), patience).map_or(soon, |deadline| deadline.max(now))
    }

    /// What is overdue.
    pub(super) fn overdue(&self, patience: &Patience, now: Instant) -> Option<Overdue> {
        let state = self.state();
        deadline(&state, patience).filter(|deadline| *deadline <= now)?;
        Some(match state.phase {
            Phase::Head => Overdue::Head,
            _ => Overdue::Silent,
        })
    }
}

fn deadline(state: &State, patience: &Patience) -> Option<Instant> {
    let allowed = match state.phase {
        Phase::Fresh | Phase::Head => Some(state.since + patience.head),
        Phase::Idle => Some(state.since + patience.idle),
        Phase::Serving | Phase::Answered => None,
    };
    let stalled = state.stalled.map(|since| since + patience.body);
    [allowed, stalled].into_iter().flatten().min()
}

/// A connection, watched.
pub(super) struct Watched {
    stream: Stream,
    watch: Arc<Watch>,
}

impl Watched {
    pub(super) fn new(stream: Stream, watch: Arc<Watch>) -> Self {
        Self { stream, watch }
    }

    /// The connection alone.
    pub(super) fn into_inner(self) -> Stream {
        self.stream
    }

    /// Takes what hyper writes while no request is being answered, which is a refusal without a body: the server
    /// says it in its own words when hyper has ended.
    fn intercepts(&self, octets: &[u8]) -> bool {
        let mut state = self.watch.state();
        if matches!(state.phase, Phase::Serving | Phase::Answered) {
            return false;
        }
        let status = octets.get(9..12);
        let status = status.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        state.refusal = state.refusal.or(status);
        true
    }

    fn wrote<T>(&self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let mut state = self.watch.state();
        if polled.is_ready() {
            state.stalled = None;
        } else {
            state.stalled.get_or_insert_with(Instant::now);
        }
        polled
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if let Poll::Ready(read) = &polled {
            let mut state = self.watch.state();
            if read.is_err() || buffer.filled().len() == before {
                state.ended = true;
            } else if matches!(state.phase, Phase::Fresh | Phase::Idle) {
                state.phase = Phase::Head;
                state.since = Instant::now();
            }
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.intercepts(octets) {
            return Poll::Ready(Ok(octets.len()));
        }
        let polled = Pin::new(&mut self.stream).poll_write(cx, octets);
        self.wrote(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = slices.iter().find(|slice| !slice.is_empty());
        if self.intercepts(first.map_or(&[], |slice| slice)) {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        if let Poll::Ready(Ok(())) = &polled {
            let mut state = self.watch.state();
            // hyper flushes when it has nothing left to write.
            if state.phase == Phase::Answered {
                state.phase = Phase::Idle;
                state.since = Instant::now();
            }
        }
        self.wrote(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const PATIENCE: Patience = Patience {
        head: Duration::from_secs(1),
        body: Duration::from_secs(2),
        idle: Duration::from_secs(3),
    };

    /// A client that reads nothing of its answer is given up, however long the answer may take otherwise.
    #[tokio::test]
    async fn a_client_that_does_not_read_is_overdue() {
        let (server, mut client) = tokio::io::duplex(16);
        let watch = Arc::new(Watch::new(Instant::now()));
        let mut watched = Watched::new(Box::new(server), Arc::clone(&watch));
        let late = |seconds| Instant::now() + Duration::from_secs(seconds);
        client.write_all(b"GET").await.unwrap();
        watched.read_exact(&mut [0; 3]).await.unwrap();
        assert_eq!(watch.overdue(&PATIENCE, late(0)), None);
        assert_eq!(watch.overdue(&PATIENCE, late(1)), Some(Overdue::Head));
        watch.begins();
        assert_eq!(watch.overdue(&PATIENCE, late(100)), None);
        watched.write_all(&[0; 16]).await.unwrap();
        let full = poll_fn(|cx| Poll::Ready(Pin::new(&mut watched).poll_write(cx, &[0])));
        assert!(full.await.is_pending());
        assert_eq!(watch.overdue(&PATIENCE, late(1)), None);
        assert_eq!(watch.overdue(&PATIENCE, late(2)), Some(Overdue::Silent));
        client.read_exact(&mut [0; 8]).await.unwrap();
        watched.write_all(&[0]).await.unwrap();
        assert_eq!(watch.overdue(&PATIENCE, late(100)), None);
        watch.answered();
        watched.flush().await.unwrap();
        assert_eq!(watch.overdue(&PATIENCE, late(2)), None);
        assert_eq!(watch.overdue(&PATIENCE, late(3)), Some(Overdue::Silent));
    }

    /// What looks like a refusal of hyper's in the middle of an answer is part of it.
    #[tokio::test]
    async fn an_answer_is_never_taken_for_a_refusal() {
        let (server, mut client) = tokio::io::duplex(1024);
        let watch = Arc::new(Watch::new(Instant::now()));
        let mut watched = Watched::new(Box::new(server), Arc::clone(&watch));
        let refusal = b"HTTP/1.1 431 Request Header Fields Too Large\r\n\r\n";
        watch.begins();
        watched.write_all(refusal).await.unwrap();
        watch.answered();
        watched.write_all(refusal).await.unwrap();
        assert_eq!(watch.refusal(), None);
        client.read_exact(&mut [0; 96]).await.unwrap();
        watched.flush().await.unwrap();
        watched.write_all(refusal).await.unwrap();
        assert_eq!(watch.refusal(), Some(431));
        drop(watched);
        assert_eq!(client.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    }
}
