//! Integration tests, all in one binary so that they link once. Those that need a server start
//! the real one on a free port, on a database of their own: SQLite always, and `PostgreSQL` where
//! `RESTANTE_TEST_POSTGRES_URL` names a cluster, as `./scripts/test` does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod rfc_messages;
