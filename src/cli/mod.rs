//! The command line: one file per command.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints"
)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::clock::Clock;
use crate::config::Settings;
use crate::identity::Identity;
use crate::{app, telemetry};

mod audit;
mod demo;
mod healthcheck;
mod openapi;
mod send;
mod serve;
mod token;
mod user;

/// Deferred-message server for SIP messaging: keeps messages for users who are not there.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub struct Cli {
    /// Configuration file (TOML). Every key is also a variable: server.hostname is `RESTANTE__SERVER__HOSTNAME`.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server; also what runs without a command
    Serve,
    /// Run on a throw-away directory with sample accounts and messages
    Demo,
    /// Bring the database schema up to date and end
    Migrate,
    /// People who may sign in
    #[command(subcommand)]
    User(user::UserCommand),
    /// Tokens that programs use
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// What was written down of who did what
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Send a message to a server, for trying out
    #[command(subcommand)]
    Send(send::SendCommand),
    /// Write the `OpenAPI` document
    Openapi(openapi::OpenapiArgs),
    /// Ask a running server whether it is ready; the exit code tells
    Healthcheck(healthcheck::HealthcheckArgs),
    /// Write completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

impl Cli {
    /// Runs the command; errors go to standard error on one line.
    pub async fn run(self) -> ExitCode {
        // On the heap: the future holds what every command holds.
        match Box::pin(self.dispatch()).await {
            Ok(code) => code,
            Err(error) => {
                eprintln!("restante: {error:#}");
                ExitCode::FAILURE
            }
        }
    }

    async fn dispatch(self) -> anyhow::Result<ExitCode> {
        let settings = || Settings::load(self.config.as_deref());
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => {
                let settings = settings()?;
                telemetry::init(&settings.log)?;
                serve::run(settings).await?;
            }
            Command::Demo => {
                let settings = settings()?;
                telemetry::init(&settings.log)?;
                Box::pin(demo::run(settings)).await?;
            }
            Command::Migrate => {
                app::open_database(&settings()?).await?.close().await?;
                println!("The database schema is up to date.");
            }
            Command::User(command) => {
                let url = settings()?.url();
                command
                    .run(&identity(self.config.as_deref()).await?, &url)
                    .await?;
            }
            Command::Token(command) => {
                let realm = settings()?.realm();
                command
                    .run(&identity(self.config.as_deref()).await?, &realm)
                    .await?;
            }
            Command::Audit(command) => {
                return command.run(app::open_database(&settings()?).await?).await;
            }
            Command::Send(command) => return command.run().await,
            Command::Openapi(args) => return args.run(),
            Command::Healthcheck(args) => return Ok(args.run(&settings()?).await),
            Command::Completions { shell } => {
                clap_complete::generate(
                    shell,
                    &mut Self::command(),
                    "restante",
                    &mut std::io::stdout(),
                );
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// People and tokens of the configured database.
async fn identity(config: Option<&Path>) -> anyhow::Result<Identity> {
    let settings = Settings::load(config)?;
    let database = settings.data_dir.join("restante.db");
    if settings.is_embedded() && !database.exists() {
        let path = database.display();
        eprintln!("restante: there was no database here: {path} is a new one");
    }
    let db = app::open_database(&settings).await?;
    Ok(Identity::new(
        db,
        Clock::default(),
        settings.hostname().into(),
    )?)
}

/// Says what a server has to say when it starts. It lives on if nobody reads it.
fn announce(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// How this program was called, for commands that people copy.
fn program() -> String {
    let name = std::env::args().next();
    name.filter(|name| !name.is_empty())
        .unwrap_or_else(|| "restante".to_owned())
}

/// A table for people: columns as wide as their widest entry.
fn print_table(heading: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count());
        cells
            .chain(heading.get(column).map(|cell| cell.len()))
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:width$}"))
            .collect();
        println!("{}", cells.join("  ").trim_end());
    };
    line(&mut heading.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
}
