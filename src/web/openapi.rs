//! The `OpenAPI` document, made from the handlers.

use axum::Router;
use serde_json::Value;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;

use super::state::AppState;
use super::{gateway, health, rest};

mod common;
mod example;
mod links;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Restante",
        description = "Deferred messages of SIP users: hand them over, list, read and delete them.\n\n\
            Errors are RFC 9457 problem documents; each `type` is a page to read, listed at `/problems`. \
            Lists have cursors, never offsets. Times are RFC 3339 in UTC, sizes are octets.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact(name = "The Restante project"),
    ),
    servers((url = "/", description = "This server")),
    tags(
        (name = "accounts", description = "The mailboxes of served users"),
        (name = "messages", description = "What waits in a mailbox"),
        (name = "events", description = "What happens, as it happens"),
        (name = "gateway", description = "Handing over messages from a SIP network"),
        (name = "reports", description = "Telling senders that their messages went undelivered"),
        (name = "audit", description = "Who did what"),
        (name = "users", description = "People who may sign in"),
        (name = "tokens", description = "What programs sign in with"),
        (name = "health", description = "For whoever restarts or routes"),
    ),
    modifiers(&Security),
)]
struct Document;

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API token, made by `restante token create`."))
            .build();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        let session = ApiKeyValue::with_description(
            "restante",
            "The session of a signed-in person. Requests that change something also need the \
             session's secret in `X-CSRF-Token`.",
        );
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    }
}

/// The documented operations as a router, and their document.
pub(super) fn documented() -> (Router<AppState>, Value) {
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .merge(gateway::router())
        .merge(rest::router())
        .merge(health::router())
        .split_for_parts();
    // It has nothing that cannot be written as JSON.
    let mut document = serde_json::to_value(document).unwrap_or_default();
    common::complete(&mut document);
    links::add(&mut document);
    (router, document)
}

/// The document as it stands in `openapi/openapi.json`.
///
/// # Errors
/// None in practice: the document can be written as JSON.
pub fn document() -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&documented().1)?;
    text.push('\n');
    Ok(text)
}
