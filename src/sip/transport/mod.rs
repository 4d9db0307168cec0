//! The sockets of the SIP listener (RFC 3261 section 18). All else in [`crate::sip`] is sans-IO.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use crate::sip::message::Message;
use crate::sip::transaction::Transport;

pub mod tcp;
pub mod tls;
pub mod udp;

/// The way back to whoever sent something.
#[derive(Debug, Clone)]
pub enum Flow {
    /// The socket that received the datagram.
    Datagram(Arc<UdpSocket>),
    /// What is written to the connection next. Bounded: a peer that does not read is given up.
    Stream(mpsc::Sender<Bytes>),
}

/// A message that has come, or what was left of one.
#[derive(Debug)]
pub struct Received {
    /// The message; where it cannot be used, its head, if that much could be read.
    pub message: Message,
    /// The status of the answer it deserves, if it cannot be used, and why.
    pub fault: Option<(u16, String)>,
    /// Where it came from.
    pub source: SocketAddr,
    /// The way back.
    pub flow: Flow,
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
            Self::Stream(writer) => writer
                .try_send(bytes)
                .map_err(|_| io::Error::from(io::ErrorKind::ConnectionReset)),
        }
    }
}
