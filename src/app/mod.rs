//! Puts the parts together and runs them until told to stop.

use std::fs::DirBuilder;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::config::{Settings, Strangers, url_of};
use crate::domain::hex::hex;
use crate::identity::Identity;
use crate::inbound::trust::{NONCE_LIFE, Proofs, Trust};
use crate::mailbox::Mailbox;
use crate::mailbox::feed::Feed;
use crate::mailbox::large::Contents;
use crate::mailbox::spool::SpoolDirectory;
use crate::outbound::{chainer, sweeper};
use crate::sip::digest::Challenger;
use crate::sip::transport::tls::Certificate;
use crate::store::objects::Objects;
use crate::store::{Db, secrets};
use crate::web::auth::XcapAuth;
use crate::web::{self, AppState, CursorKey, Demo, Rates, Server, Throttle};

mod bind;
mod sip;

use bind::Bound;

/// Characters of the name that a database has among the objects of others.
const OWNER_CHARS: usize = 16;
/// How long requests under way may take when the server stops.
const PATIENCE_AT_STOP: Duration = Duration::from_secs(8);

/// An application whose listeners are bound but do not answer yet.
pub struct App {
    state: AppState,
    bound: Bound,
    trust: Trust,
}

/// Connects to the database and brings its schema up to date.
///
/// # Errors
/// When the data directory cannot be made or the database does not answer.
pub async fn open_database(settings: &Settings) -> anyhow::Result<Db> {
    if settings.is_embedded() {
        // Messages and password hashes are nobody else's business.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&settings.data_dir)
            .with_context(|| format!("cannot make {}", settings.data_dir.display()))?;
    }
    let db = Db::connect(&settings.database_url(), settings.database.max_connections)
        .await
        .context("cannot connect to the database")?;
    db.migrate()
        .await
        .context("cannot bring the database schema up to date")?;
    Ok(db)
}

/// Opens the places where large contents lie.
fn contents(settings: &Settings, owner: &str) -> anyhow::Result<Contents> {
    let place = settings
        .objects_place()
        .context("objects.url names no place")?;
    let spool = settings.spool_directory();
    Ok(Contents {
        objects: Objects::open(&place, owner).context("cannot open the place of large contents")?,
        spools: SpoolDirectory::open(&spool)
            .with_context(|| format!("cannot use {}", spool.display()))?,
        inline_bytes: settings.objects.inline_bytes,
    })
}

impl App {
    /// Opens the database and binds the listeners.
    ///
    /// # Errors
    /// When the database does not answer or an address cannot be bound.
    pub async fn prepare(settings: Settings, clock: Clock, demo: Demo) -> anyhow::Result<Self> {
        let db = open_database(&settings).await?;
        let bound = Bound::bind(&settings).await?;
        let hostname: Arc<str> = settings.hostname().into();
        let cursor_key = secrets::get_or_create(&db, "cursor").await?;
        let digest_key = secrets::get_or_create(&db, "digest").await?;
        let identity = Identity::new(db.clone(), clock.clone(), Arc::clone(&hostname))?;
        // Each database has a folder of its own: what no row of it names may be removed there.
        let owner = secrets::get_or_create(&db, "objects").await?;
        let owner: String = hex(&owner).chars().take(OWNER_CHARS).collect();
        let contents = contents(&settings, &owner)?;
        let policy = Arc::new(settings.policy());
        let trust = Trust {
            peers: settings.sip.trusted_peers.clone(),
            digest: (settings.sip.strangers == Strangers::Digest).then(|| {
                let challenger = Challenger::new(
                    &settings.realm(),
                    &digest_key,
                    &settings.sip.digest_algorithms,
                    NONCE_LIFE,
                );
                Proofs::new(challenger, &clock)
            }),
            clock: clock.clone(),
            identity: identity.clone(),
            host: hostname.to_string(),
        };
        let xcap_auth = XcapAuth::new(&settings.realm(), &digest_key, clock.clone());
        let state = AppState {
            usages: Arc::new(settings.usages()?),
            feed: Feed::new(db.clone()),
            mailbox: Mailbox::new(db, contents, clock, policy, hostname),
            identity,
            throttle: Arc::new(Throttle::new(&settings.http.rate_limits)),
            rates: Arc::new(Rates::new(&settings.http.rate_limits)),
            settings: Arc::new(settings),
            cursor_key: Arc::new(CursorKey::new(&cursor_key)?),
            xcap_auth,
            demo,
        };
        Ok(Self {
            state,
            bound,
            trust,
        })
    }

