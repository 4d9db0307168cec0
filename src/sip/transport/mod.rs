//! The sockets of the SIP listener (RFC 3261 section 18). All else in [`crate::sip`] is sans-IO.
//!
//! | module | what |
//! | --- | --- |
//! | [`udp`] | datagrams |
//! | [`stream`] | connections accepted, behind TLS where there is a certificate |
//! | [`tcp`] | messages on a connection, one after another |
//! | [`websocket`] | messages on a connection, in WebSocket frames |
//! | [`tls`] | certificates, ours and those of clients |

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};

use crate::sip::message::Message;
use crate::sip::transaction::Transport;
use crate::sip::trust::Origin;

use stream::Stream;

pub mod stream;
mod tcp;
pub mod tls;
pub mod udp;
mod websocket;

/// The way back to whoever sent something.
#[derive(Debug, Clone)]
pub enum Flow {
    /// The socket that received the datagram.
    Datagram(Arc<UdpSocket>),
    /// A connection.
    Stream(Writer),
}

/// Writes to one connection. Bounded: a peer that does not read is given up.
#[derive(Debug, Clone)]
pub struct Writer {
    waiting: mpsc::Sender<Bytes>,
    /// Ends when the connection is read no more.
    reading: watch::Receiver<()>,
}

/// Held as long as a connection is read, and by what was read of it until it has been looked at: an answer that came
/// last is not overtaken by the end.
#[derive(Debug, Clone, Default)]
#[expect(dead_code, reason = "it is there to be dropped")]
pub struct Reading(Option<Arc<watch::Sender<()>>>);

/// A writer that does not keep its connection open.
#[derive(Debug, Clone)]
pub struct WeakWriter {
    waiting: mpsc::WeakSender<Bytes>,
    reading: watch::Receiver<()>,
}

impl Writer {
    /// For whoever serves a connection: the writer, what is to be written, and what is to be held as long as the
    /// connection is read.
    fn new() -> (Self, mpsc::Receiver<Bytes>, Reading) {
        let (waiting, writes) = mpsc::channel(WRITES_WAITING);
        let (read, reading) = watch::channel(());
        let read = Reading(Some(Arc::new(read)));
        (Self { waiting, reading }, writes, read)
    }

    /// Writes a message.
    ///
    /// # Errors
    /// When the connection is closed or does not take what is written.
    fn write(&self, bytes: Bytes) -> io::Result<()> {
        let written = self.waiting.try_send(bytes);
        written.map_err(|_| io::Error::from(io::ErrorKind::ConnectionReset))
    }

    /// Whether somebody else holds the connection: a session that began on it, or an answer under way.
    fn is_shared(&self) -> bool {
        self.waiting.strong_count() > 1
    }

    /// Whether what is asked could still be answered.
    fn is_open(&self) -> bool {
        !self.waiting.is_closed() && self.reading.has_changed().is_ok()
    }

    /// Waits until nothing that is asked can be answered any more.
    async fn closed(&self) {
        let mut reading = self.reading.clone();
        tokio::select! {
            () = self.waiting.closed() => {}
            // Nothing is ever sent: it ends.
            _ = reading.changed() => {}
        }
    }

    /// Whether both write to the same connection.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.waiting.same_channel(&other.waiting)
    }

    /// The same connection, for whoever does not keep it open.
    #[must_use]
    pub fn downgrade(&self) -> WeakWriter {
        WeakWriter {
            waiting: self.waiting.downgrade(),
            reading: self.reading.clone(),
        }
    }
}

impl WeakWriter {
    /// The writer, as long as what is asked could be answered.
    #[must_use]
    pub fn upgrade(&self) -> Option<Writer> {
        let writer = Writer {
            waiting: self.waiting.upgrade()?,
            reading: self.reading.clone(),
        };
        writer.is_open().then_some(writer)
    }
}

/// Messages waiting to be written to one connection: as many as may be answered at once.
const WRITES_WAITING: usize = 2048;

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest message, in octets.
    pub max_message: usize,
    /// A connection that brings nothing whole for so long is closed; so is one that takes nothing.
    pub idle_timeout: Duration,
}

/// What is spoken on the connections of a listener.
#[derive(Debug, Clone)]
pub enum Framing {
    /// Messages one after another.
    Stream,
    /// WebSocket, for pages of these origins and for whoever is no page.
    WebSocket(Arc<[String]>),
}

