//! `restante demo`

use anyhow::Context;

use super::serve::told_to_stop;
use super::{announce, program};
use crate::app::App;
use crate::clock::Clock;
use crate::config::Settings;
use crate::demo;
use crate::domain::access::{Role, TokenScope};
use crate::identity::secret;
use crate::web::Demo;

/// Characters of the passwords made for the demo.
const PASSWORD_CHARS: usize = 12;

/// Serves sample accounts and messages from a directory that goes away at the end.
pub(super) async fn run(mut settings: Settings) -> anyhow::Result<()> {
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    settings.data_dir = directory.path().to_owned();
    settings.database.url = None;
    settings
        .server
        .hostname
        .get_or_insert_with(|| "mail.example.org".to_owned());
    let app = App::prepare(settings, Clock::default(), Demo(true)).await?;
    let told_to_stop = told_to_stop()?;
    demo::fill(app.mailbox()).await?;
    let (operator, owner) = (password()?, password()?);
    let identity = app.identity();
    identity
        .add_user("demo", &operator, Role::Operator, &[])
        .await?;
    identity
        .add_user("alice", &owner, Role::User, &[demo::ALICE.parse()?])
        .await?;
    let token = identity
        .create_token("demo", &[TokenScope::Gateway], &[], None)
        .await?;
    let url = app.url()?;
    let program = program();
    announce(&format!(
        "Restante demo. Everything vanishes when it stops (Ctrl-C).\n\n  \
         Open      {url}/\n  \
         Sign in   demo   {operator}   an operator, sees all accounts\n  \
         or        alice  {owner}   owns {alice}\n\n\
         Send a message from another terminal:\n\n  \
         export RESTANTE_TOKEN={token}\n  \
         {program} send pager --server {url} --to {alice} --from sip:carol@example.org --text 'Hello'\n",
        alice = demo::ALICE,
    ));
    app.run(told_to_stop).await
}

fn password() -> anyhow::Result<String> {
    let text = secret::link()?;
    Ok(text
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(PASSWORD_CHARS)
        .collect())
}