    /// The procedures, for whoever fills the store before it is served.
    #[must_use]
    pub fn mailbox(&self) -> &Mailbox {
        &self.state.mailbox
    }

    /// People and tokens.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.state.identity
    }

    /// The addresses that HTTP is served on.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        bind::addresses(self.bound.http.iter())
    }

    /// Those of them where it is served over TLS.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn tls_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let listeners = self.bound.http.iter();
        bind::addresses(listeners.filter(|listener| listener.certificate.is_some()))
    }

    /// The addresses that SIP is served on, and what is spoken there.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn sip_addresses(&self) -> io::Result<Vec<(&'static str, SocketAddr)>> {
        self.bound.sip.addresses()
    }

    /// The addresses that MSRP is served on.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn msrp_addresses(&self) -> io::Result<Vec<SocketAddr>> {
        bind::addresses(self.bound.msrp.iter())
    }

    /// What is served over TLS with which certificate, for whoever reloads them.
    #[must_use]
    pub fn certificates(&self) -> Vec<(&'static str, Arc<Certificate>)> {
        let bound = &self.bound;
        [
            ("SIP", &bound.certificate),
            ("HTTP", &bound.http_certificate),
        ]
        .into_iter()
        .filter_map(|(what, certificate)| Some((what, certificate.clone()?)))
        .collect()
    }

    /// How browsers reach this server.
    ///
    /// # Errors
    /// When the operating system does not say which address was bound.
    pub fn url(&self) -> io::Result<String> {
        if let Some(url) = &self.state.settings.http.public_url {
            return Ok(url.trim_end_matches('/').to_owned());
        }
        let secure = self.tls_addresses()?.first().copied();
        let address = secure.or(self.addresses()?.first().copied());
        let url = address.map(|address| url_of(address, secure.is_some()));
        Ok(url.unwrap_or_default())
    }

    /// Serves until `stop` is done, then finishes the requests that are under way.
    ///
    /// # Errors
    /// When a listener fails.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let url = self.url()?;
        let (stopping, stopped) = watch::channel(false);
        let mut tasks = JoinSet::<anyhow::Result<()>>::new();
        let router = web::router(self.state.clone());
        let server = Server::new(router, &self.state.settings.http, stopped.clone());
        for listener in self.bound.http.drain(..) {
            let server = server.clone();
            tasks.spawn(async move {
                server.run(listener).await;
                Ok(())
            });
        }
        let sip = sip::serve(&self.state, &url, self.bound, self.trust, stopped.clone())?;
        tasks.spawn(async move {
            sip.await;
            Ok(())
        });
        let throttle = Arc::clone(&self.state.throttle);
        let (rates, mailbox) = (Arc::clone(&self.state.rates), self.state.mailbox.clone());
        let tidy = move || {
            throttle.tidy();
            rates.tidy();
            mailbox.senders.tidy();
        };
        let sweep = sweeper::run(
            self.state.mailbox.clone(),
            tidy,
            self.state.settings.policy.sweep_interval,
            wait(stopped.clone()),
        );
        tasks.spawn(async move {
            sweep.await;
            Ok(())
        });
        let chain = chainer::run(self.state.mailbox.clone(), wait(stopped));
        tasks.spawn(async move {
            chain.await;
            Ok(())
        });
        let (feed, mailbox) = (self.state.feed.clone(), self.state.mailbox.clone());
        tasks.spawn(async move {
            feed.run(&mailbox).await;
            Ok(())
        });
        tokio::select! {
            () = stop => tracing::info!("stopping: finishing the requests under way"),
            Some(ended) = tasks.join_next() => ended??,
        }
        stopping.send_replace(true);
        // Whoever waits for reports is told that there are none.
        self.state.mailbox.bell.close();
        self.state.mailbox.news.close();
        let ending = async {
            while let Some(ended) = tasks.join_next().await {
                ended??;
            }
            anyhow::Ok(())
        };
        match timeout(PATIENCE_AT_STOP, ending).await {
            Ok(ended) => ended?,
            // A client that sends half a request, or does not read its answer, holds up nobody.
            Err(_) => {
                tracing::warn!("stopping with requests under way: their clients take too long");
            }
        }
        tasks.abort_all();
        self.state.mailbox.db.close().await?;
        Ok(())
    }
}

async fn wait(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
