//! In the demo: a button that puts a message into an account.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};

use super::accounts::base_href;
use super::form::Form;
use super::page::{PageError, Visitor};
use crate::demo;
use crate::mailbox::Mailbox;
use crate::web::extract::Path;
use crate::web::problem::{NOT_FOUND, Problem, internal};
use crate::web::rest::account_path;
use crate::web::state::Demo;

pub(super) async fn submit(
    State(mailbox): State<Mailbox>,
    State(Demo(demo)): State<Demo>,
    visitor: Visitor,
    Path(aor): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    visitor.prove_own_page(form.get("csrf")).await?;
    if !demo {
        return Err(Problem::new(NOT_FOUND).into());
    }
    let account =
        account_path::account(&mailbox, &visitor.principal, &visitor.scope(), &aor).await?;
    demo::test_message(&mailbox, &account.aor)
        .await
        .map_err(|error| internal(&*error))?;
    visitor.flash("A test message has arrived.").await?;
    Ok(Redirect::to(&base_href(&account)).into_response())
}
