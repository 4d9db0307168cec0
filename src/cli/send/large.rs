//! `restante send large`: INVITE, one MSRP message, BYE (OMA SIMPLE IM large message mode, as its sender).

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::fs::File;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::parties::{Parties, unique};
use super::route::Route;
use super::said;
use crate::clock;
use crate::msrp::accept::AcceptTypes;
use crate::msrp::client::Sending;
use crate::msrp::ident::Ident;
use crate::msrp::sdp::values::Direction;
use crate::msrp::sdp::{Description, Local, Negotiated, Offer};
use crate::msrp::sender::SenderConfig;
use crate::sip::client::{Call, Event, Outcome};
use crate::sip::transport::stream::Stream;

/// How long the server may take to answer the INVITE.
const RINGING: Duration = Duration::from_secs(30);
/// How long connecting may take.
const CONNECTING: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(in crate::cli) struct LargeArgs {
    #[command(flatten)]
    parties: Parties,
    /// The file to send
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Its media type
    #[arg(long, default_value = "application/octet-stream", value_name = "TYPE")]
    content_type: String,
    /// The server, as HOST[:PORT]
    #[arg(long, value_name = "HOST[:PORT]")]
    sip: String,
    #[command(flatten)]
    route: Route,
    /// Octets of one MSRP chunk
    #[arg(long, default_value_t = 65_536, value_name = "OCTETS", value_parser = clap::value_parser!(u32).range(1..))]
    chunk_octets: u32,
}

impl LargeArgs {
    /// Sends the file and says how it went; the exit code tells whether it was stored.
    pub(super) async fn send(self) -> anyhow::Result<ExitCode> {
        let file = File::open(&self.file).await;
        let file = file.with_context(|| format!("cannot open {}", self.file.display()))?;
        let about = file.metadata().await?;
        anyhow::ensure!(about.is_file(), "{} is no file", self.file.display());
        let octets = about.len();
        let (client, transport) = self.route.connect(&self.sip).await?;
        let local = self.local(&client.local.ip().to_string(), octets)?;
        let offer = Offer::new(&local, self.route.is_secure(), Direction::SendOnly)?;
        let invite = self.invite(
            &format!("SIP/2.0/{transport} {}", client.local),
            &format!("<sip:{}>", client.local),
            &offer,
        )?;
        let mut call = match client.call(invite, RINGING).await? {
            Outcome::Answered(call) => call,
            Outcome::Refused(answer) => {
                eprintln!("{}", said(&answer)?.1);
                return Ok(ExitCode::FAILURE);
            }
        };
        let sent = self.transfer(&mut call, &offer, file, octets).await;
        // However it went, the session ends with it.
        let ended = call.hang_up(&[]).await;
        sent?;
        ended?;
        println!("{octets} octets delivered");
        Ok(ExitCode::SUCCESS)
    }

    /// Sends the content; until it is answered the peer may hang up.
    async fn transfer(
        &self,
        call: &mut Call,
        offer: &Offer,
        file: File,
        octets: u64,
    ) -> anyhow::Result<()> {
        let answer = Description::parse(&call.response().body())?;
        let media = offer.answered(&answer)?;
        if let Some(most) = media.peer_max_octets {
            anyhow::ensure!(octets <= most, "the server takes {most} octets at most");
        }
        let stream = self.connect(&media).await?;
        let ident = || clock::random().map(Ident::from_random);
        let mut config = SenderConfig::new(
            media.peer,
            media.ours,
            ident()?,
            self.content_type.clone(),
            octets,
        );
        config.chunk_octets = usize::try_from(self.chunk_octets)?;
        let bar = ProgressBar::new(octets).with_style(ProgressStyle::with_template(
            "{bar:40} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec}",
        )?);
        let sending = Sending::new(stream, config, ident).send(file, |sent| bar.set_position(sent));
        tokio::pin!(sending);
        loop {
            tokio::select! {
                sent = &mut sending => {
                    bar.finish_and_clear();
                    return Ok(sent?);
                }
                event = call.next_event() => match event? {
                    Event::HungUp(_) => anyhow::bail!("the server ended the session"),
                    Event::Lost => anyhow::bail!("the server gives no sign of life"),
                    Event::RefreshDue => {
                        call.refresh().await?;
                    }
                },
            }
        }
    }

    /// Opens the MSRP connection, behind TLS as SIP is.
    async fn connect(&self, media: &Negotiated) -> anyhow::Result<Stream> {
        let first = media.peer.first();
        let (host, port) = (first.host(), first.port().unwrap_or_default());
        let stream = timeout(CONNECTING, TcpStream::connect((host.as_str(), port))).await;
        let stream = stream
            .map_err(anyhow::Error::from)
            .and_then(|stream| Ok(stream?))
            .with_context(|| format!("cannot connect to {host}:{port} for MSRP"))?;
        // A chunk is written in pieces and waited for.
        stream.set_nodelay(true)?;
        Ok(match self.route.tls(&self.sip)? {
            None => Box::new(stream),
            Some((config, name)) => {
                Box::new(TlsConnector::from(config).connect(name, stream).await?)
            }
        })
    }

    fn local(&self, host: &str, octets: u64) -> anyhow::Result<Local> {
        Ok(Local {
            origin_id: u64::from_be_bytes(clock::random()?) >> 1,
            origin_version: 1,
            host: host.to_owned(),
            // We connect; nobody connects to us.
            tcp_port: Some(9),
            tls_port: Some(9),
            is_reachable: false,
            session_id: unique()?,
            accept: AcceptTypes::read(&self.content_type),
            accept_wrapped: AcceptTypes::read(""),
            max_octets: octets,
            fingerprint: None,
        })
    }

    fn invite(&self, via: &str, contact: &str, offer: &Offer) -> anyhow::Result<Bytes> {
        Ok(self
            .parties
            .request("INVITE", via)?
            .header("Contact", contact)?
            .header("Accept-Contact", "*;+g.oma.sip-im.large-message")?
            .header("Supported", "timer")?
            .header("Content-Type", "application/sdp")?
            .finish(offer.sdp.as_bytes()))
    }
}
