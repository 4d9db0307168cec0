//! The first administrator, made by the one-time link that the first start prints.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use tower_sessions::Session;

use super::form::Form;
use super::page::{PageError, anonymous, html};
use super::pages::SetupPage;
use super::sign_in::{admit, sentence};
use crate::identity::{Identity, IdentityError, MIN_PASSWORD_CHARS};
use crate::web::auth::visit::Visit;
use crate::web::extract::Query;
use crate::web::problem::{NOT_FOUND, Problem};
use crate::web::state::AppState;

/// The secret of the link.
#[derive(Debug, Deserialize)]
pub(super) struct SetupQuery {
    #[serde(default)]
    token: String,
}

pub(super) async fn show(
    State(identity): State<Identity>,
    Query(query): Query<SetupQuery>,
) -> Result<Response, PageError> {
    if !identity.setup_link_is_good(&query.token).await? {
        return Err(bad_link().into());
    }
    Ok(html(StatusCode::OK, &page(&query.token, "admin", None)))
}

pub(super) async fn submit(
    State(state): State<AppState>,
    visit: Visit,
    session: Session,
    form: Form,
) -> Result<Response, PageError> {
    let (token, name, password) = (
        form.get("token"),
        form.get("name").trim(),
        form.get("password"),
    );
    let again = |error: String| {
        Ok(html(
            StatusCode::UNPROCESSABLE_ENTITY,
            &page(token, name, Some(error)),
        ))
    };
    if password != form.get("password_again") {
        return again("The two passwords differ.".to_owned());
    }
    let principal = match state.identity.set_up(token, name, password).await {
        Ok(principal) => principal,
        Err(IdentityError::BadLink) => return Err(bad_link().into()),
        Err(IdentityError::Store(error)) => return Err(error.into()),
        Err(error) => return again(sentence(&error.to_string())),
    };
    tracing::info!(
        user.name = principal.name,
        "administrator {} was made",
        principal.name
    );
    admit(&state, &session, &principal, &visit, "/").await
}

fn bad_link() -> Problem {
    Problem::new(NOT_FOUND).detail("the link has been used or is too old; restart for a new one")
}

fn page(token: &str, name: &str, error: Option<String>) -> SetupPage {
    SetupPage {
        chrome: anonymous("Set up"),
        token: token.to_owned(),
        error,
        name_value: name.to_owned(),
        password_min: MIN_PASSWORD_CHARS,
    }
}
