//! Signing in and out.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use tower_sessions::Session;

use super::form::Form;
use super::page::{PageError, Visitor, anonymous, html};
use super::pages::SignInPage;
use crate::identity::IdentityError;
use crate::web::auth::session::{self, SessionError};
use crate::web::client::Client;
use crate::web::extract::Query;
use crate::web::problem::{Problem, TOO_MANY_ATTEMPTS, internal};
use crate::web::state::AppState;

/// No name is longer, in octets.
const LONGEST_NAME: usize = 128;

/// Where to go on to.
#[derive(Debug, Deserialize)]
pub(super) struct SignInQuery {
    #[serde(default)]
    next: String,
}

pub(super) async fn show(Query(query): Query<SignInQuery>) -> Response {
    html(StatusCode::OK, &page("", None, &query.next))
}

pub(super) async fn submit(
    State(state): State<AppState>,
    client: Client,
    session: Session,
    form: Form,
) -> Result<Response, PageError> {
    let (name, next) = (form.get("name").trim(), form.get("next"));
    let name = if name.len() > LONGEST_NAME { "" } else { name };
    let peer = client.address;
    if !state.throttle.allows(peer, name) {
        return Err(Problem::new(TOO_MANY_ATTEMPTS)
            .header(header::RETRY_AFTER, "60")
            .into());
    }
    let person = state.identity.sign_in(name, form.get("password")).await?;
    let noted = state
        .identity
        .note_sign_in(name, person.as_ref(), peer, "page");
    noted.await?;
    let Some(principal) = person else {
        tracing::warn!(user.name = name, peer = %peer, "sign-in refused for {name:?} from {peer}");
        let error = "This name and password do not go together.";
        return Ok(html(
            StatusCode::UNAUTHORIZED,
            &page(name, Some(error), next),
        ));
    };
    session::start(&session, &principal).await?;
    tracing::info!(user.name = principal.name, peer = %peer, "{} signed in from {peer}", principal.name);
    Ok(Redirect::to(own_path(next)).into_response())
}

pub(super) async fn sign_out(
    State(state): State<AppState>,
    visitor: Visitor,
    form: Form,
) -> Result<Response, PageError> {
    visitor.prove_own_page(form.get("csrf")).await?;
    state.identity.note_sign_out(&visitor.principal).await?;
    visitor.session.flush().await.map_err(SessionError::from)?;
    Ok(Redirect::to("/sign-in").into_response())
}

fn page(name: &str, error: Option<&str>, next: &str) -> SignInPage {
    SignInPage {
        chrome: anonymous("Sign in"),
        name_value: name.to_owned(),
        error: error.map(str::to_owned),
        next: own_path(next).to_owned(),
    }
}

/// `next` if it is a path on this server, so that nobody is led elsewhere after signing in.
fn own_path(next: &str) -> &str {
    let elsewhere = next.starts_with("//") || next.starts_with("/\\");
    let printable = next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if next.starts_with('/') && !elsewhere && printable {
        next
    } else {
        "/"
    }
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Store(error) => error.into(),
            error => internal(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_to_pages_of_this_server_only() {
        assert_eq!(own_path("/accounts?q=x"), "/accounts?q=x");
        for elsewhere in [
            "",
            "//evil",
            "/\\evil",
            "https://evil",
            "/a\r\nb",
            "/a\\b",
            "javascript:1",
        ] {
            assert_eq!(own_path(elsewhere), "/", "{elsewhere}");
        }
    }
}
