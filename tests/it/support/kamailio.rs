//! A real Kamailio on loopback, from the very files in `deploy/kamailio`.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::UdpSocket as AsyncUdp;
use tokio::time::{Duration, timeout};

use super::repository;

/// A running Kamailio, ended when dropped.
pub struct Kamailio {
    child: Child,
    pub address: SocketAddr,
    directory: TempDir,
}

/// A port of 127.0.0.1 that is free for UDP and TCP.
pub fn free_address() -> SocketAddr {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}

impl Kamailio {
    /// Starts it from a file of this repository with these settings changed, and waits until it answers.
    pub async fn start(file: &str, settings: &[(&str, String)], token: &str) -> Self {
        let address = free_address();
        let directory = tempfile::tempdir().unwrap();
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let mut command = Command::new("kamailio");
        command.args(["-f", &repository(file), "-DD", "-E", "-m", "64", "-M", "8"]);
        command.arg("-Y").arg(directory.path());
        let listen = [
            ("LISTEN_UDP", format!("udp:{address}")),
            ("LISTEN_TCP", format!("tcp:{address}")),
        ];
        for (name, value) in listen.iter().chain(settings) {
            command.arg("-A").arg(format!("{name}={value}"));
        }
        command
            .env("RESTANTE_TOKEN", token)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let child = command
            .spawn()
            .expect("Kamailio is needed: run ./scripts/test");
        let mut kamailio = Self {
            child,
            address,
            directory,
        };
        kamailio.wait_until_it_answers().await;
        kamailio
    }

    async fn wait_until_it_answers(&mut self) {
        let socket = AsyncUdp::bind("127.0.0.1:0").await.unwrap();
        let ours = socket.local_addr().unwrap();
        let mut buffer = [0; 2048];
        for n in 0..200 {
            if let Some(status) = self.child.try_wait().unwrap() {
                let log = std::fs::read_to_string(self.directory.path().join("log")).unwrap();
                panic!("Kamailio ended ({status}): {log}");
            }
            let ping = format!(
                "OPTIONS sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP {ours};branch=z9hG4bKping{n}\r\n\
                 Max-Forwards: 5\r\nFrom: <sip:ping@example.org>;tag=1\r\nTo: <sip:example.org>\r\n\
                 Call-ID: ping{n}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            );
            let _ = socket.send_to(ping.as_bytes(), self.address).await;
            if let Ok(Ok(_)) = timeout(Duration::from_millis(100), socket.recv(&mut buffer)).await {
                return;
            }
        }
        panic!("Kamailio does not answer");
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // Its main process ends the others when it is asked to stop, and not when it is killed.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.child.wait();
    }
}
