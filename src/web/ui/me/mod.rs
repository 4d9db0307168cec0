//! One's own account: password, second factor, sessions, tokens.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::form::Form;
use super::format::moment;
use super::page::{PageError, Visitor, html};
use super::pages::{MePage, OwnSessionRow, OwnTokenRow};
use super::sign_in::{address, sentence};
use crate::domain::access::Rights;
use crate::domain::address::Aor;
use crate::identity::{IdentityError, MIN_PASSWORD_CHARS, PasswordError};
use crate::store::sessions::Listed;
use crate::store::tokens::Token;
use crate::web::auth::session;
use crate::web::auth::visit::Visit;
use crate::web::problem::Problem;
use crate::web::state::AppState;

mod second_factor;
mod sessions;
mod tokens;

/// The pages about one's own account.
pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/me", get(show))
        .route("/me/password", post(change_password))
        .route("/me/sessions/end", post(sessions::end))
        .route("/me/sessions/end-others", post(sessions::end_others))
        .route("/me/tokens", post(tokens::create))
        .route("/me/tokens/{id}/revoke", post(tokens::revoke))
        .route(
            "/me/second-factor",
            get(second_factor::show).post(second_factor::add),
        )
        .route("/me/second-factor/codes", post(second_factor::renew_codes))
        .route("/me/second-factor/remove", post(second_factor::remove))
}

async fn show(State(state): State<AppState>, visitor: Visitor) -> Result<Response, PageError> {
    let (identity, who) = (&state.identity, &visitor.principal);
    let this = session::own_key(&visitor.session);
    let sessions = identity.own_sessions(who, state.settings.session_idle());
    let sessions = sessions.await?;
    let now = state.mailbox.clock.now();
    let tokens = identity.own_tokens(who).await?;
    let page = MePage {
        chrome: visitor.chrome("Your account").await?,
        name: who.name.clone(),
        role: match &who.rights {
            Rights::Role(role) => role.to_string(),
            Rights::Scopes(_) => String::new(),
        },
        aors: who.aors.iter().map(ToString::to_string).collect(),
        password_min: MIN_PASSWORD_CHARS,
        has_second_factor: identity.has_second_factor(who).await?,
        codes_left: identity.recovery_codes_left(who).await?,
        sessions: sessions
            .into_iter()
            .map(|session| session_row(session, this.as_deref()))
            .collect(),
        tokens: tokens
            .into_iter()
            .map(|token| OwnTokenRow {
                is_over: token.expires_at.is_some_and(|at| at <= now),
                ..token_row(token)
            })
            .collect(),
    };
    Ok(html(StatusCode::OK, &page))
}

fn session_row(session: Listed, this: Option<&str>) -> OwnSessionRow {
    OwnSessionRow {
        is_this: this == Some(session.id_hash.as_str()),
        key: session.id_hash,
        agent: session.agent.unwrap_or_default(),
        address: session.address.unwrap_or_default(),
        begun: session.begun_at.map(moment),
        used: session.last_used_at.map(moment),
    }
}

fn token_row(token: Token) -> OwnTokenRow {
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
    let aors: Vec<&str> = token.aors.iter().map(Aor::as_str).collect();
    OwnTokenRow {
        revoke_href: format!("/me/tokens/{}/revoke", token.id),
        scopes: scopes.join(", "),
        aors: aors.join(", "),
        made: moment(token.created_at),
        expires: token.expires_at.map(moment),
        used: token.last_used_at.map(moment),
        is_over: false,
        name: token.name,
    }
}

async fn change_password(
    State(state): State<AppState>,
    visitor: Visitor,
    visit: Visit,
    form: Form,
) -> Result<Response, PageError> {
    visitor.prove_own_page(form.get("csrf")).await?;
    let (old, new) = (form.get("old"), form.get("password"));
    if new != form.get("password_again") {
        return refuse(&visitor, "The two passwords differ.").await;
    }
    let who = &visitor.principal;
    state.throttle.password(address(&visit), &who.name)?;
    let person = match state.identity.change_password(who, old, new).await {
        Ok(person) => person,
        Err(error) => return refuse(&visitor, &refusal(error)?).await,
    };
    // All sessions have ended, this one too.
    session::start(&visitor.session, &person, &visit).await?;
    let done = "Your password is changed, and you are signed out everywhere else.";
    visitor.flash(done).await?;
    Ok(back())
}

/// Goes on only if the form has this person's password: before something is changed that keeps others out.
async fn prove_password(
    state: &AppState,
    visitor: &Visitor,
    visit: &Visit,
    form: &Form,
) -> Result<Result<(), String>, PageError> {
    let who = &visitor.principal;
    state.throttle.password(address(visit), &who.name)?;
    let proved = state.identity.prove_password(who, form.get("password"));
    match proved.await {
        Ok(()) => Ok(Ok(())),
        Err(error) => Ok(Err(refusal(error)?)),
    }
}

/// What to say of what a person can set right.
fn refusal(error: IdentityError) -> Result<String, Problem> {
    use PasswordError::{Entropy, Hash, Thread};
    match error {
        IdentityError::Store(_)
        | IdentityError::Thread(_)
        | IdentityError::Password(Entropy(_) | Hash(_) | Thread) => Err(error.into()),
        error => Ok(sentence(&error.to_string())),
    }
}

/// Says on the page of one's account what could not be done.
async fn refuse(visitor: &Visitor, why: &str) -> Result<Response, PageError> {
    visitor.flash_error(why).await?;
    Ok(back())
}

fn back() -> Response {
    Redirect::to("/me").into_response()
}
