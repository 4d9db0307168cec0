//! The program is killed again and again while it stores, deletes, expires and reports. Nothing that was acknowledged
//! is lost or doubled, and nobody is told twice.
//!
//! `scripts/kill-test` is the long run.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use reqwest::{Client, Method, RequestBuilder};
use restante::clock::Clock;
use restante::domain::message_id::MessageKey;
use sea_orm::{Database, DatabaseConnection};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::support::chance::{Chance, times};
use crate::support::invariants::{self, Known, Site};
use crate::support::message::Pager;
use crate::support::program::{Server, run, stdout};
use crate::support::rows::unsettled;
use crate::support::sip::{self, Udp};
use crate::support::{Backend, REASON, client};

const ACCOUNTS: u64 = 6;
const SENDERS: u64 = 40;
const WORKERS: usize = 8;
/// The longest of the short lives, in seconds.
const SHORT: u64 = 4;
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);
const CONFIG: &str = "[policy]\nsweep_interval = '50ms'\nquota_messages = 1000000\n\
    delivery_reports = 'on_request'\n[sip]\nrate_limit = 1000000\n[server]\nhostname = 'mail.example.org'\n";

/// Where the program is to be found, until it is killed.
#[derive(Clone, Debug)]
struct Place {
    start: usize,
    url: String,
    sip: SocketAddr,
}

/// A message that was acknowledged.
#[derive(Clone)]
struct Entry {
    known: Known,
    account: String,
    raw: Vec<u8>,
    /// Whether it expires in this test.
    expires: bool,
}

/// What the workers were told.
#[derive(Default)]
struct Book {
    messages: HashMap<MessageKey, Entry>,
    keys: Vec<MessageKey>,
    /// Accepted over SIP, which does not tell the id.
    accepted: Vec<Entry>,
    /// Reports that are done.
    sent: HashSet<String>,
}

struct Shared {
    place: watch::Receiver<Option<Place>>,
    client: Client,
    operator: String,
    gateway: String,
    book: Mutex<Book>,
    acknowledged: watch::Sender<usize>,
    interrupted: AtomicUsize,
    stop: watch::Receiver<bool>,
}

/// The program on a database that outlives it.
struct Host {
    directory: TempDir,
    url: Option<String>,
    config: PathBuf,
}

impl Host {
    async fn new(backend: Backend) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("kills.toml");
        std::fs::write(&config, CONFIG).unwrap();
        Self {
            url: backend.fresh_url().await,
            directory,
            config,
        }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn start(&self) -> Server {
        let args = ["--config", self.config.to_str().unwrap(), "serve"];
        Server::start(self.path(), &args, self.url.as_deref(), "and MSRP on")
    }

    fn token(&self, scope: &str) -> String {
        let args = ["token", "create", "--name", "t", "--scope", scope];
        stdout(&run(self.path(), &args, self.url.as_deref()))
    }

    async fn database(&self) -> DatabaseConnection {
        let file = self.path().join("restante-data/restante.db");
        let embedded = format!("sqlite://{}", file.display());
        Database::connect(self.url.clone().unwrap_or(embedded))
            .await
            .unwrap()
    }
}

impl Shared {
    fn new(
        place: watch::Receiver<Option<Place>>,
        stop: watch::Receiver<bool>,
        host: &Host,
    ) -> Arc<Self> {
        Arc::new(Self {
            place,
            client: client(),
            operator: host.token("operator"),
            gateway: host.token("gateway"),
            book: Mutex::default(),
            acknowledged: watch::channel(0).0,
            interrupted: AtomicUsize::new(0),
            stop,
        })
    }

    /// Where the program is; waits for it to come back.
    async fn place(&self, not: Option<usize>) -> Place {
        let mut place = self.place.clone();
        let back = |place: &Option<Place>| place.as_ref().is_some_and(|at| Some(at.start) != not);
        let found = timeout(PATIENCE, place.wait_for(back)).await;
        found.expect("it comes back").unwrap().clone().unwrap()
    }

