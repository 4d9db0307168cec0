//! The browser UI: server-rendered pages that work without scripts.

use axum::Router;
use axum::routing::{get, post};

use super::state::AppState;

mod accounts;
mod audit;
mod delete;
mod erase;
mod extend;
mod form;
mod format;
mod inbox;
mod large;
mod me;
mod message;
mod metadata;
mod page;
mod pages;
mod problems;
mod reports;
mod sealed;
mod setup;
mod sign_in;
mod test_message;
mod timeline;
mod undo;
mod welcome;

pub use page::{for_people, show_problems};

/// All pages.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/", get(accounts::home))
        .route("/sign-in", get(sign_in::show).post(sign_in::submit))
        .route(
            "/sign-in/code",
            get(sign_in::show_code).post(sign_in::submit_code),
        )
        .route("/sign-out", post(sign_in::sign_out))
        .route("/setup", get(setup::show).post(setup::submit))
        .route("/welcome", get(welcome::show).post(welcome::submit))
        .merge(me::router())
        .route("/accounts", get(accounts::list))
        .route("/accounts/{aor}", get(inbox::show))
        .route("/accounts/{aor}/delete", post(delete::submit))
        .route("/accounts/{aor}/undo", post(undo::submit))
        .route(
            "/accounts/{aor}/erase",
            get(erase::show).post(erase::submit),
        )
        .route(
            "/accounts/{aor}/reason",
            get(sealed::show).post(sealed::submit),
        )
        .route("/accounts/{aor}/metadata", get(metadata::show))
        .route("/accounts/{aor}/test-message", post(test_message::submit))
        .route("/accounts/{aor}/messages/{id}", get(message::show))
        .route(
            "/accounts/{aor}/messages/{id}/extend",
            get(extend::show).post(extend::submit),
        )
        .route("/audit", get(audit::show))
        .route("/reports", get(reports::show))
        .route("/reports/{id}/retry", post(reports::retry))
        .route("/reports/{id}/drop", post(reports::drop_one))
        .route("/problems", get(problems::index))
        .route("/problems/{slug}", get(problems::show))
}
