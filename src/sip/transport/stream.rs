//! Connections: accepted within bounds, put behind TLS where there is a certificate, and written to in turn.
//! MSRP uses them as well.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::tls::{self, Certificate};
use crate::sip::places::Places;
use crate::sip::trust::Origin;

/// The most messages joined for one write.
const WRITTEN_AT_ONCE: usize = 64;

/// A connection, behind TLS or not.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A connection of either kind.
pub type Stream = Box<dyn Duplex>;

/// A bound socket and the bounds of its connections.
#[derive(Debug)]
pub struct Listener {
    /// The socket.
    pub socket: TcpListener,
    /// What the connections are put behind TLS with.
    pub certificate: Option<Arc<Certificate>>,
}

/// Accepts connections for ever and has each served in a task of its own. `places` bounds all of them, `patience`
/// the time a handshake may take.
pub async fn accept<F>(
    listener: Listener,
    places: Places,
    patience: Duration,
    serve: impl Fn(Stream, Origin) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let Ok((stream, source)) = listener.socket.accept().await else {
            // Out of file descriptors, most likely: connections that end give some back.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Some(place) = places.take(source.ip().to_canonical()) else {
            tracing::warn!(peer = %source, "no room for a connection from {source}");
            continue;
        };
        let Ok(local) = stream.local_addr() else {
            continue;
        };
        let transport = if listener.certificate.is_some() {
            "TLS"
        } else {
            "TCP"
        };
        let origin = Origin::nameless(source, local, transport);
        // Answers are small and awaited.
        let _ = stream.set_nodelay(true);
        let certificate = listener.certificate.clone();
        let serve = serve.clone();
        tokio::spawn(async move {
            let secured = match certificate {
                None => Some((Box::new(stream) as Stream, origin)),
                Some(certificate) => secure(stream, origin, &certificate, patience).await,
            };
            if let Some((stream, origin)) = secured {
                serve(stream, origin).await;
            }
            drop(place);
        });
    }
}

/// Puts a connection behind TLS, if the client gets that far in time.
async fn secure(
    stream: TcpStream,
    mut origin: Origin,
    certificate: &Certificate,
    patience: Duration,
) -> Option<(Stream, Origin)> {
    let source = origin.source;
    match timeout(patience, certificate.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => {
            origin.names = tls::client_names(stream.get_ref().1);
            Some((Box::new(stream), origin))
        }
        Ok(Err(error)) => {
            tracing::debug!(peer = %source, "TLS with {source} failed: {error}");
            None
        }
        Err(_) => {
            tracing::debug!(peer = %source, "TLS with {source} took too long");
            None
        }
    }
}

/// How long what was to be written may take once nothing is read any more.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Ends a connection that nobody reads: what waits to be written has a moment, whoever could still add to it.
pub async fn close(mut sending: JoinHandle<()>, patience: Duration) {
    if timeout(patience.min(LAST_WORDS), &mut sending)
        .await
        .is_err()
    {
        sending.abort();
    }
}

/// Writes what is handed over until nobody is left who could; then shuts the connection down. A peer that takes
/// nothing for `patience` is given up.
pub async fn write_all<W: AsyncWrite + Unpin>(
    mut write: W,
    mut writes: mpsc::Receiver<Bytes>,
    patience: Duration,
) {
    let mut waiting = Vec::with_capacity(WRITTEN_AT_ONCE);
    while writes.recv_many(&mut waiting, WRITTEN_AT_ONCE).await > 0 {
        let bytes = match waiting.as_slice() {
            [one] => one.clone(),
            several => Bytes::from(several.concat()),
        };
        waiting.clear();
        let pass_on = async {
            write.write_all(&bytes).await?;
            write.flush().await
        };
        if !matches!(timeout(patience, pass_on).await, Ok(Ok(()))) {
            return;
        }
    }
    // The peer may have closed already.
    let _ = write.shutdown().await;
}
