//! A server for one test, and what tests send to it.

mod app;
pub mod browser;
pub mod certificates;
pub mod chance;
pub mod clients;
pub mod digest;
pub mod dns;
pub mod document;
pub mod invariants;
pub mod kamailio;
pub mod large;
pub mod message;
pub mod model;
pub mod msrp;
pub mod postgres;
pub mod program;
pub mod raw;
pub mod responder;
pub mod rows;
pub mod sip;
pub mod subscriber;
pub mod xcap;

pub use app::{Answer, Backend, PASSWORD, REASON, TestApp, client, drop_databases};

/// A file of this repository.
pub fn repository(path: &str) -> String {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(path)
        .display()
        .to_string()
}

/// Declares tests that run once on each database, as `name::sqlite` and `name::postgres`. A text
/// after `TestApp` is configuration in TOML.
#[macro_export]
macro_rules! on_both_databases {
    ($($(#[$doc:meta])* async fn $name:ident($app:ident: TestApp $(, $toml:literal)?) $body:block)+) => {$(
        $(#[$doc])*
        mod $name {
            #[allow(unused_imports, reason = "not every test needs all of its module")]
            use super::*;

            const CONFIG: &str = concat!($($toml)?);

            async fn run($app: TestApp) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                run(TestApp::start($crate::support::Backend::Sqlite, CONFIG).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                run(TestApp::start($crate::support::Backend::Postgres, CONFIG).await).await;
                $crate::support::drop_databases().await;
            }
        }
    )+};
}

/// Declares tests that run once on each database and start their servers themselves.
#[macro_export]
macro_rules! with_both_databases {
    ($($(#[$doc:meta])* async fn $name:ident($backend:ident: Backend) $body:block)+) => {$(
        $(#[$doc])*
        mod $name {
            #[allow(unused_imports, reason = "not every test needs all of its module")]
            use super::*;

            async fn run($backend: Backend) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                run(Backend::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                run(Backend::Postgres).await;
                $crate::support::drop_databases().await;
            }
        }
    )+};
}
