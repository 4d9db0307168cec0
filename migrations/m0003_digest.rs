//! What tokens that may sign requests by Digest are known by.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("digest_login")
            .col(big_integer("token_id").primary_key())
            .col(string("username").unique_key())
            .col(string("sha256"))
            .col(string("md5"))
            .foreign_key(
                ForeignKey::create()
                    .from("digest_login", "token_id")
                    .to("api_token", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .to_owned();
        manager.create_table(table).await
    }
}
