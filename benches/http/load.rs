//! The load: what clients ask for, how long each answer took, and what must be there afterwards.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use crate::CONNECTIONS;
use crate::server::{Place, Server, client};

/// How long each kind of work is measured, in each round.
const TURN: Duration = Duration::from_millis(900);
const ACCOUNTS: usize = 100;
/// Octets of text in each message.
const TEXT: usize = 1024;
/// Messages in the metadata document that is read.
const ENTRIES: usize = 20;
/// The user whose metadata document is read.
const READER: &str = "sip:reader@example.org";
const DOCUMENT_PATH: &str =
    "/xcap-root/org.openmobilealliance.deferred-list/users/sip:reader@example.org/deferred-list";
/// The user whom all messages are for, where they are not spread.
const BUSY: &str = "sip:busy@example.org";

/// What a client asks for again and again.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Work {
    Spread,
    OneAccount,
    List,
    Open,
    Document,
    Unchanged,
}

pub(crate) const WORK: [(Work, &str); 6] = [
    (Work::Spread, "store 1 KiB, 100 accounts"),
    (Work::OneAccount, "store 1 KiB, one account"),
    (Work::List, "list 50 messages"),
    (Work::Open, "read one message"),
    (Work::Document, "metadata document, 20 entries"),
    (Work::Unchanged, "the same, unchanged (304)"),
];

impl Work {
    fn expected(self) -> StatusCode {
        match self {
            Self::Spread | Self::OneAccount => StatusCode::CREATED,
            Self::Unchanged => StatusCode::NOT_MODIFIED,
            _ => StatusCode::OK,
        }
    }
}

/// A server with what is needed to load it.
pub(crate) struct Target {
    pub(crate) place: Place,
    pub(crate) server: Server,
    token: String,
    clients: Vec<Client>,
    entity_tag: String,
    /// Paths of all messages the server said it had stored.
    pub(crate) stored: Vec<String>,
}

impl Target {
    pub(crate) async fn start(place: Place) -> Self {
        let scopes = ["--scope", "gateway", "--scope", "operator"];
        let arguments = [&["token", "create", "--name", "bench"], &scopes[..]].concat();
        let output = place.program(&arguments).output().unwrap();
        let most = CONNECTIONS.into_iter().max().unwrap_or_default();
        let mut target = Self {
            server: Server::start(&place).await,
            place,
            token: String::from_utf8(output.stdout).unwrap().trim().to_owned(),
            clients: (0..most).map(|_| client()).collect(),
            entity_tag: String::new(),
            stored: Vec::new(),
        };
        for _ in 0..ENTRIES {
            let sent = target.message(&target.clients[0], READER).send().await;
            let answer = sent.unwrap();
            assert_eq!(answer.status(), StatusCode::CREATED);
            target.stored.push(location(&answer));
        }
        let document = target.get(&target.clients[0], DOCUMENT_PATH);
        let answer = document.send().await.unwrap();
        answer.headers()[ETAG]
            .to_str()
            .unwrap()
            .clone_into(&mut target.entity_tag);
        let entries = answer.text().await.unwrap().matches("<history ").count();
        assert_eq!(entries, ENTRIES);
        target
    }