/// Serves connections of a listener until either side ends them.
#[derive(Debug, Clone)]
pub struct Server {
    /// What is spoken.
    pub framing: Framing,
    /// Bounds of one connection.
    pub limits: Limits,
    /// Where messages go.
    pub endpoint: mpsc::Sender<Received>,
    /// Held by each connection, so that whoever stops can wait for their last words.
    pub open: mpsc::Sender<Infallible>,
}

impl Server {
    /// Serves one connection.
    pub async fn serve(self, stream: Stream, mut origin: Origin) {
        origin.transport = match (&self.framing, origin.transport) {
            (Framing::WebSocket(_), "TLS") => "WSS",
            (Framing::WebSocket(_), _) => "WS",
            (Framing::Stream, other) => other,
        };
        let connection = Connection {
            origin,
            limits: self.limits,
            endpoint: self.endpoint,
            _open: self.open,
        };
        match self.framing {
            Framing::Stream => {
                // Whoever holds a writer keeps the connection.
                let (writer, served) = tcp::serve(stream, connection);
                drop(writer);
                served.await;
            }
            Framing::WebSocket(origins) => websocket::serve(stream, connection, &origins).await,
        }
    }
}

/// Serves a connection that we have opened, in a task of its own, until either side ends it. What is written to it
/// goes in at what this gives; `open` is held as long as it is served.
#[must_use]
pub fn serve_own(
    stream: Stream,
    origin: Origin,
    limits: Limits,
    endpoint: mpsc::Sender<Received>,
    open: mpsc::Sender<Infallible>,
) -> Writer {
    let connection = Connection {
        origin,
        limits,
        endpoint,
        _open: open,
    };
    let (writer, served) = tcp::serve(stream, connection);
    tokio::spawn(served);
    writer
}

/// One connection, ready to be served.
struct Connection {
    origin: Origin,
    limits: Limits,
    endpoint: mpsc::Sender<Received>,
    _open: mpsc::Sender<Infallible>,
}

/// A message that has come, or what was left of one.
#[derive(Debug)]
pub struct Received {
    /// The message; where it cannot be used, its head, if that much could be read.
    pub message: Message,
    /// The status of the answer it deserves, if it cannot be used, and why.
    pub fault: Option<(u16, String)>,
    /// Where it came from.
    pub origin: Origin,
    /// The way back.
    pub flow: Flow,
    /// To be dropped when it has been looked at.
    pub reading: Reading,
}

impl Flow {
    /// Whether the transport repeats what is lost.
    #[must_use]
    pub fn transport(&self) -> Transport {
        match self {
            Self::Datagram(_) => Transport::Unreliable,
            Self::Stream(_) => Transport::Reliable,
        }
    }

    /// Sends one message; to `target` if this is a datagram socket.
    ///
    /// # Errors
    /// When the socket refuses, or the connection is closed or does not take what is written.
    pub async fn send(&self, target: SocketAddr, bytes: Bytes) -> io::Result<()> {
        match self {
            Self::Datagram(socket) => socket.send_to(&bytes, target).await.map(|_| ()),
            Self::Stream(writer) => writer.write(bytes),
        }
    }

    /// Whether a request can be sent, and its answer come back.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self {
            Self::Datagram(_) => true,
            Self::Stream(writer) => writer.is_open(),
        }
    }

    /// Waits until no answer can come any more.
    pub async fn closed(&self) {
        match self {
            Self::Datagram(_) => std::future::pending().await,
            Self::Stream(writer) => writer.closed().await,
        }
    }
}

/// A packet or frame as a message, or as the head of one that cannot be used. What is not even that, such as
/// a keep-alive, is dropped. `max_message` is in octets.
fn read_whole(bytes: Bytes, max_message: usize) -> Option<(Message, Option<(u16, String)>)> {
    let too_large = bytes.len() > max_message;
    match Message::parse(bytes.clone()) {
        Ok(message) if too_large => Some((
            message,
            Some((413, format!("a message may have {max_message} octets"))),
        )),
        Ok(message) => Some((message, None)),
        Err(error) => {
            let head = Message::parse_head_only(bytes)?;
            Some((head, Some((error.sip_status(), error.to_string()))))
        }
    }
}
