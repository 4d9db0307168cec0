//! The REST API under `/api/v1`: one operation per file, all routes in this list.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::state::AppState;

pub mod account_path;
pub mod accounts;
pub mod audit;
pub mod events;
pub mod large_view;
pub mod messages;
pub mod reports;
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
}
