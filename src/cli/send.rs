//! `restante send`: plays a gateway, for trying out.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use clap::{Args, Subcommand};

use super::route::Route;
use crate::clock::Clock;
use crate::domain::uri::Uri;
use crate::identity::secret;
use crate::sip::date;
use crate::sip::message::StartLine;
use crate::sip::write::MessageWriter;

/// Characters that make Call-IDs and tags unique.
const UNIQUE_CHARS: usize = 16;

#[derive(Debug, Subcommand)]
pub(super) enum SendCommand {
    /// Hand over one SIP MESSAGE, over HTTP or, with --sip, over SIP
    Pager(PagerArgs),
}

#[derive(Debug, Args)]
pub(super) struct PagerArgs {
    /// Whom the message is for, as in sip:alice@example.org
    #[arg(long, value_name = "URI")]
    to: String,
    /// Who sends it
    #[arg(long, value_name = "URI")]
    from: String,
    /// What it says
    #[arg(long)]
    text: String,
    /// Its subject
    #[arg(long)]
    subject: Option<String>,
    /// How many seconds it is worth delivering
    #[arg(long, value_name = "SECONDS")]
    expires: Option<u32>,
    /// Its media type
    #[arg(long, default_value = "text/plain;charset=UTF-8", value_name = "TYPE")]
    content_type: String,
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

impl SendCommand {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Pager(args) => args.send().await,
        }
    }
}

impl PagerArgs {
    /// Prints the answer; the exit code tells whether the message was stored.
    async fn send(self) -> anyhow::Result<ExitCode> {
        match &self.route.sip {
            Some(peer) => self.send_by_sip(peer).await,
            None => self.send_by_http().await,
        }
    }

    async fn send_by_sip(&self, peer: &str) -> anyhow::Result<ExitCode> {
        let (client, transport) = self.route.connect(peer).await?;
        let request = self.request(
            &Clock::default(),
            &format!("SIP/2.0/{transport} {}", client.local),
        )?;
        let answer = client.ask(request).await?;
        let StartLine::Status { code, reason } = answer.start() else {
            anyhow::bail!("a request came instead of an answer");
        };
        let warnings = answer
            .headers("Warning")
            .map(|field| format!("\nWarning: {}", field.text()));
        let said = format!("{code} {reason}{}", warnings.collect::<String>());
        if (200..300).contains(code) {
            println!("{said}");
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!("{said}");
        Ok(ExitCode::FAILURE)
    }

    async fn send_by_http(&self) -> anyhow::Result<ExitCode> {
        let request = self.request(&Clock::default(), "SIP/2.0/TCP restante.invalid")?;
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
    fn request(&self, clock: &Clock, via: &str) -> anyhow::Result<Bytes> {
        for uri in [&self.to, &self.from] {
            Uri::parse(uri).with_context(|| format!("{uri} is not an address"))?;
        }
        let unique = || -> anyhow::Result<String> {
            Ok(secret::link()?.chars().take(UNIQUE_CHARS).collect())
        };
        let mut writer = MessageWriter::request("MESSAGE", &self.to)?
            .header("Via", format!("{via};rport;branch=z9hG4bK{}", unique()?))?
            .header("Max-Forwards", "70")?
            .header("From", format!("<{}>;tag={}", self.from, unique()?))?
            .header("To", format!("<{}>", self.to))?
            .header("Call-ID", format!("{}@restante.invalid", unique()?))?
            .header("CSeq", "1 MESSAGE")?
            .header("Date", date::format(clock.now()))?;
        if let Some(subject) = &self.subject {
            writer = writer.header("Subject", subject)?;
        }
        if let Some(expires) = self.expires {
            writer = writer.header("Expires", expires.to_string())?;
        }
        Ok(writer
            .header("Content-Type", &self.content_type)?
            .finish(self.text.as_bytes()))
    }
}
