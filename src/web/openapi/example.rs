//! An example of what a schema describes, put together from the examples of its properties.

use serde_json::{Map, Value, json};

/// An instant for properties that are one.
const INSTANT: &str = "2026-10-01T08:15:30Z";

/// A value that the schema allows. What may be null and has no example is null.
pub(super) fn example(schema: &Value, schemas: &Map<String, Value>) -> Value {
    if let Some(known) = schema.get("example").or_else(|| schema.get("default")) {
        return known.clone();
    }
    if let Some(known) = schema["examples"].get(0).or_else(|| schema["enum"].get(0)) {
        return known.clone();
    }
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        return schemas
            .get(name)
            .map_or(Value::Null, |schema| example(schema, schemas));
    }
    if let Some(all) = schema["allOf"].as_array() {
        let mut whole = Map::new();
        for part in all {
            if let Value::Object(properties) = example(part, schemas) {
                whole.extend(properties);
            }
        }
        return Value::Object(whole);
    }
    for one_of in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[one_of].as_array() {
            let null = choices.iter().any(|choice| choice["type"] == "null");
            let first = choices.first().filter(|_| !null);
            return first.map_or(Value::Null, |choice| example(choice, schemas));
        }
    }
    simple(schema, schemas)
}

fn simple(schema: &Value, schemas: &Map<String, Value>) -> Value {
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    if types.contains(&"null") {
        return Value::Null;
    }
    match types.first() {
        Some(&"object") => {
            let properties = schema["properties"].as_object();
            let properties = properties.into_iter().flatten();
            properties
                .map(|(name, schema)| (name.clone(), example(schema, schemas)))
                .collect()
        }
        Some(&"array") => json!([example(&schema["items"], schemas)]),
        Some(&"string") if schema["format"] == "date-time" => json!(INSTANT),
        Some(&"string") => json!("text"),
        Some(&("integer" | "number")) => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some(&"boolean") => json!(false),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_put_together_from_those_of_properties() {
        let schemas = json!({"Inner": {"type": "object", "properties": {"n": {"type": "integer", "example": 7}}}});
        let schema = json!({"type": "object", "properties": {
            "inner": {"$ref": "#/components/schemas/Inner"},
            "list": {"type": "array", "items": {"type": "string"}},
            "at": {"type": "string", "format": "date-time"},
            "maybe": {"type": ["string", "null"]},
            "none": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Inner"}]},
            "all": {"allOf": [{"$ref": "#/components/schemas/Inner"}, {"type": "object", "properties": {"yes": {"type": "boolean"}}}]},
        }});
        let expected = json!({
            "inner": {"n": 7}, "list": ["text"], "at": INSTANT, "maybe": null, "none": null, "all": {"n": 7, "yes": false},
        });
        assert_eq!(example(&schema, schemas.as_object().unwrap()), expected);
    }
}
