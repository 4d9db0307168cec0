//! Gateways that prove by a TLS certificate who they are (`http.gateways`). A certificate of an authority that is
//! believed gives no right by itself: what counts is the name in it.

use axum::http::request::Parts;

use crate::config::{GatewaySettings, HttpSettings};
use crate::domain::access::{Principal, Rights, TokenScope};
use crate::domain::audit::{Actor, ActorKind};
use crate::web::client::Client;

/// The gateway whose certificate was shown on this connection.
pub(super) fn gateway(parts: &Parts, settings: &HttpSettings) -> Option<Principal> {
    let client = Client::of(&parts.extensions)?;
    settings.gateway(&client.names).map(principal)
}

fn principal(gateway: &GatewaySettings) -> Principal {
    Principal {
        name: gateway.name.clone(),
        // A program, of which no row says more.
        actor: Actor {
            kind: ActorKind::Token,
            id: None,
        },
        aors: gateway.aors.clone(),
        domains: gateway.domains.clone(),
        rights: Rights::Scopes(vec![TokenScope::Gateway]),
        expires_at: None,
        mark: String::new(),
    }
}
