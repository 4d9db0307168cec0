//! Documents that users keep by XCAP, and what each claims for itself alone.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_pk_auto, blob, string, text, text_null, timestamp_with_time_zone,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(document()).await?;
        manager.create_index(path()).await?;
        manager.create_table(claim()).await?;
        manager.create_index(claimed()).await?;
        // Which document an event is about.
        let add = Table::alter()
            .table("event")
            .add_column(text_null("document"))
            .to_owned();
        manager.alter_table(add).await
    }
}

fn document() -> TableCreateStatement {
    Table::create()
        .table("xcap_document")
        .col(big_pk_auto("id"))
        .col(big_integer("account_id"))
        .col(string("auid"))
        .col(text("name"))
        .col(big_integer("version"))
        .col(big_integer("size"))
        .col(blob("body"))
        .col(timestamp_with_time_zone("changed_at"))
        .to_owned()
}

/// The account 0 is the global tree.
fn path() -> IndexCreateStatement {
    Index::create()
        .name("xcap_document_path")
        .table("xcap_document")
        .col("account_id")
        .col("auid")
        .col("name")
        .unique()
        .to_owned()
}

fn claim() -> TableCreateStatement {
    Table::create()
        .table("xcap_claim")
        .col(string("auid"))
        .col(string("value"))
        .col(big_integer("document_id"))
        .primary_key(Index::create().col("auid").col("value"))
        .foreign_key(
            ForeignKey::create()
                .from("xcap_claim", "document_id")
                .to("xcap_document", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn claimed() -> IndexCreateStatement {
    Index::create()
        .name("xcap_claim_document")
        .table("xcap_claim")
        .col("document_id")
        .to_owned()
}
