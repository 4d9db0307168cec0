//! Connections: accepted within bounds, put behind TLS where there is a certificate, and served by what
//! speaks on them.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::tls::{self, Certificate};
use super::{Received, tcp, websocket};
use crate::sip::places::Places;
use crate::sip::trust::Origin;

/// Messages waiting to be written to one connection: as many as may be answered at once.
pub(super) const WRITES_WAITING: usize = 2048;

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

/// A bound socket and what is spoken there.
#[derive(Debug)]
pub struct Listener {
    /// The socket.
    pub socket: TcpListener,
    /// What the connections are put behind TLS with.
    pub certificate: Option<Arc<Certificate>>,
    /// What is spoken.
    pub framing: Framing,
}

/// What every connection works with.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Bounds of one connection.
    pub limits: Limits,
    /// Bounds of all connections.
    pub places: Places,
    /// Where messages go.
    pub endpoint: mpsc::Sender<Received>,
}

/// One connection, ready to be served.
pub(super) struct Connection {
    pub(super) origin: Origin,
    pub(super) limits: Limits,
    pub(super) endpoint: mpsc::Sender<Received>,
}

/// Accepts connections until the endpoint is gone.
pub async fn accept(listener: Listener, shared: Shared) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.socket.accept() => accepted,
            () = shared.endpoint.closed() => return,
        };
        let Ok((stream, source)) = accepted else {
            // Out of file descriptors, most likely: connections that end give some back.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Some(place) = shared.places.take(source.ip().to_canonical()) else {
            tracing::warn!(peer = %source, "no room for a SIP connection from {source}");
            continue;
        };
        // Answers are small and awaited.
        let _ = stream.set_nodelay(true);
        let connection = Connection {
            origin: Origin::nameless(source),
            limits: shared.limits,
            endpoint: shared.endpoint.clone(),
        };
        let certificate = listener.certificate.clone();
        let framing = listener.framing.clone();
        tokio::spawn(async move {
            match certificate {
                None => connection.serve(stream, framing).await,
                Some(certificate) => connection.secure(stream, &certificate, framing).await,
            }
            drop(place);
        });
    }
}

impl Connection {
    /// Serves it behind TLS, if the client gets that far in time.
    async fn secure(mut self, stream: TcpStream, certificate: &Certificate, framing: Framing) {
        let source = self.origin.source;
        let accepting = certificate.acceptor().accept(stream);
        match timeout(self.limits.idle_timeout, accepting).await {
            Ok(Ok(stream)) => {
                self.origin.names = tls::client_names(stream.get_ref().1);
                self.serve(stream, framing).await;
            }
            Ok(Err(error)) => {
                tracing::debug!(peer = %source, "TLS with {source} failed: {error}");
            }
            Err(_) => tracing::debug!(peer = %source, "TLS with {source} took too long"),
        }
    }

    /// Serves it until either side ends it.
    async fn serve<S>(self, stream: S, framing: Framing)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match framing {
            Framing::Stream => tcp::serve(stream, self).await,
            Framing::WebSocket(origins) => websocket::serve(stream, self, &origins).await,
        }
    }
}
