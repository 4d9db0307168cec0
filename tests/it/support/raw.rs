//! HTTP octet by octet, for what no client would send.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::TestApp;

/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to the HTTP listener.
pub struct Raw(pub TcpStream);

/// An answer as it came over the wire.
#[derive(Debug)]
pub struct RawAnswer(pub String);

impl Raw {
    pub async fn connect(app: &TestApp) -> Self {
        let address = app.url.trim_start_matches("http://");
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub async fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.0.write_all(octets.as_ref()).await.unwrap();
    }

    /// Everything until the server ends the connection.
    pub async fn rest(mut self) -> RawAnswer {
        RawAnswer(rest(&mut self.0).await)
    }

    /// Sends `piece` again and again, as fast as asked, until the server ends the connection; gives what it said.
    pub async fn drip(self, piece: Vec<u8>, every: Duration) -> RawAnswer {
        let (mut read, mut write) = self.0.into_split();
        let dripping = tokio::spawn(async move {
            while write.write_all(&piece).await.is_ok() {
                tokio::time::sleep(every).await;
            }
        });
        let text = rest(&mut read).await;
        dripping.abort();
        RawAnswer(text)
    }
}

async fn rest(read: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut octets = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    // A reset is an end as well.
    while let Ok(read @ 1..) = timeout(PATIENCE, read.read(&mut buffer))
        .await
        .expect("the server ends the connection")
    {
        octets.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8_lossy(&octets).into_owned()
}

impl RawAnswer {
    /// Asserts that this is one answer with a problem of this type.
    #[track_caller]
    pub fn assert_problem(&self, status: u16, slug: &str) {
        let (head, body) = self.0.split_once("\r\n\r\n").unwrap_or_default();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{self:?}");
        let lower = head.to_ascii_lowercase();
        for field in [
            "content-type: application/problem+json",
            "x-content-type-options: nosniff",
        ] {
            assert!(lower.contains(field), "{field}: {head}");
        }
        let problem: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{self:?}"));
        assert_eq!(problem["type"], format!("/problems/{slug}"), "{self:?}");
        assert_eq!(problem["status"], status);
    }
}
