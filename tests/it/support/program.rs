//! The program itself, started as people start it.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// The program in a directory of its own, with no configuration but what a test gives.
pub fn program(directory: &Path, args: &[&str], database: Option<&str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_restante"));
    command
        .args(args)
        .current_dir(directory)
        .env("RESTANTE__HTTP__LISTEN", "127.0.0.1:0")
        .env("RESTANTE__SIP__LISTEN", "127.0.0.1:0")
        .env("RESTANTE__MSRP__LISTEN", "127.0.0.1:0")
        // Tests ask as often as they like, unless they are about that.
        .env("RESTANTE__POLICY__SENDER_RATE", "0")
        .env("RESTANTE__HTTP__RATE_LIMITS__API", "0")
        .env("RESTANTE__HTTP__RATE_LIMITS__SEARCH", "0");
    command.env_remove("RESTANTE_TOKEN").stdin(Stdio::null());
    if let Some(url) = database {
        command.env("RESTANTE__DATABASE__URL", url);
    }
    command
}

pub fn run(directory: &Path, args: &[&str], database: Option<&str>) -> Output {
    program(directory, args, database).output().unwrap()
}

pub fn run_with_input(directory: &Path, args: &[&str], input: &str) -> Output {
    let mut command = program(directory, args, None);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

pub fn stdout(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone())
        .unwrap()
        .trim()
        .to_owned()
}

pub fn stderr(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A running server, ended when dropped.
pub struct Server {
    pub child: Child,
    pub url: String,
    /// Where it takes SIP.
    pub sip: String,
    /// What it printed up to and including the line a test waited for.
    printed: Vec<String>,
}

impl Server {
    /// Starts and waits for a line that contains `until`.
    pub fn start(directory: &Path, args: &[&str], database: Option<&str>, until: &str) -> Self {
        let mut child = program(directory, args, database)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut server = Self {
            child,
            url: String::new(),
            sip: String::new(),
            printed: Vec::new(),
        };
        loop {
            let line = receiver
                .recv_timeout(PATIENCE)
                .expect("the server says that it serves");
            if server.url.is_empty()
                && let Some(at) = line.find("http://")
            {
                line[at..]
                    .trim()
                    .trim_end_matches('/')
                    .clone_into(&mut server.url);
            }
            if let Some((_, address)) = line.split_once("SIP over UDP and TCP on ") {
                address.clone_into(&mut server.sip);
            }
            let done = line.contains(until);
            server.printed.push(line);
            if done {
                return server;
            }
        }
    }

    pub fn value_of(&self, before: &str) -> String {
        let line = self
            .printed
            .iter()
            .find(|line| line.contains(before))
            .unwrap();
        line.split(before)
            .nth(1)
            .unwrap()
            .split_whitespace()
            .next()
            .unwrap()
            .to_owned()
    }

    /// Asks it to stop as an init system does.
    pub fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
