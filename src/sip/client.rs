//! Sends one request and waits for its final answer (RFC 3261 section 8.1).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::sleep_until;
use tokio_rustls::TlsConnector;

use crate::sip::framer::{Frame, FrameError, Framer};
use crate::sip::message::{Message, StartLine};
use crate::sip::transaction::client::NonInviteClient;
use crate::sip::transaction::{Action, Actions, Timers, Transport};

/// No datagram is longer.
const MAX_DATAGRAM: usize = 65_536;
/// The largest answer read from a stream, in octets.
const MAX_ANSWER: usize = 1024 * 1024;

/// Why there is no final answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nothing came in time (timer F, 32 s).
    #[error("no answer came within 32 seconds")]
    Timeout,
    /// The socket failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// The connection was closed before the answer.
    #[error("the connection was closed before an answer came")]
    Closed,
    /// What came is no SIP.
    #[error("what came back cannot be read")]
    Frame(#[from] FrameError),
}

/// A connected socket.
enum Wire {
    Datagram(UdpSocket, Vec<u8>),
    Stream(Box<dyn Stream>, Box<Framer>, BytesMut),
}

/// A connection, behind TLS or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// How to reach a server.
#[derive(Debug, Clone)]
pub enum Way {
    /// Datagrams.
    Udp,
    /// A connection.
    Tcp,
    /// A connection behind TLS, to whoever has a certificate for this name.
    Tls(Arc<ClientConfig>, ServerName<'static>),
}

impl Way {
    /// Its name in a Via.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls(..) => "TLS",
        }
    }
}

/// A request to be sent to one address, and the address the answer comes back to.
pub struct Client {
    wire: Wire,
    transport: Transport,
    /// Our own address, for the Via of the request.
    pub local: SocketAddr,
}

impl Client {
    /// Connects to `target`.
    ///
    /// # Errors
    /// When nothing listens there.
    pub async fn connect(target: SocketAddr, way: Way) -> io::Result<Self> {
        if let Way::Udp = way {
            let any = if target.is_ipv6() {
                "[::]:0"
            } else {
                "0.0.0.0:0"
            };
            let socket = UdpSocket::bind(any).await?;
            socket.connect(target).await?;
            return Ok(Self {
                local: socket.local_addr()?,
                wire: Wire::Datagram(socket, vec![0; MAX_DATAGRAM]),
                transport: Transport::Unreliable,
            });
        }
        let stream = TcpStream::connect(target).await?;
        let local = stream.local_addr()?;
        let stream: Box<dyn Stream> = match way {
            Way::Tls(config, name) => {
                Box::new(TlsConnector::from(config).connect(name, stream).await?)
            }
            _ => Box::new(stream),
        };
        Ok(Self {
            wire: Wire::Stream(stream, Box::new(Framer::new(MAX_ANSWER)), BytesMut::new()),
            transport: Transport::Reliable,
            local,
        })
    }

    /// Sends the request, again and again over UDP, until its final answer comes.
    ///
    /// # Errors
    /// [`AskError`] when none comes.
    pub async fn ask(mut self, request: Bytes) -> Result<Message, AskError> {
        let now = Instant::now();
        let (mut machine, first) =
            NonInviteClient::send(now, Timers::default(), self.transport, request);
        if let Some(outcome) = self.perform(first).await? {
            return outcome;
        }
        loop {
            let deadline = machine.next_deadline();
            let timer = async {
                match deadline {
                    Some(at) => sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            let actions = tokio::select! {
                message = self.wire.receive() => machine.on_response(Instant::now(), message?),
                () = timer => machine.on_timer(Instant::now()),
            };
            if let Some(outcome) = self.perform(actions).await? {
                return outcome;
            }
        }
    }

    /// Does what the machine wants; gives the outcome once there is one.
    async fn perform(
        &mut self,
        actions: Actions,
    ) -> Result<Option<Result<Message, AskError>>, AskError> {
        for action in actions {
            match action {
                Action::Send(bytes) => self.wire.send(&bytes).await?,
                Action::DeliverResponse(response) if is_final(&response) => {
                    return Ok(Some(Ok(response)));
                }
                Action::Timeout => return Ok(Some(Err(AskError::Timeout))),
                _ => {}
            }
        }
        Ok(None)
    }
}

fn is_final(response: &Message) -> bool {
    matches!(response.start(), StartLine::Status { code, .. } if *code >= 200)
}

impl Wire {
    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Datagram(socket, _) => socket.send(bytes).await.map(|_| ()),
            Self::Stream(stream, _, _) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    async fn receive(&mut self) -> Result<Message, AskError> {
        match self {
            Self::Datagram(socket, buffer) => loop {
                let octets = socket.recv(buffer).await?;
                let bytes = Bytes::copy_from_slice(buffer.get(..octets).unwrap_or_default());
                // A stray datagram is not our answer.
                if let Ok(message) = Message::parse(bytes) {
                    return Ok(message);
                }
            },
            Self::Stream(stream, framer, buffer) => loop {
                match framer.next().transpose()? {
                    Some(Frame::Message(message)) => return Ok(message),
                    Some(Frame::KeepAlive) => continue,
                    None => {}
                }
                buffer.clear();
                if stream.read_buf(buffer).await? == 0 {
                    return Err(AskError::Closed);
                }
                framer.push(buffer);
            },
        }
    }
}
