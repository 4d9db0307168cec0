//! Integration tests, all in one binary so that they link once.
//!
//! Those that need a server start the real one on a free port, each on a database of its own:
//! every test marked `on_both_databases!` runs on `SQLite` and on the `PostgreSQL` cluster that
//! `./scripts/test` starts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(
    clippy::print_stdout,
    reason = "those who work at random print their seeds and counts"
)]

mod support;

mod architecture;
mod audit;
mod bad_input;
mod browser_removal;
mod bucket_away;
mod cli;
mod contract;
mod cors;
mod database_killed;
mod documents;
mod domains;
mod events;
mod expiry;
mod export;
mod gateway;
mod headers;
mod history;
mod http_limits;
mod http_proxies;
mod http_tls;
mod idempotency;
mod kamailio;
mod kills;
mod large_messages;
mod large_sip;
mod metadata;
mod people;
mod person_changes;
mod rate_limits;
mod refer;
mod removal;
mod report_sending;
mod report_turns;
mod reports;
mod rest;
mod rfc_messages;
mod rivals;
mod search;
mod secret_files;
mod self_service;
mod sessions;
mod sip;
mod sip_tls;
mod sip_trust;
mod sip_websocket;
mod stopping;
mod storing;
mod subscribe;
mod tenants;
mod tokens;
mod users;
mod xcap;
mod xcap_auth;
mod xcap_clients;
mod xcap_errors;
mod xcap_rfc;
mod xcap_written;
