//! `restante audit`

use std::process::ExitCode;

use clap::Subcommand;

use crate::store::{Db, audit_chain};

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Follow the chain of the audit's entries; the exit code is 0 if it is whole
    Verify,
}

impl AuditCommand {
    pub(super) async fn run(self, db: Db) -> anyhow::Result<ExitCode> {
        let Self::Verify = self;
        let found = audit_chain::verify(&db).await?;
        db.close().await?;
        let (first, last) = (found.before_first.number + 1, &found.last);
        if found.waiting > 0 {
            println!("{} entries are not chained yet.", found.waiting);
        }
        if let Some(fault) = found.fault {
            println!(
                "BROKEN: {fault}. {} entries before it are as they were chained.",
                found.entries
            );
            return Ok(ExitCode::FAILURE);
        }
        if found.entries == 0 {
            println!("There is no chained entry; the last was {}.", last.number);
        } else {
            println!(
                "{} entries, {first} to {}, are as they were chained.",
                found.entries, last.number
            );
        }
        println!("The hash of entry {} is {}.", last.number, last.hash);
        Ok(ExitCode::SUCCESS)
    }
}
