//! `restante send pager`

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use clap::Args;

use super::parties::Parties;
use super::route::Route;
use super::said;

#[derive(Debug, Args)]
pub(in crate::cli) struct PagerArgs {
    #[command(flatten)]
    parties: Parties,
    /// What it says
    #[arg(long)]
    text: String,
    /// How many seconds it is worth delivering
    #[arg(long, value_name = "SECONDS")]
    expires: Option<u32>,
    /// Its media type
    #[arg(long, default_value = "text/plain;charset=UTF-8", value_name = "TYPE")]
    content_type: String,
    /// Send over SIP to HOST[:PORT] instead of HTTP
    #[arg(long, value_name = "HOST[:PORT]")]
    sip: Option<String>,
    #[command(flatten)]
    route: Route,
    /// The server
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    server: String,
    /// A token with the scope gateway
    #[arg(
        long,
        env = "RESTANTE_TOKEN",
        hide_env_values = true,
        required_unless_present = "sip"
    )]
    token: Option<String>,
}

impl PagerArgs {
    /// Prints the answer; the exit code tells whether the message was stored.
    pub(super) async fn send(self) -> anyhow::Result<ExitCode> {
        match &self.sip {
            Some(peer) => self.send_by_sip(peer).await,
            None => self.send_by_http().await,
        }
    }

    async fn send_by_sip(&self, peer: &str) -> anyhow::Result<ExitCode> {
        let (client, transport) = self.route.connect(peer).await?;
        let request = self.request(&format!("SIP/2.0/{transport} {}", client.local))?;
        let answer = client.ask(request).await?;
        let (good, said) = said(&answer)?;
        if good {
            println!("{said}");
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!("{said}");
        Ok(ExitCode::FAILURE)
    }

    async fn send_by_http(&self) -> anyhow::Result<ExitCode> {
        let request = self.request("SIP/2.0/TCP restante.invalid")?;
        let url = format!("{}/gateway/v1/messages", self.server.trim_end_matches('/'));
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(30))
            .build()?;
        let response = client
            .post(&url)
            .bearer_auth(self.token.as_deref().unwrap_or_default())
            .header("content-type", "message/sip")
            .body(request)
            .send()
            .await
            .with_context(|| format!("cannot reach {url}"))?;
        let status = response.status();
        let body = response.text().await.context("the answer broke off")?;
        if status.is_success() {
            println!("{body}");
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!("{status}\n{body}");
        Ok(ExitCode::FAILURE)
    }

    /// The MESSAGE; `via` is the protocol and sent-by of its Via.
    fn request(&self, via: &str) -> anyhow::Result<Bytes> {
        let mut writer = self.parties.request("MESSAGE", via)?;
        if let Some(expires) = self.expires {
            writer = writer.header("Expires", expires.to_string())?;
        }
        Ok(writer
            .header("Content-Type", &self.content_type)?
            .finish(self.text.as_bytes()))
    }
}
