//! Accounts, the messages that wait in them, and the keys that recognise a repeated request.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, blob, boolean, string, string_null, text,
    text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(account()).await?;
        manager.create_table(message()).await?;
        for index in message_indexes() {
            manager.create_index(index).await?;
        }
        manager.create_table(message_content()).await?;
        manager.create_table(retry_key()).await?;
        manager
            .create_index(
                Index::create()
                    .name("retry_key_forget")
                    .table("retry_key")
                    .col("forget_at")
                    .to_owned(),
            )
            .await
    }
}

fn account() -> TableCreateStatement {
    Table::create()
        .table("account")
        .col(big_pk_auto("id"))
        .col(string("aor").unique_key())
        .col(string_null("display_name"))
        .col(text("folded"))
        .col(string("host"))
        .col(big_integer("next_number").default(1))
        .col(big_integer("list_version").default(0))
        .col(big_integer("message_count").default(0))
        .col(big_integer("byte_count").default(0))
        .col(big_integer_null("quota_messages"))
        .col(big_integer_null("quota_bytes"))
        .col(timestamp_with_time_zone("created_at"))
        .to_owned()
}

fn message() -> TableCreateStatement {
    Table::create()
        .table("message")
        .col(big_integer("account_id"))
        .col(big_integer("number"))
        .col(string("mode"))
        .col(timestamp_with_time_zone("stored_at"))
        .col(timestamp_with_time_zone_null("sent_at"))
        .col(timestamp_with_time_zone("expires_at"))
        .col(big_integer("size"))
        .col(big_integer("stored_size"))
        .col(text("from_uri"))
        .col(text_null("from_display"))
        .col(text("to_uri"))
        .col(text_null("auth_id"))
        .col(text_null("subject"))
        .col(text_null("content_type"))
        .col(text("kind"))
        .col(text("preview"))
        .col(boolean("has_attachments"))
        .col(text("from_folded"))
        .col(text("subject_folded"))
        .col(text("preview_folded"))
        .col(text_null("recipients"))
        .col(text_null("imdn_message_id"))
        .col(text("notifications_asked"))
        .primary_key(Index::create().col("account_id").col("number"))
        .foreign_key(
            ForeignKey::create()
                .from("message", "account_id")
                .to("account", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn message_indexes() -> [IndexCreateStatement; 2] {
    [
        Index::create()
            .name("message_account_expiry")
            .table("message")
            .col("account_id")
            .col("expires_at")
            .to_owned(),
        Index::create()
            .name("message_expiry")
            .table("message")
            .col("expires_at")
            .to_owned(),
    ]
}

fn message_content() -> TableCreateStatement {
    Table::create()
        .table("message_content")
        .col(big_integer("account_id"))
        .col(big_integer("number"))
        .col(blob("raw"))
        .primary_key(Index::create().col("account_id").col("number"))
        .foreign_key(
            ForeignKey::create()
                .from("message_content", ("account_id", "number"))
                .to("message", ("account_id", "number"))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn retry_key() -> TableCreateStatement {
    Table::create()
        .table("retry_key")
        .col(big_integer("account_id"))
        .col(string("key"))
        .col(big_integer("number"))
        .col(timestamp_with_time_zone("stored_at"))
        .col(timestamp_with_time_zone("expires_at"))
        .col(timestamp_with_time_zone("forget_at"))
        .primary_key(Index::create().col("account_id").col("key"))
        .foreign_key(
            ForeignKey::create()
                .from("retry_key", "account_id")
                .to("account", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
