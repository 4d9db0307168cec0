//! `restante send`: plays a gateway, for trying out.

use std::process::ExitCode;

use clap::Subcommand;

use crate::sip::message::{Message, StartLine};

mod large;
mod pager;
mod parties;
mod route;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum SendCommand {
    /// Hand over one SIP MESSAGE, over HTTP or, with --sip, over SIP
    Pager(pager::PagerArgs),
    /// Send a file as one large message, over SIP and MSRP
    Large(large::LargeArgs),
}

impl SendCommand {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Pager(args) => args.send().await,
            Self::Large(args) => args.send().await,
        }
    }
}

/// An answer for people: its status, and why where it says so; and whether it is a good one.
fn said(answer: &Message) -> anyhow::Result<(bool, String)> {
    let StartLine::Status { code, reason } = answer.start() else {
        anyhow::bail!("a request came instead of an answer");
    };
    let warnings = answer
        .headers("Warning")
        .map(|field| format!("\nWarning: {}", field.text()));
    let said = format!("{code} {reason}{}", warnings.collect::<String>());
    Ok(((200..300).contains(code), said))
}
