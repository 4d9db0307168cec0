//! `restante serve`

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::announce;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Settings;
use crate::sip::transport::tls::Certificate;
use crate::web::Demo;

/// Serves on the configured database until told to stop.
pub(super) async fn run(settings: Settings) -> anyhow::Result<()> {
    let app = App::prepare(settings, Clock::default(), Demo(false)).await?;
    // Whoever reads that it serves may tell it to stop.
    let told_to_stop = told_to_stop()?;
    let url = app.url()?;
    let mut announcement = format!("Restante serves on {url}/");
    for address in app.tls_addresses()? {
        let _ = write!(announcement, "\nand HTTP over TLS on {address}");
    }
    for (what, address) in app.sip_addresses()? {
        let _ = write!(announcement, "\nand SIP over {what} on {address}");
    }
    for address in app.msrp_addresses()? {
        let _ = write!(announcement, "\nand MSRP on {address}");
    }
    if let Some(link) = app.identity().setup_link().await? {
        let _ = write!(
            announcement,
            "\nNobody administers it yet. This link makes the administrator, once, within a day:\n  \
             {url}/setup?token={link}"
        );
    }
    announce(&announcement);
    reload_on_hangup(app.certificates())?;
    app.run(told_to_stop).await
}

/// Reads the files of certificates again whenever SIGHUP comes. Those that cannot be used change nothing.
fn reload_on_hangup(certificates: Vec<(&'static str, Arc<Certificate>)>) -> anyhow::Result<()> {
    if certificates.is_empty() {
        return Ok(());
    }
    let mut hangup = signal(SignalKind::hangup()).context("cannot await SIGHUP")?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            for (what, certificate) in &certificates {
                match certificate.reload() {
                    Ok(()) => {
                        tracing::info!("the certificate for {what} over TLS was read again");
                    }
                    Err(error) => tracing::error!(
                        error = %error,
                        "the certificate for {what} over TLS stays what it was: {error}"
                    ),
                }
            }
        }
    });
    Ok(())
}

/// Done when the process is told to stop, by SIGTERM or from the keyboard.
pub(super) fn told_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot await SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot await SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // Whoever says it twice means it.
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            std::process::exit(1);
        });
    })
}
