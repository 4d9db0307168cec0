//! Sessions of signed-in people, kept in the database so that any node knows them.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tower_sessions::cookie::SameSite;
use tower_sessions::cookie::time::{Duration, OffsetDateTime};
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{self, SessionStore};
use tower_sessions::{Expiry, Session, SessionManagerLayer};

use super::visit::Visit;
use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::access::Principal;
use crate::identity::{Identity, secret};
use crate::store::{Db, StoreError, sessions};
use crate::web::problem::Problem;

/// How long there is for the second factor after the password.
const WAITS_FOR_CODE: TimeDelta = TimeDelta::minutes(5);
/// The session keys.
const PERSON: &str = "person";
const VISIT: &str = "visit";
const WAITING: &str = "waiting";
const MARK: &str = "mark";
const CSRF: &str = "csrf";

/// Keeps sessions in the database, under the hash of their id.
#[derive(Clone, Debug)]
pub struct Sessions {
    db: Db,
    clock: Clock,
    /// One that is not used for so long is over.
    idle: TimeDelta,
    /// So is one that lasts so long.
    total: TimeDelta,
}

impl Sessions {
    /// Keeps them in `db`.
    #[must_use]
    pub fn new(db: Db, clock: Clock, settings: &Settings) -> Self {
        Self {
            db,
            clock,
            idle: settings.session_idle(),
            total: settings.session_total(),
        }
    }
}

/// Somebody who has proved a password, and still has to prove a second factor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Waiting {
    person: i64,
    mark: String,
    until: DateTime<Utc>,
    /// Where to go on to.
    pub next: String,
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        // Ids have 128 random bits: none comes twice.
        let now = self.clock.now();
        let (id, data, times) = (key(&record.id), encode(record)?, (now, now + self.total));
        let stored = sessions::insert(&self.db, &id, data, times, holder(record)).await;
        stored.map_err(|error| backend(&error))
    }

    /// A session ends when its time is over, however much it is used.
    async fn save(&self, record: &Record) -> session_store::Result<()> {
        let stored = sessions::update(&self.db, &key(&record.id), encode(record)?).await;
        stored.map_err(|error| backend(&error))
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let (id_hash, now) = (key(id), self.clock.now());
        let found = sessions::find(&self.db, &id_hash, now, self.idle)
            .await
            .map_err(|error| backend(&error))?;
        let Some(found) = found else {
            return Ok(None);
        };
        if found.is_use_due {
            // Nobody waits for it: looking at a page asks for no write.
            let db = self.db.clone();
            tokio::spawn(async move {
                if let Err(error) = sessions::used(&db, &id_hash, now).await {
                    tracing::debug!(error = %error, "the last use of a session is not written: {error}");
                }
            });
        }
        let data = serde_json::from_slice(&found.data)
            .map_err(|error| session_store::Error::Decode(error.to_string()))?;
        let expiry_date = OffsetDateTime::from_unix_timestamp(found.expires_at.timestamp())
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

/// Whose session this is, if somebody's.
fn holder(record: &Record) -> Option<sessions::Holder> {
    let principal_id = record.data.get(PERSON)?.as_i64()?;
    let visit = record.data.get(VISIT).cloned().unwrap_or_default();
    let visit: Visit = serde_json::from_value(visit).unwrap_or_default();
    Some(sessions::Holder {
        principal_id,
        address: visit.address_text(),
        agent: visit.agent,
    })
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
        .with_expiry(Expiry::OnInactivity(Duration::seconds(
            settings.session_total().num_seconds(),
        )))
}

/// Starts a session for this person, under a new id.
///
/// # Errors
/// When the database fails.
pub async fn start(
    session: &Session,
    person: &Principal,
    visit: &Visit,
) -> Result<(), SessionError> {
    // A session that somebody else may have begun in this browser must not become this person's.
    session.clear().await;
    session.cycle_id().await?;
    session.insert(PERSON, person.actor.id).await?;
    session.insert(VISIT, visit).await?;
    session.insert(MARK, &person.mark).await?;
    session.insert(CSRF, secret::link()?).await?;
    Ok(())
}

/// Remembers, under a new id, that this person has proved a password and still has to prove a second factor.
///
/// # Errors
/// When the database fails.
pub async fn wait_for_code(
    session: &Session,
    person: &Principal,
    next: &str,
    now: DateTime<Utc>,
) -> Result<(), SessionError> {
    session.clear().await;
    session.cycle_id().await?;
    let waiting = Waiting {
        person: person.actor.id.unwrap_or_default(),
        mark: person.mark.clone(),
        until: now + WAITS_FOR_CODE,
        next: next.to_owned(),
    };
    Ok(session.insert(WAITING, waiting).await?)
}

/// Who has to prove a second factor here, and that not for too long.
///
/// # Errors
/// When the database fails.
pub async fn waiting(
    session: &Session,
    identity: &Identity,
    now: DateTime<Utc>,
) -> Result<Option<(Principal, Waiting)>, Problem> {
    let waiting: Option<Waiting> = session.get(WAITING).await.map_err(SessionError::from)?;
    let Some(waiting) = waiting.filter(|waiting| waiting.until > now) else {
        return Ok(None);
    };
    let person = identity.person_with_id(waiting.person).await?;
    let person = person.filter(|person| person.mark == waiting.mark);
    Ok(person.map(|person| (person, waiting)))
}

/// The id of the person whose session this is.
///
/// # Errors
/// When the database fails.
pub async fn person(session: &Session) -> Result<Option<i64>, SessionError> {
    Ok(session.get(PERSON).await?)
}

/// What this session is called in the list of a person's sessions.
#[must_use]
pub fn own_key(session: &Session) -> Option<String> {
    session.id().map(|id| key(&id))
}

/// Whether the session began with the password and the role that the person has now.
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
