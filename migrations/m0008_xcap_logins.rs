//! The user names that tokens have for Digest at the XCAP root: one row for each spelling, because what is kept
//! for Digest is a hash over the name as it is written.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string, string_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("xcap_login")
            .col(big_integer("token_id"))
            .col(string("username"))
            .col(string_null("aor"))
            .col(string("sha256"))
            .col(string("md5"))
            .primary_key(Index::create().col("token_id").col("username"))
            .foreign_key(
                ForeignKey::create()
                    .from("xcap_login", "token_id")
                    .to("api_token", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .to_owned();
        manager.create_table(table).await?;
        let by_name = Index::create()
            .name("xcap_login_username")
            .table("xcap_login")
            .col("username")
            .to_owned();
        manager.create_index(by_name).await?;
        // Names that were given to tokens before are good here too.
        let known = Query::select()
            .columns(["token_id", "username", "sha256", "md5"])
            .from("digest_login")
            .to_owned();
        let copy = Query::insert()
            .into_table("xcap_login")
            .columns(["token_id", "username", "sha256", "md5"])
            .select_from(known)
            .map_err(|error| DbErr::Migration(error.to_string()))?
            .to_owned();
        manager.execute(copy).await
    }
}
