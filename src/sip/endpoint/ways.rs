//! Ways for requests of ours (RFC 3261 section 18.1), to servers that we find and to the other ends of dialogs: the
//! listener's datagram sockets, and connections that we open and keep while they are used. Answers come in where
//! everything does.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{Outgoing, Route, Sockets};
use crate::sip::dialog::Dialog;
use crate::sip::hop::{Hop, HopTransport};
use crate::sip::transaction::Transport;
use crate::sip::transport::stream::Stream;
use crate::sip::transport::tls::Connector;
use crate::sip::transport::{Flow, Limits, WeakWriter, Writer, serve_own};
use crate::sip::trust::Origin;

/// How long connecting may take.
const CONNECTING: Duration = Duration::from_secs(10);
/// How long it may take to find the other end of a dialog.
const FINDING: Duration = Duration::from_secs(10);

/// A server to send to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Destination {
    /// Its address.
    pub address: SocketAddr,
    /// The transport.
    pub transport: HopTransport,
    /// The name that its certificate has to have (RFC 5922 section 4), over TLS.
    pub name: String,
}

/// How to send there.
#[derive(Debug, Clone)]
pub struct Way {
    /// Where the request goes.
    pub route: Route,
    /// Whether the connection was there before. Its other end may just have closed it.
    pub is_reused: bool,
}

/// All ways.
#[derive(Debug, Clone)]
pub struct Ways(Arc<Inner>);

/// A connection that is there, or is being opened.
type Slot = Arc<Mutex<State>>;

/// What came of opening a connection.
#[derive(Debug, Default)]
struct State {
    connected: Option<Connected>,
    /// When it was last tried in vain, and why.
    failed: Option<(Instant, io::ErrorKind, String)>,
}

#[derive(Debug)]
struct Inner {
    outgoing: Outgoing,
    datagram: Vec<Arc<UdpSocket>>,
    /// The ports that are listened on for TCP and TLS.
    ports: (Option<u16>, Option<u16>),
    limits: Limits,
    tls: Connector,
    connections: Lock<HashMap<Destination, Slot>>,
}

#[derive(Debug, Clone)]
struct Connected {
    /// Does not keep the connection open; requests under way do.
    writer: WeakWriter,
    /// Where we are reached: our address there, and the port that is listened on.
    local: SocketAddr,
}

impl Ways {
    /// Ways by these sockets.
    ///
    /// # Errors
    /// When the operating system does not say where they are bound.
    pub fn new(
        outgoing: Outgoing,
        sockets: &Sockets,
        limits: Limits,
        tls: Connector,
    ) -> io::Result<Self> {
        Ok(Self(Arc::new(Inner {
            outgoing,
            datagram: sockets.datagram.clone(),
            ports: sockets.stream_ports()?,
            limits,
            tls,
            connections: Lock::default(),
        })))
    }

    /// The listener that requests are sent by.
    #[must_use]
    pub fn outgoing(&self) -> &Outgoing {
        &self.0.outgoing
    }

    /// The way to a server; connects if need be.
    ///
    /// # Errors
    /// When there is none.
    pub async fn reach(&self, destination: &Destination) -> io::Result<Way> {
        match destination.transport {
            HopTransport::Udp => self.0.by_datagram(destination.address),
            HopTransport::Tcp | HopTransport::Tls => self.0.by_connection(destination).await,
        }
    }

    /// Forgets a connection on which no answer came in time: the next request goes by another one.
    pub async fn forget(&self, destination: &Destination, silent: &Flow) {
        let slot = {
            // Nothing panics while it holds the lock.
            let connections = self.0.connections.lock();
            let connections = connections.unwrap_or_else(PoisonError::into_inner);
            connections.get(destination).cloned()
        };
        if let Some(slot) = slot
            && let Flow::Stream(silent) = silent
        {
            let mut state = slot.lock().await;
            let known = state.connected.as_ref();
            if known
                .is_some_and(|known| known.writer.upgrade().is_some_and(|it| it.is_same(silent)))
            {
                state.connected = None;
            }
        }
    }

