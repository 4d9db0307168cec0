//! SIP over TLS: spoken to through a real handshake, with a certificate that is replaced while the
//! server runs.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use restante::sip::transport::tls;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::support::certificates::{authority, issue, write_certificate};
use crate::support::client;
use crate::support::message::Pager;
use crate::support::msrp::{Invite, Msrp, PATH, ask, invite_at, offer};
use crate::support::program::{Server, program, run, stderr, stdout};
use crate::support::sip::{Udp, status};

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

/// A gateway at any address is trusted by the name in its certificate, and `restante send` can be one.
#[test]
fn a_peer_is_known_by_its_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let (ours, other) = (authority(), authority());
    std::fs::write(here.join("authority.pem"), ours.0.pem()).unwrap();
    std::fs::write(here.join("other.pem"), other.0.pem()).unwrap();
    for name in ["localhost", "gateway.example.org", "guest.example.org"] {
        issue(here, &ours, name);
    }
    std::fs::write(
        here.join("restante.toml"),
        "[sip]\ntls_listen = ['127.0.0.1:0']\ntls_certificate = 'localhost.pem'\ntls_key = 'localhost-key.pem'\n\
         tls_client_authorities = 'authority.pem'\ntrusted_peers = ['gateway.example.org']\n",
    )
    .unwrap();
    let args = ["--config", "restante.toml", "serve"];
    let server = Server::start(here, &args, None, "/setup?token=");
    let port = server
        .value_of("SIP over TLS on ")
        .replace("127.0.0.1", "localhost");
    let send = |authorities: &str, client: Option<&str>| {
        let mut args = vec![
            "send",
            "pager",
            "--to",
            "sip:alice@example.org",
            "--from",
            "sip:carol@example.org",
        ];
        args.extend(["--text", "By name", "--sip", &port, "--transport", "tls"]);
        let authorities = format!("{authorities}.pem");
        args.extend(["--authorities", &authorities]);
        let client = client.map(|name| (format!("{name}.pem"), format!("{name}-key.pem")));
        if let Some((certificate, key)) = &client {
            args.extend(["--certificate", certificate, "--key", key]);
        }
        run(here, &args, None)
    };
    assert_eq!(
        stdout(&send("authority", Some("gateway.example.org"))),
        "202 Accepted"
    );
    for stranger in [None, Some("guest.example.org")] {
        let refused = stderr(&send("authority", stranger));
        assert!(
            refused.starts_with("403 Forbidden"),
            "{stranger:?}: {refused}"
        );
    }
    // The sender believes only whom it is told to believe, and a certificate of nobody we know is none.
    let unknown = stderr(&send("other", Some("gateway.example.org")));
    assert!(unknown.contains("cannot connect"), "{unknown}");
    issue(here, &other, "gateway.example.org");
    let forged = send("authority", Some("gateway.example.org"));
    assert!(!forged.status.success());
    assert!(server.terminate().success());
}

