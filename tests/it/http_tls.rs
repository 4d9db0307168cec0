//! HTTP over TLS: spoken to through a real handshake, with certificates of clients, and one of ours that is replaced while
//! the server runs.

use std::path::Path;
use std::process::Command;

use reqwest::{Certificate, Client, Identity, StatusCode, Version};

use crate::support::certificates::{authority, issue, write_certificate};
use crate::support::message::Pager;
use crate::support::program::{Server, program, run, stderr, stdout};

const CONFIG: &str =
    "[http]\ntls_listen = ['127.0.0.1:0']\ntls_certificate = 'chain.pem'\ntls_key = 'key.pem'\n";

fn start(here: &Path, config: &str) -> (Server, String) {
    std::fs::write(here.join("restante.toml"), config).unwrap();
    let args = ["--config", "restante.toml", "serve"];
    let server = Server::start(here, &args, None, "/setup?token=");
    let address = server.value_of("HTTP over TLS on ");
    let port = address.rsplit(':').next().unwrap().to_owned();
    (server, format!("https://localhost:{port}"))
}

/// A client that knows servers by this PEM file, and shows a certificate if it has one.
fn client(here: &Path, authorities: &str, own: Option<&str>) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let read = |name: &str| std::fs::read(here.join(name)).unwrap();
    let root = Certificate::from_pem(&read(authorities)).unwrap();
    let mut builder = Client::builder().tls_certs_only([root]);
    if let Some(own) = own {
        let pem = [read(&format!("{own}.pem")), read(&format!("{own}-key.pem"))].concat();
        builder = builder.identity(Identity::from_pem(&pem).unwrap());
    }
    builder
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

fn hangup(server: &Server) {
    let id = server.child.id().to_string();
    let sent = Command::new("kill").args(["-HUP", &id]).status();
    assert!(sent.unwrap().success());
}

#[tokio::test]
async fn pages_come_over_tls_and_the_certificate_can_be_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    std::fs::write(here.join("restante.toml"), CONFIG).unwrap();
    let args = ["--config", "restante.toml", "serve"];
    let missing = program(here, &args, None).output().unwrap();
    assert!(stderr(&missing).contains("chain.pem"));

    write_certificate(here);
    let (server, url) = start(here, CONFIG);
    let first = client(here, "chain.pem", None);
    let page = first.get(format!("{url}/sign-in")).send().await.unwrap();
    assert_eq!(
        (page.status(), page.version()),
        (StatusCode::OK, Version::HTTP_11)
    );
    assert_eq!(
        page.headers()["strict-transport-security"],
        "max-age=31536000"
    );
    // The link of the first start leads there, and the cookie stays there.
    assert!(
        server
            .value_of("Restante serves on ")
            .starts_with("https://127.0.0.1:")
    );
    let token = server.value_of("/setup?token=");
    let made = first
        .post(format!("{url}/setup"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!(
            "token={token}&name=root&password=correct+horse+battery&password_again=correct+horse+battery"
        ))
        .send()
        .await
        .unwrap();
    let status = made.status();
    let cookie = made
        .headers()
        .get("set-cookie")
        .map(|cookie| cookie.to_str().unwrap().to_owned());
    let cookie = cookie.unwrap_or_else(|| panic!("{status}"));
    assert!(cookie.starts_with("__Host-restante="), "{cookie}");
    for attribute in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");

    write_certificate(here);
    let second = client(here, "chain.pem", None);
    let ask = async |client: &Client| client.get(format!("{url}/healthz")).send().await;
    assert!(
        ask(&second).await.is_err(),
        "the files are read again only on SIGHUP"
    );
    hangup(&server);
    while ask(&second).await.is_err() {
        tokio::task::yield_now().await;
    }
    // The connection from before goes on.
    assert!(ask(&first).await.is_ok());
    std::fs::write(here.join("chain.pem"), "nonsense").unwrap();
    hangup(&server);
    assert!(ask(&second).await.is_ok());
    assert!(server.terminate().success());
}

/// What is plain on the TLS port, and who says nothing in the handshake, is not waited for.
#[tokio::test]
async fn a_handshake_that_never_comes_is_given_up() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let directory = tempfile::tempdir().unwrap();
    write_certificate(directory.path());
    let (server, url) = start(
        directory.path(),
        &format!("{CONFIG}header_timeout = '300ms'\n"),
    );
    let address = url.replace("https://localhost", "127.0.0.1");
    let mut answer = Vec::new();
    let mut silent = tokio::net::TcpStream::connect(&address).await.unwrap();
    assert_eq!(silent.read_to_end(&mut answer).await.unwrap(), 0);
    let mut plain = tokio::net::TcpStream::connect(&address).await.unwrap();
    plain
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    // An alert, or nothing.
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert!(server.terminate().success());
}

#[tokio::test]
async fn a_gateway_is_known_by_the_name_in_its_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let (ours, other) = (authority(), authority());
    std::fs::write(here.join("authority.pem"), ours.0.pem()).unwrap();
    issue(here, &ours, "localhost");
    for name in [
        "gw.example.org",
        "bob-gw.example.org",
        "stranger.example.org",
    ] {
        issue(here, &ours, name);
    }
    std::fs::create_dir(here.join("forged")).unwrap();
    issue(&here.join("forged"), &other, "gw.example.org");
    let config = "[http]\ntls_listen = ['127.0.0.1:0']\ntls_certificate = 'localhost.pem'\ntls_key = 'localhost-key.pem'\n\
        tls_client_authorities = 'authority.pem'\n\
        [[http.gateways]]\nname = 'proxy'\ncertificate_name = 'GW.example.org'\n\
        [[http.gateways]]\nname = 'bob'\ncertificate_name = 'bob-gw.example.org'\naors = ['sip:bob@example.org']\n";
    let (server, url) = start(here, config);
    let post = async |own: Option<&str>, token: Option<&str>| {
        let client = client(here, "authority.pem", own);
        let mut request = client
            .post(format!("{url}/gateway/v1/messages"))
            .header("content-type", "message/sip")
            .body(Pager::new().bytes());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.map(|answer| answer.status().as_u16())
    };
    assert_eq!(post(Some("gw.example.org"), None).await.unwrap(), 201);
    // Another gateway, but not for Alice.
    assert_eq!(post(Some("bob-gw.example.org"), None).await.unwrap(), 403);
    // A certificate that is believed gives no right by itself, and none is needed to ask.
    assert_eq!(post(Some("stranger.example.org"), None).await.unwrap(), 401);
    assert_eq!(post(None, None).await.unwrap(), 401);
    assert!(post(Some("forged/gw.example.org"), None).await.is_err());
    // A token is looked at first: whoever sends a wrong one is told so.
    assert_eq!(
        post(Some("gw.example.org"), Some("rst_wrong"))
            .await
            .unwrap(),
        401
    );
    let token = stdout(&run(
        here,
        &["token", "create", "--name", "t", "--scope", "gateway"],
        None,
    ));
    assert_eq!(post(None, Some(&token)).await.unwrap(), 201);
    // A gateway hands over, and nothing else.
    let gateway = client(here, "authority.pem", Some("gw.example.org"));
    for (path, status) in [
        ("/api/v1/accounts", 403),
        ("/gateway/v1/reports", 200),
        ("/accounts", 303),
    ] {
        let answer = gateway.get(format!("{url}{path}")).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
    assert!(server.terminate().success());
}
