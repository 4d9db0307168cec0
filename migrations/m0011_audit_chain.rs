//! The chain of the audit: entries get a number and a hash over themselves and the one before, some time after they were
//! committed. What was written before this step is chained as well, as it is found.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, big_integer_null, string, string_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One statement for each column: SQLite adds no more at once.
        for column in [big_integer_null("number"), string_null("hash")] {
            let add = Table::alter()
                .table("audit_event")
                .add_column(column)
                .to_owned();
            manager.alter_table(add).await?;
        }
        let chained = Index::create()
            .name("audit_event_number")
            .table("audit_event")
            .col("number")
            .unique()
            // SQLite would look the others up in it too, and sort them.
            .and_where(Expr::col("number").is_not_null())
            .to_owned();
        manager.create_index(chained).await?;
        let waiting = Index::create()
            .name("audit_event_waiting")
            .table("audit_event")
            .col("tx")
            .col("id")
            .and_where(Expr::col("number").is_null())
            .to_owned();
        manager.create_index(waiting).await?;
        let ends = Table::create()
            .table("audit_chain_end")
            .col(string("name").primary_key())
            .col(big_integer("number"))
            .col(string("hash"))
            .to_owned();
        manager.create_table(ends).await?;
        // Before the first entry there is nothing, whose hash is 64 zeros.
        for name in ["before_first", "last"] {
            let end = Query::insert()
                .into_table("audit_chain_end")
                .columns(["name", "number", "hash"])
                .values([name.into(), 0_i64.into(), "0".repeat(64).into()])
                .map_err(|error| DbErr::Migration(error.to_string()))?
                .to_owned();
            manager.execute(end).await?;
        }
        Ok(())
    }
}
