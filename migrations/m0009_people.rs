//! What people see of their own sign-in: whose sessions there are and when they were last used, second
//! factors with their recovery codes, and links by which one person chooses a password.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, blob_null, string, string_null, timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [
            ("session", big_integer_null("principal_id")),
            ("session", timestamp_with_time_zone_null("begun_at")),
            ("session", timestamp_with_time_zone_null("last_used_at")),
            ("session", string_null("address")),
            ("session", string_null("agent")),
            ("principal", blob_null("totp_secret")),
            ("principal", big_integer_null("totp_step")),
            ("one_time_link", big_integer_null("principal_id")),
        ] {
            let add = Table::alter().table(table).add_column(column).to_owned();
            manager.alter_table(add).await?;
        }
        let of_person = Index::create()
            .name("session_principal")
            .table("session")
            .col("principal_id")
            .to_owned();
        manager.create_index(of_person).await?;
        let codes = Table::create()
            .table("recovery_code")
            .col(big_integer("principal_id"))
            .col(string("code_hash"))
            .primary_key(Index::create().col("principal_id").col("code_hash"))
            .foreign_key(
                ForeignKey::create()
                    .from("recovery_code", "principal_id")
                    .to("principal", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .to_owned();
        manager.create_table(codes).await
    }
}
