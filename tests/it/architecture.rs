//! The shape of the tree: which folder may use which, and how large a file may grow.

use std::fs;
use std::path::{Path, PathBuf};

/// What each folder of `src` may import of the others. `web` calls `inbound` because the HTTP
/// gateway is one more door to the same procedures.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("sip", &["domain", "mime", "xcap", "rate"]),
    ("msrp", &["domain", "sip", "mime", "xcap"]),
    ("mime", &["domain", "sip", "xcap"]),
    ("xcap", &["domain", "sip", "mime"]),
    ("store", &["domain", "clock", "migrations"]),
    (
        "mailbox",
        &["domain", "mime", "xcap", "store", "clock", "rate"],
    ),
    ("identity", &["domain", "sip", "store", "clock"]),
    (
        "inbound",
        &[
            "domain", "sip", "msrp", "mime", "xcap", "mailbox", "identity", "clock",
        ],
    ),
    (
        "outbound",
        &["domain", "sip", "msrp", "mime", "xcap", "mailbox", "clock"],
    ),
    (
        "web",
        &[
            "domain", "sip", "msrp", "mime", "xcap", "mailbox", "inbound", "identity", "store",
            "clock", "config", "demo", "rate",
        ],
    ),
];

/// The longest source file, in lines.
const MOST_LINES: usize = 500;

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn folders_import_only_what_they_may() {
    for (folder, allowed) in MAY_IMPORT {
        for file in rust_files(&source().join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            // Documentation may point anywhere.
            let code: Vec<&str> = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect();
            for after in code.join("\n").split("crate::").skip(1) {
                let name: String = after
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                let fine = name == *folder || allowed.contains(&name.as_str()) || name.is_empty();
                assert!(fine, "{} imports crate::{name}", file.display());
            }
        }
    }
}

/// What puts the parts together may use them all.
const KNOW_ALL: &[&str] = &["app", "cli", "config", "demo"];

#[test]
fn every_folder_has_a_row() {
    for entry in fs::read_dir(source()).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            let name = entry.file_name().into_string().unwrap();
            let known = MAY_IMPORT.iter().any(|(folder, _)| *folder == name);
            assert!(
                known || KNOW_ALL.contains(&name.as_str()),
                "src/{name} has no row in MAY_IMPORT"
            );
        }
    }
}

#[test]
fn nobody_but_the_store_knows_the_database() {
    for file in rust_files(&source()) {
        let relative = file.strip_prefix(source()).unwrap();
        if relative.starts_with("store") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for forbidden in ["sea_orm::", "sqlx::", "store::entity"] {
            assert!(
                !text.contains(forbidden),
                "{} names {forbidden}",
                file.display()
            );
        }
    }
}

#[test]
fn every_module_says_what_it_is_and_stays_small() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    for file in rust_files(&source()).into_iter().chain(rust_files(&tests)) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with("//!"),
            "{} does not open with //!",
            file.display()
        );
        assert!(
            text.lines().count() <= MOST_LINES,
            "{} is over {MOST_LINES} lines",
            file.display()
        );
    }
}
