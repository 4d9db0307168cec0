//! Messages that came in Large Message Mode: when each was complete, where its content lies if not in the
//! database, and what was said in the SIP session that brought it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, blob, blob_null, text_null, timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One statement for each column: SQLite adds no more at once.
        for column in [
            timestamp_with_time_zone_null("completed_at"),
            text_null("object"),
        ] {
            let add = Table::alter()
                .table("message")
                .add_column(column)
                .to_owned();
            manager.alter_table(add).await?;
        }
        manager.create_index(objects()).await?;
        manager.create_table(large_session()).await
    }
}

/// Finds the message that an object belongs to. Most messages have none and are left out.
fn objects() -> IndexCreateStatement {
    Index::create()
        .name("message_object")
        .table("message")
        .col("object")
        .and_where(Expr::col("object").is_not_null())
        .to_owned()
}

fn large_session() -> TableCreateStatement {
    Table::create()
        .table("large_session")
        .col(big_integer("account_id"))
        .col(big_integer("number"))
        .col(blob("invite"))
        .col(blob("ok"))
        .col(blob("send_head"))
        .col(blob_null("bye"))
        .primary_key(Index::create().col("account_id").col("number"))
        .foreign_key(
            ForeignKey::create()
                .from("large_session", ("account_id", "number"))
                .to("message", ("account_id", "number"))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
