//! The `OpenAPI` document, made from the handlers.

use axum::Router;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;

use super::state::AppState;
use super::{gateway, health, rest};

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

/// What any operation may answer that asks who is calling, where it says nothing else.
struct Common;

impl Modify for Common {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        for item in openapi.paths.paths.values_mut() {
            let operations = [
                &mut item.get,
                &mut item.put,
                &mut item.post,
                &mut item.delete,
                &mut item.patch,
            ];
            for operation in operations.into_iter().flatten() {
                let schema = Ref::from_schema_name("ProblemBody");
                let content = ContentBuilder::new().schema(Some(schema)).build();
                let too_many = ResponseBuilder::new()
                    .description("Too many requests; Retry-After says when to come again")
                    .content("application/problem+json", content)
                    .build();
                let responses = &mut operation.responses.responses;
                if responses.contains_key("401") {
                    responses.entry("429".to_owned()).or_insert(too_many.into());
                }
            }
        }
    }
}

/// The documented operations as a router, and their document.
pub(super) fn documented() -> (Router<AppState>, utoipa::openapi::OpenApi) {
    let (router, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .merge(gateway::router())
        .merge(rest::router())
        .merge(health::router())
        .split_for_parts();
    Common.modify(&mut document);
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
