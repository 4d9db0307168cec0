//! The MSRP connection of a session, where we open it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::clock;
use crate::msrp::ident::Ident;
use crate::msrp::sdp::Negotiated;
use crate::msrp::server::Sessions;
use crate::msrp::tls;
use crate::msrp::write::bodiless_send;
use crate::sip::transport::stream::Stream;

/// How long connecting to the peer may take.
const CONNECTING: Duration = Duration::from_secs(10);

/// Opens the connection of a session, as agreed, and serves it until nothing comes for `patience`.
pub(super) async fn connect(
    media: Negotiated,
    sessions: Sessions,
    session_id: String,
    patience: Duration,
) {
    match timeout(CONNECTING, open(&media)).await {
        Ok(Ok(stream)) => sessions.serve_own(stream, &session_id, patience).await,
        // The session ends when nothing comes.
        Ok(Err(error)) => tracing::info!("no MSRP connection to {}: {error}", media.peer),
        Err(_) => tracing::info!("no MSRP connection to {} in time", media.peer),
    }
}

/// Says to the peer which session a connection of ours is for.
pub(super) async fn greet(media: &Negotiated, writer: &mpsc::Sender<Bytes>) {
    let (Ok(transaction), Ok(message_id)) = (clock::random(), clock::random()) else {
        return;
    };
    let greeting = bodiless_send(
        &Ident::from_random(transaction),
        &media.peer,
        &media.ours,
        &Ident::from_random(message_id),
    );
    // A connection that is gone says so by itself.
    let _ = writer.send(greeting).await;
}

/// Connects to the first hop of the peer's path; behind TLS to whoever has the peer's fingerprint.
async fn open(media: &Negotiated) -> io::Result<Stream> {
    let first = media.peer.first();
    let host = first.host();
    let port = first.port().unwrap_or_default();
    let stream = TcpStream::connect((host.as_str(), port)).await?;
    stream.set_nodelay(true)?;
    if !media.is_secure {
        return Ok(Box::new(stream));
    }
    let config = tls::config(&media.peer_fingerprints).map_err(io::Error::other)?;
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    let connector = TlsConnector::from(Arc::new(config));
    Ok(Box::new(connector.connect(name, stream).await?))
}
