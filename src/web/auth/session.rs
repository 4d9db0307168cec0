//! Sessions of signed-in people, kept in the database so that any node knows them.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tower_sessions::cookie::SameSite;
use tower_sessions::cookie::time::{Duration, OffsetDateTime};
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{self, SessionStore};
use tower_sessions::{Expiry, Session, SessionManagerLayer};

use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::access::Principal;
use crate::identity::secret;
use crate::store::{Db, StoreError, sessions};

/// How long a session lasts.
const LIFE: Duration = Duration::hours(12);
/// The session keys.
const NAME: &str = "name";
const MARK: &str = "mark";
const CSRF: &str = "csrf";

/// Keeps sessions in the database, under the hash of their id.
#[derive(Clone, Debug)]
pub struct Sessions {
    db: Db,
    clock: Clock,
}

impl Sessions {
    /// Keeps them in `db`.
    #[must_use]
    pub fn new(db: Db, clock: Clock) -> Self {
        Self { db, clock }
    }
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        // Ids have 128 random bits: none comes twice.
        let until = DateTime::<Utc>::from_timestamp(record.expiry_date.unix_timestamp(), 0)
            .unwrap_or(DateTime::<Utc>::MIN_UTC);
        let stored = sessions::insert(&self.db, &key(&record.id), encode(record)?, until).await;
        stored.map_err(|error| backend(&error))
    }

    /// A session ends when its time is over, however much it is used.
    async fn save(&self, record: &Record) -> session_store::Result<()> {
        let stored = sessions::update(&self.db, &key(&record.id), encode(record)?).await;
        stored.map_err(|error| backend(&error))
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let found = sessions::find(&self.db, &key(id), self.clock.now())
            .await
            .map_err(|error| backend(&error))?;
        let Some((data, until)) = found else {
            return Ok(None);
        };
        let data = serde_json::from_slice(&data)
            .map_err(|error| session_store::Error::Decode(error.to_string()))?;
        let expiry_date = OffsetDateTime::from_unix_timestamp(until.timestamp())
            .map_err(|error| session_store::Error::Decode(error.to_string()))?;
        Ok(Some(Record {
            id: *id,
            data,
            expiry_date,
        }))
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        sessions::remove(&self.db, &key(id))
            .await
            .map_err(|error| backend(&error))
    }
}

fn encode(record: &Record) -> session_store::Result<Vec<u8>> {
    serde_json::to_vec(&record.data)
        .map_err(|error| session_store::Error::Encode(error.to_string()))
}

fn key(id: &Id) -> String {
    secret::hash(&id.to_string())
}

fn backend(error: &StoreError) -> session_store::Error {
    session_store::Error::Backend(error.to_string())
}

/// The layer that reads and writes the session cookie.
#[must_use]
pub fn layer(store: Sessions, settings: &Settings) -> SessionManagerLayer<Sessions> {
    let secure = settings.is_behind_tls();
    // The prefix makes browsers refuse a cookie set by a neighbour, but needs TLS.
    let name = if secure {
        "__Host-restante"
    } else {
        "restante"
    };
    SessionManagerLayer::new(store)
        .with_name(name)
        .with_secure(secure)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_expiry(Expiry::OnInactivity(LIFE))
}

/// Starts a session for this person, under a new id.
///
/// # Errors
/// When the database fails.
pub async fn start(session: &Session, person: &Principal) -> Result<(), SessionError> {
    // A session that somebody else may have begun in this browser must not become this person's.
    session.clear().await;
    session.cycle_id().await?;
    session.insert(NAME, &person.name).await?;
    session.insert(MARK, &person.mark).await?;
    session.insert(CSRF, secret::link()?).await?;
    Ok(())
}

/// The name of the person whose session this is.
///
/// # Errors
/// When the database fails.
pub async fn name(session: &Session) -> Result<Option<String>, SessionError> {
    Ok(session.get(NAME).await?)
}

/// Whether the session began with the password that the person has now.
///
/// # Errors
/// When the database fails.
pub async fn is_current(session: &Session, person: &Principal) -> Result<bool, SessionError> {
    Ok(session.get::<String>(MARK).await?.as_ref() == Some(&person.mark))
}

/// What a form must bring along to prove that it is from a page of this session. It is another
/// text each time, so that compressed pages do not give it away bit by bit (the BREACH attack).
///
/// # Errors
/// When the database fails.
pub async fn csrf(session: &Session) -> Result<String, SessionError> {
    let nonce = secret::link()?;
    let code = csrf_code(session, &nonce).await?;
    Ok(code
        .map(|code| {
            format!(
                "{nonce}.{}",
                URL_SAFE_NO_PAD.encode(code.finalize().into_bytes())
            )
        })
        .unwrap_or_default())
}

/// Whether `sent` is from [`csrf`] for this session.
///
/// # Errors
/// When the database fails.
pub async fn is_csrf(session: &Session, sent: &str) -> Result<bool, SessionError> {
    let Some((nonce, code)) = sent.split_once('.') else {
        return Ok(false);
    };
    let expected = csrf_code(session, nonce).await?;
    Ok(expected.is_some_and(|expected| {
        URL_SAFE_NO_PAD
            .decode(code)
            .ok()
            .is_some_and(|code| expected.verify_slice(&code).is_ok())
    }))
}

/// The authentication code of `nonce` under the session's secret, if there is a session.
async fn csrf_code(session: &Session, nonce: &str) -> Result<Option<Hmac<Sha256>>, SessionError> {
    let key: Option<String> = session.get(CSRF).await?;
    let code = key.and_then(|key| Hmac::<Sha256>::new_from_slice(key.as_bytes()).ok());
    Ok(code.map(|code| code.chain_update(nonce)))
}

/// A session that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The database failed.
    #[error("the session store failed")]
    Store(#[from] tower_sessions::session::Error),
    /// The operating system has no randomness to give.
    #[error("no randomness from the operating system")]
    Entropy(#[from] getrandom::Error),
}