    /// The way that the next request in a dialog takes (RFC 3261 sections 12.2.1.1 and 18.1.1): the connection that it
    /// took before, as long as that is open; else by the transport, and to the place, that the dialog names. Where that
    /// leads nowhere, a datagram goes to where the last one came from. What has to go over TLS goes over TLS or not at
    /// all.
    ///
    /// A peer that is not trusted is answered where it is: anybody can name anybody's address.
    pub async fn follow(&self, dialog: &Dialog, route: Route) -> Option<Route> {
        let is_stream = route.flow.transport() == Transport::Reliable;
        let hop = Hop::of(dialog.next_hop());
        let by = hop.as_ref().ok().map(|hop| hop.transport);
        let is_fit = by != Some(HopTransport::Tls) || matches!(route.transport, "TLS" | "WSS");
        if is_stream && is_fit && route.flow.is_open() {
            return Some(route);
        }
        let may_leave = route.trusted || !is_stream && by == Some(HopTransport::Udp);
        let way = match hop {
            Ok(hop) if may_leave => self.to(hop).await,
            Ok(_) => Err(io::Error::from(io::ErrorKind::PermissionDenied)),
            Err(error) => Err(io::Error::other(error)),
        };
        let address = route.target.ip().to_canonical();
        match way {
            Ok(way) if route.trusted || way.target.ip().to_canonical() == address => {
                Some(route.by(way))
            }
            Ok(_) => Some(route),
            Err(error) => {
                tracing::debug!("no way to {}: {error}", dialog.next_hop());
                (is_fit && !is_stream).then_some(route)
            }
        }
    }

    /// The way to the first address of a host that there is one to.
    async fn to(&self, hop: Hop) -> io::Result<Route> {
        let find = async {
            let mut why = io::Error::from(io::ErrorKind::NotFound);
            for address in lookup_host((hop.host.as_str(), hop.port)).await? {
                let destination = Destination {
                    address,
                    transport: hop.transport,
                    name: hop.host.clone(),
                };
                match self.reach(&destination).await {
                    Ok(way) => return Ok(way.route),
                    Err(error) => why = error,
                }
            }
            Err(why)
        };
        timeout(FINDING, find).await?
    }
}

impl Inner {
    fn by_datagram(&self, address: SocketAddr) -> io::Result<Way> {
        let bound = self.datagram.iter().filter_map(|socket| {
            let local = socket.local_addr().ok()?;
            Some((socket, local))
        });
        let (mut fits, mut both) = (None, None);
        for (socket, local) in bound {
            if local.is_ipv6() == address.is_ipv6() {
                fits.get_or_insert((socket, local, address));
            } else if local.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
                && let IpAddr::V4(ip) = address.ip()
            {
                // A socket for both kinds of addresses.
                let mapped = SocketAddr::new(ip.to_ipv6_mapped().into(), address.port());
                both.get_or_insert((socket, local, mapped));
            }
        }
        let none = "no address of this kind is listened on for SIP over UDP";
        let (socket, local, target) = fits.or(both).ok_or_else(|| io::Error::other(none))?;
        let mut own = local.ip();
        if own.is_unspecified() {
            own = source_towards(address)?;
        }
        Ok(Way {
            route: Route {
                flow: Flow::Datagram(Arc::clone(socket)),
                target,
                transport: "UDP",
                local: SocketAddr::new(own, local.port()),
                trusted: false,
            },
            is_reused: false,
        })
    }

    async fn by_connection(&self, destination: &Destination) -> io::Result<Way> {
        let slot = self.slot(destination);
        // Whoever comes while it is being opened waits for it, and shares what comes of it.
        let began = Instant::now();
        let mut state = slot.lock().await;
        if let Some((at, kind, why)) = &state.failed
            && *at >= began
        {
            return Err(io::Error::new(*kind, why.clone()));
        }
        let living = state
            .connected
            .as_ref()
            .and_then(|known| Some((known.writer.upgrade()?, known.local)));
        let is_reused = living.is_some();
        let (writer, local) = if let Some(living) = living {
            living
        } else {
            let opened = timeout(CONNECTING, self.connect(destination)).await;
            let opened = opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            if let Err(error) = &opened {
                state.failed = Some((Instant::now(), error.kind(), error.to_string()));
            }
            let (writer, local) = opened?;
            state.connected = Some(Connected {
                writer: writer.downgrade(),
                local,
            });
            (writer, local)
        };
        Ok(Way {
            route: Route {
                flow: Flow::Stream(writer),
                target: destination.address,
                transport: name(destination.transport),
                local,
                trusted: false,
            },
            is_reused,
        })
    }

