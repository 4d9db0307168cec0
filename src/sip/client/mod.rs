//! Speaks to one server: sends one request and waits for its final answer (RFC 3261 section 8.1), or calls and
//! keeps up a session (section 13.2).
//!
//! | module | what |
//! | --- | --- |
//! | `wire` | octets over a connected socket |
//! | `line` | transactions over a wire |
//! | `session` | what the peer of a call may ask, and what is answered; sans-IO |
//! | `dial` | an INVITE until its final response |
//! | `call` | the session it makes, until its BYE |
//! | `vias` | the Via of each request in it |

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::sleep_until;
use tokio_rustls::TlsConnector;

use crate::sip::error::ParseError;
use crate::sip::framer::FrameError;
use crate::sip::message::{Message, StartLine};
use crate::sip::transaction::client::NonInviteClient;
use crate::sip::transaction::client_table::SendError;
use crate::sip::transaction::{Action, Actions, Timers, Transport};
use crate::sip::write::WriteError;

mod call;
mod dial;
mod line;
mod session;
mod vias;
mod wire;

pub use call::{Call, Event};
pub use dial::Outcome;
use wire::Wire;

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

/// Why there is no session, or no longer one.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No answer came, or it did not arrive whole.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The INVITE lacks what a session is made of.
    #[error("the INVITE cannot be sent")]
    Invite(#[source] ParseError),
    /// The INVITE, or what follows from it, breaks the rules of transactions.
    #[error("the request cannot be sent")]
    Send(#[from] SendError),
    /// A header field given has a line end, say.
    #[error("the request cannot be written")]
    Write(#[from] WriteError),
    /// The 2xx lacks what a session is made of.
    #[error("the answer makes no session")]
    Answer(#[source] ParseError),
    /// It rang too long, and the INVITE was cancelled.
    #[error("the call was not answered in time")]
    Cancelled,
}

impl From<io::Error> for CallError {
    fn from(error: io::Error) -> Self {
        Self::Ask(error.into())
    }
}

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
    timers: Timers,
    target: SocketAddr,
    tls: bool,
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
                wire: Wire::datagram(socket),
                transport: Transport::Unreliable,
                timers: Timers::default(),
                target,
                tls: false,
            });
        }
        let stream = TcpStream::connect(target).await?;
        let local = stream.local_addr()?;
        let tls = matches!(way, Way::Tls(..));
        let wire = match way {
            Way::Tls(config, name) => {
                Wire::stream(TlsConnector::from(config).connect(name, stream).await?)
            }
            _ => Wire::stream(stream),
        };
        Ok(Self {
            wire,
            transport: Transport::Reliable,
            timers: Timers::default(),
            target,
            tls,
            local,
        })
    }

    /// Sends the request, again and again over UDP, until its final answer comes.
    ///
    /// # Errors
    /// [`AskError`] when none comes.
    pub async fn ask(mut self, request: Bytes) -> Result<Message, AskError> {
        let now = Instant::now();
        let (mut machine, first) = NonInviteClient::send(now, self.timers, self.transport, request);
        let mut actions = first;
        loop {
            if let Some(outcome) = self.perform(actions) {
                return outcome;
            }
            let deadline = machine.next_deadline();
            actions = tokio::select! {
                message = self.wire.receive() => machine.on_response(Instant::now(), message?),
                () = passing(deadline) => machine.on_timer(Instant::now()),
            };
        }
    }

    /// Does what the machine wants; gives the outcome once there is one.
    fn perform(&mut self, actions: Actions) -> Option<Result<Message, AskError>> {
        for action in actions {
            match action {
                Action::Send(bytes) => self.wire.queue(bytes),
                Action::DeliverResponse(response) if is_final(&response) => {
                    return Some(Ok(response));
                }
                Action::Timeout => return Some(Err(AskError::Timeout)),
                _ => {}
            }
        }
        None
    }
}

/// Waits for a deadline; for ever if there is none.
async fn passing(deadline: Option<Instant>) {
    match deadline {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

fn is_final(response: &Message) -> bool {
    matches!(response.start(), StartLine::Status { code, .. } if *code >= 200)
}
