//! The bodies of XCAP conflicts, as xmllint sees them (RFC 4825 section 11).

use std::io::Write as _;
use std::process::{Command, Stdio};

use restante::xcap::conflict::{Condition, Conflict, Exists};
use restante::xcap::error::document;

/// Whether xmllint finds a document valid, and what it says.
fn validate(xml: &str) -> (bool, String) {
    let schema = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/rfc4825/xcap-error.xsd"
    );
    let xmllint = std::env::var("RESTANTE_TEST_XMLLINT").unwrap_or_else(|_| "xmllint".into());
    let mut check = Command::new(xmllint)
        .args(["--noout", "--nonet", "--schema", schema, "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("xmllint is needed: run ./scripts/test");
    let mut input = check.stdin.take().unwrap();
    input.write_all(xml.as_bytes()).unwrap();
    drop(input);
    let output = check.wait_with_output().unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn every_conflict_is_valid() {
    let exists = |alt_values: &[&str]| Exists {
        field: "l/e[@a=\"ü\"]/@b".into(),
        alt_values: alt_values.iter().map(|v| (*v).into()).collect(),
    };
    for condition in [
        Condition::NotWellFormed,
        Condition::NotXmlFrag,
        Condition::NoParent(None),
        Condition::NoParent(Some("l/e[@a=\"<ü>\"]?xmlns(p=u)".into())),
        Condition::SchemaValidationError,
        Condition::NotXmlAttValue,
        Condition::CannotInsert,
        Condition::CannotDelete,
        Condition::UniquenessFailure(vec![]),
        Condition::UniquenessFailure(vec![exists(&[]), exists(&["sip:a@b", "<c>\u{0}"])]),
        Condition::ConstraintFailure,
        Condition::NotUtf8,
    ] {
        for conflict in [
            Conflict::from(condition.clone()),
            condition.because("\"<&>\"\n\u{1F}"),
        ] {
            let xml = document(&conflict).unwrap();
            let (valid, said) = validate(&xml);
            assert!(valid, "{said}\n{xml}");
        }
    }
    let xml = document(&Condition::NotUtf8.into()).unwrap();
    assert!(!validate(&xml.replace("not-utf-8", "not-utf-9")).0);
}
