//! People, API tokens, sessions, one-time links, and the server's own secrets.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_pk_auto, blob, string, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            principal(),
            api_token(),
            session(),
            one_time_link(),
            secret(),
        ] {
            manager.create_table(table).await?;
        }
        manager
            .create_table(bound_aors("principal_aor", "principal_id", "principal"))
            .await?;
        manager
            .create_table(bound_aors("api_token_aor", "token_id", "api_token"))
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("session_expiry")
                    .table("session")
                    .col("expires_at")
                    .to_owned(),
            )
            .await
    }
}

fn principal() -> TableCreateStatement {
    Table::create()
        .table("principal")
        .col(big_pk_auto("id"))
        .col(string("name").unique_key())
        .col(string("password_hash"))
        .col(string("role"))
        .col(timestamp_with_time_zone("created_at"))
        .to_owned()
}

fn api_token() -> TableCreateStatement {
    Table::create()
        .table("api_token")
        .col(big_pk_auto("id"))
        .col(string("name"))
        .col(string("secret_hash").unique_key())
        .col(string("scopes"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("expires_at"))
        .col(timestamp_with_time_zone_null("revoked_at"))
        .to_owned()
}

/// Which AoRs the rows of `owner` are bound to.
fn bound_aors(
    table: &'static str,
    owner_id: &'static str,
    owner: &'static str,
) -> TableCreateStatement {
    Table::create()
        .table(table)
        .col(big_integer(owner_id))
        .col(string("aor"))
        .primary_key(Index::create().col(owner_id).col("aor"))
        .foreign_key(
            ForeignKey::create()
                .from(table, owner_id)
                .to(owner, "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn session() -> TableCreateStatement {
    Table::create()
        .table("session")
        .col(string("id_hash").primary_key())
        .col(blob("data"))
        .col(timestamp_with_time_zone("expires_at"))
        .to_owned()
}

fn one_time_link() -> TableCreateStatement {
    Table::create()
        .table("one_time_link")
        .col(string("secret_hash").primary_key())
        .col(string("purpose"))
        .col(timestamp_with_time_zone("expires_at"))
        .to_owned()
}

fn secret() -> TableCreateStatement {
    Table::create()
        .table("secret")
        .col(string("name").primary_key())
        .col(blob("value"))
        .to_owned()
}
