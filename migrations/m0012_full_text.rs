//! The words of messages, so that searches find them: on PostgreSQL beside the content, with a GIN index; on SQLite in a
//! table of FTS5, which is filled with what is known of the messages there are. On PostgreSQL messages that are older than
//! this step have no words: that is how they are known, and they are few and fewer.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// The pending list is small, so that whoever has to empty it is not held up for long.
const POSTGRES: &[&str] = &[
    "ALTER TABLE message_content ADD COLUMN words tsvector",
    "CREATE INDEX message_content_words ON message_content USING gin (words) WITH (gin_pending_list_limit = 1024)",
    "CREATE INDEX message_content_unindexed ON message_content (account_id) WHERE words IS NULL",
];

/// The table keeps no text, only where each word is; its rowid is the number of the Message-ID.
const SQLITE: &[&str] = &[
    "ALTER TABLE message_content ADD COLUMN words text",
    "CREATE VIRTUAL TABLE message_text USING fts5(sender, subject, body, content = '', contentless_delete = 1, \
     tokenize = 'unicode61 remove_diacritics 0')",
    "INSERT INTO message_text (rowid, sender, subject, body) \
     SELECT account_id * 10000000000 + number, from_folded, subject_folded, preview_folded FROM message",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = match manager.get_database_backend() {
            DbBackend::Postgres => POSTGRES,
            _ => SQLITE,
        };
        for statement in statements {
            manager
                .get_connection()
                .execute_unprepared(statement)
                .await?;
        }
        Ok(())
    }
}
