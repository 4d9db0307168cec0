//! The sockets of the listener, bound before anything is served.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, UdpSocket};

use crate::sip::transport::stream::Listener;
use crate::sip::transport::tls::Certificate;
use crate::sip::transport::{Framing, udp};

/// Where to listen.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// UDP and TCP; a port 0 takes one that is free for both.
    pub plain: Vec<SocketAddr>,
    /// TLS.
    pub tls: Vec<SocketAddr>,
    /// WebSocket.
    pub ws: Vec<SocketAddr>,
    /// WebSocket behind TLS.
    pub wss: Vec<SocketAddr>,
}

/// The sockets of the listener, bound.
#[derive(Debug)]
pub struct Sockets {
    pub(super) datagram: Vec<Arc<UdpSocket>>,
    pub(super) stream: Vec<(Listener, Framing)>,
}

impl Sockets {
    /// Binds all addresses. Those behind TLS are served with the certificate; without one there must be none.
    /// Pages are served over WebSocket only from these origins.
    ///
    /// # Errors
    /// When an address cannot be bound.
    pub async fn bind(
        addresses: &Addresses,
        certificate: Option<&Arc<Certificate>>,
        origins: &[String],
    ) -> io::Result<Self> {
        let mut sockets = Self {
            datagram: Vec::new(),
            stream: Vec::new(),
        };
        for address in &addresses.plain {
            let (listener, socket) = bind_both(*address).await.map_err(on(*address))?;
            sockets.listen(listener, None, Framing::Stream);
            sockets.datagram.push(Arc::new(socket));
        }
        let websocket = Framing::WebSocket(origins.into());
        for (list, certificate, framing) in [
            (&addresses.tls, certificate, Framing::Stream),
            (&addresses.ws, None, websocket.clone()),
            (&addresses.wss, certificate, websocket),
        ] {
            for address in list {
                let listener = TcpListener::bind(address).await.map_err(on(*address))?;
                sockets.listen(listener, certificate.cloned(), framing.clone());
            }
        }
        Ok(sockets)
    }

    fn listen(
        &mut self,
        socket: TcpListener,
        certificate: Option<Arc<Certificate>>,
        framing: Framing,
    ) {
        let listener = Listener {
            socket,
            certificate,
        };
        self.stream.push((listener, framing));
    }

    /// The first ports for TCP and for TLS.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub(super) fn stream_ports(&self) -> io::Result<(Option<u16>, Option<u16>)> {
        let (mut tcp, mut tls) = (None, None);
        for (what, address) in self.addresses()? {
            match what {
                "UDP and TCP" => tcp.get_or_insert(address.port()),
                "TLS" => tls.get_or_insert(address.port()),
                _ => continue,
            };
        }
        Ok((tcp, tls))
    }

    /// The addresses bound, and what is spoken there.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn addresses(&self) -> io::Result<Vec<(&'static str, SocketAddr)>> {
        self.stream
            .iter()
            .map(|(listener, framing)| {
                let what = match (framing, &listener.certificate) {
                    (Framing::Stream, None) => "UDP and TCP",
                    (Framing::Stream, Some(_)) => "TLS",
                    (Framing::WebSocket(_), None) => "WebSocket",
                    (Framing::WebSocket(_), Some(_)) => "WebSocket behind TLS",
                };
                Ok((what, listener.socket.local_addr()?))
            })
            .collect()
    }
}

/// Says which address it was.
fn on(address: SocketAddr) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{address}: {error}"))
}

/// Binds TCP and UDP on one address. A port the system chooses for one may be taken for the other:
/// then it may choose again.
async fn bind_both(address: SocketAddr) -> io::Result<(TcpListener, UdpSocket)> {
    const TRIES: usize = 16;
    let mut tries = if address.port() == 0 { TRIES } else { 1 };
    loop {
        let listener = TcpListener::bind(address).await?;
        tries -= 1;
        match udp::bind(listener.local_addr()?).await {
            Ok(socket) => return Ok((listener, socket)),
            Err(error) if tries == 0 => return Err(error),
            Err(_) => {}
        }
    }
}
