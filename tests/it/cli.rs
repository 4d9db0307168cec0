//! The program itself, started as people start it.

use serde_json::Value;

use crate::support::message::Pager;
use crate::support::program::{Server, program, run, run_with_input, stderr, stdout};
use crate::support::{Backend, client};

async fn get(url: &str, token: &str) -> (u16, String) {
    let request = client().get(url).bearer_auth(token);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn from_nothing_to_a_message_by_the_commands_of_the_readme() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[], None, "/setup?token=");
    assert!(directory.path().join("restante-data/restante.db").exists());
    let token = run(
        directory.path(),
        &["token", "create", "--name", "try", "--scope", "gateway"],
        None,
    );
    let token = stdout(&token);
    assert!(
        token.starts_with("rst_") && !token.contains(char::is_whitespace),
        "{token}"
    );
    let send = |token: &str, more: &[&str]| {
        let args = [
            "send",
            "pager",
            "--server",
            &server.url,
            "--to",
            "sip:alice@example.org",
            "--from",
            "sip:carol@example.org",
            "--text",
            "Hello, Alice",
        ];
        let mut command = program(directory.path(), &[&args, more].concat(), None);
        command.env("RESTANTE_TOKEN", token).output().unwrap()
    };
    let stored: Value = serde_json::from_str(&stdout(&send(
        &token,
        &["--subject", "Hi", "--expires", "60"],
    )))
    .unwrap();
    assert_eq!(stored["account"], "sip:alice@example.org");
    let read = [
        "token",
        "create",
        "--name",
        "read",
        "--scope",
        "read",
        "--aor",
        "SIP:alice@EXAMPLE.org",
    ];
    let read = stdout(&run(directory.path(), &read, None));
    let (status, list) = get(
        &format!("{}/api/v1/accounts/me/messages", server.url),
        &read,
    )
    .await;
    assert_eq!(status, 200, "{list}");
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(
        (&list["items"][0]["subject"], &list["items"][0]["preview"]),
        (&Value::from("Hi"), &Value::from("Hello, Alice"))
    );
    assert!(stderr(&send("rst_wrong", &[])).contains("401"));
    assert!(stderr(&send(&token, &["--expires", "0"])).contains("not-deferrable"));
    assert!(stderr(&send(&token, &["--subject", "a\r\nX: y"])).contains("line end"));
    for transport in ["udp", "tcp"] {
        let args = [
            "send",
            "pager",
            "--sip",
            &server.sip,
            "--transport",
            transport,
            "--to",
            "sip:bob@example.org",
            "--from",
            "sip:carol@example.org",
            "--text",
            "Over SIP",
        ];
        assert_eq!(stdout(&run(directory.path(), &args, None)), "202 Accepted");
        let dead = run(
            directory.path(),
            &[&args[..], &["--expires", "0"]].concat(),
            None,
        );
        assert!(stderr(&dead).starts_with("480 "), "{}", stderr(&dead));
    }
}

#[test]
fn the_first_start_offers_the_administrator_once() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &["serve"], None, "/setup?token=");
    assert!(server.value_of("/setup?token=").len() > 40);
    drop(server);
    let add = ["user", "add", "root", "--role", "admin", "--password-stdin"];
    let added = run_with_input(directory.path(), &add, "correct horse battery\n");
    assert_eq!(stdout(&added), "User root was added.");
    let server = Server::start(directory.path(), &["serve"], None, "serves on");
    assert!(server.terminate().success());
    let list = stdout(&run(directory.path(), &["user", "list"], None));
    assert!(list.contains("root") && list.contains("admin"), "{list}");
}

#[test]
fn people_are_invited_by_a_printed_link() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let invite = ["user", "invite", "alice", "--role", "user"];
    assert!(stderr(&run(here, &invite, None)).contains("--aor"));
    let invite = [&invite[..], &["--aor", "sip:alice@example.org"]].concat();
    let link = stdout(&run(here, &invite, None));
    let (url, secret) = link.trim().split_once("/welcome?token=").unwrap();
    assert_eq!((url, secret.len()), ("http://127.0.0.1:0", 43));
    let list = ["user", "list"];
    assert!(stdout(&run(here, &list, None)).contains("invited"));
    let reset = stdout(&run(here, &["user", "reset", "alice"], None));
    assert_ne!(reset, link);
    assert!(stderr(&run(here, &["user", "reset", "bob"], None)).contains("no user of this name"));
    let passwd = ["user", "passwd", "alice", "--password-stdin"];
    assert!(stderr(&run_with_input(here, &passwd, "alice-2026\n")).contains("name or address"));
    stdout(&run_with_input(here, &passwd, "nine ships in the fog\n"));
    assert!(stdout(&run(here, &list, None)).contains("password"));
    for command in ["reset-second-factor", "sign-out"] {
        stdout(&run(here, &["user", command, "alice"], None));
        assert!(stderr(&run(here, &["user", command, "bob"], None)).contains("no user"));
    }
}

