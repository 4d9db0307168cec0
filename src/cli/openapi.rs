//! `restante openapi`

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::web::openapi::document;

#[derive(Debug, Args)]
pub(super) struct OpenapiArgs {
    /// Where to write it; - is standard output
    #[arg(long, default_value = "openapi/openapi.json", value_name = "FILE")]
    output: PathBuf,
    /// Write nothing; fail if the file is not what would be written
    #[arg(long)]
    check: bool,
}

impl OpenapiArgs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let document = document()?;
        let path = self.output.display();
        if self.check {
            let current = fs::read_to_string(&self.output).unwrap_or_default();
            if current == document {
                return Ok(ExitCode::SUCCESS);
            }
            eprintln!("{path} is not what the program generates; renew it by `restante openapi`");
            return Ok(ExitCode::FAILURE);
        }
        if self.output.as_os_str() == "-" {
            print!("{document}");
        } else {
            fs::write(&self.output, document).with_context(|| format!("cannot write {path}"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
