//! The program: arguments, settings, telemetry, then the command.

use std::process::ExitCode;

use clap::Parser;
use restante::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    // One crypto provider for all TLS there is. It fails only if there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Cli::parse().run().await
}
