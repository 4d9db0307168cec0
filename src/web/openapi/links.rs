//! Which answers name what other operations take: tools and tests follow them.

use serde_json::{Value, json};

/// From which answer of which operation, to which operation, and which of its parameters are where.
type Link = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const STORED: &[(&str, &str)] = &[
    ("aor", "$response.body#/account"),
    ("id", "$response.body#/id"),
];
const SAME: &[(&str, &str)] = &[("aor", "$request.path.aor"), ("id", "$request.path.id")];

/// Only links that always lead somewhere: a list may be empty.
const LINKS: &[Link] = &[
    ("store_message", "201", "get_message", STORED),
    ("store_message", "201", "get_message_raw", STORED),
    ("store_message", "201", "get_message_content", STORED),
    ("store_message", "201", "get_message_timeline", STORED),
    ("store_message", "201", "update_message", STORED),
    ("store_message", "201", "delete_message", STORED),
    ("store_message", "200", "get_message", STORED),
    (
        "store_message",
        "201",
        "list_messages",
        &[("aor", "$response.body#/account")],
    ),
    (
        "store_message",
        "201",
        "delete_messages",
        &[("aor", "$response.body#/account")],
    ),
    (
        "store_message",
        "201",
        "get_account",
        &[("aor", "$response.body#/account")],
    ),
    ("store_large_message", "201", "get_message", STORED),
    ("store_large_message", "201", "get_message_session", STORED),
    ("get_message", "200", "delete_message", SAME),
    ("update_message", "200", "get_message", SAME),
];

/// Adds the links to the document.
pub(super) fn add(document: &mut Value) {
    let operations = document["paths"].as_object_mut().into_iter().flatten();
    let operations = operations.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten());
    for (_, operation) in operations {
        let id = operation["operationId"].clone();
        for (from, status, to, parameters) in LINKS {
            let answer = operation["responses"].get_mut(status);
            let (true, Some(answer)) = (id == *from, answer) else {
                continue;
            };
            if !answer["links"].is_object() {
                answer["links"] = json!({});
            }
            let parameters: Value = parameters
                .iter()
                .map(|(name, place)| ((*name).to_owned(), json!(place)))
                .collect();
            answer["links"][to] = json!({"operationId": to, "parameters": parameters});
        }
    }
}
