//! Takes the addresses that HTTP, SIP and MSRP are served on, before anything is served.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;

use crate::config::{HttpSettings, Settings, SipSettings};
use crate::inbound::{large, subscribe};
use crate::sip::endpoint::{Addresses, Sockets};
use crate::sip::event::Bounds;
use crate::sip::places::Places;
use crate::sip::transport::stream::Listener;
use crate::sip::transport::tls::{self, Certificate};

/// Seconds that a subscription lasts whose subscriber names no time (RFC 5875 section 4.5, RFC 3842 section 3.4).
const USUAL_SUBSCRIPTION: u32 = 3600;

/// The sockets for HTTP, SIP and MSRP, bound.
pub(super) struct Bound {
    pub(super) http: Vec<Listener>,
    /// What HTTP over TLS is served with.
    pub(super) http_certificate: Option<Arc<Certificate>>,
    pub(super) sip: Sockets,
    pub(super) msrp: Vec<Listener>,
    /// What SIP and MSRP connections behind TLS are accepted and opened with.
    pub(super) certificate: Option<Arc<Certificate>>,
}

impl Bound {
    /// Binds everything that the settings name.
    pub(super) async fn bind(settings: &Settings) -> anyhow::Result<Self> {
        let http = &settings.http;
        let http_certificate = http_certificate(http)?;
        let secure = http_certificate.as_ref();
        let mut http_listeners = bind("HTTP", &http.listen, None).await?;
        http_listeners.extend(bind("HTTP", &http.tls_listen, secure).await?);
        let certificate = certificate(settings)?;
        let sip = bind_sip(&settings.sip, certificate.as_ref()).await?;
        let secure = certificate.as_ref();
        let mut msrp = bind("MSRP", &settings.msrp.listen, None).await?;
        msrp.extend(bind("MSRP", &settings.msrp.tls_listen, secure).await?);
        Ok(Self {
            http: http_listeners,
            http_certificate,
            sip,
            msrp,
            certificate,
        })
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

/// Binds these addresses, behind TLS if there is a certificate.
async fn bind(
    what: &str,
    addresses: &[SocketAddr],
    certificate: Option<&Arc<Certificate>>,
) -> anyhow::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    for address in addresses {
        let socket = TcpListener::bind(address).await;
        listeners.push(Listener {
            socket: socket.with_context(|| format!("cannot listen for {what} on {address}"))?,
            certificate: certificate.cloned(),
        });
    }
    Ok(listeners)
}

/// The addresses that these are bound to.
pub(super) fn addresses<'a>(
    listeners: impl Iterator<Item = &'a Listener>,
) -> io::Result<Vec<SocketAddr>> {
    listeners
        .map(|listener| listener.socket.local_addr())
        .collect()
}

/// The certificate for HTTP over TLS.
fn http_certificate(http: &HttpSettings) -> anyhow::Result<Option<Arc<Certificate>>> {
    let (Some(chain), Some(key)) = (&http.tls_certificate, &http.tls_key) else {
        anyhow::ensure!(
            http.tls_listen.is_empty(),
            "http.tls_listen needs http.tls_certificate and http.tls_key"
        );
        return Ok(None);
    };
    let files = tls::Files {
        chain: chain.clone(),
        key: key.clone(),
        client_authorities: http.tls_client_authorities.clone(),
        server_authorities: None,
    };
    Ok(Some(Arc::new(Certificate::load(files)?)))
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
