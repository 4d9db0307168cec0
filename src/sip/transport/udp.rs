//! SIP over UDP: a datagram is a message (RFC 3261 section 18.3).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::{Flow, Received};
use crate::sip::message::Message;

/// No datagram is longer.
const MAX_DATAGRAM: usize = 65_536;

/// Receives until the endpoint is gone. `max_message` is in octets.
pub async fn receive(socket: Arc<UdpSocket>, max_message: usize, endpoint: mpsc::Sender<Received>) {
    let mut buffer = vec![0; MAX_DATAGRAM];
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
        let Some((message, fault)) = read(bytes, max_message) else {
            continue;
        };
        let flow = Flow::Datagram(Arc::clone(&socket));
        if endpoint
            .send(Received {
                message,
                fault,
                source,
                flow,
            })
            .await
            .is_err()
        {
            return;
        }
    }
}

/// A datagram as a message, or as the head of one that cannot be used. What is not even that, such
/// as a keep-alive, is dropped.
fn read(bytes: Bytes, max_message: usize) -> Option<(Message, Option<(u16, String)>)> {
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
