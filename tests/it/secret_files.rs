//! Secrets come from files, and no log has them, however much is logged.

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use reqwest::Method;

use crate::support::program::{program, stderr};
use crate::support::{Backend, client};

/// What no log may have.
const MARK: &str = "geheim-7f3a";
/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// The URL of a new database, with a password in it.
async fn url_with_password() -> String {
    let url = Backend::Postgres.fresh_url().await.unwrap();
    let (scheme, rest) = url.split_once("://").unwrap();
    let (user, rest) = rest.split_once('@').unwrap();
    let user = user.split(':').next().unwrap();
    format!("{scheme}://{user}:{MARK}@{rest}")
}

/// Sends secrets by every way that there is.
async fn ask_with_secrets(url: &str, link: &str) {
    let client = client();
    let ask = async |method: Method, path: &str, field: (&str, &str), body: String| {
        let request = client.request(method, format!("{url}{path}"));
        let form = "application/x-www-form-urlencoded";
        let request = request
            .header(field.0, field.1)
            .header("content-type", form)
            .body(body);
        request.send().await.unwrap().status().as_u16()
    };
    let bearer = format!("Bearer rst_{MARK}");
    let cookie = format!("restante={MARK}");
    let wrong = format!("name=alice&password={MARK}");
    let none = String::new;
    assert_eq!(
        ask(
            Method::GET,
            "/api/v1/accounts",
            ("authorization", &bearer),
            none()
        )
        .await,
        401
    );
    assert_eq!(
        ask(
            Method::GET,
            &format!("/accounts?q={MARK}"),
            ("cookie", &cookie),
            none()
        )
        .await,
        303
    );
    assert_eq!(
        ask(Method::POST, "/sign-in", ("accept", "*/*"), wrong).await,
        401
    );
    let made = format!(
        "token={link}&name=root&password={MARK}+long+enough&password_again={MARK}+long+enough"
    );
    assert_eq!(
        ask(Method::POST, "/setup", ("accept", "*/*"), made).await,
        303
    );
}

#[tokio::test]
async fn no_log_has_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    std::fs::write(here.join("url"), url_with_password().await + "\n").unwrap();
    std::fs::write(here.join("key"), MARK).unwrap();
    let log = File::create(here.join("log")).unwrap();
    let mut server = program(here, &["serve"], None)
        .env("RESTANTE__DATABASE__URL_FILE", here.join("url"))
        .env("RESTANTE__OBJECTS__URL", "s3://bucket")
        // Nobody listens there, so that errors are logged as well.
        .env("RESTANTE__OBJECTS__ENDPOINT", "http://127.0.0.1:9")
        .env("RESTANTE__OBJECTS__ACCESS_KEY", "id")
        .env("RESTANTE__OBJECTS__SECRET_KEY_FILE", here.join("key"))
        .env("RESTANTE__LOG__FILTER", "trace")
        .stdout(File::create(here.join("out")).unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let read = |name: &str| std::fs::read_to_string(here.join(name)).unwrap();
    let until = async |done: &dyn Fn() -> bool| {
        let waiting = async {
            while !done() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .expect("it happens");
    };
    until(&|| read("out").contains("/setup?token=")).await;
    let out = read("out");
    let url = out
        .split("serves on ")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap();
    let link = out
        .split("/setup?token=")
        .nth(1)
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap();
    ask_with_secrets(url.trim_end_matches('/'), link).await;
    until(&|| read("log").contains("signed in") || read("log").contains("/setup")).await;
    // SIGTERM, so that what is said at the end is there as well.
    let id = server.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .arg(&id)
            .status()
            .unwrap()
            .success()
    );
    assert!(server.wait().unwrap().success());
    let log = read("log");
    assert!(
        log.contains("TRACE") && log.contains("/api/v1/accounts"),
        "everything is logged"
    );
    for secret in [MARK, link] {
        let found = log.lines().find(|line| line.contains(secret));
        assert_eq!(found, None);
    }
    crate::support::drop_databases().await;
}

/// What cannot be used is refused without being said.
#[test]
fn no_error_has_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    for url in [
        format!("postgres://u:{MARK}@127.0.0.1:none/d"),
        format!("postgres://u:{MARK}@127.0.0.1:9/d"),
        format!("mysql://u:{MARK}@127.0.0.1/d"),
        MARK.to_owned(),
    ] {
        let output = program(here, &["serve"], Some(&url))
            .env("RESTANTE__LOG__FILTER", "trace")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = stderr(&output);
        assert!(!said.contains(MARK), "{said}");
        assert!(said.contains("database"), "{said}");
    }
}
