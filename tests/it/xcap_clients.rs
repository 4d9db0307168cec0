//! XCAP asked by HTTP clients that others have written, with selectors as people write them.
//!
//! There was no XCAP client to install in November 2026: pip knows no `xcaplib`, `python3-xcaplib`, `python-xcaplib`,
//! `sipsimple` or `python3-sipsimple` ("No matching distribution found"), npm no `xcap`, `xcap-client`, `xcap-js`,
//! `node-xcap` or `sip-xcap` (404), and Debian has no package. python3-xcaplib is published as source alone, and
//! `xcapclient` 1.4.1 as a gem of Ruby alone. So these are what such clients are built on: Python's urllib, fetch of Node.js, and
//! curl. urllib and curl send `"`, `[` and `]` as they are, and call a body a form if nobody tells them what it is.

use std::process::Stdio;

use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::on_both_databases;
use crate::support::xcap::{ATT, Client, EL, LISTS, LISTS_TYPE, conflict_in};
use crate::support::{TestApp, repository};

/// Somebody else's HTTP client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Curl,
    Python,
    Node,
}

/// What it says of an answer.
#[derive(Debug, Deserialize)]
struct Seen {
    status: u16,
    headers: Value,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers[name].as_str().unwrap_or_default()
    }
}

impl Program {
    fn command(self, method: &str, url: &str, fields: &[String], has_body: bool) -> Command {
        let with_script = |program: &str, script: &str| {
            let mut command = Command::new(program);
            command.arg(repository(&format!("tests/data/clients/{script}")));
            command.args([method, url]).args(fields);
            command
        };
        match self {
            Self::Python => with_script("python3", "request.py"),
            Self::Node => {
                let node = std::env::var("RESTANTE_TEST_NODE").unwrap_or_else(|_| "node".into());
                with_script(&node, "request.mjs")
            }
            Self::Curl => {
                let mut command = Command::new("curl");
                command.args(["-q", "--silent", "--include", "--globoff", "--noproxy", "*"]);
                command.args(["--max-time", "30", "--request", method, url]);
                for field in fields {
                    command.args(["--header", field]);
                }
                if has_body {
                    command.args(["--data-binary", "@-"]);
                }
                command
            }
        }
    }

    async fn ask(self, method: &str, url: &str, fields: &[String], body: &str) -> Seen {
        let mut command = self.command(method, url, fields, !body.is_empty());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{self:?} is needed: run ./scripts/test: {error}"));
        let mut input = child.stdin.take().unwrap();
        // It may end without reading anything.
        let _ = input.write_all(body.as_bytes()).await;
        drop(input);
        let output = child.wait_with_output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{self:?} {method} {url}: {said}");
        let text = String::from_utf8(output.stdout).unwrap();
        match self {
            Self::Curl => seen_by_curl(&text),
            Self::Python | Self::Node => serde_json::from_str(&text).unwrap(),
        }
    }
}

/// Reads the answer that curl prints as it came.
fn seen_by_curl(text: &str) -> Seen {
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let fields = lines.map(|line| line.split_once(": ").unwrap_or((line, "")));
    Seen {
        status: status.parse().unwrap(),
        headers: fields
            .map(|(name, value)| (name.to_lowercase(), Value::from(value)))
            .collect(),
        body: body.to_owned(),
    }
}

const DOCUMENT: &str = "<?xml version='1.0'?>\n<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list name=\"friends\">\n  <!-- é -->\n</list></resource-lists>\n";
const BOB: &str = "/~~/resource-lists/list[@name=\"friends\"]/entry[@uri=\"sip:bob@example.org\"]";
const ENTRY: &str = "<entry uri=\"sip:bob@example.org\"><display-name>Bob é</display-name></entry>";

/// Alice at one of the programs.
struct Alice {
    program: Program,
    document: String,
    token: String,
}

impl Alice {
    async fn ask(&self, method: &str, selector: &str, fields: &[(&str, &str)], body: &str) -> Seen {
        let mut all = vec![format!("Authorization: Bearer {}", self.token)];
        all.extend(
            fields
                .iter()
                .map(|(name, value)| format!("{name}: {value}")),
        );
        let url = format!("{}{selector}", self.document);
        self.program.ask(method, &url, &all, body).await
    }

