//! The REST API under `/api/v1`: one operation per file, all routes in this list.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::state::AppState;

pub mod account_path;
pub mod accounts;
pub mod audit;
pub mod events;
pub mod large_view;
pub mod me;
pub mod messages;
pub mod reports;
pub mod tokens;
pub mod users;
pub mod view;

/// Every REST operation.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(accounts::list::list_accounts))
        .routes(routes!(
            accounts::get::get_account,
            accounts::erase::erase_account
        ))
        .routes(routes!(accounts::export::export_account))
        .routes(routes!(messages::list::list_messages))
        .routes(routes!(
            messages::get::get_message,
            messages::delete::delete_message,
            messages::update::update_message
        ))
        .routes(routes!(messages::raw::get_message_raw))
        .routes(routes!(messages::preview::preview_message))
        .routes(routes!(messages::content::get_message_content))
        .routes(routes!(messages::session::get_message_session))
        .routes(routes!(messages::part::get_message_part))
        .routes(routes!(messages::timeline::get_message_timeline))
        .routes(routes!(messages::delete_many::delete_messages))
        .routes(routes!(events::follow_events))
        .routes(routes!(audit::list::list_audit))
        .routes(routes!(audit::export::export_audit))
        .routes(routes!(audit::verification::verify_audit))
        .routes(routes!(reports::list::list_reports))
        .routes(routes!(reports::retry::retry_report))
        .routes(routes!(reports::delete::delete_report))
        .routes(routes!(me::get_me))
        .routes(routes!(users::list::list_users, users::create::create_user))
        .routes(routes!(
            users::get::get_user,
            users::update::update_user,
            users::delete::delete_user
        ))
        .routes(routes!(
            tokens::list::list_tokens,
            tokens::create::create_token
        ))
        .routes(routes!(
            tokens::get::get_token,
            tokens::revoke::revoke_token
        ))
        .routes(routes!(tokens::rotate::rotate_token))
}
