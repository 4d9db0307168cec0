//! Answers that are kept for requests that come again under the same `Idempotency-Key`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    blob_null, integer_null, string, text_null, timestamp_with_time_zone,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("idempotency_key")
            .col(string("key_hash").primary_key())
            .col(string("fingerprint"))
            .col(timestamp_with_time_zone("running_until"))
            .col(integer_null("status"))
            .col(text_null("headers"))
            .col(blob_null("body"))
            .col(timestamp_with_time_zone("forget_at"))
            .to_owned();
        manager.create_table(table).await?;
        let due = Index::create()
            .name("idempotency_key_forget_at")
            .table("idempotency_key")
            .col("forget_at")
            .to_owned();
        manager.create_index(due).await
    }
}
