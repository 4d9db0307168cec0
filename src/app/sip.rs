//! Joins what speaks SIP: the listener, the MSRP sessions that come of it, and whoever sends delivery reports.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::bind::{self, Bound};
use super::wait;
use crate::clock;
use crate::config::Settings;
use crate::domain::report::ReportRoute;
use crate::inbound::in_dialog::InDialog;
use crate::inbound::large::LargeMode;
use crate::inbound::refer::Refer;
use crate::inbound::sip::UserAgent;
use crate::inbound::subscribe::Subscribe;
use crate::inbound::trust::Trust;
use crate::msrp::server;
use crate::outbound::courier::{self, Courier};
use crate::outbound::dns::Dns;
use crate::outbound::reports;
use crate::rate::Rate;
use crate::sip::endpoint::{self, Ways};
use crate::sip::places::Places;
use crate::sip::transport::tls::Connector;
use crate::sip::transport::{Limits, stream};
use crate::web::AppState;

/// How long sessions under way may take to end when the server stops.
const GOODBYES: Duration = Duration::from_secs(4);

/// Serves SIP and the MSRP sessions that come of it, and sends reports, until `stopped` says so. `url` is how HTTP is
/// reached.
pub(super) fn serve(
    state: &AppState,
    url: &str,
    bound: Bound,
    trust: Trust,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<impl Future<Output = ()> + use<>> {
    let mailbox = &state.mailbox;
    let settings = &state.settings;
    let large = bound.large(settings, &mailbox.hostname)?;
    let sessions = server::Sessions::default();
    let (outgoing, requests) = endpoint::channel();
    let sip = &settings.sip;
    let limits = Limits {
        max_message: mailbox.policy.max_message_bytes,
        idle_timeout: sip.idle_timeout,
    };
    let tls = Connector::new(bound.certificate, sip.server_authorities())
        .context("TLS to other servers cannot be set up")?;
    let ways = Ways::new(outgoing, &bound.sip, limits, tls)?;
    let courier = courier(state, ways.clone());
    let secret = clock::random().map_err(io::Error::other)?;
    let in_dialog = InDialog::new(ways.clone(), secret, Arc::clone(&mailbox.hostname));
    let large = LargeMode::new(mailbox.clone(), large, sessions.clone(), in_dialog.clone());
    let secret = clock::random().map_err(io::Error::other)?;
    let msrp = serve_msrp(settings, bound.msrp, &sessions);
    let refer = Refer::new(mailbox.clone(), in_dialog.clone());
    let subscribe = Subscribe::new(
        mailbox.clone(),
        Arc::clone(&state.usages),
        state.feed.clone(),
        in_dialog.clone(),
        bind::subscriptions(settings, url),
    );
    let user_agent = UserAgent::new(
        mailbox.clone(),
        large.clone(),
        refer,
        subscribe.clone(),
        trust,
        &sip.domains,
    );
    let clock = mailbox.clock.clone();
    let config = endpoint::Config {
        limits,
        connections: Places::new(sip.max_connections, sip.max_connections_per_peer),
        rate: Arc::new(Rate::per_second(sip.rate_limit)),
        ways,
        host: mailbox.hostname.to_string(),
        secret,
        branch: in_dialog.branch().to_owned(),
        now: Arc::new(move || clock.now()),
    };
    let mailbox = mailbox.clone();
    Ok(async move {
        let mut msrp = msrp;
        let sending = courier.map(|courier| {
            let sending = reports::run(mailbox, courier, wait(stopped.clone()));
            tokio::spawn(sending)
        });
        let stop = async {
            wait(stopped).await;
            // The last answers and the goodbyes of sessions and subscriptions need the listener.
            let sent = async {
                match sending {
                    Some(sending) => sending.await,
                    None => Ok(()),
                }
            };
            let (sent, (), ()) = tokio::join!(sent, large.stop(GOODBYES), subscribe.stop(GOODBYES));
            if let Err(error) = sent {
                tracing::error!("sending reports broke off: {error}");
            }
        };
        endpoint::run(bound.sip, config, user_agent, requests, stop).await;
        msrp.shutdown().await;
    })
}

fn serve_msrp(
    settings: &Settings,
    listeners: Vec<stream::Listener>,
    sessions: &server::Sessions,
) -> JoinSet<()> {
    let mut msrp = JoinSet::new();
    let patience = settings.msrp.idle_timeout;
    let places = Places::new(
        settings.msrp.max_sessions,
        settings.msrp.max_sessions_per_peer,
    );
    for listener in listeners {
        let sessions = sessions.clone();
        let serve = move |stream, _| sessions.clone().serve(stream, patience);
        msrp.spawn(stream::accept(listener, places.clone(), patience, serve));
    }
    msrp
}

/// Whoever sends reports, unless connectors do.
fn courier(state: &AppState, ways: Ways) -> Option<Courier> {
    let settings = &state.settings;
    let sip = &settings.sip;
    let proxy = match settings.report_route() {
        ReportRoute::Connector => return None,
        ReportRoute::Proxy => sip.outbound_proxy.clone(),
        ReportRoute::Direct => None,
    };
    let dns = Dns::new(&sip.dns_servers);
    let settings = courier::Settings {
        proxy,
        udp_limit: sip.udp_limit,
        host: Arc::clone(&state.mailbox.hostname),
    };
    let clock = state.mailbox.clock.clone();
    Some(Courier::new(settings, ways, dns, clock))
}
