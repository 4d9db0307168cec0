//! What holds for every operation, added to the document in one place so that none forgets it: the answers that any of
//! them may give, header fields of requests and answers, and examples.

use serde_json::{Map, Value, json};

use super::example::example;
use crate::web::idempotency::is_remembered;
use crate::web::problem::{KINDS, Kind};

const PROBLEM: &str = "application/problem+json";

/// An operation of the document, and where it is.
struct Place<'a> {
    method: &'a str,
    path: &'a str,
}

impl Place<'_> {
    /// Whether this is a part of the API, not a probe.
    fn is_api(&self) -> bool {
        self.path.starts_with("/api/") || self.path.starts_with("/gateway/")
    }

    /// Whether the answer shows what was changed, unless it is asked not to.
    fn may_be_minimal(&self, operation: &Value) -> bool {
        let shows = operation["responses"]["200"]["content"]["application/json"].is_object();
        self.path.starts_with("/api/") && ["patch", "post"].contains(&self.method) && shows
    }
}

/// Adds what operations have in common to all of them.
pub(super) fn complete(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    let schemas = schemas.as_object().cloned().unwrap_or_default();
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, item) in paths {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                let place = Place { method, path };
                parameters(operation, &place);
                answers(operation, &place);
                examples(operation, &schemas);
            }
        }
    }
    document["components"]["headers"] = json!({
        "RequestId": {
            "description": "Names the request in the server's log. The client's own `x-request-id`, or one that was made.",
            "schema": {"type": "string"}, "example": "4bf92f3577b34da6a3ce929d0e0e4736",
        },
    });
    document["components"]["parameters"] = json!({
        "IdempotencyKey": {
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Makes it safe to send the request again: for 24 hours the same key with the same request gets \
                the first answer, with `Idempotency-Replayed: true`, and nothing is done twice.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
        },
        "Prefer": {
            "name": "Prefer", "in": "header", "required": false,
            "description": "`return=minimal` asks for 204 without a body (RFC 7240). Other preferences are ignored.",
            "schema": {"type": "string"},
            "example": "return=representation",
        },
    });
}

fn parameters(operation: &mut Value, place: &Place<'_>) {
    let minimal = place.may_be_minimal(operation);
    let mut add = |name: &str| {
        let list = &mut operation["parameters"];
        if !list.is_array() {
            *list = json!([]);
        }
        if let Some(list) = list.as_array_mut() {
            list.push(json!({"$ref": format!("#/components/parameters/{name}")}));
        }
    };
    if is_remembered(place.method, place.path) {
        add("IdempotencyKey");
    }
    if minimal {
        add("Prefer");
    }
}

/// Adds the answers that the operation does not name itself.
fn answers(operation: &mut Value, place: &Place<'_>) {
    let has_body = operation["requestBody"].is_object();
    let asks_who = operation["responses"]["401"].is_object();
    let minimal = place.may_be_minimal(operation);
    let Some(answers) = operation["responses"].as_object_mut() else {
        return;
    };
    let mut add = |status: &str, description: &str| {
        let problem = json!({
            "description": description,
            "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
        });
        answers.entry(status).or_insert(problem);
    };
    if place.is_api() {
        add("400", "A parameter is wrong or not known");
        add("406", "Accept leaves out everything that this answers with");
        add("503", "The database is away, or the request took too long");
    } else {
        add("405", "Another method than GET or HEAD");
    }
    if asks_who {
        add(
            "429",
            "Too many requests; Retry-After says when to come again",
        );
    }
    add("500", "Something went wrong in the server");
    if has_body {
        add("413", "The body is larger than the operation takes");
    }
    if is_remembered(place.method, place.path) {
        add(
            "409",
            "A request with this Idempotency-Key is being answered",
        );
        add("422", "The Idempotency-Key was used for another request");
    }
    if minimal {
        let done = json!({"description": "Done, and `Prefer: return=minimal` was sent"});
        answers.entry("204").or_insert(done);
    }
    for answer in answers.values_mut() {
        if !answer["headers"].is_object() {
            answer["headers"] = json!({});
        }
        answer["headers"]["x-request-id"] = json!({"$ref": "#/components/headers/RequestId"});
    }
}

/// Gives bodies an example each, where the operation has none of its own.
fn examples(operation: &mut Value, schemas: &Map<String, Value>) {
    let bodies = |content: &mut Value| {
        for (media_type, body) in content.as_object_mut().into_iter().flatten() {
            let known = ["application/json"].contains(&media_type.as_str());
            let has_one = !body["example"].is_null();
            if known && !has_one && body["schema"].is_object() {
                // Of a body that may be left out, what it is when it is there.
                let schema = body["schema"]["oneOf"].get(0).unwrap_or(&body["schema"]);
                body["example"] = example(schema, schemas);
            }
            // A look at what is not there leaves a null behind.
            if let Some(body) = body.as_object_mut() {
                body.retain(|_, value| !value.is_null());
            }
        }
    };
    if let Some(content) = operation.pointer_mut("/requestBody/content") {
        bodies(content);
    }
    for (status, answer) in operation["responses"].as_object_mut().into_iter().flatten() {
        let Some(content) = answer.get_mut("content") else {
            continue;
        };
        bodies(content);
        if let Some(problem) = content.get_mut(PROBLEM)
            && let Some(kind) = usual(status)
        {
            problem["example"] = json!({
                "type": format!("/problems/{}", kind.slug), "title": kind.title, "status": kind.status,
            });
        }
    }
}

/// The problem that a status usually stands for.
fn usual(status: &str) -> Option<&'static Kind> {
    let kinds = KINDS
        .iter()
        .filter(|kind| kind.status.to_string() == status);
    kinds.min_by_key(|kind| kind.sip_status != 0).copied()
}