    /// Asks, again if the program was killed before it answered, until there is an answer.
    async fn ask(&self, request: impl Fn(&str) -> RequestBuilder) -> (u16, Value) {
        let mut failed = None;
        loop {
            let place = self.place(failed).await;
            let answer = match request(&place.url).send().await {
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    answer.bytes().await.map(|body| (status, body))
                }
                Err(error) => Err(error),
            };
            if let Ok((status, body)) = answer {
                assert!(status < 500, "{status}: {}", String::from_utf8_lossy(&body));
                return (status, serde_json::from_slice(&body).unwrap_or_default());
            }
            self.interrupted.fetch_add(1, Ordering::Relaxed);
            failed = Some(place.start);
        }
    }

    fn count(&self) {
        self.acknowledged.send_modify(|count| *count += 1);
    }

    async fn hand_over(&self, raw: &[u8]) -> (u16, Value) {
        self.ask(|url| {
            let request = self.client.post(format!("{url}/gateway/v1/messages"));
            let request = request.header("content-type", "message/sip");
            request.bearer_auth(&self.gateway).body(raw.to_vec())
        })
        .await
    }

    /// A new message over HTTP, or now and then over SIP.
    async fn store(&self, chance: &mut Chance) {
        let (message, entry) = new_message(chance);
        if chance.percent(25) {
            self.over_sip(&message).await;
            self.book.lock().unwrap().accepted.push(entry);
        } else {
            let (status, answer) = self.hand_over(&entry.raw).await;
            assert!(matches!(status, 200 | 201), "{status}: {answer}");
            self.enter(&answer, entry);
        }
        self.count();
    }

    fn enter(&self, answer: &Value, entry: Entry) {
        let key: MessageKey = answer["id"].as_str().unwrap().parse().unwrap();
        assert_eq!(answer["account"], entry.account);
        let mut book = self.book.lock().unwrap();
        book.keys.push(key);
        let other = book.messages.insert(key, entry);
        assert!(other.is_none(), "{key} was given out twice");
    }

    /// Sends a request as RFC 3261 section 17.1.2 has it, until it is accepted.
    async fn over_sip(&self, message: &Pager) {
        let mut place = self.place(None).await;
        let mut socket = Udp::connect(place.sip).await;
        let mut wait = Duration::from_millis(500);
        loop {
            // A port that nobody listens on any more is known by an error at the next call.
            let _ = socket.0.send(&message.bytes()).await;
            let mut buffer = [0; 4096];
            if let Ok(Ok(octets)) = timeout(wait, socket.0.recv(&mut buffer)).await {
                let answer = restante::sip::Message::parse(buffer[..octets].to_vec().into());
                let answer = answer.unwrap();
                assert_eq!(sip::header(&answer, "Call-ID"), message.call_id);
                assert_eq!(sip::status(&answer), 202);
                return;
            }
            wait = (wait * 2).min(Duration::from_secs(4));
            let now = self.place(None).await;
            if now.start != place.start {
                self.interrupted.fetch_add(1, Ordering::Relaxed);
                place = now;
                socket = Udp::connect(place.sip).await;
                wait = Duration::from_millis(500);
            }
        }
    }

    /// One of the messages there are or were.
    fn any(&self, chance: &mut Chance) -> Option<(MessageKey, Entry)> {
        let book = self.book.lock().unwrap();
        let key = chance.pick(&book.keys)?;
        Some((*key, book.messages[key].clone()))
    }

    fn message(&self, method: Method, url: &str, key: MessageKey, account: &str) -> RequestBuilder {
        let url = format!("{url}/api/v1/accounts/{account}/messages/{key}");
        let (name, reason) = REASON;
        let request = self.client.request(method, url).header(name, reason);
        request.bearer_auth(&self.operator)
    }

    async fn delete(&self, key: MessageKey, account: &str) {
        {
            let mut book = self.book.lock().unwrap();
            book.messages.get_mut(&key).unwrap().known.may_be_deleted = true;
        }
        let request = |url: &str| self.message(Method::DELETE, url, key, account);
        let (status, answer) = self.ask(request).await;
        match status {
            204 => {
                self.count();
                let mut book = self.book.lock().unwrap();
                let known = &mut book.messages.get_mut(&key).unwrap().known;
                let is_first = !std::mem::replace(&mut known.is_deleted, true);
                assert!(is_first, "{key} was deleted twice");
            }
            status => assert_eq!(status, 404, "{answer}"),
        }
    }

    /// A message that nobody deletes and that does not expire is there.
    async fn read(&self, key: MessageKey, account: &str) {
        let request = |url: &str| self.message(Method::GET, url, key, account);
        let (status, answer) = self.ask(request).await;
        let entry = self.book.lock().unwrap().messages[&key].clone();
        let may_be_gone = entry.expires || entry.known.may_be_deleted;
        assert!(status == 200 || may_be_gone, "{key}: {status}: {answer}");
    }

    /// The same request again, through another proxy: the first answer.
    async fn repeat(&self, key: MessageKey, raw: &[u8]) {
        let raw = String::from_utf8_lossy(raw).replace("branch=z9hG4bK", "branch=z9hG4bKagain");
        let (status, answer) = self.hand_over(raw.as_bytes()).await;
        assert_eq!(status, 200, "stored again: {answer}");
        assert_eq!(answer["id"], key.to_string());
    }

    /// Does one thing after the other.
    async fn work(self: Arc<Self>, mut chance: Chance) {
        while !*self.stop.borrow() {
            let any = self.any(&mut chance);
            match (chance.below(100), any) {
                (0..20, Some((key, entry))) => self.delete(key, &entry.account).await,
                (20..35, Some((key, entry))) => self.read(key, &entry.account).await,
                (35..45, Some((key, entry))) => self.repeat(key, &entry.raw).await,
                _ => self.store(&mut chance).await,
            }
        }
    }

    /// Fetches reports and says that they were sent.
    async fn report(self: Arc<Self>, mut chance: Chance) {
        while !*self.stop.borrow() {
            let pull = |url: &str| {
                let request = self
                    .client
                    .get(format!("{url}/gateway/v1/reports?limit=20&wait=1"));
                request.bearer_auth(&self.gateway)
            };
            let (status, answer) = self.ask(pull).await;
            assert_eq!(status, 200, "{answer}");
            for report in answer["items"].as_array().unwrap() {
                let id = report["id"].as_str().unwrap();
                let is_done = self.book.lock().unwrap().sent.contains(id);
                assert!(!is_done, "handed out after it was sent: {report}");
                if chance.percent(10) {
                    continue;
                }
                let ack = |url: &str| {
                    let request = self
                        .client
                        .post(format!("{url}/gateway/v1/reports/{id}/ack"));
                    request.bearer_auth(&self.gateway)
                };
                let (status, answer) = self.ask(ack).await;
                assert_eq!(status, 204, "{answer}");
                self.book.lock().unwrap().sent.insert(id.to_owned());
            }
        }
    }

    /// Hands over what was accepted by SIP once more, and so learns the ids; none of it may be new.
    async fn identify(&self) {
        let accepted = std::mem::take(&mut self.book.lock().unwrap().accepted);
        for entry in accepted {
            let (status, answer) = self.hand_over(&entry.raw).await;
            assert_eq!(status, 200, "accepted over SIP, and lost: {answer}");
            self.enter(&answer, entry);
        }
    }

    /// What lies there is what came.
    async fn compare_octets(&self) {
        let messages = self.book.lock().unwrap().messages.clone();
        let mut compared = 0;
        for (key, entry) in messages
            .iter()
            .filter(|(_, entry)| !entry.expires && !entry.known.is_deleted)
            .take(100)
        {
            let place = self.place(None).await;
            let url = format!(
                "{}/api/v1/accounts/{}/messages/{key}/raw",
                place.url, entry.account
            );
            let (name, reason) = REASON;
            let request = self.client.get(url).bearer_auth(&self.operator);
            let request = request.header(name, reason);
            let answer = request.send().await.unwrap();
            if answer.status() == 404 {
                assert!(entry.known.may_be_deleted, "{key} is gone");
                continue;
            }
            assert_eq!(answer.status(), 200, "{key}");
            assert!(
                answer.bytes().await.unwrap() == entry.raw,
                "{key} has changed"
            );
            compared += 1;
        }
        assert!(compared > 0, "nothing was left to compare");
    }
}

