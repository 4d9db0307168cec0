//! A server for one test.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Mutex;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, RequestBuilder, StatusCode, redirect};
use restante::app::App;
use restante::clock::{self, Clock};
use restante::config::Settings;
use restante::domain::access::{Role, TokenScope};
use restante::domain::audit::Actor;
use restante::domain::hex::hex;
use restante::identity::{Identity, NewToken, NewUser};
use restante::mailbox::Mailbox;
use restante::web::Demo;
use sea_orm::{ConnectionTrait, Database};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// The database under a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    /// The URL of a new, empty database; the embedded one has none.
    pub async fn fresh_url(self) -> Option<String> {
        if self == Self::Sqlite {
            return None;
        }
        let name = format!("t_{}", hex(&clock::random::<8>().unwrap()));
        administer(&format!("CREATE DATABASE {name}")).await;
        let server = postgres_server();
        let (server, _) = server.rsplit_once('/').unwrap();
        let url = format!("{server}/{name}");
        DATABASES.lock().unwrap().push(name);
        Some(url)
    }
}

/// The databases this process has made and not yet dropped.
static DATABASES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Ends the databases of a test that has passed: five hundred of them, of 8 MiB each, would fill
/// a small disk. Those of a failed test stay for whoever looks into it. Where tests share one
/// process (`cargo test`) nothing is dropped: the list is everybody's there.
pub async fn drop_databases() {
    if std::env::var_os("NEXTEST").is_none() {
        return;
    }
    let databases = std::mem::take(&mut *DATABASES.lock().unwrap());
    for name in databases {
        administer(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
    }
}

fn postgres_server() -> String {
    std::env::var("RESTANTE_TEST_POSTGRES_URL")
        .expect("no PostgreSQL to test on: run ./scripts/test, which starts one")
}

async fn administer(statement: &str) {
    let admin = Database::connect(postgres_server()).await.unwrap();
    admin.execute_unprepared(statement).await.unwrap();
    admin.close().await.unwrap();
}

/// A running server with its own database, and a client for it.
pub struct TestApp {
    pub url: String,
    /// Where SIP is served, UDP and TCP alike.
    pub sip: SocketAddr,
    /// Where else SIP is served, and what is spoken there.
    sips: Vec<(&'static str, SocketAddr)>,
    pub client: Client,
    pub clock: Clock,
    pub mailbox: Mailbox,
    pub identity: Identity,
    /// A token with the scope gateway.
    pub gateway: String,
    /// A token with the scope operator.
    pub operator: String,
    stop: Option<oneshot::Sender<()>>,
    ended: Option<tokio::task::JoinHandle<anyhow::Result<()>>>,
    directory: TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// Asserts that this is a problem document of the type `slug`, consistent in itself.
    #[track_caller]
    pub fn assert_problem(&self, status: u16, slug: &str) -> Value {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["type"], format!("/problems/{slug}"), "{problem}");
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string());
        problem
    }
}

impl TestApp {
    /// Starts with configuration beyond the test's own, in TOML.
    pub async fn start(backend: Backend, toml: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = String::from(toml);
        if !config.contains("hostname") {
            config.push_str("\n[server]\nhostname = 'mail.example.org'\n");
        }
        // Tests ask as often as they like, unless they are about that.
        if !config.contains("sender_rate") {
            if !config.contains("[policy]") {
                config.push_str("\n[policy]\n");
            }
            config = config.replace("[policy]\n", "[policy]\nsender_rate = 0\n");
        }
        if !config.contains("rate_limits") {
            config.push_str("\n[http.rate_limits]\napi = 0\nsearch = 0\nexport = 0\nrefused = 0\n");
        }
        if !config.contains("[http]") {
            config.push_str("[http]\n");
        }
        config = config.replace("[http]\n", "[http]\nlisten = ['127.0.0.1:0']\n");
        if !config.contains("[sip]") {
            config.push_str("[sip]\n");
        }
        if !config.contains("[sip]\nlisten") {
            config = config.replace("[sip]\n", "[sip]\nlisten = ['127.0.0.1:0']\n");
        }
        if !config.contains("[msrp]") {
            config.push_str("[msrp]\n");
        }
        config = config.replace("[msrp]\n", "[msrp]\nlisten = ['127.0.0.1:0']\n");
        if let Some(url) = backend.fresh_url().await {
            writeln!(config, "[database]\nurl = '{url}'").unwrap();
        }
        let data = directory.path().join("data").display().to_string();
        let file = directory.path().join("restante.toml");
        std::fs::write(&file, format!("data_dir = '{data}'\n{config}")).unwrap();
        let settings = Settings::load(Some(&file)).unwrap();
        Self::run(settings, directory).await
    }

    async fn run(settings: Settings, directory: TempDir) -> Self {
        let clock = Clock::default();
        let app = App::prepare(settings, clock.clone(), Demo(false))
            .await
            .unwrap();
        let url = format!("http://{}", app.addresses().unwrap()[0]);
        let sips = app.sip_addresses().unwrap();
        let mailbox = app.mailbox().clone();
        let identity = app.identity().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = tokio::spawn(app.run(async {
            let _ = stopped.await;
        }));
        let token = async |scope| {
            identity
                .create_token("t", &[scope], &[], None)
                .await
                .unwrap()
        };
        let (gateway, operator) = (
            token(TokenScope::Gateway).await,
            token(TokenScope::Operator).await,
        );
        Self {
            url,
            sip: sips[0].1,
            sips,
            client: client(),
            clock,
            mailbox,
            identity,
            gateway,
            operator,
            stop: Some(stop),
            ended: Some(ended),
            directory,
        }
    }