/// A file goes as one large message, over TCP and, with the same certificate for SIP and MSRP, over TLS.
#[tokio::test]
async fn a_file_is_sent_as_a_large_message() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let ours = authority();
    std::fs::write(here.join("authority.pem"), ours.0.pem()).unwrap();
    issue(here, &ours, "localhost");
    std::fs::write(
        here.join("restante.toml"),
        "[sip]\ntls_listen = ['127.0.0.1:0']\ntls_certificate = 'localhost.pem'\ntls_key = 'localhost-key.pem'\n\
         [msrp]\ntls_listen = ['127.0.0.1:0']\n",
    )
    .unwrap();
    let octets: Vec<u8> = (0..700_000_u32).map(|n| (n % 253) as u8).collect();
    std::fs::write(here.join("video.bin"), &octets).unwrap();
    let server = Server::start(
        here,
        &["--config", "restante.toml", "serve"],
        None,
        "/setup?token=",
    );
    let tls = server
        .value_of("SIP over TLS on ")
        .replace("127.0.0.1", "localhost");
    let send = |sip: &str, transport: &str, more: &[&str]| {
        let args = [
            "send",
            "large",
            "--to",
            "sip:alice@example.org",
            "--from",
            "sip:carol@example.org",
            "--file",
            "video.bin",
        ];
        let args = [
            &args[..],
            &[
                "--subject",
                transport,
                "--sip",
                sip,
                "--transport",
                transport,
            ],
            more,
        ]
        .concat();
        run(here, &args, None)
    };
    for (sip, transport, more) in [
        (&server.sip, "udp", &["--chunk-octets", "5000"][..]),
        (&server.sip, "tcp", &[]),
        (&tls, "tls", &["--authorities", "authority.pem"]),
    ] {
        assert_eq!(
            stdout(&send(sip, transport, more)),
            "700000 octets delivered"
        );
    }
    let token = stdout(&run(
        here,
        &[
            "token",
            "create",
            "--name",
            "t",
            "--scope",
            "read",
            "--aor",
            "sip:alice@example.org",
        ],
        None,
    ));
    let get = async |path: &str| {
        let url = format!(
            "{}/api/v1/accounts/sip:alice@example.org/messages{path}",
            server.url
        );
        client()
            .get(url)
            .bearer_auth(&token)
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap()
    };
    let list: serde_json::Value = serde_json::from_slice(&get("").await).unwrap();
    for (n, transport) in ["tls", "tcp", "udp"].iter().enumerate() {
        let message = &list["items"][n];
        assert_eq!(message["subject"], *transport);
        let id = message["id"].as_str().unwrap();
        assert_eq!(get(&format!("/{id}/content")).await, octets);
    }
    assert!(server.terminate().success());
}

/// Where we connect over TLS the peer is known by the fingerprint in its offer, and nobody else is.
#[tokio::test]
async fn a_peer_we_connect_to_is_known_by_its_fingerprint() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    write_certificate(here);
    std::fs::write(
        here.join("restante.toml"),
        "[sip]\ntls_certificate = 'chain.pem'\ntls_key = 'key.pem'\n[msrp]\ntls_listen = ['127.0.0.1:0']\n",
    )
    .unwrap();
    let server = Server::start(
        here,
        &["--config", "restante.toml", "serve"],
        None,
        "/setup?token=",
    );
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["anybody".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let path = format!("msrps://{}/theirs;tcp", listener.local_addr().unwrap());
    let digest: Vec<String> = Sha256::digest(cert.der())
        .iter()
        .map(|octet| format!("{octet:02X}"))
        .collect();
    let ours = format!("a=fingerprint:SHA-256 {}\r\n", digest.join(":"));
    let offer = offer("TCP/TLS/MSRP", &path, "passive");
    let sip = server.sip.parse().unwrap();

    let nameless = ask(&Udp::connect(sip).await, &Invite::new().sdp(offer.clone())).await;
    assert_eq!(status(&nameless), 488);
    let forged = ours.replacen(&digest[0], if digest[0] == "00" { "01" } else { "00" }, 1);
    let session = invite_at(sip, &Invite::new().sdp(offer.clone() + &forged)).await;
    let (stream, _) = listener.accept().await.unwrap();
    assert!(
        acceptor.accept(stream).await.is_err(),
        "another's certificate is not taken"
    );
    drop(session);

    let mut session = invite_at(sip, &Invite::new().sdp(offer + &ours)).await;
    let (stream, _) = listener.accept().await.unwrap();
    let mut msrp = Msrp::over(acceptor.accept(stream).await.unwrap());
    assert!(msrp.receive().await.contains(" SEND\r\n"));
    let chunk = String::from_utf8(session.whole("theirs", "Hello", "")).unwrap();
    assert_eq!(msrp.ask(chunk.replace(PATH, &path)).await, 200);
    assert_eq!(session.bye().await, 200);
    assert!(server.terminate().success());
}

