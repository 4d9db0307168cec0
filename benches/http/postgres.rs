//! A database of its own on the `PostgreSQL` server that the environment names.

use restante::clock;
use restante::domain::hex::hex;
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};

use crate::server::Place;

/// A new database on the server named by the environment, if one is.
pub(crate) struct Postgres {
    server: String,
    name: String,
}

impl Postgres {
    pub(crate) async fn create() -> Option<Self> {
        let server = std::env::var("RESTANTE_BENCH_POSTGRES_URL").ok()?;
        let name = format!("bench_{}", hex(&clock::random::<8>().unwrap()));
        let postgres = Self { server, name };
        postgres
            .execute(&format!("CREATE DATABASE {}", postgres.name))
            .await;
        Some(postgres)
    }

    /// Removes the database, whoever is still connected to it.
    pub(crate) async fn remove(self) {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        self.execute(&sql).await;
    }

    async fn execute(&self, sql: &str) {
        let admin = Database::connect(&self.server).await.unwrap();
        admin.execute_unprepared(sql).await.unwrap();
        admin.close().await.unwrap();
    }

    /// Its version, and whether it waits for the disk.
    pub(crate) async fn describe(&self) -> String {
        let admin = Database::connect(&self.server).await.unwrap();
        let mut settings = Vec::new();
        for setting in [
            "server_version",
            "fsync",
            "synchronous_commit",
            "wal_sync_method",
        ] {
            let query = Statement::from_string(DbBackend::Postgres, format!("SHOW {setting}"));
            let row = admin.query_one_raw(query).await.unwrap().unwrap();
            let value: String = row.try_get_by_index(0).unwrap();
            settings.push(format!("{setting} {value}"));
        }
        admin.close().await.unwrap();
        settings.join(", ")
    }

    pub(crate) fn place(&self) -> Place {
        let (server, _) = self.server.rsplit_once('/').expect("a URL with a database");
        Place {
            name: "PostgreSQL",
            directory: tempfile::tempdir().unwrap(),
            url: Some(format!("{server}/{}", self.name)),
        }
    }
}