    /// Stops the server as SIGTERM does, and waits until it has.
    pub async fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.ended.take().unwrap().await.unwrap().unwrap();
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer {
            status,
            headers,
            body: response.bytes().await.unwrap().to_vec(),
        }
    }

    /// `GET`, as an operator who says why.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.as_operator(self.request(Method::GET, path)))
            .await
    }

    /// The request of an operator who says why: without that nobody reads what is somebody else's.
    pub fn as_operator(&self, request: RequestBuilder) -> RequestBuilder {
        let (name, reason) = REASON;
        request.bearer_auth(&self.operator).header(name, reason)
    }

    pub async fn get_as(&self, token: &str, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(token))
            .await
    }

    /// `DELETE`, as an operator.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(
            self.request(Method::DELETE, path)
                .bearer_auth(&self.operator),
        )
        .await
    }

    /// `POST` of JSON, as an operator.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = self.as_operator(self.request(Method::POST, path));
        self.send(request.json(body)).await
    }

    /// Where SIP is served over UDP and TCP on IPv6.
    pub fn sip_over_ipv6(&self) -> SocketAddr {
        let mut addresses = self.sips.iter().map(|(_, address)| *address);
        addresses.find(SocketAddr::is_ipv6).unwrap()
    }

    /// The directory of its data.
    pub fn data(&self) -> std::path::PathBuf {
        self.directory.path().join("data")
    }

    /// Where SIP is spoken in this way.
    pub fn sip_at(&self, what: &str) -> SocketAddr {
        let (_, address) = self.sips.iter().find(|(known, _)| *known == what).unwrap();
        *address
    }

    /// Hands over a SIP request, as a gateway.
    pub async fn hand_over(&self, raw: impl Into<Vec<u8>>) -> Answer {
        self.hand_over_for("", raw).await
    }

    /// The same, with a query such as `?aor=…`.
    pub async fn hand_over_for(&self, query: &str, raw: impl Into<Vec<u8>>) -> Answer {
        let request = self
            .request(Method::POST, &format!("/gateway/v1/messages{query}"))
            .bearer_auth(&self.gateway)
            .header(CONTENT_TYPE, "message/sip")
            .body(raw.into());
        self.send(request).await
    }

    /// Hands over a SIP request that must be stored; gives the id of the message.
    #[track_caller]
    pub fn store(&self, raw: impl Into<Vec<u8>>) -> impl Future<Output = String> {
        let raw = raw.into();
        async move {
            let answer = self.hand_over(raw).await;
            assert_eq!(answer.status, 201, "{}", answer.text());
            answer.json()["id"].as_str().unwrap().to_owned()
        }
    }

    /// Makes a person who owns `aors`.
    pub async fn add_user(&self, name: &str, role: Role, aors: &[&str]) {
        let aors: Vec<_> = aors.iter().map(|aor| aor.parse().unwrap()).collect();
        self.identity
            .add_user(name, PASSWORD, role, &aors)
            .await
            .unwrap();
    }

    /// A token for `aors` with these scopes.
    pub async fn token(&self, scopes: &[TokenScope], aors: &[&str]) -> String {
        let aors: Vec<_> = aors.iter().map(|aor| aor.parse().unwrap()).collect();
        self.identity
            .create_token("t", scopes, &aors, None)
            .await
            .unwrap()
    }

    /// A token for domains with these scopes.
    pub async fn domain_token(&self, scopes: &[TokenScope], domains: &[&str]) -> String {
        let domains: Vec<_> = domains.iter().map(|name| name.parse().unwrap()).collect();
        let new = NewToken {
            name: "t",
            scopes,
            domains: &domains,
            ..NewToken::default()
        };
        let made = self.identity.make_token(new, Actor::SYSTEM).await.unwrap();
        made.text
    }

    /// Makes an operator of these domains, who owns `aors`.
    pub async fn add_domain_operator(&self, name: &str, aors: &[&str], domains: &[&str]) {
        let aors: Vec<_> = aors.iter().map(|aor| aor.parse().unwrap()).collect();
        let domains: Vec<_> = domains.iter().map(|name| name.parse().unwrap()).collect();
        let new = NewUser {
            name,
            password: PASSWORD,
            role: Role::Operator,
            aors: &aors,
            domains: &domains,
        };
        self.identity.make_user(new, Actor::SYSTEM).await.unwrap();
    }

    /// How many messages wait for `aor`, by the account and by its list, which must agree.
    pub async fn waiting(&self, aor: &str) -> usize {
        let account = self.get(&format!("/api/v1/accounts/{aor}")).await;
        if account.status == 404 {
            return 0;
        }
        let list = self
            .get(&format!("/api/v1/accounts/{aor}/messages?limit=500"))
            .await
            .json();
        let listed = list["items"].as_array().unwrap();
        assert_eq!(account.json()["message_count"], listed.len());
        let octets: i64 = listed
            .iter()
            .map(|m| m["stored_size"].as_i64().unwrap())
            .sum();
        assert_eq!(account.json()["byte_count"], octets);
        listed.len()
    }
}

/// A client that follows no redirects, so that tests see them.
pub fn client() -> Client {
    // It fails only if there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(redirect::Policy::none())
        .build()
        .unwrap()
}

/// Why operators read, in tests.
pub const REASON: (&str, &str) = ("restante-reason", "A%20test%20reads.");

/// The password of everybody made by [`TestApp::add_user`].
pub const PASSWORD: &str = "correct horse battery";
