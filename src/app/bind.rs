//! Takes the addresses that SIP and MSRP are served on, before anything is served.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;

use crate::config::{Settings, SipSettings};
use crate::inbound::{large, subscribe};
use crate::sip::endpoint::{Addresses, Sockets};
use crate::sip::event::Bounds;
use crate::sip::places::Places;
use crate::sip::transport::stream::Listener;
use crate::sip::transport::tls::{self, Certificate};

/// Seconds that a subscription lasts whose subscriber names no time (RFC 5875 section 4.5, RFC 3842 section 3.4).
const USUAL_SUBSCRIPTION: u32 = 3600;

/// The sockets for SIP and MSRP, bound.
pub(super) struct Bound {
    pub(super) sip: Sockets,
    pub(super) msrp: Vec<Listener>,
    /// What connections behind TLS are accepted and opened with.
    pub(super) certificate: Option<Arc<Certificate>>,
}

impl Bound {
    /// Binds everything that the settings name.
    pub(super) async fn bind(settings: &Settings) -> anyhow::Result<Self> {
        let certificate = certificate(settings)?;
        let sip = bind_sip(&settings.sip, certificate.as_ref()).await?;
        let mut msrp = Vec::new();
        let secure = certificate.as_ref();
        let msrp_settings = &settings.msrp;
        for (addresses, certificate) in [
            (&msrp_settings.listen, None),
            (&msrp_settings.tls_listen, secure),
        ] {
            for address in addresses {
                let socket = TcpListener::bind(address).await;
                msrp.push(Listener {
                    socket: socket
                        .with_context(|| format!("cannot listen for MSRP on {address}"))?,
                    certificate: certificate.cloned(),
                });
            }
        }
        Ok(Self {
            sip,
            msrp,
            certificate,
        })
    }

    /// The addresses that MSRP is served on.
    pub(super) fn msrp_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let listeners = self.msrp.iter();
        listeners
            .map(|listener| listener.socket.local_addr())
            .collect()
    }

    /// How large messages are taken; `hostname` is our name where we listen on every address.
    pub(super) fn large(&self, settings: &Settings, hostname: &str) -> io::Result<large::Settings> {
        let settings = &settings.msrp;
        let mut host = settings.host.clone();
        let (mut tcp_port, mut tls_port) = (None, None);
        for listener in &self.msrp {
            let address = listener.socket.local_addr()?;
            let port = match listener.certificate {
                None => &mut tcp_port,
                Some(_) => &mut tls_port,
            };
            port.get_or_insert(address.port());
            if !address.ip().is_unspecified() {
                host.get_or_insert_with(|| address.ip().to_string());
            }
        }
        Ok(large::Settings {
            host: host.unwrap_or_else(|| hostname.to_owned()),
            tcp_port,
            tls_port,
            certificate: self.certificate.clone(),
            sessions: Places::new(settings.max_sessions, settings.max_sessions_per_peer),
            idle_timeout: settings.idle_timeout,
            total_timeout: settings.total_timeout,
        })
    }
}

/// The certificate for SIP and MSRP over TLS: for those who connect to us, and where we connect.
fn certificate(settings: &Settings) -> anyhow::Result<Option<Arc<Certificate>>> {
    let sip = &settings.sip;
    let (Some(chain), Some(key)) = (&sip.tls_certificate, &sip.tls_key) else {
        let secure = [&sip.tls_listen, &sip.wss_listen, &settings.msrp.tls_listen];
        anyhow::ensure!(
            secure.into_iter().all(Vec::is_empty),
            "listening behind TLS needs sip.tls_certificate and sip.tls_key"
        );
        return Ok(None);
    };
    let files = tls::Files {
        chain: chain.clone(),
        key: key.clone(),
        client_authorities: sip.tls_client_authorities.clone(),
        server_authorities: sip.server_authorities().map(Into::into),
    };
    Ok(Some(Arc::new(Certificate::load(files)?)))
}

async fn bind_sip(
    sip: &SipSettings,
    certificate: Option<&Arc<Certificate>>,
) -> anyhow::Result<Sockets> {
    let addresses = Addresses {
        plain: sip.listen.clone(),
        tls: sip.tls_listen.clone(),
        ws: sip.ws_listen.clone(),
        wss: sip.wss_listen.clone(),
    };
    Sockets::bind(&addresses, certificate, &sip.websocket_origins)
        .await
        .context("cannot listen for SIP")
}

/// What subscribers may have; `url` is how HTTP is reached.
pub(super) fn subscriptions(settings: &Settings, url: &str) -> subscribe::Settings {
    let (sip, xcap) = (&settings.sip, &settings.xcap);
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    let most = seconds(sip.max_subscription);
    subscribe::Settings {
        bounds: Bounds {
            least: seconds(sip.min_subscription),
            usual: USUAL_SUBSCRIPTION.min(most),
            most,
        },
        pace: sip.notify_interval,
        places: Places::new(sip.max_subscriptions, sip.max_subscriptions_per_peer),
        root: format!("{url}{}", xcap.root),
        roots: xcap.roots().map(str::to_owned).collect(),
    }
}