fn new_message(chance: &mut Chance) -> (Pager, Entry) {
    let asked = chance.percent(50);
    let expires = chance.percent(50);
    let account = format!("sip:user{}@example.org", chance.below(ACCOUNTS));
    let sender = format!("carol{}@example.org", chance.below(SENDERS));
    let mut message = sip::pager().to(&account).from(&format!("sip:{sender}"));
    if asked {
        let lines = format!(
            "From: <im:{sender}>\r\nTo: <{account}>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: {}\r\n\
             imdn.Disposition-Notification: negative-delivery\r\n",
            message.call_id
        );
        message = message.enveloped(&lines);
    }
    if expires {
        message = message.header("Expires", &(1 + chance.below(SHORT)).to_string());
    }
    let entry = Entry {
        known: Known {
            asked,
            may_be_deleted: false,
            is_deleted: false,
        },
        account,
        raw: message.bytes(),
        expires,
    };
    (message, entry)
}

/// Starts the program; says where it is and how long it took to be ready.
async fn start(host: &Host, start: usize, client: &Client) -> (Server, Place, Duration) {
    let since = Instant::now();
    let server = tokio::task::block_in_place(|| host.start());
    let ready = client.get(format!("{}/readyz", server.url)).send();
    assert_eq!(ready.await.unwrap().status(), 200);
    let place = Place {
        start,
        url: server.url.clone(),
        sip: server.sip.parse().unwrap(),
    };
    (server, place, since.elapsed())
}

