//! The `OpenAPI` document as tests see it: its operations, and whether a value is as a schema says.

use serde_json::Value;

use super::TestApp;

/// An operation of the document.
pub struct Operation {
    pub method: String,
    pub path: String,
    pub id: String,
    pub value: Value,
}

/// All operations: reading first, deleting last, deeper paths before what holds them.
pub async fn operations(app: &TestApp) -> (Value, Vec<Operation>) {
    let document = app.get("/openapi.json").await.json();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, value) in item.as_object().unwrap() {
            all.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                id: value["operationId"].as_str().unwrap().to_owned(),
                value: value.clone(),
            });
        }
    }
    let order = |method: &str| {
        ["GET", "POST", "PUT", "PATCH", "DELETE"]
            .iter()
            .position(|m| *m == method)
    };
    all.sort_by_key(|op| {
        (
            order(&op.method),
            std::cmp::Reverse(op.path.matches('/').count()),
        )
    });
    (document, all)
}

impl Operation {
    /// Its parameters in one place, those that it shares included: name and example.
    pub fn parameters(&self, document: &Value, place: &str) -> Vec<(String, String)> {
        let list = self.value["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let list = list.iter().map(|parameter| resolve(document, parameter));
        let list = list.filter(|parameter| parameter["in"] == place);
        list.filter_map(|parameter| {
            let example = parameter
                .get("example")
                .or_else(|| parameter["schema"].get("default"))?;
            let example = example
                .as_str()
                .map_or_else(|| example.to_string(), ToOwned::to_owned);
            Some((parameter["name"].as_str()?.to_owned(), example))
        })
        .collect()
    }

    /// The media type and example of its body.
    pub fn body(&self) -> Option<(String, Value)> {
        let content = self.value["requestBody"]["content"].as_object()?;
        let (media_type, body) = content.iter().next()?;
        Some((media_type.clone(), body["example"].clone()))
    }

    /// Its path with parameters replaced.
    pub fn path_with(&self, values: &[(String, String)]) -> String {
        values
            .iter()
            .fold(self.path.clone(), |path, (name, value)| {
                path.replace(&format!("{{{name}}}"), value)
            })
    }
}

/// What a `$ref` stands for.
pub fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(pointer) => document.pointer(pointer.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

/// Says what of `value` is not as `schema` says: nothing if all is.
pub fn mismatch(document: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    let schema = resolve(document, schema);
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = choices
            .iter()
            .filter(|choice| mismatch(document, choice, value, at).is_none());
        return (fits.count() != 1).then(|| format!("{at}: {value} is not one of {choices:?}"));
    }
    if let Some(all) = schema["allOf"].as_array() {
        return all
            .iter()
            .find_map(|part| mismatch(document, part, value, at));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().map(|name| name.as_str().unwrap()).collect(),
        Value::String(one) => vec![one],
        _ => return None,
    };
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !types
        .iter()
        .any(|name| *name == is || (*name == "number" && is == "integer"))
    {
        return Some(format!("{at}: {value} is no {types:?}"));
    }
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(n, item)| mismatch(document, &schema["items"], item, &format!("{at}/{n}"))),
        Value::Object(members) => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let missing = required
                .iter()
                .find(|name| !members.contains_key(name.as_str().unwrap()));
            if let Some(missing) = missing {
                return Some(format!("{at}: {missing} is missing"));
            }
            members.iter().find_map(|(name, member)| {
                mismatch(
                    document,
                    &schema["properties"][name],
                    member,
                    &format!("{at}/{name}"),
                )
            })
        }
        _ => None,
    }
}
