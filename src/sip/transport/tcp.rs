//! SIP over TCP and TLS: messages out of a stream (RFC 3261 section 18.3), on connections that the peers
//! keep open, or we.

use std::future::Future;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::stream::{Stream, close, write_all};
use super::{Connection, Flow, Reading, Received, Writer};
use crate::sip::framer::{Frame, FrameError, Framer};
use crate::sip::message::Message;
use crate::sip::trust::Origin;

/// How long what a peer still sends is read, and not looked at, when the listener stops.
const LINGERING: Duration = Duration::from_secs(1);
/// Octets read at once.
const READ_AT_ONCE: usize = 16 * 1024;

/// A connection: what writes to it, and what serves it until either side ends it.
pub(super) fn serve(stream: Stream, connection: Connection) -> (Writer, impl Future<Output = ()>) {
    let (writer, waiting, reading) = Writer::new();
    let served = run(stream, connection, writer.clone(), waiting, reading);
    (writer, served)
}

async fn run(
    stream: Stream,
    connection: Connection,
    writer: Writer,
    waiting: mpsc::Receiver<Bytes>,
    reading: Reading,
) {
    let peer = connection.origin.source;
    let (mut read, write) = tokio::io::split(stream);
    let patience = connection.limits.idle_timeout;
    let sending = tokio::spawn(write_all(write, waiting, patience));
    if let Err(error) = read_all(&mut read, &writer, &reading, &connection).await {
        tracing::debug!(peer = %peer, "SIP connection with {peer}: {error}");
        if error.kind() == io::ErrorKind::ConnectionReset {
            // Nothing gets through any more: what is still to be answered goes another way.
            sending.abort();
        }
    }
    drop(reading);
    // What was asked is answered before the connection goes. Whoever else holds the other end, a session for one, does
    // not keep a connection open that nobody reads.
    drop(writer);
    close(sending, patience).await;
    if connection.endpoint.is_closed() {
        // To close on a peer that goes on sending is a reset, which takes our last answers with it.
        let _ = timeout(
            LINGERING,
            tokio::io::copy(&mut read, &mut tokio::io::sink()),
        )
        .await;
    }
}

async fn read_all<R: AsyncRead + Unpin>(
    read: &mut R,
    writer: &Writer,
    reading: &Reading,
    connection: &Connection,
) -> io::Result<()> {
    let limits = connection.limits;
    let mut framer = Framer::new(limits.max_message);
    let mut buffer = BytesMut::with_capacity(READ_AT_ONCE);
    loop {
        // A peer that sends a message octet by octet has no longer than one that sends nothing.
        let frame = next_frame(&mut framer, read, &mut buffer);
        let frame = tokio::select! {
            biased;
            // Nobody takes what comes any more.
            () = connection.endpoint.closed() => return Ok(()),
            frame = timeout(limits.idle_timeout, frame) => frame,
        };
        let frame = match frame {
            Ok(frame) => frame?,
            // A session that began here goes on here, however quiet it is.
            Err(_) if writer.is_shared() && framer.unread().is_empty() => continue,
            Err(late) => return Err(late.into()),
        };
        let Some(frame) = frame else {
            return Ok(());
        };
        let origin = connection.origin.clone();
        let flow = Flow::Stream(writer.clone());
        let received = match frame {
            Ok(Frame::KeepAlive) => {
                // A peer that does not read its pongs notices soon enough.
                let _ = writer.write(Bytes::from_static(b"\r\n"));
                continue;
            }
            Ok(Frame::Message(message)) => Received {
                message,
                fault: None,
                origin,
                flow,
                reading: reading.clone(),
            },
            Err(error) => {
                if let Some(received) = broken(&framer, &error, origin, flow, reading) {
                    // An error means that the endpoint is gone.
                    let _ = connection.endpoint.send(received).await;
                }
                return Ok(());
            }
        };
        if connection.endpoint.send(received).await.is_err() {
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
fn broken(
    framer: &Framer,
    error: &FrameError,
    origin: Origin,
    flow: Flow,
    reading: &Reading,
) -> Option<Received> {
    let message = Message::parse_head_only(framer.unread())?;
    let fault = Some((error.sip_status(), error.to_string()));
    Some(Received {
        message,
        fault,
        origin,
        flow,
        reading: reading.clone(),
    })
}
