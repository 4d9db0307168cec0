//! Serves HTTP/1.1 on connections, each within bounds: how long a head, a body, a pause and an answer may take, and how
//! large a head may be. What hyper refuses by itself gets the same problem document as everything else.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io::Write as _;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tower::Service as _;

use self::body::{Answer, Paced};
use self::watched::{Patience, Watch, Watched};
use super::limits;
use super::problem::{HEADER_TOO_LARGE, INVALID_REQUEST, Problem, TOO_SLOW, URI_TOO_LONG};
use crate::config::HttpSettings;
use crate::sip::places::Places;
use crate::sip::transport::stream::{self, Listener, Stream};
use crate::sip::trust::Origin;

mod body;
mod watched;

pub(super) use body::Lateness;

/// What is still read of a request that was refused, so that the answer arrives: closing a connection on which
/// something is unread takes back what was sent.
const READ_AFTER_REFUSAL: u64 = 1024 * 1024;
/// How long that may take.
const LINGERING: Duration = Duration::from_secs(1);

/// What serves connections, on all listeners together.
#[derive(Clone)]
pub struct Server {
    router: Router,
    http: http1::Builder,
    patience: Patience,
    places: Places,
    /// How many connections there are.
    open: Arc<watch::Sender<usize>>,
    stopped: watch::Receiver<bool>,
}

impl Server {
    /// Serves `router` until `stopped` is true.
    #[must_use]
    pub fn new(router: Router, settings: &HttpSettings, stopped: watch::Receiver<bool>) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            // Watched here, for hyper would count the pauses between requests.
            .header_read_timeout(None)
            .max_header_size(settings.max_header_bytes);
        Self {
            router,
            http,
            patience: Patience {
                head: settings.header_timeout,
                body: settings.body_timeout,
                idle: settings.idle_timeout,
            },
            places: Places::new(settings.max_connections, settings.max_connections_per_peer),
            open: Arc::new(watch::Sender::new(0)),
            stopped,
        }
    }

    /// Accepts connections until told to stop, then waits until all of them, on all listeners, have ended.
    pub async fn run(self, listener: Listener) {
        let mut stopped = self.stopped.clone();
        let mut open = self.open.subscribe();
        let server = self.clone();
        // Counted from when it is accepted: the closure is cloned then.
        let counted = Open::new(Arc::clone(&self.open));
        let serve = move |stream, origin| {
            let counted = counted.clone();
            server.clone().connection(stream, origin, counted)
        };
        tokio::select! {
            () = stream::accept(listener, self.places, self.patience.head, serve) => {}
            // An error means that the sender is gone, which is a stop as well.
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
        let _ = open.wait_for(|open| *open == 0).await;
    }

    async fn connection(self, stream: Stream, origin: Origin, _counted: Open) {
        let peer = origin.source;
        let watch = Arc::new(Watch::new(Instant::now()));
        let door = Door {
            router: self.router,
            origin,
            watch: Arc::clone(&watch),
            patience: self.patience.body,
        };
        let io = TokioIo::new(Watched::new(stream, Arc::clone(&watch)));
        let mut connection = self.http.serve_connection(io, door);
        let mut stopped = self.stopped;
        let mut stopping = pin!(async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        });
        let mut is_stopping = false;
        let overdue = loop {
            let look = watch.look_at(&self.patience, Instant::now());
            tokio::select! {
                ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => {
                    if let Err(error) = ended {
                        tracing::debug!(peer = %peer, "HTTP connection with {peer}: {error}");
                    }
                    break None;
                }
                () = sleep_until(look) => {
                    if let Some(overdue) = watch.overdue(&self.patience, Instant::now()) {
                        break Some(overdue);
                    }
                }
                () = &mut stopping, if !is_stopping => {
                    is_stopping = true;
                    Pin::new(&mut connection).graceful_shutdown();
                }
            }
        };
        let refusal = match overdue {
            Some(overdue) => overdue.status(),
            None => watch.refusal(),
        };
        let stream = connection.into_parts().io.into_inner().into_inner();
        let is_over = watch.is_over(overdue.is_some() || is_stopping);
        // A peer that is gone needs no goodbye.
        let _ = timeout(self.patience.body, end(stream, refusal, is_over)).await;
    }
}

/// Ends a connection: with a refusal, if there is one to be told, and so that it arrives.
async fn end(mut stream: Stream, refusal: Option<u16>, is_over: bool) -> std::io::Result<()> {
    if let Some(status) = refusal {
        stream.write_all(&written(status).await).await?;
    }
    stream.shutdown().await?;
    if !is_over || refusal.is_some() {
        let mut rest = stream.take(READ_AFTER_REFUSAL);
        let mut nowhere = tokio::io::sink();
        let _ = timeout(LINGERING, tokio::io::copy(&mut rest, &mut nowhere)).await;
    }
    Ok(())
}

/// A refusal that no handler has made, as it goes over the wire.
async fn written(status: u16) -> Vec<u8> {
    let kind = match status {
        408 => TOO_SLOW,
        414 => URI_TOO_LONG,
        431 => HEADER_TOO_LARGE,
        _ => INVALID_REQUEST,
    };
    let mut problem = Problem::new(kind);
    if kind == INVALID_REQUEST {
        problem = problem.detail("this is no HTTP request that can be read");
    }
    let mut response = problem.into_response();
    limits::add_careful(response.headers_mut(), limits::PAGE_POLICY);
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut octets = Vec::new();
    let reason = parts.status.canonical_reason().unwrap_or_default();
    // Writing to a Vec does not fail.
    let _ = write!(
        octets,
        "HTTP/1.1 {} {reason}\r\nconnection: close\r\ncontent-length: {}\r\n",
        parts.status.as_u16(),
        body.len()
    );
    for (name, value) in &parts.headers {
        if name != axum::http::header::CONTENT_LENGTH {
            let _ = write!(octets, "{name}: ");
            octets.extend_from_slice(value.as_bytes());
            octets.extend_from_slice(b"\r\n");
        }
    }
    octets.extend_from_slice(b"\r\n");
    octets.extend_from_slice(&body);
    octets
}

/// A connection that is counted until it is dropped.
struct Open(Arc<watch::Sender<usize>>);

impl Open {
    fn new(count: Arc<watch::Sender<usize>>) -> Self {
        count.send_modify(|open| *open += 1);
        Self(count)
    }
}

impl Clone for Open {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.0))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open = open.saturating_sub(1));
    }
}

/// Lets the requests of one connection in.
struct Door {
    router: Router,
    origin: Origin,
    watch: Arc<Watch>,
    patience: Duration,
}

impl Service<Request<Incoming>> for Door {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.watch.begins();
        let watch = Arc::clone(&self.watch);
        let lateness = Lateness::default();
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(self.origin.clone());
        parts.extensions.insert(lateness.clone());
        let body = Body::new(Paced::new(body, self.patience, lateness));
        let mut router = self.router.clone();
        Box::pin(async move {
            let response = router.call(Request::from_parts(parts, body)).await?;
            Ok(response.map(|body| Answer::new(body, watch)))
        })
    }
}
