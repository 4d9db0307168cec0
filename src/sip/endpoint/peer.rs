//! The way back to a client (RFC 3261 section 18.2.2).

use std::net::SocketAddr;

use bytes::Bytes;

use super::{Destination, Ways};
use crate::sip::hop::HopTransport;
use crate::sip::message::Message;
use crate::sip::response::{ResponseTarget, response_target};
use crate::sip::transport::Flow;
use crate::sip::trust::Origin;

/// The way back to a client.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) flow: Flow,
    pub(super) origin: Origin,
    pub(super) target: SocketAddr,
    /// Where a new connection leads to should this one be closed. Only for those who are trusted: others could have us
    /// call whomever they like.
    otherwise: Option<(Ways, Destination)>,
}

impl Peer {
    /// The way back to whoever sent a request. A `maddr` is not honoured: anybody can name anybody's address.
    pub(super) fn of(request: &Message, flow: Flow, origin: Origin) -> Self {
        let target = match response_to(request, &flow, &origin) {
            Some(ResponseTarget::Datagram(target)) => target,
            _ => origin.source,
        };
        Self {
            flow,
            origin,
            target,
            otherwise: None,
        }
    }

    /// The same peer, which is trusted.
    pub(super) fn trusted(mut self, request: &Message, ways: &Ways) -> Self {
        let transport = match self.origin.transport {
            "TCP" => HopTransport::Tcp,
            "TLS" => HopTransport::Tls,
            // Nobody listens for WebSocket but we.
            _ => return self,
        };
        if let Some(ResponseTarget::Connection { otherwise }) =
            response_to(request, &self.flow, &self.origin)
        {
            let destination = Destination {
                address: otherwise,
                transport,
                name: top_host(request),
            };
            self.otherwise = Some((ways.clone(), destination));
        }
        self
    }
}

fn response_to(request: &Message, flow: &Flow, origin: &Origin) -> Option<ResponseTarget> {
    let top = request.via().ok()?.into_iter().next()?;
    Some(response_target(&top, flow.transport(), origin.source))
}

fn top_host(request: &Message) -> String {
    let hops = request.via().unwrap_or_default();
    hops.into_iter()
        .next()
        .map(|via| via.host)
        .unwrap_or_default()
}

pub(super) async fn send(peer: &Peer, bytes: Bytes) {
    let Err(error) = peer.flow.send(peer.target, bytes.clone()).await else {
        return;
    };
    let source = peer.origin.source;
    let Some((ways, destination)) = peer.otherwise.clone() else {
        // A client that gets no answer asks again, and is answered from the transaction.
        tracing::debug!(peer = %source, "no way back to {source}: {error}");
        return;
    };
    // Connecting may take its time.
    tokio::spawn(async move {
        let sent = async {
            let way = ways.reach(&destination).await?;
            way.route.flow.send(destination.address, bytes).await
        };
        if let Err(error) = sent.await {
            tracing::debug!(peer = %source, "no way back to {source}: {error}");
        }
    });
}
