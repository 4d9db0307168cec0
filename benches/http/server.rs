//! A running server, and where it keeps its messages.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use tempfile::TempDir;

use crate::machine::kib;

/// Where a server keeps its messages.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) directory: TempDir,
    pub(crate) url: Option<String>,
}

impl Place {
    pub(crate) fn embedded() -> Self {
        Self {
            name: "SQLite",
            directory: tempfile::tempdir().unwrap(),
            url: None,
        }
    }

    /// The program, told where to store, and nothing of the caller's own settings.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_restante"));
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.directory.path().join("log"));
        command
            .args(arguments)
            .env_clear()
            .env("RESTANTE__DATA_DIR", self.directory.path())
            .env("RESTANTE__HTTP__LISTEN", "127.0.0.1:0")
            .env("RESTANTE__SIP__LISTEN", "")
            .env("RESTANTE__MSRP__LISTEN", "")
            .env("RESTANTE__SERVER__HOSTNAME", "mail.example.org")
            .env("RESTANTE__POLICY__QUOTA_MESSAGES", "1000000000")
            // One sender and one token do the work of many.
            .env("RESTANTE__POLICY__SENDER_RATE", "0")
            .env("RESTANTE__HTTP__RATE_LIMITS__API", "0")
            .env("RESTANTE__HTTP__RATE_LIMITS__SEARCH", "0")
            .env("RESTANTE__HTTP__RATE_LIMITS__GATEWAY", "0")
            .env("RESTANTE__POLICY__QUOTA_BYTES", "1000000000000000")
            .stdin(Stdio::null())
            .stderr(log.unwrap());
        if let Some(url) = &self.url {
            command.env("RESTANTE__DATABASE__URL", url);
        }
        command
    }
}

/// A running program; killed when dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) url: String,
    /// From nothing until it said that it was ready.
    pub(crate) started_in: Duration,
}

impl Server {
    pub(crate) async fn start(place: &Place) -> Self {
        let begun = Instant::now();
        let mut child = place
            .program(&["serve"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = child.stdout.as_mut().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let mut server = Self {
            child,
            url: String::new(),
            started_in: Duration::ZERO,
        };
        let (_, url) = line.split_once("http://").unwrap_or_else(|| {
            let log = fs::read_to_string(place.directory.path().join("log"));
            eprintln!("{}", log.unwrap_or_default());
            std::process::exit(1);
        });
        server.url = format!("http://{}", url.trim().trim_end_matches('/'));
        let ready = format!("{}/readyz", server.url);
        let client = client();
        let answer = client.get(&ready).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        server.started_in = begun.elapsed();
        server
    }

    /// Processor time it has used, in user and kernel mode.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // After the name, which ends with the last parenthesis, utime and stime are 12th and 13th.
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let ticks: u64 = fields
            .split_ascii_whitespace()
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<u64>().unwrap())
            .sum();
        // Linux counts hundredths of a second here, on all machines.
        Duration::from_millis(ticks * 10)
    }

    /// Memory it has resident, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        kib(&format!("/proc/{}/status", self.child.id()), "VmRSS:")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn client() -> Client {
    // Nothing here speaks TLS; reading the system's certificates would be what costs.
    Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .build()
        .unwrap()
}