/// An end that speaks SIP over TLS at `localhost`, and takes nobody who does not show a certificate of the authority.
fn secure_end(directory: &Path, authority: &str) -> TlsAcceptor {
    let read = |name: &str| directory.join(format!("{name}.pem"));
    let roots = tls::authorities(&read("authority")).unwrap();
    let clients = WebPkiClientVerifier::builder(Arc::new(roots)).build();
    let chain = tls::certificates(&read(authority)).unwrap();
    let key = PrivateKeyDer::from_pem_file(read(&format!("{authority}-key"))).unwrap();
    let config = ServerConfig::builder().with_client_cert_verifier(clients.unwrap());
    TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()))
}

/// A dialog may name a SIPS URI: then we connect over TLS, and both sides prove their names.
#[tokio::test]
async fn a_notify_goes_over_tls_where_the_dialog_says_so() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let (ours, other) = (authority(), authority());
    std::fs::write(here.join("authority.pem"), ours.0.pem()).unwrap();
    issue(here, &other, "localhost");
    let forged = secure_end(here, "localhost");
    issue(here, &ours, "localhost");
    let good = secure_end(here, "localhost");
    issue(here, &ours, "elsewhere.example.org");
    let misplaced = secure_end(here, "elsewhere.example.org");
    std::fs::write(
        here.join("restante.toml"),
        "[sip]\ntls_listen = ['127.0.0.1:0']\ntls_certificate = 'localhost.pem'\ntls_key = 'localhost-key.pem'\n\
         tls_client_authorities = 'authority.pem'\n",
    )
    .unwrap();
    let args = ["--config", "restante.toml", "serve"];
    let server = Server::start(here, &args, None, "/setup?token=");
    let client = Udp::connect(server.sip.parse().unwrap()).await;
    for (n, (end, is_believed)) in [(&forged, false), (&misplaced, false), (&good, true)]
        .into_iter()
        .enumerate()
    {
        // A place of its own for each: whoever comes while a connection is being opened shares what comes of it.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let refer = format!(
            "REFER sip:mail.example.org SIP/2.0\r\nVia: SIP/2.0/UDP client.example.org;branch=z9hG4bKs{n};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:alice@example.org>;tag=s{n}\r\nTo: <sip:mail.example.org>\r\nCall-ID: s{n}\r\n\
             CSeq: 1 REFER\r\nContact: <sips:alice@localhost:{port}>\r\nP-Asserted-Identity: <sip:alice@example.org>\r\n\
             Refer-To: <sip:10000000001@mail.example.org>\r\nContent-Length: 0\r\n\r\n"
        );
        assert_eq!(status(&client.ask(refer).await), 202);
        let (stream, _) = listener.accept().await.unwrap();
        let accepted = end.accept(stream).await;
        let mut stream = match accepted {
            Ok(stream) if is_believed => stream,
            // With TLS 1.3 the end that is not believed learns it when it reads.
            Ok(mut stream) => {
                assert!(!matches!(stream.read(&mut [0; 1]).await, Ok(1..)));
                continue;
            }
            Err(_) => {
                assert!(!is_believed);
                continue;
            }
        };
        let mut text = String::new();
        while !text.ends_with("\r\n\r\nSIP/2.0 404 Not Found\r\n") {
            let mut buffer = [0; 4096];
            let octets = stream.read(&mut buffer).await.unwrap();
            assert!(octets > 0, "{text}");
            text.push_str(std::str::from_utf8(&buffer[..octets]).unwrap());
        }
        assert!(
            text.starts_with(&format!(
                "NOTIFY sips:alice@localhost:{port} SIP/2.0\r\nVia: SIP/2.0/TLS "
            )),
            "{text}"
        );
        // The port that we listen on for TLS, not that which the REFER came to.
        assert!(
            !text.contains(&format!("SIP/2.0/TLS {};", server.sip)),
            "{text}"
        );
        assert!(!text.contains(&format!("<sips:{}>", server.sip)), "{text}");
    }
    assert!(server.terminate().success());
}
