//! `restante user`

use std::io::Read;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};

use super::print_table;
use crate::domain::access::Role;
use crate::domain::address::Aor;
use crate::domain::audit::Actor;
use crate::domain::domain_name::Domain;
use crate::identity::{Identity, NewUser};

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
    pub(super) async fn run(self, identity: &Identity) -> anyhow::Result<()> {
        match self {
            Self::Add {
                name,
                role,
                aors,
                domains,
                password,
            } => {
                ensure!(
                    role != Role::User || !aors.is_empty(),
                    "a user without --aor owns no account; give at least one"
                );
                let new = NewUser {
                    name: &name,
                    password: &password.read()?,
                    role,
                    aors: &aors,
                    domains: &domains,
                };
                identity.make_user(new, Actor::SYSTEM).await?;
                println!("User {name} was added.");
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

async fn list(identity: &Identity) -> anyhow::Result<()> {
    let rows: Vec<Vec<String>> = identity
        .users()
        .await?
        .into_iter()
        .map(|user| {
            let aors: Vec<&str> = user.aors.iter().map(Aor::as_str).collect();
            let domains: Vec<&str> = user.domains.iter().map(Domain::as_str).collect();
            let state = user.disabled_at.map_or("", |_| "disabled");
            vec![
                user.name,
                user.role.to_string(),
                state.to_owned(),
                domains.join(" "),
                aors.join(" "),
            ]
        })
        .collect();
    print_table(&["NAME", "ROLE", "STATE", "DOMAINS", "ADDRESSES"], &rows);
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
