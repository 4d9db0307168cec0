//! The connection to `PostgreSQL` or `SQLite`, and the one way to write.

use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    AccessMode, ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, IsolationLevel, RuntimeErr, SqlErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::joined::Joined;
use super::migrate;
use super::objects::ObjectError;

/// The database did not do what was asked of it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A row with the same unique key exists: somebody else was first.
    #[error("a row with this key exists")]
    Conflict,
    /// The database refused, failed or is away.
    #[error("the database failed")]
    Database(#[source] DbErr),
    /// A row holds what this release cannot read.
    #[error("column {column} of a stored row cannot be read: {value}")]
    Corrupt {
        /// Table and column.
        column: &'static str,
        /// What it holds.
        value: String,
    },
    /// The place of large contents failed.
    #[error("a large content could not be read or written")]
    Contents(#[source] Arc<ObjectError>),
    /// Whoever was to write has stopped; whether it was written is not known.
    #[error("the server stopped before it was known to be stored")]
    Stopped,
    /// The operating system has no randomness to give.
    #[error("no randomness from the operating system")]
    Entropy(#[from] getrandom::Error),
}

/// The error without the URL, which may hold a password: sea-orm says all of one that it cannot read.
fn without(url: &str, error: DbErr) -> DbErr {
    let text = error.to_string();
    if text.contains(url) {
        DbErr::Custom(text.replace(url, "(database.url)"))
    } else {
        error
    }
}

impl StoreError {
    /// Whether the database is there and did not take what it was given: something else may fare
    /// better.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Conflict | Self::Corrupt { .. } => true,
            Self::Database(
                DbErr::Exec(RuntimeErr::SqlxError(error))
                | DbErr::Query(RuntimeErr::SqlxError(error)),
            ) => error.as_database_error().is_some(),
            Self::Database(_) | Self::Contents(_) | Self::Stopped | Self::Entropy(_) => false,
        }
    }
}

impl From<ObjectError> for StoreError {
    fn from(error: ObjectError) -> Self {
        Self::Contents(Arc::new(error))
    }
}

impl From<io::Error> for StoreError {
    /// A file of a large content; nothing else here is read from files or written to them.
    fn from(error: io::Error) -> Self {
        ObjectError::from(error).into()
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Self::Conflict,
            _ => Self::Database(error),
        }
    }
}

/// Rows that are forgotten in one transaction: nobody waits long for it, nor, on `SQLite`, for the database.
pub(super) const ROWS_AT_ONCE: u64 = 2000;
/// A connection that was idle for so long is tested before it is used.
const TEST_IDLE: Duration = Duration::from_secs(5);

/// A pool of connections to the database.
#[derive(Clone, Debug)]
pub struct Db {
    conn: DatabaseConnection,
    /// `SQLite` has one writer at a time. Waiting here is fair and wakes at once; waiting in
    /// `SQLite` is polling. `None` on `PostgreSQL`.
    writer: Option<Arc<Mutex<()>>>,
}

impl Db {
    /// Connects, without touching the schema. `max_connections` bounds the pool.
    ///
    /// # Errors
    /// When the URL is not understood or the database does not answer.
    pub async fn connect(url: &str, max_connections: u32) -> Result<Self, StoreError> {
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(max_connections)
            .connect_timeout(Duration::from_secs(10))
            .acquire_timeout(Duration::from_secs(5))
            .sqlx_logging(false)
            // Asking before each use whether a connection lives would double the round trips of a
            // read; one that broke a moment ago shows at the statement.
            .test_before_acquire_if_idle_for(TEST_IDLE)
            .map_sqlx_sqlite_opts(|sqlite| {
                sqlite
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .foreign_keys(true)
                    .busy_timeout(Duration::from_secs(10))
            });
        let conn = Database::connect(options).await;
        let conn = conn.map_err(|error| without(url, error))?;
        let writer =
            (conn.get_database_backend() == DbBackend::Sqlite).then(|| Arc::new(Mutex::new(())));
        Ok(Self { conn, writer })
    }

    /// Brings the schema up to date; safe when several nodes do it at once.
    ///
    /// # Errors
    /// When a step fails; nothing of it stays then.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        migrate::up(self).await
    }

    /// For reading outside a transaction.
    #[must_use]
    pub fn read(&self) -> &DatabaseConnection {
        &self.conn
    }

    /// Opens a transaction for writing. It is undone unless [`WriteTx::commit`] is reached.
    ///
    /// # Errors
    /// When the database does not answer.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place the others call"
    )]
    pub async fn write(&self) -> Result<WriteTx, StoreError> {
        if let Some(joined) = Joined::current() {
            let mut outer = joined.outer().await;
            let whole = match outer.take() {
                Some(whole) => whole,
                None => self.begin().await?,
            };
            let part = whole.tx.begin().await;
            *outer = Some(whole);
            return Ok(WriteTx {
                tx: part?,
                _turn: Turn::Joined(outer),
            });
        }
        self.begin().await
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place the others call"
    )]
    async fn begin(&self) -> Result<WriteTx, StoreError> {
        let guard = match &self.writer {
            Some(writer) => Some(Arc::clone(writer).lock_owned().await),
            None => None,
        };
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let tx = self.conn.begin_with_options(options).await?;
        Ok(WriteTx {
            tx,
            _turn: Turn::Own(guard),
        })
    }

    /// Opens a transaction for reading that sees one state of the database throughout.
    ///
    /// # Errors
    /// When the database does not answer.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place the others call"
    )]
    pub async fn snapshot(&self) -> Result<DatabaseTransaction, StoreError> {
        // SQLite gives a snapshot to every transaction, and has no levels to ask for.
        let options = TransactionOptions {
            isolation_level: self.is_postgres().then_some(IsolationLevel::RepeatableRead),
            access_mode: self.is_postgres().then_some(AccessMode::ReadOnly),
            sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
        };
        Ok(self.conn.begin_with_options(options).await?)
    }

    /// How many can write at once.
    #[must_use]
    pub fn writers(&self) -> usize {
        if self.is_postgres() { usize::MAX } else { 1 }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.conn.ping().await?)
    }

    /// Whether this is `PostgreSQL`, the only other being `SQLite`.
    pub(super) fn is_postgres(&self) -> bool {
        self.writer.is_none()
    }

    /// Closes the pool, so that `SQLite` folds its log into the file.
    ///
    /// # Errors
    /// When a connection does not close.
    pub async fn close(self) -> Result<(), StoreError> {
        Ok(self.conn.close().await?)
    }
}

/// An open transaction; dropped without [`commit`](Self::commit) it never happened.
#[derive(Debug)]
pub struct WriteTx {
    tx: DatabaseTransaction,
    _turn: Turn,
}

/// What is held as long as a transaction is open.
#[derive(Debug)]
#[expect(dead_code, reason = "it is held, not looked at")]
enum Turn {
    /// The right to write, where one writes at a time.
    Own(Option<OwnedMutexGuard<()>>),
    /// The transaction that this one is a part of.
    Joined(OwnedMutexGuard<Option<WriteTx>>),
}

impl WriteTx {
    /// Makes everything done in the transaction durable, all at once.
    ///
    /// # Errors
    /// When the database could not; whether it did is then unknown only if the connection broke.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }
}

impl Deref for WriteTx {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.tx
    }
}
