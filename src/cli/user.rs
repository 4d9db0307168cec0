//! `restante user`

use std::io::Read;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};

use super::print_table;
use crate::domain::access::Role;
use crate::domain::address::Aor;
use crate::domain::audit::Actor;
use crate::domain::domain_name::Domain;
use crate::identity::{Identity, NewUser, welcome_path};

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a person
    Add {
        /// The name to sign in with
        name: String,
        /// user, operator or admin
        #[arg(long)]
        role: Role,
        /// An address of record the person owns; may be given several times
        #[arg(long = "aor", value_name = "AOR")]
        aors: Vec<Aor>,
        /// A domain that an operator is bound to, as in example.org; may be given several times. Without one an operator
        /// handles all accounts
        #[arg(long = "domain", value_name = "DOMAIN")]
        domains: Vec<Domain>,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Add a person and print a link by which they choose their password
    Invite {
        /// The name to sign in with
        name: String,
        /// user, operator or admin
        #[arg(long)]
        role: Role,
        /// An address of record the person owns; may be given several times
        #[arg(long = "aor", value_name = "AOR")]
        aors: Vec<Aor>,
        /// A domain that an operator is bound to, as in example.org; may be given several times. Without one an operator
        /// handles all accounts
        #[arg(long = "domain", value_name = "DOMAIN")]
        domains: Vec<Domain>,
    },
    /// Print a link by which a person chooses another password
    Reset {
        /// The name
        name: String,
    },
    /// Take a person's second factor away, who has lost it
    ResetSecondFactor {
        /// The name
        name: String,
    },
    /// Sign a person out everywhere
    SignOut {
        /// The name
        name: String,
    },
    /// Give a person a new password
    Passwd {
        /// The name
        name: String,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// List everybody
    List,
}

#[derive(Debug, Args)]
pub(super) struct PasswordArgs {
    /// Read the password from standard input; a final line end does not count
    #[arg(long, required = true)]
    password_stdin: bool,
}

impl UserCommand {
    /// `url` is how browsers reach the server.
    pub(super) async fn run(self, identity: &Identity, url: &str) -> anyhow::Result<()> {
        match self {
            Self::Add {
                name,
                role,
                aors,
                domains,
                password,
            } => {
                check_aors(role, &aors)?;
                let new = NewUser {
                    name: &name,
                    password: &password.read()?,
                    role,
                    aors: &aors,
                    domains: &domains,
                };
                identity.make_user(new, Actor::CONSOLE).await?;
                println!("User {name} was added.");
            }
            Self::Invite {
                name,
                role,
                aors,
                domains,
            } => {
                check_aors(role, &aors)?;
                let secret = identity.invite(&name, role, &aors, &domains).await?;
                print_link(&name, url, &secret);
            }
            Self::Reset { name } => {
                let secret = identity.reset_link(&name).await?;
                print_link(&name, url, &secret);
            }
            Self::ResetSecondFactor { name } => {
                identity.remove_second_factor(&name).await?;
                println!("User {name} signs in without a second factor now.");
            }
            Self::SignOut { name } => {
                let ended = identity.end_sessions(&name).await?;
                println!("User {name} is signed out: {ended} sessions ended.");
            }
            Self::Passwd { name, password } => {
                identity.set_password(&name, &password.read()?).await?;
                println!("User {name} has a new password.");
            }
            Self::List => list(identity).await?,
        }
        Ok(())
    }
}

fn check_aors(role: Role, aors: &[Aor]) -> anyhow::Result<()> {
    ensure!(
        role != Role::User || !aors.is_empty(),
        "a user without --aor owns no account; give at least one"
    );
    Ok(())
}

/// The link goes alone on standard output, for whoever passes it on.
fn print_link(name: &str, url: &str, secret: &str) {
    eprintln!("By this link {name} chooses a password. It works once, for 72 hours:");
    println!("{url}{}", welcome_path(secret));
}

async fn list(identity: &Identity) -> anyhow::Result<()> {
    let rows: Vec<Vec<String>> = identity
        .users()
        .await?
        .into_iter()
        .map(|user| {
            let aors: Vec<&str> = user.aors.iter().map(Aor::as_str).collect();
            let domains: Vec<&str> = user.domains.iter().map(Domain::as_str).collect();
            let state = match (user.password_hash.is_empty(), user.has_second_factor) {
                _ if user.disabled_at.is_some() => "disabled",
                (true, _) => "invited",
                (false, true) => "second factor",
                (false, false) => "password",
            };
            vec![
                user.name,
                user.role.to_string(),
                state.to_owned(),
                domains.join(" "),
                aors.join(" "),
            ]
        })
        .collect();
    print_table(&["NAME", "ROLE", "SIGN-IN", "DOMAINS", "ADDRESSES"], &rows);
    Ok(())
}

impl PasswordArgs {
    #[expect(
        clippy::unused_self,
        reason = "the flag is required, so that nobody types into nothing"
    )]
    fn read(&self) -> anyhow::Result<String> {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read the password")?;
        let line = text.strip_suffix('\n').unwrap_or(&text);
        Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
    }
}
