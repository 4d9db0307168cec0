//! Ending one's own sessions.

use axum::extract::State;
use axum::response::Response;

use super::{back, refuse};
use crate::identity::Identity;
use crate::web::auth::session;
use crate::web::ui::form::Form;
use crate::web::ui::page::{PageError, Visitor};

/// Ends one.
pub(super) async fn end(
    State(identity): State<Identity>,
    visitor: Visitor,
    form: Form,
) -> Result<Response, PageError> {
    visitor.prove_own_page(form.get("csrf")).await?;
    let key = form.get("session");
    if !identity.end_own_session(&visitor.principal, key).await? {
        return refuse(&visitor, "That session had ended already.").await;
    }
    visitor.flash("That session is ended.").await?;
    Ok(back())
}

/// Ends all but this one.
pub(super) async fn end_others(
    State(identity): State<Identity>,
    visitor: Visitor,
    form: Form,
) -> Result<Response, PageError> {
    visitor.prove_own_page(form.get("csrf")).await?;
    let this = session::own_key(&visitor.session).unwrap_or_default();
    let ended = identity
        .end_other_sessions(&visitor.principal, &this)
        .await?;
    let done = match ended {
        0 => "You were signed in nowhere else.".to_owned(),
        1 => "You are signed out elsewhere: one session ended.".to_owned(),
        ended => format!("You are signed out everywhere else: {ended} sessions ended."),
    };
    visitor.flash(&done).await?;
    Ok(back())
}