    fn get(&self, client: &Client, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.server.url);
        client.get(url).bearer_auth(&self.token)
    }

    /// Hands over a message unlike any other.
    fn message(&self, client: &Client, user: &str) -> RequestBuilder {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let text = format!("{n} ") + &"Watson, come here. ".repeat(TEXT.div_ceil(19));
        let request = format!(
            "MESSAGE {user} SIP/2.0\r\nVia: SIP/2.0/UDP proxy.example.org;branch=z9hG4bK{n}\r\n\
             Max-Forwards: 69\r\nFrom: \"Carol\" <sip:carol@example.org>;tag=t{n}\r\nTo: <{user}>\r\n\
             Call-ID: bench-{n}@proxy.example.org\r\nCSeq: 1 MESSAGE\r\n\
             Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {TEXT}\r\n\r\n{}",
            &text[..TEXT]
        );
        client
            .post(format!("{}/gateway/v1/messages", self.server.url))
            .bearer_auth(&self.token)
            .header(CONTENT_TYPE, "message/sip")
            .body(request)
    }

    fn request(&self, client: &Client, work: Work, n: usize) -> RequestBuilder {
        match work {
            Work::Spread => self.message(client, &format!("sip:user{}@example.org", n % ACCOUNTS)),
            Work::OneAccount => self.message(client, BUSY),
            Work::List => self.get(
                client,
                &format!("/api/v1/accounts/{BUSY}/messages?limit=50"),
            ),
            Work::Open => self.get(client, &self.stored[n % self.stored.len()]),
            Work::Document => self.get(client, DOCUMENT_PATH),
            Work::Unchanged => self
                .get(client, DOCUMENT_PATH)
                .header(IF_NONE_MATCH, &self.entity_tag),
        }
    }

    /// Lets so many connections ask as fast as they are answered.
    pub(crate) async fn load(self: &Arc<Self>, work: Work, connections: usize) -> Sample {
        let used = self.server.processor_time();
        let begun = Instant::now();
        let tasks = (0..connections).map(|task| {
            let target = Arc::clone(self);
            tokio::spawn(async move {
                let client = target.clients[task].clone();
                let mut times = Vec::new();
                let mut stored = Vec::new();
                // Each task begins elsewhere, so that they do not follow one another.
                let mut n = task * 37;
                while begun.elapsed() < TURN {
                    let asked = Instant::now();
                    let answer = target.request(&client, work, n).send().await.unwrap();
                    let status = answer.status();
                    assert_eq!(status, work.expected(), "{}", answer.text().await.unwrap());
                    if status == StatusCode::CREATED {
                        stored.push(location(&answer));
                    }
                    answer.bytes().await.unwrap();
                    times.push(asked.elapsed());
                    n += 1;
                }
                (times, stored)
            })
        });
        let mut sample = Sample::default();
        for ended in join_all(tasks).await {
            let (times, stored) = ended.unwrap();
            sample.times.extend(times);
            sample.stored.extend(stored);
        }
        sample.length = begun.elapsed();
        sample.processor = self.server.processor_time().saturating_sub(used);
        sample.times.sort_unstable();
        sample
    }

    /// Kills the server, starts it anew, and gives how many of the messages that it had said to be
    /// stored are missing, and how many are listed that it had not said to be stored.
    pub(crate) async fn count_lost(&mut self) -> (usize, usize) {
        let _ = self.server.child.kill();
        let _ = self.server.child.wait();
        self.server = Server::start(&self.place).await;
        let mut listed = HashSet::new();
        let users = (0..ACCOUNTS).map(|n| format!("sip:user{n}@example.org"));
        for user in users.chain([READER.to_owned(), BUSY.to_owned()]) {
            let path = format!("/api/v1/accounts/{user}/messages");
            let mut next = format!("{path}?limit=500");
            loop {
                let answer = self.get(&self.clients[0], &next).send().await.unwrap();
                if answer.status() == StatusCode::NOT_FOUND {
                    break;
                }
                let page: Value = answer.json().await.unwrap();
                let items = page["items"].as_array().unwrap().iter();
                listed.extend(items.map(|item| item["id"].as_str().unwrap().to_owned()));
                match page["next_cursor"].as_str() {
                    Some(cursor) => next = format!("{path}?limit=500&cursor={cursor}"),
                    None => break,
                }
            }
        }
        let id = |path: &String| path.rsplit_once('/').unwrap().1.to_owned();
        let stored: HashSet<String> = self.stored.iter().map(id).collect();
        assert_eq!(stored.len(), self.stored.len(), "two messages got one id");
        (
            stored.difference(&listed).count(),
            listed.difference(&stored).count(),
        )
    }
}

fn location(answer: &Response) -> String {
    answer.headers()[LOCATION].to_str().unwrap().to_owned()
}

/// One turn of one kind of work.
#[derive(Default)]
pub(crate) struct Sample {
    length: Duration,
    /// Sorted.
    times: Vec<Duration>,
    pub(crate) processor: Duration,
    pub(crate) stored: Vec<String>,
}

impl Sample {
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    pub(crate) fn rate(&self) -> f64 {
        self.times.len() as f64 / self.length.as_secs_f64()
    }

    /// The time in milliseconds that so many in a hundred requests did not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.times.len() * percent).div_ceil(100).max(1) - 1;
        self.times[rank].as_secs_f64() * 1000.0
    }

    /// Processor time of the server for a request, in microseconds.
    pub(crate) fn processor_per_request(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / (self.rate() * self.length.as_secs_f64())
    }
}
