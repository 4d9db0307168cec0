//! Ways to elements that keep no connection to us: connections that we open, and datagrams.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::stream::Stream;
use super::tls::Certificate;
use super::{Connection, Flow, Limits, Received, tcp};
use crate::sip::hop::{Hop, HopTransport};
use crate::sip::trust::Origin;

/// How long a way may take to find.
const PATIENCE: Duration = Duration::from_secs(10);

/// Finds ways. Connections are served like those that peers open.
#[derive(Debug, Clone)]
pub struct Dialer {
    /// Bounds of one connection.
    pub limits: Limits,
    /// Where messages go that come on it.
    pub endpoint: mpsc::Sender<Received>,
    /// The sockets for datagrams.
    pub datagram: Arc<[Arc<UdpSocket>]>,
    /// What we show over TLS, and know the other side by; without it there is no way over TLS.
    pub certificate: Option<Arc<Certificate>>,
}

/// A way to an element.
#[derive(Debug, Clone)]
pub struct Way {
    /// The connection, or the socket.
    pub flow: Flow,
    /// The address there.
    pub target: SocketAddr,
    /// Its name in a Via.
    pub transport: &'static str,
}

impl Dialer {
    /// The way to an element.
    ///
    /// # Errors
    /// When its name is not known, nothing listens there, it does not prove its name, or it all takes too long.
    pub async fn reach(&self, hop: &Hop) -> io::Result<Way> {
        timeout(PATIENCE, self.find(hop)).await?
    }

    async fn find(&self, hop: &Hop) -> io::Result<Way> {
        let host = (hop.host.as_str(), hop.port);
        if hop.transport == HopTransport::Udp {
            return self.datagram_to(lookup_host(host).await?);
        }
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        let (target, local) = (stream.peer_addr()?, stream.local_addr()?);
        let (stream, transport): (Stream, _) = match hop.transport {
            HopTransport::Tls => (self.secure(stream, &hop.host).await?, "TLS"),
            _ => (Box::new(stream), "TCP"),
        };
        let connection = Connection {
            origin: Origin::nameless(target, local, transport),
            limits: self.limits,
            endpoint: self.endpoint.clone(),
        };
        let (flow, served) = tcp::serve(stream, connection);
        tokio::spawn(served);
        Ok(Way {
            flow,
            target,
            transport,
        })
    }

    /// The first address that a socket of ours can send to.
    fn datagram_to(&self, addresses: impl Iterator<Item = SocketAddr>) -> io::Result<Way> {
        for target in addresses {
            for socket in &*self.datagram {
                if socket.local_addr()?.is_ipv4() == target.is_ipv4() {
                    return Ok(Way {
                        flow: Flow::Datagram(Arc::clone(socket)),
                        target,
                        transport: "UDP",
                    });
                }
            }
        }
        Err(io::Error::from(io::ErrorKind::AddrNotAvailable))
    }

    async fn secure(&self, stream: TcpStream, host: &str) -> io::Result<Stream> {
        let connector = self
            .certificate
            .as_ref()
            .and_then(|known| known.connector());
        let config = connector.ok_or(io::ErrorKind::Unsupported)?;
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let stream = TlsConnector::from(config).connect(name, stream).await?;
        Ok(Box::new(stream))
    }
}
