//! The program: arguments, settings, telemetry, then the command.

use std::process::ExitCode;

use clap::Parser;
use restante::cli::Cli;

/// A quarter of the time of storing a message went into the allocator of glibc.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    // One crypto provider for all TLS there is. It fails only if there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Cli::parse().run().await
}
