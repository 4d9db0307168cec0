//! Brings the schema up to date under a lock.

use sea_orm::ConnectionTrait;
use sea_orm_migration::MigratorTrait;

use super::db::{Db, StoreError};
use super::{audit_chain, events};
use crate::migrations::Migrator;

/// Names our advisory lock among those of other programs on the database: "rest" in ASCII.
const LOCK: i64 = 0x7265_7374;

/// Runs the steps that have not run yet, all in one transaction. Nodes that start at the same
/// time wait for each other: `PostgreSQL` by an advisory lock, `SQLite` by its one writer.
pub(super) async fn up(db: &Db) -> Result<(), StoreError> {
    let tx = db.write().await?;
    if db.is_postgres() {
        tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK})"))
            .await?;
    }
    Migrator::up(&*tx, None).await?;
    let forgotten = events::forget_foreign(&tx).await?;
    audit_chain::adopt_foreign(&tx).await?;
    tx.commit().await?;
    if forgotten > 0 {
        tracing::warn!(
            events = forgotten,
            "forgot {forgotten} events of the cluster that this database was restored from"
        );
    }
    Ok(())
}
