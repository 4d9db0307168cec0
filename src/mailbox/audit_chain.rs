//! Chaining the audit, and following the chain.

use super::Mailbox;
use crate::domain::audit_chain::End;
use crate::store::StoreError;
use crate::store::audit_chain::{self, Verification};

impl Mailbox {
    /// Chains what was written into the audit and is settled; says how many entries.
    ///
    /// # Errors
    /// When the database fails; what was chained before stays so.
    pub async fn chain_audit(&self) -> Result<u64, StoreError> {
        let mut chained = 0;
        loop {
            match audit_chain::extend(&self.db).await? {
                0 => return Ok(chained),
                some => chained += some,
            }
        }
    }

    /// The last entry of the audit's chain.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_of_audit(&self) -> Result<End, StoreError> {
        audit_chain::last(self.db.read()).await
    }

    /// Follows the audit's chain from its beginning to its end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn verify_audit(&self) -> Result<Verification, StoreError> {
        audit_chain::verify(&self.db).await
    }
}
