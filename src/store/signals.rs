//! Nodes on one database tell each other that there is news, so that nobody has to ask all the time. On `SQLite` there
//! is one node.

use std::future::pending;

use sea_orm::sqlx::postgres::PgListener;
use sea_orm::{ConnectionTrait, DbErr};

use super::db::{Db, StoreError};

/// The name of the channel.
const CHANNEL: &str = "restante_news";

/// What comes from other nodes.
pub struct Signals(Option<PgListener>);

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the database does not let us.
    pub async fn listen(db: &Db) -> Result<Self, StoreError> {
        if !db.is_postgres() {
            return Ok(Self(None));
        }
        let failed = |error| StoreError::from(DbErr::Custom(format!("LISTEN failed: {error}")));
        let pool = db.read().get_postgres_connection_pool();
        let mut listener = PgListener::connect_with(pool).await.map_err(failed)?;
        listener.listen(CHANNEL).await.map_err(failed)?;
        Ok(Self(Some(listener)))
    }

    /// Nobody to listen to.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Waits until a node, perhaps this one, says that there is news, or the connection was lost and signals may
    /// have been.
    pub async fn heard(&mut self) {
        match &mut self.0 {
            Some(listener) => {
                if listener.try_recv().await.is_err() {
                    // Whoever asks from time to time needs no signals.
                    self.0 = None;
                    return;
                }
                // Several say no more than one.
                while listener.next_buffered().is_some() {}
            }
            None => pending().await,
        }
    }
}

/// Tells all nodes that there is news.
///
/// # Errors
/// When the database fails.
pub async fn send(db: &Db) -> Result<(), StoreError> {
    if db.is_postgres() {
        let notify = format!("NOTIFY {CHANNEL}");
        db.read().execute_unprepared(&notify).await?;
    }
    Ok(())
}