/// Nobody works any more and nothing is about to expire.
async fn settle(db: &DatabaseConnection) {
    let waited = async {
        while unsettled(db, Clock::default().now() + TimeDelta::minutes(1)).await > 0 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, waited).await.expect("what is due goes");
}

async fn killed_again_and_again(backend: Backend, kills: usize) {
    let mut chance = Chance::of_this_run("kills");
    let host = Host::new(backend).await;
    let (at, place) = watch::channel(None);
    let (stop, stopped) = watch::channel(false);
    let (mut server, first, mut slowest) = start(&host, 0, &client()).await;
    let shared = Shared::new(place, stopped, &host);
    at.send_replace(Some(first));
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        workers.spawn(Arc::clone(&shared).work(chance.split()));
    }
    workers.spawn(Arc::clone(&shared).report(chance.split()));
    for kill in 1..=kills {
        let goal = *shared.acknowledged.borrow() + 1 + usize::try_from(chance.below(80)).unwrap();
        let mut acknowledged = shared.acknowledged.subscribe();
        tokio::select! {
            reached = timeout(PATIENCE, acknowledged.wait_for(|count| *count >= goal)) => {
                reached.expect("it goes on").unwrap();
            }
            Some(ended) = workers.join_next() => panic!("a worker ended: {ended:?}"),
        }
        // Anywhere in what it does then.
        sleep(Duration::from_micros(chance.below(20_000))).await;
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        at.send_replace(None);
        let (again, place, took) = start(&host, kill, &shared.client).await;
        server = again;
        slowest = slowest.max(took);
        at.send_replace(Some(place));
    }
    stop.send_replace(true);
    while let Some(ended) = workers.join_next().await {
        ended.unwrap();
    }
    shared.identify().await;
    let db = host.database().await;
    settle(&db).await;
    let known = {
        let book = shared.book.lock().unwrap();
        let known = |(key, entry): (&MessageKey, &Entry)| (*key, entry.known.clone());
        book.messages.iter().map(known).collect()
    };
    let site = Site {
        db: &db,
        client: &shared.client,
        url: &server.url,
        operator: &shared.operator,
    };
    let counts = invariants::check(&site, &known).await;
    shared.compare_octets().await;
    let interrupted = shared.interrupted.load(Ordering::Relaxed);
    let sent = shared.book.lock().unwrap().sent.len();
    println!(
        "{backend:?}: {kills} kills, {counts}, {sent} reports fetched, {interrupted} requests cut off and asked again, \
         ready after {slowest:?} at most"
    );
    assert!(
        interrupted > 0 && slowest < Duration::from_secs(10),
        "{slowest:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite() {
    killed_again_and_again(Backend::Sqlite, times("RESTANTE_TEST_KILLS", 10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres() {
    killed_again_and_again(Backend::Postgres, times("RESTANTE_TEST_KILLS", 10)).await;
}
