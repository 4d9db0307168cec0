//! The steps of the database schema, append-only: a step that has landed is never edited.
//! `README.md` in this folder says how to add one.

use sea_orm_migration::prelude::*;

mod m0001_messages;
mod m0002_identity;
mod m0003_digest;
mod m0004_large;
mod m0005_reports;
mod m0006_events;
mod m0007_xcap;
mod m0008_xcap_logins;
mod m0009_people;
mod m0010_access;
mod m0011_audit_chain;
mod m0012_full_text;
mod m0013_idempotency;

/// Runs the steps in order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_messages::Migration),
            Box::new(m0002_identity::Migration),
            Box::new(m0003_digest::Migration),
            Box::new(m0004_large::Migration),
            Box::new(m0005_reports::Migration),
            Box::new(m0006_events::Migration),
            Box::new(m0007_xcap::Migration),
            Box::new(m0008_xcap_logins::Migration),
            Box::new(m0009_people::Migration),
            Box::new(m0010_access::Migration),
            Box::new(m0011_audit_chain::Migration),
            Box::new(m0012_full_text::Migration),
            Box::new(m0013_idempotency::Migration),
        ]
    }
}
