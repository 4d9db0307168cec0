//! SIP over TCP and TLS: messages out of a stream (RFC 3261 section 18.3), on connections that the peers
//! keep open.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::tls::Certificate;
use super::{Flow, Received};
use crate::sip::framer::{Frame, FrameError, Framer};
use crate::sip::message::Message;

/// Messages waiting to be written to one connection.
const WRITES_WAITING: usize = 64;
/// Octets read at once.
const READ_AT_ONCE: usize = 16 * 1024;

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest message, in octets.
    pub max_message: usize,
    /// The most connections at once.
    pub max_connections: usize,
    /// A connection that brings nothing whole for so long is closed; so is one that takes nothing.
    pub idle_timeout: Duration,
}

/// Accepts connections until the endpoint is gone; behind TLS if there is a certificate.
pub async fn accept(
    listener: TcpListener,
    certificate: Option<Arc<Certificate>>,
    limits: Limits,
    endpoint: mpsc::Sender<Received>,
) {
    let places = Arc::new(Semaphore::new(limits.max_connections));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = endpoint.closed() => return,
        };
        let Ok((stream, source)) = accepted else {
            // Out of file descriptors, most likely: connections that end give some back.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::warn!(peer = %source, "no room for a SIP connection from {source}");
            continue;
        };
        let endpoint = endpoint.clone();
        let acceptor = certificate
            .as_ref()
            .map(|certificate| certificate.acceptor());
        tokio::spawn(async move {
            match acceptor {
                None => {
                    let (read, write) = stream.into_split();
                    serve(read, write, source, limits, endpoint).await;
                }
                Some(acceptor) => match timeout(limits.idle_timeout, acceptor.accept(stream)).await
                {
                    Ok(Ok(stream)) => {
                        let (read, write) = tokio::io::split(stream);
                        serve(read, write, source, limits, endpoint).await;
                    }
                    Ok(Err(error)) => {
                        tracing::debug!(peer = %source, "TLS with {source} failed: {error}");
                    }
                    Err(_) => tracing::debug!(peer = %source, "TLS with {source} took too long"),
                },
            }
            drop(place);
        });
    }
}

/// Serves one connection until either side ends it.
pub(super) async fn serve<R, W>(
    read: R,
    write: W,
    source: SocketAddr,
    limits: Limits,
    endpoint: mpsc::Sender<Received>,
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (writer, waiting) = mpsc::channel(WRITES_WAITING);
    let sending = tokio::spawn(write_all(write, waiting, limits.idle_timeout));
    if let Err(error) = read_all(read, &writer, source, limits, &endpoint).await {
        tracing::debug!(peer = %source, "SIP connection from {source}: {error}");
    }
    // What was asked is answered before the connection goes: the endpoint holds the other ends.
    drop(writer);
    if timeout(limits.idle_timeout, sending).await.is_err() {
        tracing::debug!(peer = %source, "SIP connection from {source} took no answer");
    }
}

async fn read_all<R: AsyncRead + Unpin>(
    mut read: R,
    writer: &mpsc::Sender<Bytes>,
    source: SocketAddr,
    limits: Limits,
    endpoint: &mpsc::Sender<Received>,
) -> io::Result<()> {
    let mut framer = Framer::new(limits.max_message);
    let mut buffer = BytesMut::with_capacity(READ_AT_ONCE);
    loop {
        // A peer that sends a message octet by octet has no longer than one that sends nothing.
        let frame = timeout(
            limits.idle_timeout,
            next_frame(&mut framer, &mut read, &mut buffer),
        );
        let Some(frame) = frame.await?? else {
            return Ok(());
        };
        let flow = Flow::Stream(writer.clone());
        let received = match frame {
            Ok(Frame::KeepAlive) => {
                // A peer that does not read its pongs notices soon enough.
                let _ = writer.try_send(Bytes::from_static(b"\r\n"));
                continue;
            }
            Ok(Frame::Message(message)) => Received {
                message,
                fault: None,
                source,
                flow,
            },
            Err(error) => {
                if let Some(received) = broken(&framer, &error, source, flow) {
                    // An error means that the endpoint is gone.
                    let _ = endpoint.send(received).await;
                }
                return Ok(());
            }
        };
        if endpoint.send(received).await.is_err() {
            return Ok(());
        }
    }
}

/// The next frame; `None` at the end of the stream.
async fn next_frame<R: AsyncRead + Unpin>(
    framer: &mut Framer,
    read: &mut R,
    buffer: &mut BytesMut,
) -> io::Result<Option<Result<Frame, FrameError>>> {
    loop {
        if let Some(frame) = framer.next() {
            return Ok(Some(frame));
        }
        buffer.clear();
        buffer.reserve(READ_AT_ONCE);
        if read.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
        framer.push(buffer);
    }
}

/// What is left of a message after which the stream cannot be read on, if it can be answered.
fn broken(framer: &Framer, error: &FrameError, source: SocketAddr, flow: Flow) -> Option<Received> {
    let message = Message::parse_head_only(framer.unread())?;
    let fault = Some((error.sip_status(), error.to_string()));
    Some(Received {
        message,
        fault,
        source,
        flow,
    })
}

/// Writes what is handed over until nobody is left who could; then shuts the connection down.
async fn write_all<W: AsyncWrite + Unpin>(
    mut write: W,
    mut writes: mpsc::Receiver<Bytes>,
    patience: Duration,
) {
    while let Some(bytes) = writes.recv().await {
        if !matches!(timeout(patience, write.write_all(&bytes)).await, Ok(Ok(()))) {
            return;
        }
    }
    // The peer may have closed already.
    let _ = write.shutdown().await;
}
