//! Signing in and out.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use tower_sessions::Session;

use super::form::Form;
use super::page::{PageError, Visitor, anonymous, html};
use super::pages::{SignInCodePage, SignInPage};
use crate::domain::access::Principal;
use crate::identity::IdentityError;
use crate::web::auth::session::{self, SessionError};
use crate::web::auth::visit::Visit;
use crate::web::extract::Query;
use crate::web::problem::{Problem, internal};
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
    visit: Visit,
    session: Session,
    form: Form,
) -> Result<Response, PageError> {
    let (name, next) = (form.get("name").trim(), form.get("next"));
    let name = if name.len() > LONGEST_NAME { "" } else { name };
    state.throttle.password(address(&visit), name)?;
    let person = state.identity.sign_in(name, form.get("password")).await?;
    let Some(principal) = person else {
        note_refused(&state, name, &visit, "page").await?;
        let from = visit.address_text();
        tracing::warn!(user.name = name, peer = %from, "sign-in refused for {name:?} from {from}");
        let error = "This name and password do not go together.";
        return Ok(html(
            StatusCode::UNAUTHORIZED,
            &page(name, Some(error), next),
        ));
    };
    admit(&state, &session, &principal, &visit, next).await
}

/// Lets somebody in who has proved who they are, by a password or otherwise: starts a session and goes on to `next`, or
/// asks for the second factor first.
pub(super) async fn admit(
    state: &AppState,
    session: &Session,
    person: &Principal,
    visit: &Visit,
    next: &str,
) -> Result<Response, PageError> {
    if state.identity.has_second_factor(person).await? {
        let now = state.mailbox.clock.now();
        session::wait_for_code(session, person, own_path(next), now).await?;
        return Ok(Redirect::to("/sign-in/code").into_response());
    }
    begin(state, session, person, visit, next).await
}

async fn begin(
    state: &AppState,
    session: &Session,
    person: &Principal,
    visit: &Visit,
    next: &str,
) -> Result<Response, PageError> {
    let (identity, address) = (&state.identity, address(visit));
    let noted = identity.note_sign_in(&person.name, Some(person), address, "page");
    noted.await?;
    session::start(session, person, visit).await?;
    let (name, from) = (&person.name, visit.address_text());
    tracing::info!(user.name = name, peer = %from, "{name} signed in from {from}");
    Ok(Redirect::to(own_path(next)).into_response())
}

/// Writes down that somebody failed to sign in; `way` is what was wrong: the password on the page, or the code.
async fn note_refused(
    state: &AppState,
    name: &str,
    visit: &Visit,
    way: &'static str,
) -> Result<(), PageError> {
    let identity = &state.identity;
    let noted = identity.note_sign_in(name, None, address(visit), way);
    Ok(noted.await?)
}

/// Asks for the second factor.
pub(super) async fn show_code(
    State(state): State<AppState>,
    session: Session,
) -> Result<Response, PageError> {
    let now = state.mailbox.clock.now();
    if session::waiting(&session, &state.identity, now)
        .await?
        .is_none()
    {
        return Ok(Redirect::to("/sign-in").into_response());
    }
    Ok(html(StatusCode::OK, &code_page(None)))
}

pub(super) async fn submit_code(
    State(state): State<AppState>,
    visit: Visit,
    session: Session,
    form: Form,
) -> Result<Response, PageError> {
    let now = state.mailbox.clock.now();
    let waiting = session::waiting(&session, &state.identity, now).await?;
    let Some((person, waiting)) = waiting else {
        return Ok(Redirect::to("/sign-in").into_response());
    };
    state.throttle.code(person.actor.id.unwrap_or_default())?;
    let code = form.get("code");
    if !state.identity.prove_second_factor(&person, code).await? {
        note_refused(&state, &person.name, &visit, "code").await?;
        let (name, from) = (&person.name, visit.address_text());
        tracing::warn!(user.name = name, peer = %from, "second factor refused for {name:?} from {from}");
        let error = sentence(&IdentityError::WrongCode.to_string());
        return Ok(html(StatusCode::UNAUTHORIZED, &code_page(Some(error))));
    }
    begin(&state, &session, &person, &visit, &waiting.next).await
}

fn code_page(error: Option<String>) -> SignInCodePage {
    SignInCodePage {
        chrome: anonymous("Sign in"),
        error,
    }
}

/// The address that attempts are counted for.
pub(super) fn address(visit: &Visit) -> IpAddr {
    visit.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// The text of an error, as a sentence.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    format!("{first}{}.", chars.as_str())
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
