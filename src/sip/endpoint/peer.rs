//! The way back to a client (RFC 3261 section 18.2.2).

use std::net::SocketAddr;

use bytes::Bytes;

use crate::sip::message::Message;
use crate::sip::response::{ResponseTarget, response_target};
use crate::sip::transaction::Transport;
use crate::sip::transport::Flow;
use crate::sip::trust::Origin;

/// The way back to a client.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) flow: Flow,
    pub(super) origin: Origin,
    pub(super) target: SocketAddr,
}

/// Where a response goes. A `maddr` is not honoured: anybody can name anybody's address.
pub(super) fn target(message: &Message, transport: Transport, source: SocketAddr) -> SocketAddr {
    let top = message.via().ok().and_then(|hops| hops.into_iter().next());
    match top.map(|via| response_target(&via, transport, source)) {
        Some(ResponseTarget::Datagram(target)) => target,
        _ => source,
    }
}

pub(super) async fn send(peer: &Peer, bytes: Bytes) {
    if let Err(error) = peer.flow.send(peer.target, bytes).await {
        // A client that gets no answer asks again, and is answered from the transaction.
        tracing::debug!(peer = %peer.origin.source, "no way back to {}: {error}", peer.origin.source);
    }
}
