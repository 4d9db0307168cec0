//! `restante healthcheck`

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::config::Settings;

#[derive(Debug, Args)]
pub(super) struct HealthcheckArgs {
    /// The server; the configured listening address if absent
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

impl HealthcheckArgs {
    pub(super) async fn run(self, settings: &Settings) -> ExitCode {
        let address = settings
            .http
            .listen
            .first()
            .map(|address| format!("http://{address}"));
        let server = self.server.or(address).unwrap_or_default();
        match ready(&server).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("restante: {server} is not ready: {error:#}");
                ExitCode::FAILURE
            }
        }
    }
}

async fn ready(server: &str) -> anyhow::Result<()> {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .build()?;
    let url = format!("{}/readyz", server.trim_end_matches('/'));
    client.get(url).send().await?.error_for_status()?;
    Ok(())
}