    /// The place of a connection. Those that are gone make room.
    fn slot(&self, destination: &Destination) -> Slot {
        // Nothing panics while it holds the lock.
        let mut connections = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = connections.get(destination) {
            return Arc::clone(slot);
        }
        connections.retain(|_, slot| {
            slot.try_lock().map_or(true, |state| {
                let connected = state.connected.as_ref();
                connected.is_some_and(|known| known.writer.upgrade().is_some())
            })
        });
        Arc::clone(connections.entry(destination.clone()).or_default())
    }

    /// Opens a connection; gives where we are reached, too.
    async fn connect(&self, destination: &Destination) -> io::Result<(Writer, SocketAddr)> {
        let stream = TcpStream::connect(destination.address).await?;
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        let (tcp, tls) = self.ports;
        let (stream, port): (Stream, _) = match destination.transport {
            HopTransport::Tls => (self.secure(stream, &destination.name).await?, tls),
            HopTransport::Tcp | HopTransport::Udp => (Box::new(stream), tcp),
        };
        let transport = name(destination.transport);
        let origin = Origin::nameless(destination.address, local, transport);
        let stopped = || io::Error::other("the server is stopping");
        let open = self.outgoing.open().ok_or_else(stopped)?;
        let received = self.outgoing.received.clone();
        let writer = serve_own(stream, origin, self.limits, received, open);
        let port = port.unwrap_or(local.port());
        Ok((writer, SocketAddr::new(local.ip(), port)))
    }

    async fn secure(&self, stream: TcpStream, host: &str) -> io::Result<Stream> {
        let none = || io::Error::other("there are no authorities to know servers by");
        let config = self.tls.config().ok_or_else(none)?;
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let stream = TlsConnector::from(config).connect(name, stream).await?;
        Ok(Box::new(stream))
    }
}

impl Route {
    /// The same peer by another way.
    fn by(self, way: Self) -> Self {
        let is_known = self.flow.transport() == Transport::Unreliable
            && way.flow.transport() == Transport::Unreliable
            && self.target.is_ipv4() == way.target.is_ipv4();
        // Of several sockets the one that the peer knows.
        let flow = if is_known { self.flow } else { way.flow };
        // And of several addresses; a name of ours stands for all of a kind.
        let known = self.local.ip();
        let local = if !known.is_unspecified() && known.is_ipv4() != way.local.is_ipv4() {
            way.local
        } else if listened(self.transport) == listened(way.transport) {
            self.local
        } else {
            SocketAddr::new(known, way.local.port())
        };
        Self {
            flow,
            local,
            target: way.target,
            transport: way.transport,
            trusted: self.trusted,
        }
    }
}

/// The transport whose port is listened on for this one: UDP and TCP share theirs.
fn listened(transport: &'static str) -> &'static str {
    if transport == "UDP" { "TCP" } else { transport }
}

/// A transport, as a Via says it.
fn name(transport: HopTransport) -> &'static str {
    match transport {
        HopTransport::Udp => "UDP",
        HopTransport::Tcp => "TCP",
        HopTransport::Tls => "TLS",
    }
}

/// The address that datagrams to this one leave from. Nothing is sent.
fn source_towards(address: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    socket.connect(address)?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::sip::endpoint::{Addresses, channel};

    /// A peer that has gone without a word takes what is written for a long time.
    #[tokio::test]
    async fn a_silent_connection_is_used_no_more() {
        let (outgoing, _requests) = channel();
        let sockets = Sockets::bind(&Addresses::default(), None, &[])
            .await
            .unwrap();
        let limits = Limits {
            max_message: 65_536,
            idle_timeout: Duration::from_mins(1),
        };
        let tls = Connector::new(None, None).unwrap();
        let ways = Ways::new(outgoing, &sockets, limits, tls).unwrap();
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = Destination {
            address: silent.local_addr().unwrap(),
            transport: HopTransport::Tcp,
            name: "example.org".to_owned(),
        };
        let first = ways.reach(&to).await.unwrap();
        let second = ways.reach(&to).await.unwrap();
        assert_eq!((first.is_reused, second.is_reused), (false, true));
        ways.forget(&to, &second.route.flow).await;
        let third = ways.reach(&to).await.unwrap();
        assert!(!third.is_reused);
        // What was asked on the first one may time out later.
        ways.forget(&to, &first.route.flow).await;
        assert!(ways.reach(&to).await.unwrap().is_reused);
    }
}
