//! What is written down is what the program does.

use std::fs;
use std::path::Path;

use restante::config::markdown_table;
use restante::identity::secret;
use restante::web::openapi;
use serde_json::Value;

use crate::support::document::resolve;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_table_of_keys_is_the_programs_own() {
    let table = markdown_table();
    for page in ["README.md", "docs/configuration.md"] {
        assert!(
            read(page).contains(&table),
            "{page} should contain:\n{table}"
        );
    }
}

#[test]
fn the_openapi_document_is_fresh() {
    assert!(
        openapi::document().unwrap() == read("openapi/openapi.json"),
        "renew openapi/openapi.json by `cargo run -- openapi`"
    );
}

/// Whoever uses the document finds each operation explained, named, and with its errors.
#[test]
fn every_operation_is_documented() {
    let document: Value = serde_json::from_str(&openapi::document().unwrap()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let at = format!("{method} {path}");
            for field in ["summary", "description", "operationId"] {
                assert!(
                    operation[field]
                        .as_str()
                        .is_some_and(|text| !text.is_empty()),
                    "{at}: {field}"
                );
            }
            assert!(operation["tags"][0].is_string(), "{at}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(response["description"].is_string(), "{at} {status}");
                if status.as_str() >= "400" {
                    assert!(
                        response["content"]["application/problem+json"].is_object(),
                        "{at} {status}"
                    );
                }
            }
            let responses = operation["responses"].as_object().unwrap();
            if operation["security"]
                .as_array()
                .is_some_and(|ways| ways.iter().any(|way| way.get("token").is_some()))
            {
                for status in ["400", "401", "403", "406", "500", "503"] {
                    assert!(responses.contains_key(status), "{at}: {status}");
                }
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let parameter = resolve(&document, parameter);
                assert!(parameter["description"].is_string(), "{at} {parameter}");
            }
            assert_bodies_are_named(&at, operation);
        }
    }
}

/// Bodies in JSON are of types that have a name, for the clients that are generated, and have examples.
fn assert_bodies_are_named(at: &str, operation: &Value) {
    let answers = operation["responses"].as_object().unwrap().values();
    for body in answers.chain([&operation["requestBody"]]) {
        for (media_type, content) in body["content"].as_object().into_iter().flatten() {
            let schema = &content["schema"];
            let named = schema["oneOf"].get(0).unwrap_or(schema)["$ref"].is_string();
            let is_json = media_type.ends_with("json");
            assert!(!is_json || named, "{at}: {media_type} {schema}");
            assert!(
                !is_json || !content["example"].is_null(),
                "{at}: {media_type}"
            );
        }
    }
}

/// A step that has landed is never edited: databases in the field have run it.
#[test]
fn landed_migrations_are_unchanged() {
    for (step, hash) in [
        ("m0001_messages", M0001),
        ("m0002_identity", M0002),
        ("m0003_digest", M0003),
        ("m0004_large", M0004),
        ("m0005_reports", M0005),
        ("m0006_events", M0006),
        ("m0007_xcap", M0007),
        ("m0008_xcap_logins", M0008),
        ("m0009_people", M0009),
        ("m0012_full_text", M0012),
        ("m0010_access", M0010),
        ("m0011_audit_chain", M0011),
        ("m0013_idempotency", M0013),
    ] {
        let now = secret::hash(&read(&format!("migrations/{step}.rs")));
        assert_eq!(
            now, hash,
            "migrations/{step}.rs has changed: add a new step instead"
        );
    }
}

const M0001: &str = "0c60872c38e07149562a3b8b88c33684e4ca56944cc001ce18cfe18df471554a";
const M0002: &str = "49cb5e3375b9bc312efd6b98f0eab24809ae732ab9482807be5a426e41f6b7de";
const M0003: &str = "c3674b5144ad1039ded8ad4d51d906b0479dad62d7e2c00797fe731897366015";
const M0004: &str = "92c7b296fa73955cccdd6e6c5c192e26c814c693e9aafc0c5c9c5fc5502cbe85";
const M0007: &str = "440be99c01e7ef8f351911a4cc8be23b2c56174fd9f099a8d8fd075072578cda";
const M0006: &str = "f5de1149d9c4c441e9949ebd6d1902768cc37c4c060adcae2bb5ab2c58ac35d0";
const M0011: &str = "9a195eeacddf1a62efea1c7744988e90468e1565cb5a367145e1c7e74ec5a9e5";
const M0008: &str = "a6ceb3b6df3004c8ed00099ca5e084b7a3ff1665faa334fcc33882aacd8a1e8b";
const M0009: &str = "3423242a4d0e47dd36e0500496934248d113252f8880fc0f6a1110751536c1ea";
const M0005: &str = "3f7496e32222047c03de62430422a8e6c9db53288ccc1108306c4db3471b101e";
const M0012: &str = "6208e2f51f75eea95e9f1f1ac2cd00e3ddd45502bca3a55f2e69d1d576a6a3c3";
const M0010: &str = "5b3fd2a9c6bf196667c1b6f51e67c5d5e37d78cabb5fcd2edb9c29ce0ecb62a3";
const M0013: &str = "f1d3fc9bb93c550b94e5789543891e8394e84f4e278bc06072fa72d961b2f941";
