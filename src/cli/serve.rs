//! `restante serve`

use std::fmt::Write as _;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::announce;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Settings;
use crate::web::Demo;

/// Serves on the configured database until told to stop.
pub(super) async fn run(settings: Settings) -> anyhow::Result<()> {
    let app = App::prepare(settings, Clock::default(), Demo(false)).await?;
    // Whoever reads that it serves may tell it to stop.
    let told_to_stop = told_to_stop()?;
    let url = app.url()?;
    let mut announcement = format!("Restante serves on {url}/");
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
    if let Some(certificate) = app.certificate() {
        let mut hangup = signal(SignalKind::hangup()).context("cannot await SIGHUP")?;
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                match certificate.reload() {
                    Ok(()) => tracing::info!("the certificate for SIP over TLS was read again"),
                    Err(error) => tracing::error!(
                        error = %error,
                        "the certificate for SIP over TLS stays what it was: {error}"
                    ),
                }
            }
        });
    }
    app.run(told_to_stop).await
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