    async fn get(&self, selector: &str) -> Seen {
        self.ask("GET", selector, &[], "").await
    }

    /// Puts Bob's element for whoever has seen that version.
    async fn put_bob(&self, tag: &str, body: &str) -> Seen {
        let fields = [("Content-Type", EL), ("If-Match", tag)];
        self.ask("PUT", BOB, &fields, body).await
    }

    /// Puts the document, with the type that the program gives by itself if that means none; its entity tag.
    async fn puts_a_document(&self) -> String {
        let own = [("Content-Type", LISTS_TYPE)];
        let fields = if self.program == Program::Node {
            &own[..]
        } else {
            &[]
        };
        let put = self.ask("PUT", "", fields, DOCUMENT).await;
        assert_eq!(put.status, 201, "{}", put.body);
        let wrong = [("Content-Type", "text/plain")];
        assert_eq!(self.ask("PUT", "", &wrong, DOCUMENT).await.status, 415);
        let got = self.get("").await;
        assert_eq!((got.status, got.body.as_str()), (200, DOCUMENT));
        assert_eq!(got.header("content-type"), LISTS_TYPE);
        let tag = got.header("etag");
        assert_eq!(tag, put.header("etag"));
        let unchanged = self.ask("GET", "", &[("If-None-Match", tag)], "").await;
        assert_eq!((unchanged.status, unchanged.body.as_str()), (304, ""));
        tag.to_owned()
    }

    /// Reads Bob's element in every way to write it, and what belongs to it.
    async fn selects(&self, tag: &str) {
        let encoded = BOB.replace('"', "%22").replace('[', "%5B");
        let encoded = encoded.replace(']', "%5D");
        for selector in [BOB, &BOB.replace('"', "'"), &encoded] {
            let got = self.get(selector).await;
            assert_eq!((got.status, got.body.as_str()), (200, ENTRY), "{selector}");
            assert_eq!((got.header("content-type"), got.header("etag")), (EL, tag));
        }
        let uri = self.get(&format!("{BOB}/@uri")).await;
        assert_eq!(uri.body, "\"sip:bob@example.org\"");
        assert_eq!(uri.header("content-type"), ATT);
        let query = "xmlns(l=urn:ietf:params:xml:ns:resource-lists)";
        let bindings = self
            .get(&format!("/~~/l:resource-lists/namespace::*?{query}"))
            .await;
        let expected = "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"/>";
        assert_eq!(bindings.body, expected);
    }
}

/// A list is kept, changed by those who have seen it, and removed.
async fn keeps_a_list(app: &TestApp, program: Program) {
    let alice = Alice {
        program,
        document: format!("{}{LISTS}", app.url),
        token: Client::alice(app).await.token,
    };
    let first = alice.puts_a_document().await;
    // As a client that wants to be sure looks first.
    let absent = alice.ask("GET", BOB, &[("If-Match", &first)], "").await;
    assert_eq!(absent.status, 404);
    let put = alice.put_bob(&first, ENTRY).await;
    assert_eq!(put.status, 201, "{}", put.body);
    let second = put.header("etag");
    assert_ne!(first, second);
    let late = alice.put_bob(&first, "<entry uri=\"sip:bob@example.org\"/>");
    assert_eq!(late.await.status, 412);
    alice.selects(second).await;
    let eve = "<entry uri=\"sip:eve@example.org\"/>";
    let other = alice.put_bob(second, eve).await;
    assert_eq!(other.status, 409);
    assert_eq!(conflict_in(&other.body).0, "cannot-insert");
    for (tag, status) in [(first.as_str(), 412), (second, 200)] {
        let deleted = alice.ask("DELETE", BOB, &[("If-Match", tag)], "").await;
        assert_eq!(deleted.status, status);
    }
    assert_eq!(alice.get("").await.body, DOCUMENT);
    assert_eq!(alice.ask("DELETE", "", &[], "").await.status, 200);
    assert_eq!(alice.get("").await.status, 404);
}

on_both_databases! {
    async fn curl(app: TestApp) {
        keeps_a_list(&app, Program::Curl).await;
    }

    async fn urllib(app: TestApp) {
        keeps_a_list(&app, Program::Python).await;
    }

    async fn fetch(app: TestApp) {
        keeps_a_list(&app, Program::Node).await;
    }
}
