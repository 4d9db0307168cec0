//! The program is told to stop while messages come: what it says it has, it has, and what it has it has said.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use restante::sip::framer::{Frame, Framer};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::support::program::{Server, run, stdout};
use crate::support::sip::{header, pager, status};
use crate::support::{Backend, client};
use crate::with_both_databases;

const CONFIG: &str = "[policy]\nquota_messages = 1000000\n[sip]\nrate_limit = 1000000\n[server]\nhostname = 'mail.example.org'\n";
const CLIENTS: usize = 6;
/// As many as one page lists.
const MOST_EACH: usize = 480;
const PATIENCE: Duration = Duration::from_mins(1);

/// Sends messages for one account without waiting for answers, until the connection ends; the names of those that
/// were answered 202. Half of the clients look at no answer before the server is told to stop.
async fn flood(
    server: SocketAddr,
    user: usize,
    answered: &AtomicUsize,
    mut stopping: watch::Receiver<bool>,
) -> BTreeSet<String> {
    let socket = TcpSocket::new_v4().unwrap();
    let is_late = user >= CLIENTS / 2;
    if is_late {
        socket.set_recv_buffer_size(4096).unwrap();
    }
    let stream = socket.connect(server).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let send = async {
        for _ in 0..MOST_EACH {
            let message = pager().to(&format!("sip:u{user}@example.org"));
            let name = message.call_id.clone();
            if write
                .write_all(&message.header("Subject", &name).bytes())
                .await
                .is_err()
            {
                break;
            }
        }
    };
    let mut taken = BTreeSet::new();
    let receive = async {
        if is_late {
            stopping.wait_for(|stopping| *stopping).await.unwrap();
        }
        let (mut framer, mut buffer) = (Framer::new(65_536), vec![0; 16_384]);
        while let Ok(len @ 1..) = read.read(&mut buffer).await {
            framer.push(&buffer[..len]);
            for frame in framer.by_ref() {
                if let Ok(Frame::Message(answer)) = frame {
                    assert!([202, 503].contains(&status(&answer)), "{answer:?}");
                    if status(&answer) == 202 {
                        taken.insert(header(&answer, "Call-ID"));
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        }
    };
    timeout(PATIENCE, async { tokio::join!(send, receive) })
        .await
        .expect("the connection ends");
    taken
}

/// A token that reads everything.
fn operator(directory: &Path, database: Option<&str>) -> String {
    let args = ["token", "create", "--name", "t", "--scope", "operator"];
    stdout(&run(directory, &args, database))
}

with_both_databases! {
    async fn what_is_stored_is_what_was_answered(backend: Backend) {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("stopping.toml");
        std::fs::write(&config, CONFIG).unwrap();
        let url = backend.fresh_url().await;
        let args = ["--config", config.to_str().unwrap(), "serve"];
        let start = || Server::start(directory.path(), &args, url.as_deref(), "and MSRP on");
        let server = start();
        let operator = operator(directory.path(), url.as_deref());
        let sip: SocketAddr = server.sip.parse().unwrap();
        let answered = AtomicUsize::new(0);
        let (stopping, told) = watch::channel(false);
        let floods = join_all((0..CLIENTS).map(|user| flood(sip, user, &answered, told.clone())));
        let stop = async {
            while answered.load(Ordering::Relaxed) < 200 {
                sleep(Duration::from_millis(1)).await;
            }
            stopping.send_replace(true);
            tokio::task::spawn_blocking(|| server.terminate()).await.unwrap()
        };
        let (answers, ended) = tokio::join!(floods, stop);
        assert!(ended.success(), "{ended}");
        let server = start();
        for (user, taken) in answers.iter().enumerate() {
            let list = format!("{}/api/v1/accounts/sip:u{user}@example.org/messages?limit=500", server.url);
            let answer = client().get(list).bearer_auth(&operator).header("restante-reason", "A%20test%20reads.").send().await.unwrap();
            let list: Value = answer.json().await.unwrap();
            // Nobody has an account without a message.
            let items = list["items"].as_array().cloned().unwrap_or_default();
            let stored: BTreeSet<String> = items.iter().map(|item| item["subject"].as_str().unwrap().to_owned()).collect();
            assert_eq!(&stored, taken, "what is stored and what was answered, of user {user}");
        }
        let taken: usize = answers.iter().map(BTreeSet::len).sum();
        assert!(taken < CLIENTS * MOST_EACH, "the stop came too late to show anything");
    }
}
