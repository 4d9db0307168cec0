//! One's own second factor: adding it, fresh recovery codes, taking it away. Each asks for the password.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use qrcode::{Color, EcLevel, QrCode};

use super::{back, prove_password, refusal, refuse};
use crate::identity::NewSecret;
use crate::web::auth::session::{self, SessionError};
use crate::web::auth::visit::Visit;
use crate::web::problem::internal;
use crate::web::state::AppState;
use crate::web::ui::form::Form;
use crate::web::ui::page::{PageError, Visitor, html};
use crate::web::ui::pages::{QrPicture, RecoveryCodesPage, SecondFactorPage};

/// The session key of a secret that was shown and is not in use yet.
const SHOWN: &str = "second_factor";
/// White modules round a QR code (ISO 18004 wants four).
const QUIET_ZONE: usize = 4;

/// Shows a fresh secret, the same one until it is used.
pub(super) async fn show(
    State(state): State<AppState>,
    visitor: Visitor,
) -> Result<Response, PageError> {
    let who = &visitor.principal;
    if state.identity.has_second_factor(who).await? {
        return Ok(back());
    }
    let shown: Option<String> = visitor
        .session
        .get(SHOWN)
        .await
        .map_err(SessionError::from)?;
    let secret = if let Some(text) = shown {
        NewSecret::shown(who, &text)
    } else {
        let secret = NewSecret::random(who)?;
        let kept = visitor.session.insert(SHOWN, &secret.text).await;
        kept.map_err(SessionError::from)?;
        secret
    };
    let page = SecondFactorPage {
        chrome: visitor.chrome("Add a second factor").await?,
        qr: picture(&secret.uri)?,
        groups: groups(&secret.text),
        uri: secret.uri,
    };
    Ok(html(StatusCode::OK, &page))
}

/// Begins to ask for it, if the app shows the right code.
pub(super) async fn add(
    State(state): State<AppState>,
    visitor: Visitor,
    visit: Visit,
    form: Form,
) -> Result<Response, PageError> {
    visitor.prove_own_page(form.get("csrf")).await?;
    let who = &visitor.principal;
    let shown: Option<String> = visitor
        .session
        .get(SHOWN)
        .await
        .map_err(SessionError::from)?;
    let Some(text) = shown else {
        return Ok(again());
    };
    if state.identity.has_second_factor(who).await? {
        return Ok(back());
    }
    if let Err(why) = prove_password(&state, &visitor, &visit, &form).await? {
        visitor.flash_error(&why).await?;
        return Ok(again());
    }
    let added = state
        .identity
        .add_second_factor(who, &text, form.get("code"));
    let codes = match added.await {
        Ok(codes) => codes,
        Err(error) => {
            visitor.flash_error(&refusal(error)?).await?;
            return Ok(again());
        }
    };
    // All sessions have ended, this one too.
    session::start(&visitor.session, who, &visit).await?;
    visitor
        .flash("From now on you are asked for a code when you sign in. You are signed out everywhere else.")
        .await?;
    tracing::info!(
        user.name = who.name,
        "{} has added a second factor",
        who.name
    );
    show_codes(&visitor, codes).await
}

/// Fresh recovery codes.
pub(super) async fn renew_codes(
    State(state): State<AppState>,
    visitor: Visitor,
    visit: Visit,
    form: Form,
) -> Result<Response, PageError> {
    visitor.prove_own_page(form.get("csrf")).await?;
    let who = &visitor.principal;
    if !state.identity.has_second_factor(who).await? {
        return Ok(back());
    }
    if let Err(why) = prove_password(&state, &visitor, &visit, &form).await? {
        return refuse(&visitor, &why).await;
    }
    let codes = state.identity.renew_recovery_codes(who).await?;
    show_codes(&visitor, codes).await
}

/// Asks for it no more.
pub(super) async fn remove(
    State(state): State<AppState>,
    visitor: Visitor,
    visit: Visit,
    form: Form,
) -> Result<Response, PageError> {
    visitor.prove_own_page(form.get("csrf")).await?;
    let who = &visitor.principal;
    if let Err(why) = prove_password(&state, &visitor, &visit, &form).await? {
        return refuse(&visitor, &why).await;
    }
    let identity = state.identity.by(who.actor);
    identity.remove_second_factor(&who.name).await?;
    session::start(&visitor.session, who, &visit).await?;
    visitor
        .flash("Your second factor is removed. You are signed out everywhere else.")
        .await?;
    tracing::info!(
        user.name = who.name,
        "{} has removed the second factor",
        who.name
    );
    Ok(back())
}

async fn show_codes(visitor: &Visitor, codes: Vec<String>) -> Result<Response, PageError> {
    let page = RecoveryCodesPage {
        chrome: visitor.chrome("Recovery codes").await?,
        codes,
    };
    Ok(html(StatusCode::OK, &page))
}

fn again() -> Response {
    Redirect::to("/me/second-factor").into_response()
}

/// A secret in groups of four, which are easier to type.
fn groups(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let groups: Vec<String> = letters
        .chunks(4)
        .map(|group| group.iter().collect())
        .collect();
    groups.join(" ")
}

/// The dark modules of a QR code as one path.
fn picture(text: &str) -> Result<QrPicture, PageError> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M);
    let code = code.map_err(|error| internal(&error))?;
    let width = code.width();
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(width).enumerate() {
        for (x, _) in row
            .iter()
            .enumerate()
            .filter(|(_, color)| **color == Color::Dark)
        {
            // Writing to a String does not fail.
            let _ = write!(path, "M{} {}h1v1h-1z", x + QUIET_ZONE, y + QUIET_ZONE);
        }
    }
    Ok(QrPicture {
        width: width + 2 * QUIET_ZONE,
        path,
    })
}
