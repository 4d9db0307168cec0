//! SIP clients that others have written: sipp and baresip.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Output, Stdio};
use std::time::Duration;

use restante::sip::Message;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::sleep;

use super::repository;

/// Runs a sipp scenario against a server: `calls` calls over `transport` (`u1`, `t1`). Keys are what the scenario
/// fills in.
pub async fn sipp(
    server: SocketAddr,
    scenario: &str,
    transport: &str,
    calls: u32,
    keys: &[(&str, &str)],
) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new("sipp");
    command.arg(server.to_string());
    let file = repository(&format!("tests/data/sipp/{scenario}.xml"));
    command.args(["-sf", &file, "-t", transport, "-m", &calls.to_string()]);
    command.args([
        "-i",
        "127.0.0.1",
        "-nostdin",
        "-timeout",
        "30",
        "-timeout_error",
    ]);
    command.current_dir(directory.path());
    for (name, value) in keys {
        match *name {
            "service" => command.args(["-s", value]),
            name => command.args(["-key", name, value]),
        };
    }
    command
        .kill_on_drop(true)
        .output()
        .await
        .expect("sipp is needed: run ./scripts/test")
}

/// A phone of sipp's that answers one MESSAGE 200.
pub struct Phone {
    pub port: u16,
    child: tokio::process::Child,
    directory: tempfile::TempDir,
}

impl Phone {
    /// Starts it and waits until it listens.
    pub async fn start() -> Self {
        let port = {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.local_addr().unwrap().port()
        };
        let directory = tempfile::tempdir().unwrap();
        let file = repository("tests/data/sipp/uas-message.xml");
        let child = Command::new("sipp")
            .args(["-sf", &file, "-i", "127.0.0.1", "-p", &port.to_string()])
            .args(["-m", "1", "-nostdin", "-timeout", "30", "-timeout_error"])
            .args(["-trace_msg", "-message_file", "messages.log"])
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("sipp is needed: run ./scripts/test");
        while UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
        Self {
            port,
            child,
            directory,
        }
    }

    /// The MESSAGE that it got and answered.
    pub async fn received(mut self) -> Message {
        assert!(self.child.wait().await.unwrap().success());
        let log = std::fs::read(self.directory.path().join("messages.log")).unwrap();
        let start = b"\nMESSAGE sip:";
        let at = log.windows(start.len()).position(|window| window == start);
        Message::parse(log[at.unwrap() + 1..].to_vec().into()).unwrap()
    }
}

/// Has baresip send a text to Alice from Carol through a server, over `udp` or `tcp`; what it printed: every SIP
/// message it sent and received. `login` is what it answers challenges with, as parameters of an account.
pub async fn baresip(server: SocketAddr, transport: &str, login: &str, text: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let account = format!(
        "<sip:carol@example.org>;regint=0{login};outbound=\"sip:{server};transport={transport}\"\n"
    );
    for (file, content) in [
        ("accounts", account.as_str()),
        ("contacts", "<sip:alice@example.org>\n"),
        (
            "config",
            "poll_method epoll\nnet_interface 127.0.0.1\nsip_listen 127.0.0.1:0\n\
             module_path /usr/lib/baresip/modules\nmodule_tmp account.so\nmodule_app contact.so\n",
        ),
    ] {
        std::fs::write(directory.path().join(file), content).unwrap();
    }
    // It says nothing by its exit code, and would end by itself after so many seconds.
    let mut client = Command::new("baresip")
        .args(["-4", "-s", "-t", "30", "-e", &format!("/message {text}")])
        .arg("-f")
        .arg(directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("baresip is needed: run ./scripts/test");
    let mut output = BufReader::new(client.stdout.take().unwrap());
    let (mut said, mut line) = (String::new(), Vec::new());
    // It echoes what is typed octet by octet, so not every line is text.
    while output.read_until(b'\n', &mut line).await.unwrap() > 0 {
        let text = String::from_utf8_lossy(&line);
        said.push_str(&text);
        // The last word, unless it is a challenge, which it answers.
        let code = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3));
        let ended = code.is_some_and(|code| code >= "200" && code != "401");
        if ended {
            break;
        }
        line.clear();
    }
    client.kill().await.unwrap();
    said
}
