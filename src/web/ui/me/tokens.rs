//! One's own tokens: making them and ending them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::TimeDelta;

use super::{back, refusal, refuse};
use crate::domain::access::TokenScope;
use crate::domain::address::Aor;
use crate::identity::Identity;
use crate::web::extract::Path;
use crate::web::state::AppState;
use crate::web::ui::form::Form;
use crate::web::ui::page::{PageError, Visitor, html};
use crate::web::ui::pages::TokenMadePage;

/// Makes one, and shows its secret this once.
pub(super) async fn create(
    State(state): State<AppState>,
    visitor: Visitor,
    form: Form,
) -> Result<Response, PageError> {
    visitor.prove_own_page(form.get("csrf")).await?;
    let name = form.get("name").trim();
    let scopes: Option<Vec<TokenScope>> = form.all("scope").map(|s| s.parse().ok()).collect();
    let aors: Option<Vec<Aor>> = form.all("aor").map(|aor| aor.parse().ok()).collect();
    let days: Option<i64> = form.get("days").parse().ok();
    let life = days.filter(|days| *days > 0).and_then(TimeDelta::try_days);
    let (Some(scopes), Some(aors), Some(life)) = (scopes, aors, life) else {
        return refuse(&visitor, "The form was not filled in: try again.").await;
    };
    let (who, realm) = (&visitor.principal, state.settings.realm());
    let made = state
        .identity
        .create_own_token(who, name, &scopes, &aors, life, &realm);
    let secret = match made.await {
        Ok(made) => made.text,
        Err(error) => return refuse(&visitor, &refusal(error)?).await,
    };
    tracing::info!(user.name = who.name, "{} has made a token", who.name);
    let page = TokenMadePage {
        chrome: visitor.chrome("New token").await?,
        name: name.to_owned(),
        secret,
        digest_name: aors.first().map(ToString::to_string).unwrap_or_default(),
    };
    Ok(html(StatusCode::OK, &page))
}

/// Ends one.
pub(super) async fn revoke(
    State(identity): State<Identity>,
    visitor: Visitor,
    Path(id): Path<i64>,
    form: Form,
) -> Result<Response, PageError> {
    visitor.prove_own_page(form.get("csrf")).await?;
    if !identity.revoke_token_of(id, &visitor.principal).await? {
        return refuse(&visitor, "There is no such token of yours.").await;
    }
    visitor.flash("The token is revoked.").await?;
    Ok(back())
}
