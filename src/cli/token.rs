//! `restante token`

use anyhow::ensure;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::{Args, Subcommand};

use super::print_table;
use crate::domain::access::TokenScope;
use crate::domain::address::Aor;
use crate::domain::audit::Actor;
use crate::domain::domain_name::Domain;
use crate::identity::{DigestName, Identity, NewToken};

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token; its secret is printed alone on standard output, once
    Create(CreateArgs),
    /// List tokens, without their secrets
    List,
    /// End a token
    Revoke {
        /// Its number in the list
        id: i64,
    },
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// What to call it
    #[arg(long)]
    name: String,
    /// gateway, read, delete, operator or admin; may be given several times
    #[arg(long = "scope", required = true)]
    scopes: Vec<TokenScope>,
    /// An address of record it is bound to; may be given several times
    #[arg(long = "aor", value_name = "AOR")]
    aors: Vec<Aor>,
    /// A domain that one of the scope operator or gateway is bound to, as in example.org; may be given several times
    #[arg(long = "domain", value_name = "DOMAIN")]
    domains: Vec<Domain>,
    /// Let it sign SIP and XCAP requests by Digest too; its secret is the password, this the user name. XCAP takes
    /// `alice`, `alice@example.org` and `sip:alice@example.org` for the --aor too, and needs no other name
    #[arg(long, value_name = "USERNAME", num_args = 0..=1, default_missing_value = "")]
    digest: Option<String>,
    /// How long it is good for, as in 90d; for ever if absent
    #[arg(long, value_name = "TIME")]
    expires: Option<humantime::Duration>,
}

impl TokenCommand {
    /// `realm` is what Digest names are made for.
    pub(super) async fn run(self, identity: &Identity, realm: &str) -> anyhow::Result<()> {
        match self {
            Self::Create(args) => {
                let life = args
                    .expires
                    .map(|life| TimeDelta::from_std(*life))
                    .transpose()?;
                let username = args.digest.as_deref();
                let new = NewToken {
                    name: &args.name,
                    scopes: &args.scopes,
                    aors: &args.aors,
                    domains: &args.domains,
                    owner_id: None,
                    expires_at: identity.end_of(life)?,
                    digest: username.map(|username| DigestName {
                        username: Some(username).filter(|name| !name.is_empty()),
                        realm,
                    }),
                };
                let made = identity.make_token(new, Actor::CONSOLE).await?;
                println!("{}", made.text);
            }
            Self::List => list(identity).await?,
            Self::Revoke { id } => {
                ensure!(
                    identity.revoke_token(id).await?,
                    "there is no token {id} to revoke"
                );
                println!("Token {id} is revoked.");
            }
        }
        Ok(())
    }
}

async fn list(identity: &Identity) -> anyhow::Result<()> {
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let rows: Vec<Vec<String>> = identity
        .tokens()
        .await?
        .into_iter()
        .map(|token| {
            let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
            let aors: Vec<&str> = token.aors.iter().map(Aor::as_str).collect();
            let domains: Vec<&str> = token.domains.iter().map(Domain::as_str).collect();
            let end = match (token.revoked_at, token.expires_at) {
                (Some(at), _) => format!("revoked {}", time(at)),
                (None, Some(at)) => format!("expires {}", time(at)),
                (None, None) => "good".to_owned(),
            };
            vec![
                token.id.to_string(),
                token.name,
                scopes.join(" "),
                end,
                token.last_used_at.map_or("never".to_owned(), time),
                domains.join(" "),
                aors.join(" "),
            ]
        })
        .collect();
    let heads = [
        "ID",
        "NAME",
        "SCOPES",
        "STATE",
        "USED",
        "DOMAINS",
        "ADDRESSES",
    ];
    print_table(&heads, &rows);
    Ok(())
}
