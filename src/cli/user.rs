//! `restante user`

use std::io::Read;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};

use super::print_table;
use crate::domain::access::Role;
use crate::domain::address::Aor;
use crate::identity::Identity;

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
                password,
            } => {
                ensure!(
                    role != Role::User || !aors.is_empty(),
                    "a user without --aor owns no account; give at least one"
                );
                identity
                    .add_user(&name, &password.read()?, role, &aors)
                    .await?;
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
            vec![user.name, user.role.to_string(), aors.join(" ")]
        })
        .collect();
    print_table(&["NAME", "ROLE", "ADDRESSES"], &rows);
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
