//! SIP over UDP: a datagram is a message (RFC 3261 section 18.3).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::{Flow, Reading, Received, read_whole};
use crate::sip::trust::Origin;

/// No datagram is longer.
const MAX_DATAGRAM: usize = 65_536;
/// Octets that the system is asked to keep until we read them: a second of messages, so that a burst is not
/// lost. It may give less.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// Binds a socket.
///
/// # Errors
/// When the address cannot be bound.
pub async fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address).await?;
    if let Err(error) = SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER) {
        tracing::debug!("the receive buffer of {address} stays as it is: {error}");
    }
    Ok(socket)
}

/// Receives until the endpoint is gone. `max_message` is in octets.
pub async fn receive(socket: Arc<UdpSocket>, max_message: usize, endpoint: mpsc::Sender<Received>) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    let Ok(local) = socket.local_addr() else {
        return;
    };
    loop {
        let (len, source) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            // An error about something sent earlier, or a shortage that passes.
            Err(error) => {
                tracing::debug!("receiving a SIP datagram failed: {error}");
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        let bytes = Bytes::copy_from_slice(buffer.get(..len).unwrap_or_default());
        let Some((message, fault)) = read_whole(bytes, max_message) else {
            continue;
        };
        let received = Received {
            message,
            fault,
            origin: Origin::nameless(source, local, "UDP"),
            flow: Flow::Datagram(Arc::clone(&socket)),
            reading: Reading::default(),
        };
        if endpoint.send(received).await.is_err() {
            return;
        }
    }
}