#[test]
fn people_and_tokens_are_kept_by_commands() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let alice = [
        "user",
        "add",
        "alice",
        "--role",
        "user",
        "--aor",
        "sip:alice@example.org",
        "--password-stdin",
    ];
    stdout(&run_with_input(here, &alice, "correct horse battery"));
    assert!(
        stderr(&run_with_input(here, &alice, "correct horse battery"))
            .contains("there is a user of this name")
    );
    let short = ["user", "passwd", "alice", "--password-stdin"];
    assert!(stderr(&run_with_input(here, &short, "short\n")).contains("10 characters"));
    stdout(&run_with_input(here, &short, "another long one\n"));
    let nobody = ["user", "passwd", "nobody", "--password-stdin"];
    assert!(
        stderr(&run_with_input(here, &nobody, "another long one\n"))
            .contains("no user of this name")
    );
    let homeless = ["user", "add", "bob", "--role", "user", "--password-stdin"];
    assert!(stderr(&run_with_input(here, &homeless, "another long one\n")).contains("--aor"));
    let unbound = ["token", "create", "--name", "x", "--scope", "read"];
    assert!(stderr(&run(here, &unbound, None)).contains("--aor"));
    // A name of its own may follow --digest.
    let phone = [
        "token", "create", "--digest", "--name", "x", "--scope", "read",
    ];
    assert!(stderr(&run(here, &phone, None)).contains("--aor"));
    let bound = [&phone[..], &["--aor", "sip:a@b"]].concat();
    assert!(stdout(&run(here, &bound, None)).starts_with("rst_"));
    let named = [&bound[..2], &bound[3..], &["--digest", "phone of a"]].concat();
    assert!(stdout(&run(here, &named, None)).starts_with("rst_"));
    let unknown = ["token", "create", "--name", "x", "--scope", "everything"];
    assert!(stderr(&run(here, &unknown, None)).contains("gateway, read, delete, operator, admin"));
    let secret = stdout(&run(
        here,
        &[
            "token",
            "create",
            "--name",
            "box",
            "--scope",
            "gateway",
            "--expires",
            "90d",
        ],
        None,
    ));
    let list = stdout(&run(here, &["token", "list"], None));
    assert!(
        list.contains("box")
            && list.contains("gateway")
            && list.contains("expires 20")
            && !list.contains(&secret)
    );
    assert_eq!(
        stdout(&run(here, &["token", "revoke", "1"], None)),
        "Token 1 is revoked."
    );
    assert!(stdout(&run(here, &["token", "list"], None)).contains("revoked 20"));
    assert!(stderr(&run(here, &["token", "revoke", "1"], None)).contains("no token 1"));
}

#[tokio::test]
async fn the_demo_is_ready_to_look_at_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &["demo"], None, "send pager");
    let token = server.value_of("RESTANTE_TOKEN=");
    let client = client();
    let password = server.value_of("demo ");
    let body = format!("name=demo&password={password}");
    let form = client
        .post(format!("{}/sign-in", server.url))
        .header("content-type", "application/x-www-form-urlencoded");
    let answer = form.body(body).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    let cookie = answer.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let accounts = client
        .get(format!("{}/api/v1/accounts", server.url))
        .header("cookie", &cookie);
    let accounts: Value = accounts.send().await.unwrap().json().await.unwrap();
    let counts: Vec<i64> = accounts["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["message_count"].as_i64().unwrap())
        .collect();
    assert_eq!(counts.len(), 3);
    assert!(counts.iter().sum::<i64>() >= 12, "{counts:?}");
    let post = client
        .post(format!("{}/gateway/v1/messages", server.url))
        .bearer_auth(token)
        .header("content-type", "message/sip");
    assert_eq!(
        post.body(Pager::new().bytes())
            .send()
            .await
            .unwrap()
            .status(),
        201
    );
    assert!(server.terminate().success());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_running_server_answers_the_health_check_and_a_stopped_one_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &["serve"], None, "serves on");
    let check = |url: &str| run(directory.path(), &["healthcheck", "--server", url], None);
    assert_eq!(stdout(&check(&server.url)), "");
    let url = server.url.clone();
    assert!(server.terminate().success());
    assert!(stderr(&check(&url)).contains("not ready"));
}

