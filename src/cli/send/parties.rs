//! Who sends what to whom: what every request of `restante send` begins with.

use anyhow::Context;
use clap::Args;

use crate::clock::Clock;
use crate::domain::uri::Uri;
use crate::identity::secret;
use crate::sip::date;
use crate::sip::write::MessageWriter;

/// Characters that make Call-IDs and tags unique.
const UNIQUE_CHARS: usize = 16;

#[derive(Debug, Args)]
pub(super) struct Parties {
    /// Whom the message is for, as in sip:alice@example.org
    #[arg(long, value_name = "URI")]
    to: String,
    /// Who sends it
    #[arg(long, value_name = "URI")]
    from: String,
    /// Its subject
    #[arg(long)]
    subject: Option<String>,
}

impl Parties {
    /// Begins a request; `via` is the protocol and sent-by of its Via.
    pub(super) fn request(&self, method: &str, via: &str) -> anyhow::Result<MessageWriter> {
        for uri in [&self.to, &self.from] {
            Uri::parse(uri).with_context(|| format!("{uri} is not an address"))?;
        }
        let writer = MessageWriter::request(method, &self.to)?
            .header("Via", format!("{via};rport;branch=z9hG4bK{}", unique()?))?
            .header("Max-Forwards", "70")?
            .header("From", format!("<{}>;tag={}", self.from, unique()?))?
            .header("To", format!("<{}>", self.to))?
            .header("Call-ID", format!("{}@restante.invalid", unique()?))?
            .header("CSeq", format!("1 {method}"))?
            .header("Date", date::format(Clock::default().now()))?;
        Ok(match &self.subject {
            Some(subject) => writer.header("Subject", subject)?,
            None => writer,
        })
    }
}

/// A word that nobody else has used.
pub(super) fn unique() -> anyhow::Result<String> {
    Ok(secret::link()?.chars().take(UNIQUE_CHARS).collect())
}
