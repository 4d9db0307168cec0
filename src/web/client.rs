//! Who makes a request: the address it comes from, through proxies that are trusted, and whether over TLS.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::Extensions;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;

use super::forwarded::{self, Origin as Forwarded};
use super::problem::{INTERNAL, Problem};
use super::state::AppState;
use crate::config::Settings;
use crate::sip::trust::Origin;

/// Who makes a request, as far as the network says. What throttles, logs and decides on TLS asks this, and nothing else.
#[derive(Debug, Clone)]
pub struct Client {
    /// The address that the request comes from, through trusted proxies.
    pub address: IpAddr,
    /// The address of the peer that is connected, which may be a proxy's.
    pub peer: IpAddr,
    /// Whether the client came over TLS.
    pub is_secure: bool,
    /// Names that the peer's certificate proves.
    pub names: Arc<[String]>,
}

impl Client {
    /// The one that made the request with these extensions.
    pub(super) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    fn new(origin: &Origin, parts: &Parts, settings: &Settings) -> Self {
        let peer = origin.source.ip().to_canonical();
        let proxies = &settings.http.trusted_proxies;
        let is_proxy = |address| proxies.iter().any(|proxy| proxy.is_at(address));
        // An aggregation proxy says whom it has authenticated, so it may say that as well.
        let asserts = || {
            let mut proxies = settings.xcap.trusted_proxies.iter();
            proxies.any(|proxy| proxy.is_at(peer))
        };
        let Forwarded { address, is_secure } = if is_proxy(peer) || asserts() {
            forwarded::origin(&parts.headers, peer, is_proxy)
        } else {
            Forwarded {
                address: peer,
                is_secure: false,
            }
        };
        Self {
            address,
            peer,
            is_secure: is_secure || origin.transport == "TLS",
            names: Arc::clone(&origin.names),
        }
    }
}

/// Middleware: finds out who makes the request.
pub(super) async fn identify(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Some(origin) = parts.extensions.get::<Origin>() {
        let client = Client::new(origin, &parts, &state.settings);
        parts.extensions.insert(client);
    }
    next.run(Request::from_parts(parts, body)).await
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Every connection has an origin.
        Self::of(&parts.extensions)
            .cloned()
            .ok_or_else(|| Problem::new(INTERNAL))
    }
}
