//! Choosing a password by a one-time link, which an operator made: the first one, or another.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use tower_sessions::Session;

use super::form::Form;
use super::page::{PageError, anonymous, html};
use super::pages::WelcomePage;
use super::sign_in::{admit, sentence};
use crate::identity::{Identity, IdentityError, MIN_PASSWORD_CHARS, Welcome};
use crate::web::auth::visit::Visit;
use crate::web::extract::Query;
use crate::web::problem::{NOT_FOUND, Problem};
use crate::web::state::AppState;

/// The secret of the link: in the query, which is not logged.
#[derive(Debug, Deserialize)]
pub(super) struct WelcomeQuery {
    #[serde(default)]
    token: String,
}

pub(super) async fn show(
    State(identity): State<Identity>,
    Query(query): Query<WelcomeQuery>,
) -> Result<Response, PageError> {
    let welcome = invited(&identity, &query.token).await?;
    Ok(html(StatusCode::OK, &page(welcome, &query.token, None)))
}

pub(super) async fn submit(
    State(state): State<AppState>,
    visit: Visit,
    session: Session,
    form: Form,
) -> Result<Response, PageError> {
    let (token, password) = (form.get("token"), form.get("password"));
    let welcome = invited(&state.identity, token).await?;
    let again = |error: String| {
        let page = page(welcome, token, Some(error));
        Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page))
    };
    if password != form.get("password_again") {
        return again("The two passwords differ.".to_owned());
    }
    let person = match state.identity.accept(token, password).await {
        Ok(person) => person,
        Err(IdentityError::BadLink) => return Err(bad_link().into()),
        Err(IdentityError::Store(error)) => return Err(error.into()),
        Err(error) => return again(sentence(&error.to_string())),
    };
    let name = &person.name;
    tracing::info!(user.name = name, "{name} has chosen a password by a link");
    admit(&state, &session, &person, &visit, "/").await
}

async fn invited(identity: &Identity, token: &str) -> Result<Welcome, PageError> {
    let welcome = identity.welcome(token).await?;
    Ok(welcome.ok_or_else(bad_link)?)
}

fn bad_link() -> Problem {
    Problem::new(NOT_FOUND).detail("the link has been used or is too old; ask for a new one")
}

fn page(welcome: Welcome, token: &str, error: Option<String>) -> WelcomePage {
    WelcomePage {
        chrome: anonymous(if welcome.is_new {
            "Welcome"
        } else {
            "New password"
        }),
        name: welcome.name,
        is_new: welcome.is_new,
        token: token.to_owned(),
        error,
        password_min: MIN_PASSWORD_CHARS,
    }
}