#[tokio::test]
async fn several_nodes_start_at_once_on_one_empty_postgresql() {
    let database = Backend::Postgres.fresh_url().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let start = || {
        Server::start(
            directory.path(),
            &["serve"],
            Some(&database),
            "/setup?token=",
        )
    };
    let nodes: Vec<Server> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
        starting
            .into_iter()
            .map(|node| node.join().unwrap())
            .collect()
    });
    let create = [
        "token", "create", "--name", "x", "--scope", "gateway", "--scope", "operator",
    ];
    let token = stdout(&run(directory.path(), &create, Some(&database)));
    // What one node stores, every node shows; the same request by all is stored once.
    let request = Pager::new().bytes();
    let client = client();
    let mut statuses = Vec::new();
    for node in &nodes {
        let post = client
            .post(format!("{}/gateway/v1/messages", node.url))
            .bearer_auth(&token);
        let answer = post
            .header("content-type", "message/sip")
            .body(request.clone())
            .send()
            .await
            .unwrap();
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [201, 200, 200, 200]);
    for node in &nodes {
        let (_, account) = get(
            &format!("{}/api/v1/accounts/sip:alice@example.org", node.url),
            &token,
        )
        .await;
        assert!(account.contains("\"message_count\":1"), "{account}");
    }
    assert!(!directory.path().join("restante-data/restante.db").exists());
}

#[tokio::test]
async fn migrate_brings_the_schema_up_to_date_and_ends() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let directory = tempfile::tempdir().unwrap();
        let database = backend.fresh_url().await;
        for _ in 0..2 {
            let output = run(directory.path(), &["migrate"], database.as_deref());
            assert_eq!(stdout(&output), "The database schema is up to date.");
        }
    }
}

#[test]
fn mistakes_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let typo = program(directory.path(), &["serve"], None)
        .env("RESTANTE__HTTP__LISTN", "x")
        .output()
        .unwrap();
    assert!(stderr(&typo).contains("listn"), "{}", stderr(&typo));
    let away = run(
        directory.path(),
        &["migrate"],
        Some("postgres://nobody@127.0.0.1:1/none"),
    );
    assert!(
        stderr(&away).contains("cannot connect to the database"),
        "{}",
        stderr(&away)
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let busy = program(directory.path(), &["serve"], None)
        .env("RESTANTE__HTTP__LISTEN", &address)
        .output()
        .unwrap();
    assert!(
        stderr(&busy).contains(&format!("cannot listen for HTTP on {address}")),
        "{}",
        stderr(&busy)
    );
    let missing = run(directory.path(), &["--config", "none.toml"], None);
    assert!(
        stderr(&missing).contains("none.toml"),
        "{}",
        stderr(&missing)
    );
}

#[test]
fn a_stale_openapi_document_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("openapi.json");
    let output = file.to_str().unwrap();
    stdout(&run(
        directory.path(),
        &["openapi", "--output", output],
        None,
    ));
    assert!(
        run(
            directory.path(),
            &["openapi", "--check", "--output", output],
            None
        )
        .status
        .success()
    );
    std::fs::write(&file, "{}").unwrap();
    let stale = run(
        directory.path(),
        &["openapi", "--check", "--output", output],
        None,
    );
    assert!(stderr(&stale).contains("restante openapi"));
    let shown = stdout(&run(directory.path(), &["openapi", "--output", "-"], None));
    assert!(shown.starts_with('{') && shown.contains("\"3.1.0\""));
}

#[test]
fn completions_are_written_for_the_usual_shells() {
    let directory = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            stdout(&run(directory.path(), &["completions", shell], None)).contains("healthcheck")
        );
    }
}
