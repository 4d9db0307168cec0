//! What happened: events for those who follow along and for the timeline of a message, and the audit. Both outlive
//! what they are about, so nothing here refers to it. Besides, deletions that may still be taken back, and how far
//! something that is done again and again has come.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, string, string_null, text_null,
    timestamp_with_time_zone, timestamp_with_time_zone_null,
};
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_postgres = manager.get_database_backend() == DbBackend::Postgres;
        for table in [event(), audit_event()] {
            create_in_order(manager, table, is_postgres).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        manager.create_table(watermark()).await?;
        // One statement for each column: SQLite adds no more at once.
        for column in [
            timestamp_with_time_zone_null("remove_at"),
            string_null("remove_by_kind"),
            big_integer_null("remove_by_id"),
        ] {
            let add = Table::alter()
                .table("message")
                .add_column(column)
                .to_owned();
            manager.alter_table(add).await?;
        }
        manager.create_index(held()).await
    }
}

/// Makes a table whose rows have a place in the order in which their transactions became visible: numbers of a
/// sequence are given out earlier than that. `PostgreSQL` puts the transaction before the number; in `SQLite`, where
/// one writes at a time, the numbers alone are in order.
async fn create_in_order(
    manager: &SchemaManager<'_>,
    (name, mut table): (&str, TableCreateStatement),
    is_postgres: bool,
) -> Result<(), DbErr> {
    let mut tx = ColumnDef::new("tx").big_integer().not_null().to_owned();
    if is_postgres {
        let current = Expr::cust("pg_current_xact_id()::text::bigint");
        let id = ColumnDef::new("id")
            .big_integer()
            .auto_increment()
            .not_null()
            .to_owned();
        table
            .col(id)
            .col(tx.default(current).to_owned())
            .primary_key(Index::create().col("tx").col("id"));
        return manager.create_table(table).await;
    }
    table.col(big_pk_auto("id")).col(tx.default(0).to_owned());
    manager.create_table(table).await?;
    let order = Index::create()
        .name(format!("{name}_order"))
        .table(name.to_owned())
        .col("tx")
        .col("id")
        .to_owned();
    manager.create_index(order).await
}

fn event() -> (&'static str, TableCreateStatement) {
    let table = Table::create()
        .table("event")
        .col(timestamp_with_time_zone("at"))
        .col(string("kind"))
        .col(big_integer("account_id"))
        .col(big_integer_null("number"))
        .col(string_null("reason"))
        .col(string_null("actor_kind"))
        .col(big_integer_null("actor_id"))
        .col(timestamp_with_time_zone_null("until"))
        .to_owned();
    ("event", table)
}

fn audit_event() -> (&'static str, TableCreateStatement) {
    let table = Table::create()
        .table("audit_event")
        .col(timestamp_with_time_zone("at"))
        .col(string("action"))
        .col(string("outcome"))
        .col(string("actor_kind"))
        .col(big_integer_null("actor_id"))
        .col(big_integer_null("account_id"))
        .col(text_null("detail"))
        .to_owned();
    ("audit_event", table)
}

fn indexes() -> [IndexCreateStatement; 3] {
    [
        Index::create()
            .name("event_message")
            .table("event")
            .col("account_id")
            .col("number")
            .to_owned(),
        Index::create()
            .name("audit_event_account")
            .table("audit_event")
            .col("account_id")
            .col("id")
            .to_owned(),
        Index::create()
            .name("audit_event_at")
            .table("audit_event")
            .col("at")
            .to_owned(),
    ]
}

fn watermark() -> TableCreateStatement {
    Table::create()
        .table("watermark")
        .col(string("name").primary_key())
        .col(timestamp_with_time_zone("at"))
        .to_owned()
}

/// Few messages are held at any time.
fn held() -> IndexCreateStatement {
    Index::create()
        .name("message_held")
        .table("message")
        .col("remove_at")
        .and_where(Expr::col("remove_at").is_not_null())
        .to_owned()
}
