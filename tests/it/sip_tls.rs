//! SIP over TLS: spoken to through a real handshake, with a certificate that is replaced while the
//! server runs.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::message::Pager;
use crate::support::program::{Server, program, stderr};

/// Writes a fresh certificate for localhost with its key, and gives it.
fn write_certificate(directory: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(directory.join("chain.pem"), cert.pem()).unwrap();
    std::fs::write(directory.join("key.pem"), signing_key.serialize_pem()).unwrap();
    cert.der().clone()
}

async fn connect(
    address: &str,
    trusted: &CertificateDer<'static>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

#[tokio::test]
async fn messages_come_over_tls_and_the_certificate_can_be_replaced() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("restante.toml");
    std::fs::write(
        &config,
        "[sip]\ntls_listen = ['127.0.0.1:0']\ntls_certificate = 'chain.pem'\ntls_key = 'key.pem'\n",
    )
    .unwrap();
    let args = ["--config", "restante.toml", "serve"];
    let missing = program(directory.path(), &args, None).output().unwrap();
    assert!(
        stderr(&missing).contains("chain.pem"),
        "{}",
        stderr(&missing)
    );

    let first = write_certificate(directory.path());
    let server = Server::start(directory.path(), &args, None, "/setup?token=");
    let address = server.value_of("SIP over TLS on ");
    let mut stream = connect(&address, &first).await.unwrap();
    stream
        .write_all(&Pager::new().text(&"x".repeat(100_000)).bytes())
        .await
        .unwrap();
    let mut answer = [0; 16];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"SIP/2.0 202 Acce");

    let second = write_certificate(directory.path());
    assert!(
        connect(&address, &second).await.is_err(),
        "the files are read again only on SIGHUP"
    );
    let id = server.child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-HUP", &id])
            .status()
            .unwrap()
            .success()
    );
    while connect(&address, &second).await.is_err() {
        tokio::task::yield_now().await;
    }
    // The connection from before goes on.
    stream.write_all(&Pager::new().bytes()).await.unwrap();
    let mut rest = vec![0; 4096];
    assert!(stream.read(&mut rest).await.unwrap() > 0);
    // A certificate that cannot be used changes nothing.
    std::fs::write(directory.path().join("chain.pem"), "nonsense").unwrap();
    assert!(
        Command::new("kill")
            .args(["-HUP", &id])
            .status()
            .unwrap()
            .success()
    );
    assert!(connect(&address, &second).await.is_ok());
    assert!(server.terminate().success());
}
